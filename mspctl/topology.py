"""Assets and what devices say of each other → who is connected with whom; pure.

Two layers: cables (cabling.py), and which asset has an address in which network, or forwards between them.
What nobody scanned and others know of is a node too, with who knows of it. The order of assets and
observations does not matter.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import ip_network
from typing import NamedTuple

from mspctl.cabling import cabling
from mspctl.directory import Directory
from mspctl.facts import facts
from mspctl.neighbours import Tables
from mspctl.records import (
    Asset,
    ClientFile,
    End,
    How,
    Layer,
    Link,
    Node,
    NodeKind,
    Observation,
    ScanRecord,
    Topology,
)
from mspctl.sightings import Places

FORWARDING = frozenset({"router", "firewall", "load-balancer", "switch", "network-device", "modem"})
_TABLES = ("interfaces", "addresses", "arp", "fdb", "lldp", "cdp")
_MOST_SAID = 3


class _Belonging(NamedTuple):
    """What shows that a node has to do with a network."""

    node: str
    network: str
    port: str
    how: How
    evidence: str


def topology(assets: Iterable[Asset], log: Iterable[ScanRecord], client: ClientFile) -> Topology:
    """Return the map of all assets that are there, from the newest answer of each to each probe."""
    present = sorted((asset for asset in assets if not asset.gone_since), key=lambda asset: asset.id)
    seen = _newest(present, log)
    tables = {id_: found for id_, observations in seen.items() if (found := _tables(observations))}
    directory = Directory(present, tables, seen)
    arp = sorted({row for device in tables.values() for row in device.arp})
    places = Places(client)
    directory.meet(
        [neighbour.marks for device in tables.values() for neighbour in device.neighbours]
        + [frozenset({("address", address), ("mac", mac)}) for address, mac in arp if places.of(address)]
    )
    names = {asset.id: asset.name for asset in present}
    cables = cabling(tables, directory, names)
    strangers = _strangers(directory, tables, names, places)
    networks = {
        network.name: Node(
            id=f"net-{network.name}", kind=NodeKind.NETWORK, name=network.name, address=network.cidr
        )
        for site in client.sites
        for network in site.networks
    }
    belongings = (
        *_addresses(present, tables, places, networks),
        *_routes(seen, networks),
        *_known_by_address(strangers, tables),
    )
    for network in sorted({belonging.network for belonging in belongings} - set(networks)):
        detail = "not in client.yml: no scan went there"
        networks[network] = Node(
            id=f"net-{network}", kind=NodeKind.NETWORK, name=network, address=network, detail=detail
        )
    nodes = {node.id: node for node in (*cables.nodes, *strangers, *networks.values(), *map(_node, present))}
    return Topology(
        nodes=tuple(nodes[id_] for id_ in sorted(nodes)), links=(*cables.links, *_memberships(belongings))
    )


def _newest(assets: Sequence[Asset], log: Iterable[ScanRecord]) -> dict[str, list[Observation]]:
    """Return each asset's newest answers, address by address, probe by probe; none from before its time."""
    holders = {address: asset for asset in assets for address in asset.addresses}
    newest: dict[tuple[str, str, int, str], tuple[object, Observation]] = {}
    for record in log:
        holder = holders.get(record.address) if isinstance(record, Observation) else None
        if isinstance(record, Observation) and holder and record.scan >= holder.first_seen:
            several = repr(record.raw.get("network")) if record.probe == "route" else ""
            key = (record.address, record.probe, record.port or 0, several)
            age = (record.at, record.scan, repr(sorted(record.raw.items())))
            if key not in newest or newest[key][0] < age:  # type: ignore[operator]  # both are such tuples
                newest[key] = (age, record)
    found: dict[str, list[Observation]] = defaultdict(list)
    for key in sorted(newest):
        found[holders[key[0]].id].append(newest[key][1])
    return found


def _tables(observations: Iterable[Observation]) -> Tables | None:
    """Return the newest tables of one machine, whichever of its addresses was asked."""
    answers = [
        seen for seen in observations if seen.probe == "snmp" and any(name in seen.raw for name in _TABLES)
    ]
    return Tables(max(answers, key=lambda seen: (seen.at, seen.address)).raw) if answers else None


def _node(asset: Asset) -> Node:
    return Node(
        id=asset.id, kind=NodeKind.ASSET, name=asset.name, network=asset.network, address=asset.addresses[0]
    )


def _strangers(
    directory: Directory, tables: Mapping[str, Tables], names: Mapping[str, str], places: Places
) -> tuple[Node, ...]:
    """Return a node for each that others know of and no scan reached."""
    said: dict[str, set[str]] = defaultdict(set)
    called: dict[str, set[str]] = defaultdict(set)
    for id_, device in tables.items():
        for neighbour in device.neighbours:
            node = directory.node(neighbour.marks)
            said[node].add(f"{names[id_]} on port {neighbour.port or '?'}")
            called[node].add(neighbour.shown)
        for address, mac in device.arp:
            said[directory.node(frozenset({("address", address), ("mac", mac)}))].add(
                f"{names[id_]} in its ARP table"
            )
    nodes = []
    for id_, marks in directory.strangers().items():
        by_kind = {kind: sorted(value for k, value in marks if k == kind) for kind in ("mac", "address")}
        address, mac = (next(iter(by_kind[kind]), "") for kind in ("address", "mac"))
        place = places.of(address) if address else None
        knowing = sorted(said[id_])
        more = f" and {len(knowing) - _MOST_SAID} more" if len(knowing) > _MOST_SAID else ""
        nodes.append(
            Node(
                id=id_,
                kind=NodeKind.NEIGHBOUR,
                name=next(iter(sorted(filter(None, called[id_]))), "") or address or mac,
                network=place[1].name if place else "",
                address=address,
                mac=mac,
                detail=f"seen by {', '.join(knowing[:_MOST_SAID])}{more} only",
            )
        )
    return tuple(nodes)


def _addresses(
    assets: Sequence[Asset], tables: Mapping[str, Tables], places: Places, networks: Mapping[str, Node]
) -> Iterator[_Belonging]:
    """Yield in which networks the assets have addresses; routers tell of networks nobody listed."""
    for asset in assets:
        for address in asset.addresses:
            if place := places.of(address):
                yield _Belonging(asset.id, place[1].name, "", How.ADDRESS, f"{address} answered")
        for address, cidr, port in tables[asset.id].addresses if asset.id in tables else ():
            listed = _overlapping(cidr, networks)
            if not listed and asset.get("kind") in FORWARDING:
                listed = (cidr,)
            place = places.of(address)
            for network in (place[1].name,) if place else listed:
                yield _Belonging(asset.id, network, port, How.ADDRESS, f"{address} on {port or '?'}")


def _routes(seen: Mapping[str, Iterable[Observation]], networks: Mapping[str, Node]) -> Iterator[_Belonging]:
    """Yield which networks are reached through which asset, as the machine that scanned knows it."""
    for id_, observations in seen.items():
        for observation in observations:
            if cidr := facts(observation).get("route.gateway_to"):
                for network in _overlapping(cidr, networks):
                    yield _Belonging(
                        id_, network, "", How.ROUTE, f"{observation.address} is the way to {cidr}"
                    )


def _known_by_address(strangers: Iterable[Node], tables: Mapping[str, Tables]) -> Iterator[_Belonging]:
    """Yield in which network one lies whom no scan reached."""
    spoken_to = {address for device in tables.values() for address, _ in device.arp}
    for node in strangers:
        if node.network:
            how = How.ARP if node.address in spoken_to else How.ADDRESS
            yield _Belonging(node.id, node.network, "", how, f"{node.address} {node.detail}")


def _overlapping(cidr: str, networks: Mapping[str, Node]) -> tuple[str, ...]:
    """Return the listed networks that a network is, holds or lies in; none for a default route."""
    try:
        wanted = ip_network(cidr, strict=False)
    except ValueError:
        return ()
    if not wanted.prefixlen:
        return ()
    found = ((name, ip_network(node.address, strict=False)) for name, node in networks.items())
    return tuple(
        name for name, network in found if network.version == wanted.version and wanted.overlaps(network)
    )


def _memberships(belongings: Iterable[_Belonging]) -> tuple[Link, ...]:
    """Return one link for each node and network."""
    by_pair: dict[tuple[str, str], set[_Belonging]] = defaultdict(set)
    for belonging in belongings:
        by_pair[belonging.node, f"net-{belonging.network}"].add(belonging)
    links = []
    for (node, network), found in by_pair.items():
        port = min((each.port for each in found if each.port), default="")
        one, other = sorted((End(node=node, port=port), End(node=network)))
        how = {each.how for each in found}
        links.append(
            Link(
                layer=Layer.LOGICAL,
                one=one,
                other=other,
                how=tuple(sorted(how, key=list(How).index)),
                is_inferred=how == {How.ARP},
                evidence=tuple(sorted({each.evidence for each in found}))[:6],
            )
        )
    return tuple(sorted(links, key=lambda link: (link.one, link.other)))
