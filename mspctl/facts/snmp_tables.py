"""The tables a device is walked for: which columns, and what a row of each looks like in Observation.raw.

`TABLES[name].rows(columns)` turns the columns a walk brought into rows; a name that is missing in the raw
answer was not asked for or gave nothing. Every row is a flat object, keys without a value are left out:

    interfaces  {"interface": 3, "name": "Gi0/3", "description": …, "alias": …, "type": 6, "status": 1,
                 "mac": "00:11:22:aa:bb:cc", "megabits": 1000}
    addresses   {"address": "192.0.2.1", "interface": 3, "mask": "255.255.255.0"}
    arp         {"interface": 3, "address": "192.0.2.7", "mac": …}
    fdb         {"mac": …, "port": 7, "filter": 1}      `filter`: the VLAN or filtering database, where known
    ports       {"port": 7, "interface": 3}             bridge port → interface
    lldp        {"port": 7, "remote": 1, "chassis": …, "chassis_type": 4, "remote_port": …,
                 "remote_port_type": 5, "remote_port_description": …, "name": …, "description": …,
                 "capabilities": "bridge router"}        `port`: LLDP's own number, see lldp_ports
    lldp_ports  {"port": 7, "name": "Gi0/3", "type": 5, "description": …}
    cdp         {"interface": 3, "remote": 1, "name": …, "remote_port": …, "platform": …,
                 "address": "192.0.2.9", "version": …, "capabilities": 40}
    entities    {"entity": 1, "class": 3, "name": …, "description": …, "model": …, "serial": …,
                 "vendor": …, "hardware": …, "firmware": …, "software": …}   chassis and stack members only

`interface` is ifIndex throughout. `chassis` and `remote_port` are a MAC address where their type says so
(chassis_type 4, remote_port_type 3), `chassis` an IPv4 address for type 5, else text. A table that was cut
short for its length, or because the device went silent or lied, is named in raw["cut"].
"""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from mspctl.facts.text import line, mac_address
from mspctl.records import Json

Index = tuple[int, ...]
Columns = Mapping[str, Mapping[Index, Json]]
Row = dict[str, Json]

_TEXT = 255
_LLDP_CAPABILITIES = ("other", "repeater", "bridge", "wlan", "router", "telephone", "docsis", "station")
CHASSIS, STACK = 3, 11  # IANAPhysicalClass: https://www.rfc-editor.org/rfc/rfc6933


class Table(NamedTuple):
    """One table: its columns, the first of which says which rows there are, and how many are read."""

    columns: Mapping[str, str]
    row: Callable[[Index, Row], Row | None]
    most: int
    binary: frozenset[str] = frozenset()

    def rows(self, columns: Columns) -> list[Row]:
        """Return the rows in order, given each column's values by index."""
        first = next(iter(self.columns))
        found: list[Row] = []
        for index in columns.get(first, {}):
            values = {name: values[index] for name, values in columns.items() if index in values}
            if (row := self.row(index, values)) is not None:
                found.append({name: value for name, value in row.items() if value not in ("", None)})
        return found


def _interface(index: Index, values: Row) -> Row | None:
    texts = {name: line(values.get(name), _TEXT) for name in ("name", "description", "alias")}
    numbers = {name: _number(values.get(name)) for name in ("type", "status", "megabits")}
    return (
        {"interface": index[0], **texts, **numbers, "mac": mac(values.get("mac"))}
        if len(index) == 1
        else None
    )


def _address(index: Index, values: Row) -> Row | None:
    address = dotted(index)
    if not address:
        return None
    return {
        "address": address,
        "interface": _number(values.get("interface")),
        "mask": line(values.get("mask"), 15),
    }


def _arp(index: Index, values: Row) -> Row | None:
    address, hardware = dotted(index[1:]), mac(values.get("mac"))
    return {"interface": index[0], "address": address, "mac": hardware} if address and hardware else None


def _fdb(index: Index, values: Row) -> Row | None:
    hardware = mac("0x" + bytes(index[-6:]).hex()) if all(0 <= octet < 256 for octet in index[-6:]) else ""
    if not hardware or len(index) not in (6, 7):
        return None
    filtering = index[0] if len(index) == 7 else None
    return {"mac": hardware, "port": _number(values.get("port")), "filter": filtering}


def _port(index: Index, values: Row) -> Row | None:
    return {"port": index[0], "interface": _number(values.get("interface"))} if len(index) == 1 else None


def _lldp(index: Index, values: Row) -> Row | None:
    if len(index) != 3:
        return None
    chassis_type, port_type = _number(values.get("chassis_type")), _number(values.get("remote_port_type"))
    return {
        "port": index[1],
        "remote": index[2],
        "chassis": _network_address(values.get("chassis"))
        if chassis_type == 5
        else _name_or_mac(values.get("chassis"), is_mac=chassis_type == 4),
        "chassis_type": chassis_type,
        "remote_port": _name_or_mac(values.get("remote_port"), is_mac=port_type == 3),
        "remote_port_type": port_type,
        "remote_port_description": line(values.get("remote_port_description"), _TEXT),
        "name": line(values.get("name"), _TEXT),
        "description": line(values.get("description"), _TEXT),
        "capabilities": capabilities(values.get("capabilities")),
    }


def _lldp_port(index: Index, values: Row) -> Row | None:
    kind = _number(values.get("type"))
    return {
        "port": index[0],
        "type": kind,
        "name": _name_or_mac(values.get("name"), is_mac=kind == 3),
        "description": line(values.get("description"), _TEXT),
    }


def _cdp(index: Index, values: Row) -> Row | None:
    if len(index) != 2:
        return None
    texts = {name: line(values.get(name), _TEXT) for name in ("name", "remote_port", "platform", "version")}
    octets = bytes_of(values.get("address"))
    bits = bytes_of(values.get("capabilities"))
    return {
        "interface": index[0],
        "remote": index[1],
        **texts,
        "address": dotted(tuple(octets)) if len(octets) == 4 else "",
        "capabilities": int.from_bytes(bits[:4]) if bits else None,
    }


_ENTITY_TEXTS = ("name", "description", "model", "serial", "vendor", "hardware", "firmware", "software")


def entity(index: Index, values: Row) -> Row | None:
    """Return one physical entity."""
    texts = {name: line(values.get(name), _TEXT) for name in _ENTITY_TEXTS}
    return {"entity": index[0], "class": _number(values.get("class")), **texts} if len(index) == 1 else None


_IF, _IFX, _LLDP, _CDP = "1.3.6.1.2.1.2.2.1", "1.3.6.1.2.1.31.1.1.1", "1.0.8802.1.1.2.1", "1.3.6.1.4.1.9.9.23"
ENTITY = "1.3.6.1.2.1.47.1.1.1.1"
ENTITY_COLUMNS = {
    "class": f"{ENTITY}.5",
    "name": f"{ENTITY}.7",
    "description": f"{ENTITY}.2",
    "model": f"{ENTITY}.13",
    "serial": f"{ENTITY}.11",
    "vendor": f"{ENTITY}.12",
    "hardware": f"{ENTITY}.8",
    "firmware": f"{ENTITY}.9",
    "software": f"{ENTITY}.10",
}

TABLES = {
    "interfaces": Table(  # IF-MIB: https://www.rfc-editor.org/rfc/rfc2863
        {
            "type": f"{_IF}.3",
            "description": f"{_IF}.2",
            "mac": f"{_IF}.6",
            "status": f"{_IF}.8",
            "name": f"{_IFX}.1",
            "megabits": f"{_IFX}.15",
            "alias": f"{_IFX}.18",
        },
        _interface,
        512,
        frozenset({"mac"}),
    ),
    "addresses": Table(  # IP-MIB: https://www.rfc-editor.org/rfc/rfc4293
        {"interface": "1.3.6.1.2.1.4.20.1.2", "mask": "1.3.6.1.2.1.4.20.1.3"}, _address, 256
    ),
    "arp": Table({"mac": "1.3.6.1.2.1.4.22.1.2"}, _arp, 4_096, frozenset({"mac"})),
    "ports": Table({"interface": "1.3.6.1.2.1.17.1.4.1.2"}, _port, 512),  # BRIDGE-MIB: RFC 4188
    "fdb": Table({"port": "1.3.6.1.2.1.17.7.1.2.2.1.2"}, _fdb, 4_096),  # Q-BRIDGE-MIB: RFC 4363
    "fdb_old": Table({"port": "1.3.6.1.2.1.17.4.3.1.2"}, _fdb, 4_096),  # BRIDGE-MIB; its rows become `fdb`
    "lldp": Table(  # IEEE 802.1AB
        {
            "chassis": f"{_LLDP}.4.1.1.5",
            "chassis_type": f"{_LLDP}.4.1.1.4",
            "remote_port_type": f"{_LLDP}.4.1.1.6",
            "remote_port": f"{_LLDP}.4.1.1.7",
            "remote_port_description": f"{_LLDP}.4.1.1.8",
            "name": f"{_LLDP}.4.1.1.9",
            "description": f"{_LLDP}.4.1.1.10",
            "capabilities": f"{_LLDP}.4.1.1.12",
        },
        _lldp,
        256,
        frozenset({"chassis", "remote_port", "capabilities"}),
    ),
    "lldp_ports": Table(
        {"name": f"{_LLDP}.3.7.1.3", "type": f"{_LLDP}.3.7.1.2", "description": f"{_LLDP}.3.7.1.4"},
        _lldp_port,
        512,
        frozenset({"name"}),
    ),
    "cdp": Table(  # CISCO-CDP-MIB
        {
            "name": f"{_CDP}.1.2.1.1.6",
            "remote_port": f"{_CDP}.1.2.1.1.7",
            "platform": f"{_CDP}.1.2.1.1.8",
            "version": f"{_CDP}.1.2.1.1.5",
            "address": f"{_CDP}.1.2.1.1.4",
            "capabilities": f"{_CDP}.1.2.1.1.9",
        },
        _cdp,
        256,
        frozenset({"address", "capabilities"}),
    ),
}


def mac(value: Json) -> str:
    """Return six octets in hex after 0x as a MAC address, "" for anything else."""
    octets = bytes_of(value)
    return mac_address(octets.hex(":")) if len(octets) == 6 else ""


def bytes_of(value: Json) -> bytes:
    """Return the bytes that stand in hex after 0x, none for anything else."""
    if not isinstance(value, str) or not re.fullmatch("0x(?:[0-9a-f]{2})*", value):
        return b""
    return bytes.fromhex(value[2:])


def capabilities(value: Json) -> str:
    """Return LLDP's capability bits, the first octet's first bit first, as words."""
    octets = bytes_of(value)
    names = [name for bit, name in enumerate(_LLDP_CAPABILITIES) if octets and octets[0] & 0x80 >> bit]
    return " ".join(names)


def dotted(octets: Index) -> str:
    """Return four numbers as an address, "" for what is none."""
    is_one = len(octets) == 4 and all(0 <= octet < 256 for octet in octets)
    return ".".join(map(str, octets)) if is_one else ""


def _name_or_mac(value: Json, *, is_mac: bool) -> str:
    return (mac(value) if is_mac else "") or line(bytes_of(value).decode("utf-8", "replace"), _TEXT)


def _network_address(value: Json) -> str:
    """Return an address that stands after its family, 1 for IPv4; "" for what is none."""
    octets = bytes_of(value)
    return dotted(tuple(octets[1:])) if octets[:1] == b"\x01" else ""


def _number(value: Json) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63 else None
