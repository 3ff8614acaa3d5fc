"""What a scan would cost, before it is run; nothing is sent."""

from mspctl.discovery.request import ScanRequest
from mspctl.discovery.scope import scope_of
from mspctl.discovery.sweep import BATCH, TRIES, first_contact
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
    waiting = -(-addresses // BATCH) * TRIES * request.timeout_seconds
    return ScanPlan(
        addresses=addresses,
        packets=packets,
        packets_per_machine=(len(request.ports) - knocks) * TRIES,
        seconds=round(packets / request.packets_per_second + waiting, 1),
    )
