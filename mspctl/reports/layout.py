"""One layer of a topology → where everything stands on paper; pure, and the same for the same topology.

Who has others behind it is a box with these in it as tiles: a switch with what is plugged in, a network with
who lies in it. Boxes that hang on a box stand below it in rows, joined by one line that runs down beside the
rows. So five hundred assets are as readable as fifteen: a line for each box instead of one for each machine.
"""

import re
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, log, sqrt

from mspctl.records import Layer, Link, Node, NodeKind, Topology

TILE_WIDTH, TILE_HEIGHT, GAP = 168.0, 40.0, 8.0
TITLE = 26  # characters of a box's title
_RATIO = 1.9  # of width to height that the whole strives for
_GUTTER, _BETWEEN = 30.0, 30.0
_FIRST = ("firewall", "router", "modem", "load-balancer", "switch", "network-device")


@dataclass
class Tile:
    """One node without any behind it."""

    node: Node
    link: Link | None
    x: float = 0
    y: float = 0


@dataclass
class Box:
    """One node and those that hang on it; without a node, those whose place nobody knows."""

    node: Node | None
    title: str
    tiles: list[Tile]
    link: Link | None = None  # to the box above
    children: list["Box"] = field(default_factory=list)
    x: float = 0
    y: float = 0
    width: float = 0
    height: float = 0
    whole_width: float = 0  # with all that hangs on it
    whole_height: float = 0


@dataclass(frozen=True)
class Wire:
    """One line between boxes or tiles."""

    link: Link
    path: str
    x: float  # where its ports are written
    y: float
    upper: str = ""  # the node it comes down from
    is_extra: bool = False  # beyond the tree: a ring, a second card


@dataclass(frozen=True)
class Picture:
    """One layer, drawn."""

    layer: Layer
    width: float
    height: float
    header: float  # height of a box's title
    boxes: tuple[Box, ...]
    wires: tuple[Wire, ...]


def picture(topology: Topology, layer: Layer, kinds: Mapping[str, str]) -> Picture:
    """Return one layer drawn, given each asset's kind by its id."""
    small = _picture(topology, layer, kinds, 40.0)
    header = min(110.0, max(40.0, sqrt(small.width * small.height) / 28))
    return _picture(topology, layer, kinds, header)  # titles that can be read with the whole in view


def _picture(topology: Topology, layer: Layer, kinds: Mapping[str, str], header: float) -> Picture:
    roots, spare = _forest(topology, layer, kinds)
    for root in roots:
        _measure(root, header)
    places, width, height = _rows([(root.whole_width, root.whole_height) for root in roots], 0)
    wires: list[Wire] = []
    boxes: list[Box] = []
    for root, (x, y) in zip(roots, places, strict=True):
        _place(root, x, y, header, boxes, wires)
    wires += _extra(spare, boxes, header)
    return Picture(layer, max(width, 400.0), max(height, 120.0), header, tuple(boxes), tuple(wires))


def _forest(topology: Topology, layer: Layer, kinds: Mapping[str, str]) -> tuple[list[Box], list[Link]]:
    """Return the trees of boxes, and the links that are in none of them."""
    nodes = {node.id: node for node in topology.nodes}
    links = [link for link in topology.links if link.layer is layer]
    beside: dict[str, list[tuple[str, Link]]] = defaultdict(list)
    for link in links:
        beside[link.one.node].append((link.other.node, link))
        beside[link.other.node].append((link.one.node, link))

    def rank(id_: str) -> tuple[int, int, list[object]]:
        kind = kinds.get(id_, "")
        place = (
            _FIRST.index(kind) if kind in _FIRST else len(_FIRST) + (nodes[id_].kind is not NodeKind.NETWORK)
        )
        return place, -len(beside[id_]), natural(nodes[id_].name)

    is_network = {id_ for id_, node in nodes.items() if node.kind is NodeKind.NETWORK}
    shown = {id_ for id_ in nodes if beside[id_] or (layer is Layer.LOGICAL and id_ in is_network)}
    seen: set[str] = set()
    used: set[tuple[str, str, str, str]] = set()
    roots = []
    for start in sorted(shown, key=rank):
        if start not in seen:
            seen.add(start)
            box = Box(nodes[start], _title(nodes[start]), [])
            roots.append(box)
            _grow(box, nodes, beside, seen, used, is_network)
    if layer is Layer.PHYSICAL:
        roots += _loose(nodes[id_] for id_ in nodes if id_ not in shown and nodes[id_].kind is NodeKind.ASSET)
    return roots, [link for link in links if _key(link) not in used]


def _grow(
    root: Box,
    nodes: Mapping[str, Node],
    beside: Mapping[str, list[tuple[str, Link]]],
    seen: set[str],
    used: set[tuple[str, str, str, str]],
    is_network: set[str],
) -> None:
    """Hang on a box all that is connected with it, breadth first."""
    boxes = {root.node.id if root.node else "": root}
    order: list[tuple[str, str, Link]] = []
    queue = deque(boxes)
    while queue:
        here = queue.popleft()
        for there, link in sorted(beside[here], key=lambda found: _order(found, nodes)):
            if there not in seen:
                seen.add(there)
                used.add(_key(link))
                order.append((here, there, link))
                queue.append(there)
    holding = {here for here, _, _ in order} | is_network
    for here, there, link in order:
        if there in holding:
            boxes[there] = Box(nodes[there], _title(nodes[there]), [], link)
            boxes[here].children.append(boxes[there])
        else:
            boxes[here].tiles.append(Tile(nodes[there], link))


def _title(node: Node) -> str:
    return "unmanaged switch" if node.kind is NodeKind.UNMANAGED else node.name


def _order(found: tuple[str, Link], nodes: Mapping[str, Node]) -> tuple[list[object], list[object], str]:
    """Return where one stands among those that hang on the same: by port, by address, by name."""
    there, link = found
    end = link.one if link.other.node == there else link.other
    node = nodes[there]
    return (
        natural(end.port if link.layer is Layer.PHYSICAL else ""),
        natural(node.address or node.name),
        there,
    )


def _loose(nodes: Iterable[Node]) -> list[Box]:
    """Return boxes for the assets no switch told of, network by network."""
    by_network: dict[str, list[Node]] = defaultdict(list)
    for node in nodes:
        by_network[node.network].append(node)
    return [
        Box(None, f"{network or 'elsewhere'}: plugged in where?", [Tile(n, None) for n in _by_address(found)])
        for network, found in sorted(by_network.items())
    ]


def _by_address(nodes: Iterable[Node]) -> list[Node]:
    return sorted(nodes, key=lambda node: (natural(node.address), node.id))


def natural(text: str) -> list[object]:
    """Return what sorts Gi0/9 before Gi0/10."""
    parts = re.split(r"([0-9]{1,18})", text)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts if part]


def _measure(box: Box, header: float) -> None:
    """Work out how large a box is, and all that hangs on it."""
    for child in box.children:
        _measure(child, header)
    under = len(box.node.address) + 6 if box.node and box.node.address != box.node.name else 6
    titled = header * (0.95 + 0.25 * min(len(box.title), TITLE) + 0.17 * under)
    box.width = max(_columns(len(box.tiles)) * (TILE_WIDTH + GAP) + GAP, titled, 1.5 * TILE_WIDTH)
    lines = ceil(len(box.tiles) / _fitting(box.width))
    box.height = header + (lines * (TILE_HEIGHT + GAP) + GAP if lines else 0)
    places, width, height = _rows(
        [(child.whole_width, child.whole_height) for child in box.children], _drop(header)
    )
    for child, (x, y) in zip(box.children, places, strict=True):
        child.x, child.y = x + _GUTTER, y + box.height  # from the corner of what hangs on this box
    box.whole_width = max(box.width, width + _GUTTER if box.children else 0)
    box.whole_height = box.height + height


def _drop(header: float) -> float:
    """Return how much room is left above a row of boxes for lines and the names of ports."""
    return 26 + header / 2


def _columns(tiles: int) -> int:
    """Return how many columns of tiles a box strives for: wide, as most boxes stand above each other."""
    return max(1, round(sqrt(tiles * TILE_HEIGHT * 2 * _RATIO / TILE_WIDTH)))


def _fitting(width: float) -> int:
    return max(1, int((width - GAP) // (TILE_WIDTH + GAP)))


def _rows(
    sizes: Sequence[tuple[float, float]], drop: float
) -> tuple[list[tuple[float, float]], float, float]:
    """Return where rectangles stand in rows, with `drop` above each row, and how large that is in all."""
    if not sizes:
        return [], 0, 0
    total = sum(width + _BETWEEN for width, _ in sizes)
    widest = max(width for width, _ in sizes)
    tried = [_wrapped(sizes, widest + (total - widest) * step / 24, drop) for step in range(25)]
    return min(tried, key=lambda found: abs(log(max(found[1], 1) / max(found[2], 1) / _RATIO)))


def _wrapped(
    sizes: Sequence[tuple[float, float]], limit: float, drop: float
) -> tuple[list[tuple[float, float]], float, float]:
    places = []
    x, y, tall, most = 0.0, drop, 0.0, 0.0
    for width, height in sizes:
        if x and x + width > limit:
            x, y, tall = 0.0, y + tall + _BETWEEN * (not drop) + drop, 0.0
        places.append((x, y))
        x += width + _BETWEEN
        tall, most = max(tall, height), max(most, x - _BETWEEN)
    return places, most, y + tall


def _place(box: Box, x: float, y: float, header: float, boxes: list[Box], wires: list[Wire]) -> None:
    """Give a box and all that hangs on it their places on the paper, and draw the lines between."""
    box.x, box.y = x, y
    boxes.append(box)
    columns = _fitting(box.width)
    for number, tile in enumerate(box.tiles):
        tile.x = x + GAP + number % columns * (TILE_WIDTH + GAP)
        tile.y = y + header + number // columns * (TILE_HEIGHT + GAP)
    for child in box.children:
        _place(child, x + child.x, y + child.y, header, boxes, wires)
        if child.link:
            rail, bus, end = child.y - _drop(header) + 14, x + 14, child.x + 24
            path = f"M{bus:.0f} {y + box.height:.0f}V{rail:.0f}H{end:.0f}V{child.y:.0f}"
            upper = box.node.id if box.node else ""
            wires.append(Wire(child.link, path, end + 8, child.y - 9, upper))


def _extra(links: Iterable[Link], boxes: Iterable[Box], header: float) -> list[Wire]:
    """Return lines for what the trees leave out."""
    where: dict[str, tuple[float, float]] = {}
    for box in boxes:
        if box.node:
            where[box.node.id] = box.x + box.width - 24, box.y + header / 2
        for tile in box.tiles:
            where[tile.node.id] = tile.x + TILE_WIDTH - 12, tile.y + TILE_HEIGHT / 2
    wires = []
    for link in links:
        if link.one.node in where and link.other.node in where:
            (x, y), (u, v) = where[link.one.node], where[link.other.node]
            bend = 60 + abs(v - y) / 4
            path = f"M{x:.0f} {y:.0f}C{x + bend:.0f} {y:.0f} {u + bend:.0f} {v:.0f} {u:.0f} {v:.0f}"
            wires.append(Wire(link, path, (x + u) / 2 + bend / 2, (y + v) / 2, is_extra=True))
    return wires


def _key(link: Link) -> tuple[str, str, str, str]:
    return link.one.node, link.one.port, link.other.node, link.other.port
