"""What was found at a client → one HTML file for the engineer: map, to-do on site, profiles; pure."""

from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files

from markupsafe import Markup

from mspctl.inspection.summary import summary
from mspctl.records import (
    Ambiguous,
    Asset,
    Change,
    ClientFile,
    ImportStarted,
    Inspection,
    Layer,
    Link,
    Node,
    NodeKind,
    ScanEnded,
    ScanRecord,
    ScanStarted,
    Topology,
    Unseen,
)
from mspctl.reports.environment import environment
from mspctl.reports.layout import TILE_HEIGHT, TILE_WIDTH, TITLE, picture

_FAMILIES = {
    "router": ("router", "load-balancer", "modem"),
    "switch": ("switch", "network-device"),
    "firewall": ("firewall",),
    "wireless": ("access-point", "wireless-controller", "radio-link"),
    "server": ("server", "virtual-machine", "management-card", "appliance", "console-server", "time-server"),
    "storage": ("nas",),
    "computer": ("workstation", "laptop"),
    "printer": ("printer", "scanner"),
    "power": ("ups", "pdu", "power-supply", "sensor"),
    "voice": ("phone", "pbx", "voice-gateway"),
    "picture": ("camera", "nvr", "media"),
    "thing": ("iot",),
}
_FAMILY = {kind: family for family, kinds in _FAMILIES.items() for kind in kinds}

_ADVICE = {
    NodeKind.ASSET: "look at it",
    NodeKind.NEIGHBOUR: "find it; allow it SNMP, or list its network in client.yml",
    NodeKind.UNMANAGED: "look what stands there and label it",
    NodeKind.NETWORK: "ask what it is for; a network that may be scanned stands in client.yml",
}


@dataclass(frozen=True)
class Found:
    """What the page shows."""

    provider: str
    name: str
    client: ClientFile
    assets: Sequence[Asset]
    doubts: Sequence[Ambiguous]
    topology: Topology
    scan: tuple[ScanStarted | None, ScanEnded | None]  # the last
    before: str = ""  # the scan it is compared with
    changes: Sequence[Change] = ()
    inspections: Sequence[Inspection] = ()
    unseen: Sequence[Unseen] = ()


@dataclass(frozen=True)
class Todo:
    """One thing to look at on site."""

    where: str
    what: str
    why: str
    number: int | None = None  # of its node


def last_scan(log: Sequence[ScanRecord]) -> tuple[ScanStarted | None, ScanEnded | None]:
    """Return how the last scan in a log began and ended; one that was resumed has ended more than once."""
    imported = {record.scan for record in log if isinstance(record, ImportStarted)}
    asked = {record.scan for record in log if isinstance(record, ScanStarted | ScanEnded)} - imported
    newest = max(asked, default="")
    mine = [record for record in log if record.scan == newest]
    started = next((record for record in mine if isinstance(record, ScanStarted)), None)
    ends = [record for record in mine if isinstance(record, ScanEnded)]
    return started, ends[-1] if ends else None


def discovery(found: Found) -> str:
    """Return the page: it opens without a network, and shows the map without its script too."""
    present = sorted((asset for asset in found.assets if not asset.gone_since), key=lambda asset: asset.name)
    drawn = _with_all(found.topology, present)
    numbers = {node.id: number for number, node in enumerate(drawn.nodes)}
    kinds = {asset.id: asset.get("kind") for asset in present}
    script = _shipped("discovery.js")
    layers = [layer for layer in Layer if any(link.layer is layer for link in drawn.links)]
    return str(
        environment()
        .get_template("discovery.html.j2")
        .render(
            found=found,
            topology=drawn,
            present=present,
            gone=[asset for asset in found.assets if asset.gone_since],
            assets={asset.id: asset for asset in present},
            numbers=numbers,
            names={node.id: node.name for node in drawn.nodes},
            others=[node for node in drawn.nodes if node.kind is not NodeKind.ASSET],
            families={node.id: family(node, kinds.get(node.id, "")) for node in drawn.nodes},
            counts=sorted(
                Counter(kind or "unclear" for kind in kinds.values()).items(),
                key=lambda item: (-item[1], item[0]),
            ),
            family_of_kind=lambda kind: _FAMILY.get(kind, "unknown"),
            pictures=[picture(drawn, layer, kinds) for layer in layers or [Layer.LOGICAL]],
            links=_links(drawn),
            todo=_todo(found, present, numbers),
            inside={each.asset: each for each in found.inspections},
            summary=summary,
            size_of_tile=(TILE_WIDTH, TILE_HEIGHT),
            most_of_title=TITLE,
            legend=(*_FAMILIES, "unknown"),
            script=Markup(script),  # noqa: S704 our own file
            style=Markup(_shipped("discovery.css")),  # noqa: S704 our own file
            script_hash=b64encode(sha256(script.encode()).digest()).decode(),
        )
    )


def family(node: Node, kind: str) -> str:
    """Return which symbol and colour a node gets."""
    if node.kind is NodeKind.ASSET:
        return _FAMILY.get(kind, "unknown")
    return node.kind.value


def _with_all(topology: Topology, assets: Iterable[Asset]) -> Topology:
    """Return a topology that holds every asset, also one younger than the topology."""
    known = {node.id for node in topology.nodes}
    missing = [
        Node(id=each.id, kind=NodeKind.ASSET, name=each.name, network=each.network, address=each.addresses[0])
        for each in assets
        if each.id not in known
    ]
    return Topology(nodes=(*topology.nodes, *missing), links=topology.links)


def _links(topology: Topology) -> dict[str, list[Link]]:
    """Return the links of each node."""
    found: dict[str, list[Link]] = {node.id: [] for node in topology.nodes}
    for link in topology.links:
        found[link.one.node].append(link)
        found[link.other.node].append(link)
    return found


def _todo(found: Found, present: Sequence[Asset], numbers: Mapping[str, int]) -> list[Todo]:
    """Return what no scan could settle, and why."""
    by_name = {asset.name: numbers.get(asset.id) for asset in present}
    started, ended = found.scan
    todo = [Todo(each.subject, each.detail, each.advice, by_name.get(each.subject)) for each in found.doubts]
    if started and (ended is None or ended.interrupted):
        advice = "scan again: what it did not reach is not gone"
        todo.append(Todo("the last scan", "was stopped before its end", advice))
    todo += [
        Todo(network, "nothing could be sent there", "check the route, or scan from inside it")
        for network in (ended.unreachable if ended else ())
    ]
    for each in found.inspections:
        why = "`mspctl inspect` again once that is cleared up"
        told = [f"could not be seen from inside: {each.lost}"] if each.lost else each.not_told
        todo += [Todo(each.name, what, why, numbers.get(each.asset)) for what in told]
    lived_in = {end.node for link in found.topology.links for end in (link.one, link.other)}
    for node in found.topology.nodes:
        what = node.detail
        if node.kind is NodeKind.NETWORK and node.id not in lived_in:
            what = f"{node.address}: nothing answered"
        if what:
            todo.append(Todo(node.name, what, _ADVICE[node.kind], numbers[node.id]))
    for asset in present:
        if not asset.get("kind"):
            ports = ", ".join(str(service.port) for service in asset.services)
            what = f"{asset.addresses[0]} answers{f' on {ports}' if ports else ', with no open port'}"
            advice = f"look at it, then `mspctl assets set {found.name} {asset.name} kind=…`"
            todo.append(Todo(asset.name, f"{what}; nothing says what it is", advice, numbers.get(asset.id)))
    todo += [_not_seen(each) for each in found.unseen]
    return todo


def _not_seen(machine: Unseen) -> Todo:
    """Return what is to be done about a machine that registers know and no scan saw."""
    known = f"known to {', '.join(machine.known_to)}, not seen on the network"
    is_old = any(reason.startswith(("disabled", "stale", "never")) for reason in machine.reasons)
    advice = (
        "ask whether it still exists; if not, remove it there" if is_old else "find it, and let a scan see it"
    )
    system = f" ({machine.system})" if machine.system else ""
    return Todo(f"{machine.name}{system}", f"{known}: {'; '.join(machine.reasons)}", advice)


def _shipped(name: str) -> str:
    return (files("mspctl") / "data" / "templates" / name).read_text("utf-8")
