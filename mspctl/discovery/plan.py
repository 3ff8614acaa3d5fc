"""What a scan would cost, before it is run; nothing is sent."""

from mspctl.discovery.limits import files_free, more_files
from mspctl.discovery.patience import SHORTEST_SECONDS, TRIES
from mspctl.discovery.request import ScanRequest
from mspctl.discovery.scope import scope_of
from mspctl.discovery.sweep import MOST_CONNECTIONS, MOST_TARGETS, first_contact
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
    waiting = SHORTEST_SECONDS + request.timeout_seconds
    seconds = (
        packets / request.packets_per_second,
        addresses * knocks * waiting / connections,
        addresses * waiting / MOST_TARGETS,
    )
    return ScanPlan(
        addresses=addresses,
        packets=packets,
        packets_per_machine=(len(request.ports) - knocks) * TRIES,
        seconds=round(max(seconds) + waiting, 1),
    )
