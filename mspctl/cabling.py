"""What is plugged in where: neighbours that devices hear, and what switches learnt behind their ports; pure.

What a device says (LLDP, CDP) is a link that was seen. What follows from tables of hardware addresses is
inferred: a machine hangs on the port that sees the fewest others besides it; a port with several machines and
no neighbour that speaks has a switch on it that nobody manages.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations
from typing import NamedTuple

from mspctl.directory import Directory
from mspctl.neighbours import Tables
from mspctl.records import End, How, Layer, Link, Node, NodeKind

_MOST_EVIDENCE = 6
_Place = tuple[str, str]  # a device and its port


class Claim(NamedTuple):
    """What one device says of one link."""

    one: End  # its own
    other: End
    how: How
    evidence: str


class Cabling(NamedTuple):
    """The physical links, and the nodes that nothing but these show."""

    links: tuple[Link, ...]
    nodes: tuple[Node, ...]


def cabling(tables: Mapping[str, Tables], directory: Directory, names: Mapping[str, str]) -> Cabling:
    """Return the physical layer, given each asset's tables and what each is called."""
    claims = list(_heard(tables, directory))
    seen = united(claims)
    bridges = _bridges(tables, directory)
    return _inferred(_Switches(tables, directory, claims, bridges), seen, names)


def united(claims: Iterable[Claim]) -> tuple[Link, ...]:
    """Return claims as links, each there once, with the ports both ends are known by."""
    by_pair: dict[tuple[str, str], set[Claim]] = defaultdict(set)
    for claim in claims:
        if claim.one.node != claim.other.node:
            by_pair[min(claim.one.node, claim.other.node), max(claim.one.node, claim.other.node)].add(claim)
    links = [_link(pair, group) for pair, found in by_pair.items() for group in _groups(pair, found)]
    return tuple(sorted(links, key=lambda link: (link.one, link.other)))


def _groups(pair: tuple[str, str], claims: set[Claim]) -> list[set[Claim]]:
    """Return the claims that tell of the same cable: they share a port, or are each side's only word."""
    groups: list[tuple[set[tuple[str, str]], set[Claim]]] = []
    for claim in sorted(claims):
        ports = {(end.node, end.port) for end in (claim.one, claim.other) if end.port} or {("", "")}
        same = [group for group in groups if group[0] & ports]
        groups = [group for group in groups if group not in same]
        groups.append(
            (ports.union(*(group[0] for group in same)), {claim}.union(*(group[1] for group in same)))
        )
    found = [group for _, group in groups]
    alone = [[group for group in found if {claim.one.node for claim in group} == {side}] for side in pair]
    if len(alone[0]) == len(alone[1]) == 1:
        rest = [group for group in found if group not in (alone[0][0], alone[1][0])]
        return [*rest, alone[0][0] | alone[1][0]]
    return found


def _link(pair: tuple[str, str], claims: set[Claim]) -> Link:
    """Return one link; a port is called as its own device calls it, else as the other does."""

    def port(side: str) -> str:
        own = sorted(claim.one.port for claim in claims if claim.one.node == side and claim.one.port)
        told = sorted(claim.other.port for claim in claims if claim.other.node == side and claim.other.port)
        return next(iter((*own, *told)), "")

    return Link(
        layer=Layer.PHYSICAL,
        one=End(node=pair[0], port=port(pair[0])),
        other=End(node=pair[1], port=port(pair[1])),
        how=tuple(sorted({claim.how for claim in claims}, key=list(How).index)),
        evidence=tuple(sorted({claim.evidence for claim in claims}))[:_MOST_EVIDENCE],
    )


def _heard(tables: Mapping[str, Tables], directory: Directory) -> Iterator[Claim]:
    """Yield what devices say they hear."""
    for id_, device in tables.items():
        for neighbour in device.neighbours:
            if other := directory.node(neighbour.marks):
                beyond = tables.get(other)
                ports = neighbour.ports
                port = beyond.port_named(ports) if beyond else next(iter(ports), "")
                yield Claim(
                    End(node=id_, port=neighbour.port),
                    End(node=other, port=port),
                    neighbour.how,
                    neighbour.evidence,
                )


def _bridges(tables: Mapping[str, Tables], directory: Directory) -> frozenset[str]:
    """Return the neighbours that say they pass on what others send."""
    return frozenset(
        directory.node(neighbour.marks)
        for device in tables.values()
        for neighbour in device.neighbours
        if neighbour.is_bridge
    )


class _Switches:
    """What each switch learnt behind which port, as nodes."""

    def __init__(
        self,
        tables: Mapping[str, Tables],
        directory: Directory,
        claims: Iterable[Claim],
        bridges: frozenset[str],
    ) -> None:
        self.bridges = bridges
        self.unknown: dict[str, str] = {}  # nodes nobody told of: their hardware address
        self.behind: dict[str, dict[str, set[str]]] = {}
        for id_, device in tables.items():
            for port, macs in device.behind.items():
                for mac in macs:
                    marks = frozenset({("mac", mac)})
                    node = directory.node(marks)
                    if not directory.is_known(marks):
                        self.unknown[node] = mac
                    if node != id_:
                        self.behind.setdefault(id_, {}).setdefault(port, set()).add(node)
        self.neighbours: dict[_Place, set[str]] = defaultdict(set)
        for claim in claims:
            for here, there in ((claim.one, claim.other), (claim.other, claim.one)):
                self.neighbours[here.node, here.port].add(there.node)

    def leads_on(self, place: _Place) -> bool:
        """Return whether another switch whose table is known lies behind a port."""
        beyond = self.behind[place[0]][place[1]] | self.neighbours.get(place, set())
        return any(node in self.behind for node in beyond)

    def places(self) -> dict[_Place, list[str]]:
        """Return the machines on each port: of all ports that see one, the one that sees fewest others."""
        best: dict[str, tuple[int, str, str]] = {}
        for switch, ports in self.behind.items():
            for port, nodes in ports.items():
                if not self.leads_on((switch, port)):
                    for node in nodes:
                        mine = (len(nodes), switch, port)
                        best[node] = min(best.get(node, mine), mine)
        found: dict[_Place, list[str]] = defaultdict(list)
        for node, (_, switch, port) in sorted(best.items()):
            found[switch, port].append(node)
        return found

    def between(self) -> Iterator[tuple[_Place, _Place]]:
        """Yield the ports by which two switches that hear nobody are connected, with none between them."""
        sees = {
            (one, other): port
            for one, ports in self.behind.items()
            for port, nodes in sorted(ports.items())
            for other in nodes
            if other in self.behind
        }
        for one, other in combinations(sorted(self.behind), 2):
            near, far = sees.get((one, other)), sees.get((other, one))
            if near is None or far is None:
                continue
            is_told = self.neighbours.get((one, near)) or self.neighbours.get((other, far))
            common = self.behind[one][near] & self.behind[other][far]
            if not is_told and not any(node in self.behind for node in common):
                yield (one, near), (other, far)


def _inferred(switches: _Switches, seen: tuple[Link, ...], names: Mapping[str, str]) -> Cabling:
    """Return the links that were seen and those that follow from what switches learnt."""
    links = list(seen)
    nodes: list[Node] = []
    plugged = {end.node for link in seen for end in (link.one, link.other)}
    pairs = {(link.one.node, link.other.node) for link in seen}
    for near, far in switches.between():
        if (near[0], far[0]) not in pairs:
            links.append(
                _by_table(
                    End(node=near[0], port=near[1]), End(node=far[0], port=far[1]), "each sees the other"
                )
            )
    for (switch, port), machines in sorted(switches.places().items()):
        found = [node for node in machines if node not in plugged and node not in switches.behind]
        if not found:
            continue
        known = [node for node in found if node not in switches.unknown]
        here = End(node=switch, port=port)
        seen_here = len(switches.behind[switch][port])
        told = f"{names.get(switch, switch)} learnt {seen_here} machine{'s' * (seen_here > 1)} behind {port}"
        beyond = _beyond(switches, here)
        if beyond:
            links += [_by_table(End(node=beyond), End(node=node), told) for node in known]
        elif len(found) == 1:
            links.append(_by_table(here, End(node=found[0]), told))
            nodes += [_unscanned(node, switches.unknown[node], told) for node in found if node not in known]
        else:
            node = _unmanaged(here, names, len(found), len(found) - len(known))
            nodes.append(node)
            links.append(_by_table(here, End(node=node.id), told))
            links += [_by_table(End(node=node.id), End(node=each), told) for each in known]
    unique = {(link.one, link.other): link for link in links}
    return Cabling(tuple(unique[ends] for ends in sorted(unique)), tuple(nodes))


def _beyond(switches: _Switches, here: End) -> str:
    """Return the neighbour on a port that passes on what the machines behind it send, "" where none does."""
    heard = sorted(switches.neighbours.get((here.node, here.port), ()))
    passing = [node for node in heard if node in switches.bridges]
    return next(iter((*passing, *heard)), "") if len(heard) == 1 or passing else ""


def _by_table(one: End, other: End, evidence: str) -> Link:
    first, second = sorted((one, other))
    return Link(
        layer=Layer.PHYSICAL, one=first, other=second, how=(How.FDB,), is_inferred=True, evidence=(evidence,)
    )


def _unscanned(id_: str, mac: str, told: str) -> Node:
    return Node(id=id_, kind=NodeKind.NEIGHBOUR, name=mac, mac=mac, detail=f"{told}; no scan reached it")


def _unmanaged(here: End, names: Mapping[str, str], machines: int, unknown: int) -> Node:
    where = f"{names.get(here.node, here.node)} {here.port}"
    strange = f", {unknown} of them unknown" if unknown else ""
    return Node(
        id=f"u-{here.node} {here.port}",
        kind=NodeKind.UNMANAGED,
        name=f"unmanaged switch at {where}",
        detail=f"{machines} machines behind {where}{strange}, no neighbour that speaks: "
        "a switch nobody manages, an access point or a virtual host",
    )
