"""Assets and their map for other programs: CSV, NetBox's import of devices, draw.io; pure.

Names are hostile: a cell that a spreadsheet would take for a formula is written as text
(https://owasp.org/www-community/attacks/CSV_Injection), and draw.io gets labels that are no HTML.
"""

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from io import StringIO
from operator import methodcaller
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from mspctl.facts.text import line
from mspctl.records import Asset, Layer, Link, Topology
from mspctl.reports.layout import GAP, TILE_HEIGHT, TILE_WIDTH, Picture, picture

_CELL = 300
_FORMULA = ("=", "+", "-", "@")
_Column = Callable[[Asset], str]

_COLUMNS: dict[str, _Column] = {
    "name": lambda asset: asset.name,
    "id": lambda asset: asset.id,
    "site": lambda asset: asset.site,
    "network": lambda asset: asset.network,
    "addresses": lambda asset: " ".join(asset.addresses),
    **{
        field: methodcaller("get", field)
        for field in ("kind", "role", "vendor", "model", "serial", "os", "os_version", "location")
    },
    "ports": lambda asset: " ".join(f"{service.port}/{service.protocol}" for service in asset.services),
    "first_seen": lambda asset: asset.first_seen,
    "gone_since": lambda asset: asset.gone_since,
}
_NETBOX: dict[str, _Column] = {  # its columns for devices: https://netboxlabs.com/docs/netbox/
    "name": lambda asset: asset.name,
    "role": lambda asset: asset.get("kind") or "unknown",
    "manufacturer": lambda asset: asset.get("vendor") or "unknown",
    "device_type": lambda asset: asset.get("model") or "unknown",
    "platform": lambda asset: f"{asset.get('os')} {asset.get('os_version')}".strip(),
    "site": lambda asset: asset.site,
    "serial": lambda asset: asset.get("serial"),
    "status": lambda asset: "offline" if asset.gone_since else "active",
}


def as_csv(assets: Iterable[Asset]) -> str:
    """Return all assets as a table for a spreadsheet."""
    return _table(assets, _COLUMNS)


def as_netbox(assets: Iterable[Asset]) -> str:
    """Return all assets as NetBox imports devices; sites, roles and types have to be there before."""
    return _table(assets, _NETBOX)


def as_drawio(topology: Topology, kinds: Mapping[str, str]) -> str:
    """Return the map as a draw.io file, a page for each layer, given each asset's kind by its id."""
    root = Element("mxfile", host="mspctl")
    for layer in Layer:
        _page(root, picture(topology, layer, kinds))
    indent(root)
    return tostring(root, encoding="unicode") + "\n"


def _table(assets: Iterable[Asset], columns: Mapping[str, _Column]) -> str:
    written = StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(columns)
    for asset in sorted(assets, key=lambda asset: (asset.name, asset.id)):
        writer.writerow([_cell(column(asset)) for column in columns.values()])
    return written.getvalue()


def _cell(text: str) -> str:
    """Return text as one line that no spreadsheet takes for a formula."""
    flat = line(text, _CELL)
    return f"'{flat}" if flat.startswith(_FORMULA) else flat


def _page(root: Element, drawn: Picture) -> None:
    cells = SubElement(
        SubElement(SubElement(root, "diagram", name=drawn.layer.value), "mxGraphModel", grid="0"), "root"
    )
    SubElement(cells, "mxCell", id="0")
    SubElement(cells, "mxCell", {"id": "1", "parent": "0"})
    ids: dict[str, str] = {}
    for number, box in enumerate(drawn.boxes):
        id_ = f"b{number}"
        if box.node:
            ids[box.node.id] = id_
        style = f"swimlane;html=0;startSize={drawn.header - GAP:.0f};rounded=1;arcSize=4;fillColor=#e9eff6;"
        _cell_at(cells, id_, box.title, style, (box.x, box.y, box.width, box.height))
        for place, tile in enumerate(box.tiles):
            ids[tile.node.id] = f"{id_}t{place}"
            label = f"{tile.node.name}\n{tile.node.address or tile.node.mac}"
            style = "rounded=1;html=0;" + ("dashed=1;" if tile.link and tile.link.is_inferred else "")
            _cell_at(cells, ids[tile.node.id], label, style, (tile.x, tile.y, TILE_WIDTH, TILE_HEIGHT))
    for number, wire in enumerate(drawn.wires):
        _edge(cells, f"w{number}", wire.link, ids)


def _edge(cells: Element, id_: str, link: Link, ids: Mapping[str, str]) -> None:
    ends = {"source": ids[link.one.node], "target": ids[link.other.node]}
    style = f"edgeStyle=orthogonalEdgeStyle;endArrow=none;html=0;{'dashed=1;' * link.is_inferred}"
    label = _label(" - ".join(filter(None, (link.one.port, link.other.port))))
    given = {"id": id_, "value": label, "style": style, "edge": "1", "parent": "1", **ends}
    SubElement(SubElement(cells, "mxCell", given), "mxGeometry", {"relative": "1", "as": "geometry"})


def _cell_at(cells: Element, id_: str, label: str, style: str, place: Sequence[float]) -> None:
    given = {"id": id_, "value": _label(label), "style": style, "vertex": "1", "parent": "1"}
    cell = SubElement(cells, "mxCell", given)
    sizes = dict(zip(("x", "y", "width", "height"), (f"{number:.1f}" for number in place), strict=True))
    SubElement(cell, "mxGeometry", {**sizes, "as": "geometry"})


def _label(text: str) -> str:
    return "\n".join(line(part, 80) for part in text.split("\n", 1))
