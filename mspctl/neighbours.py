"""What one device's tables say of its ports and of who is beyond them, made safe to reckon with; pure.

The tables stand in mspctl/facts/snmp_tables.py. They are hostile: a row that makes no sense is left out,
texts are bounded lines, and no more than MOST rows of a table are read.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cached_property
from ipaddress import ip_address, ip_interface
from typing import NamedTuple

from mspctl.facts.arp import is_universal
from mspctl.facts.text import line, mac_address
from mspctl.records import How, Json

MOST = 8_192
_TEXT = 80
_SHORT_NAMES = re.compile(r"([a-z]{2})[a-z-]*\s*([0-9].*)")  # GigabitEthernet0/1, Gi0/1
_SET_BY_SOFTWARE = 0b10  # as virtual machines have it
_CDP_BRIDGE = 0x02 | 0x08  # transparent bridge, switch

Marks = frozenset[tuple[str, str]]
"""What a machine may be known by: ("mac" | "address" | "name", value)."""


class Neighbour(NamedTuple):
    """One that a device says it hears on one of its ports."""

    port: str
    how: How
    marks: Marks
    shown: str  # what it calls itself
    ports: tuple[str, ...]  # what it calls its own port, best first
    is_bridge: bool
    evidence: str


class Tables:
    """One device's tables."""

    def __init__(self, raw: Mapping[str, Json]) -> None:
        """Take the raw answer of the SNMP probe."""
        self._raw = raw

    @cached_property
    def names(self) -> dict[int, str]:
        """What each interface is called."""
        rows = ((_number(row, "interface"), row) for row in self._rows("interfaces"))
        return {
            index: text
            for index, row in rows
            if index is not None and (text := _text(row, "name") or _text(row, "description"))
        }

    @cached_property
    def macs(self) -> frozenset[str]:
        """The hardware addresses of its own interfaces."""
        return frozenset(mac for row in self._rows("interfaces") if (mac := own_mac(row.get("mac"))))

    @cached_property
    def addresses(self) -> tuple[tuple[str, str, str], ...]:
        """Its own addresses: address, its network's CIDR, port; none of loopbacks and of single hosts."""
        found = []
        for row in self._rows("addresses"):
            try:
                own = ip_interface(f"{_text(row, 'address')}/{_text(row, 'mask') or 32}")
            except ValueError:
                continue
            is_far = own.is_loopback or own.is_link_local or own.is_unspecified
            if not is_far and 8 <= own.network.prefixlen < own.max_prefixlen:
                found.append((str(own.ip), str(own.network), self.port(_number(row, "interface"))))
        return tuple(sorted(set(found)))

    @cached_property
    def arp(self) -> tuple[tuple[str, str], ...]:
        """Address and hardware address of those it spoke with."""
        return tuple(
            sorted(
                {
                    (address, mac)
                    for row in self._rows("arp")
                    if (address := _address(row)) and (mac := own_mac(row.get("mac")))
                }
            )
        )

    @cached_property
    def behind(self) -> dict[str, frozenset[str]]:
        """The hardware addresses a bridge learnt behind each of its ports."""
        interfaces = {_number(row, "port"): _number(row, "interface") for row in self._rows("ports")}
        found: dict[str, set[str]] = defaultdict(set)
        for row in self._rows("fdb"):
            port, mac = _number(row, "port"), own_mac(row.get("mac"))
            if port and mac and mac not in self.macs:  # port 0: the bridge does not know itself
                found[self.port(interfaces.get(port) or port)].add(mac)
        return {port: frozenset(macs) for port, macs in sorted(found.items())}

    @cached_property
    def neighbours(self) -> tuple[Neighbour, ...]:
        """Whom it hears, by LLDP and by CDP."""
        return tuple(sorted({*self._lldp(), *self._cdp()}, key=repr))

    def port(self, interface: int | None) -> str:
        """Return what an interface is called, its number where it has no name."""
        return "" if interface is None else self.names.get(interface, f"port {interface}")

    def port_named(self, texts: tuple[str, ...]) -> str:
        """Return the own name of the port that others call so; the first text where there is none."""
        for text in texts:
            if found := self._ports_by_text.get(text.lower()) or self._ports_by_text.get(_short(text)):
                return found
        return texts[0] if texts else ""

    @cached_property
    def _ports_by_text(self) -> dict[str, str]:
        found: dict[str, set[str]] = defaultdict(set)
        for row in self._rows("interfaces"):
            port = self.port(_number(row, "interface"))
            texts = [_text(row, key) for key in ("name", "description")]
            for text in {*map(str.lower, texts), *map(_short, texts), own_mac(row.get("mac"))}:
                if text and port:
                    found[text].add(port)
        return {text: min(ports) for text, ports in found.items() if len(ports) == 1}

    def _lldp(self) -> Iterator[Neighbour]:
        named = {_number(row, "port"): row for row in self._rows("lldp_ports")}
        for row in self._rows("lldp"):
            number = _number(row, "port")
            own = named.get(number, {})
            texts = tuple(text for key in ("name", "description") if (text := _text(own, key)))
            port = self.port_named(texts) if texts else self.port(number)
            is_mac = row.get("chassis_type") == 4
            chassis = own_mac(row.get("chassis")) if is_mac else _text(row, "chassis")
            marks = {("mac", chassis if is_mac else ""), ("mac", own_mac(row.get("remote_port")))}
            marks |= {("name", _text(row, "name").lower()), ("name", "" if is_mac else chassis.lower())}
            if row.get("chassis_type") == 5:
                marks.add(("address", _address({"address": row.get("chassis")})))
            shown = _text(row, "name") or chassis
            yield Neighbour(
                port=port,
                how=How.LLDP,
                marks=_given(marks),
                shown=shown,
                ports=_texts(row, "remote_port", "remote_port_description"),
                is_bridge="bridge" in _text(row, "capabilities").split(),
                evidence=f"LLDP on {port or '?'}: {shown or '?'} {_text(row, 'remote_port')}".rstrip(),
            )

    def _cdp(self) -> Iterator[Neighbour]:
        for row in self._rows("cdp"):
            port = self.port(_number(row, "interface"))
            shown = _text(row, "name").partition("(")[0]  # some add their serial number
            yield Neighbour(
                port=port,
                how=How.CDP,
                marks=_given({("name", shown.lower()), ("address", _address(row))}),
                shown=shown or _address(row),
                ports=_texts(row, "remote_port"),
                is_bridge=bool((_number(row, "capabilities") or 0) & _CDP_BRIDGE),
                evidence=f"CDP on {port or '?'}: {shown or '?'} {_text(row, 'remote_port')}".rstrip(),
            )

    def _rows(self, name: str) -> list[dict[str, Json]]:
        table = self._raw.get(name)
        return [row for row in table[:MOST] if isinstance(row, dict)] if isinstance(table, list) else []


def own_mac(value: object) -> str:
    """Return a MAC address that can be one card's: no group's and none that two routers share."""
    mac = mac_address(value)
    return mac if mac and (is_universal(mac) or int(mac[:2], 16) & 0b11 == _SET_BY_SOFTWARE) else ""


def _given(marks: set[tuple[str, str]]) -> Marks:
    return frozenset(mark for mark in marks if mark[1])


def _number(row: Mapping[str, Json], key: str) -> int | None:
    value = row.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**32 else None


def _text(row: Mapping[str, Json], key: str) -> str:
    return line(row.get(key), _TEXT)


def _texts(row: Mapping[str, Json], *keys: str) -> tuple[str, ...]:
    return tuple(text for key in keys if (text := _text(row, key)))


def _address(row: Mapping[str, Json]) -> str:
    try:
        address = ip_address(_text(row, "address"))
    except ValueError:
        return ""
    is_one = not (address.is_loopback or address.is_multicast or address.is_unspecified)
    return str(address) if is_one else ""


def _short(text: str) -> str:
    """Return a port's name as most makers shorten it."""
    found = _SHORT_NAMES.fullmatch(text.lower())
    return f"{found[1]}{found[2]}" if found else ""
