"""Who is connected with whom: topology.jsonl."""

from enum import StrEnum

from mspctl.records.base import Record


class NodeKind(StrEnum):
    """What a point of the map is."""

    ASSET = "asset"
    NEIGHBOUR = "neighbour"  # others know of it, no scan reached it
    UNMANAGED = "unmanaged"  # nothing but the addresses behind one port shows that it is there
    NETWORK = "network"


class Layer(StrEnum):
    """Cables, or addresses."""

    PHYSICAL = "physical"
    LOGICAL = "logical"


class How(StrEnum):
    """What shows that two are connected, most telling first."""

    LLDP = "lldp"
    CDP = "cdp"
    FDB = "fdb"  # a switch's table of which hardware address lies behind which port
    ROUTE = "route"
    ADDRESS = "address"
    ARP = "arp"


class Node(Record, frozen=True, kw_only=True, tag="node", tag_field="record"):
    """One point of the map; the id of an asset is the asset's own."""

    id: str
    kind: NodeKind
    name: str
    network: str = ""  # name of the network its first address lies in
    address: str = ""  # the one to use first; of a network its CIDR
    mac: str = ""
    detail: str = ""  # who knows of it, where no scan reached it


class End(Record, frozen=True, kw_only=True, order=True):
    """One end of a link."""

    node: str
    port: str = ""  # as the device itself calls it where it was asked; "" where nobody knows


class Link(Record, frozen=True, kw_only=True, tag="link", tag_field="record"):
    """Two nodes that are connected; the ends are sorted, so each link is there once."""

    layer: Layer
    one: End
    other: End
    how: tuple[How, ...]
    is_inferred: bool = False  # concluded, rather than said by one of both
    evidence: tuple[str, ...] = ()


class Topology(Record, frozen=True, kw_only=True):
    """All nodes by id, all links by their ends."""

    nodes: tuple[Node, ...] = ()
    links: tuple[Link, ...] = ()
