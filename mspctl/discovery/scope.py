"""Which addresses may be sent to: the only answer to that question in a scan."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network, IPv6Network, ip_network
from itertools import pairwise
from socket import AF_INET, inet_ntoa, inet_pton
from struct import pack

from mspctl.discovery.request import ScanRequest
from mspctl.errors import BadInput, MspctlError

Bounds = tuple[int, int]  # first and last address, as numbers


class Scope:
    """The addresses of a request, as sorted disjoint ranges: a /8 costs no more than a /30."""

    def __init__(self, ranges: Iterable[Bounds]) -> None:
        """Take disjoint ranges in any order."""
        self._ranges = sorted(ranges)
        self._firsts = [first for first, _ in self._ranges]

    def __contains__(self, address: str) -> bool:
        """Return whether a packet may be sent to this IPv4 address."""
        number = as_number(address)
        place = bisect_right(self._firsts, number) - 1
        return place >= 0 and number <= self._ranges[place][1]

    def __len__(self) -> int:
        """Return how many addresses there are."""
        return sum(last - first + 1 for first, last in self._ranges)

    def __iter__(self) -> Iterator[str]:
        """Yield each address once, lowest first, made as it is needed."""
        for first, last in self._ranges:
            for number in range(first, last + 1):
                yield inet_ntoa(pack(">I", number))

    def guard(self, address: str) -> None:
        """Raise MspctlError for an address outside; called right before every single send."""
        if address not in self:
            raise MspctlError(f"refused to send to {address}: it is outside the networks of this scan")


def scope_of(request: ScanRequest) -> Scope:
    """Return the scope of a request. Raise BadInput naming every network that cannot be scanned."""
    mistakes: list[str] = []
    wanted = list(_parsed(request.networks, "networks", mistakes))
    mistakes += [
        f"networks: {network}: an IPv6 network is too large to sweep; list IPv4 networks only"
        for network in wanted
        if isinstance(network, IPv6Network)
    ]
    excluded = list(_parsed(request.exclude, "exclude", mistakes))
    list(_parsed(request.dns, "dns", mistakes))
    if mistakes:
        raise BadInput(mistakes)
    taken = _united(_usable(network) for network in wanted if isinstance(network, IPv4Network))
    left_out = _united(bounds(network) for network in excluded if isinstance(network, IPv4Network))
    return Scope(_without(taken, left_out))


def as_number(address: str) -> int:
    """Return a dotted IPv4 address as a number; -1 for any other text."""
    try:
        return int.from_bytes(inet_pton(AF_INET, address), "big")
    except (OSError, ValueError):
        return -1


def bounds(network: IPv4Network) -> Bounds:
    """Return the first and the last address of a network."""
    return int(network.network_address), int(network.broadcast_address)


def _parsed(texts: Iterable[str], field: str, mistakes: list[str]) -> Iterator[IPv4Network | IPv6Network]:
    for place, text in enumerate(texts):
        try:
            yield ip_network(text)
        except ValueError as error:
            mistakes.append(f"{field}[{place}]: not a network: {error}")


def _usable(network: IPv4Network) -> Bounds:
    """Return a network's bounds without its own address and the one for all, which no machine has."""
    first, last = bounds(network)
    return (first + 1, last - 1) if network.prefixlen < 31 else (first, last)


def _united(ranges: Iterable[Bounds]) -> list[Bounds]:
    """Return ranges sorted, those that overlap or touch made one."""
    united: list[Bounds] = []
    for first, last in sorted(ranges):
        if united and first <= united[-1][1] + 1:
            united[-1] = united[-1][0], max(last, united[-1][1])
        else:
            united.append((first, last))
    return united


def _without(taken: list[Bounds], left_out: list[Bounds]) -> Iterator[Bounds]:
    """Yield what is left of `taken`; both are sorted and disjoint."""
    for first, last in taken:
        holes = [hole for hole in left_out if hole[0] <= last and hole[1] >= first]
        edges = [(first, first - 1), *holes, (last + 1, last)]
        for (_, before), (after, _) in pairwise(edges):
            start, end = max(first, before + 1), min(last, after - 1)
            if start <= end:
                yield start, end
