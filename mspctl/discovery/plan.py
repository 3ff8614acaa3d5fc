"""What a scan would cost, before it is run; nothing is sent."""

from mspctl.discovery.limits import files_free, more_files
from mspctl.discovery.request import ScanRequest
from mspctl.discovery.scope import scope_of
from mspctl.discovery.sweep import BATCH, MOST_CONNECTIONS, TRIES, first_contact
from mspctl.records import Record


class ScanPlan(Record, frozen=True, kw_only=True):
    """The cost of a scan of networks in which nothing answers, and of each machine that does."""

    addresses: int
    packets: int  # beyond a router; an on-link address costs two at most
    packets_per_machine: int  # more for each machine that answers, service questions aside
    seconds: float


def plan(request: ScanRequest) -> ScanPlan:
    """Return the cost of a request. Raise BadInput for networks that cannot be scanned."""
    addresses = len(scope_of(request))
    knocks = len(first_contact(request.ports))
    packets = addresses * (1 + knocks) * TRIES
    with more_files():
        connections = min(MOST_CONNECTIONS, files_free())
    rate = min(request.packets_per_second, connections / request.timeout_seconds)
    waiting = -(-addresses // BATCH) * TRIES * request.timeout_seconds
    return ScanPlan(
        addresses=addresses,
        packets=packets,
        packets_per_machine=(len(request.ports) - knocks) * TRIES,
        seconds=round(packets / rate + waiting, 1),
    )
