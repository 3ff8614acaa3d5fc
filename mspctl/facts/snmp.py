"""What a device says of itself over SNMP.

Raw: {"values": {OID: text | integer | "0x…" for BINARY}, and the tables of mspctl/facts/snmp_tables.py}. The
login is never part of it. Single objects stand in SYSTEM and COMMON; those of a maker's own, in
data/snmp/objects.yml. sysUpTime is left out, as it differs at every look.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files

import msgspec
import yaml

from mspctl.facts.enterprises import owner
from mspctl.facts.snmp_tables import CHASSIS, STACK, bytes_of, capabilities, mac
from mspctl.facts.text import Facts, Raw, given, line
from mspctl.records import Json, Record

SYSTEM = {  # SNMPv2-MIB: https://www.rfc-editor.org/rfc/rfc3418#section-2
    "snmp.description": "1.3.6.1.2.1.1.1.0",
    "snmp.object_id": "1.3.6.1.2.1.1.2.0",
    "snmp.contact": "1.3.6.1.2.1.1.4.0",
    "snmp.name": "1.3.6.1.2.1.1.5.0",
    "snmp.location": "1.3.6.1.2.1.1.6.0",
    "snmp.layers": "1.3.6.1.2.1.1.7.0",
}
COMMON = {
    "snmp.engine": "1.3.6.1.6.3.10.2.1.1.0",  # SNMP-FRAMEWORK-MIB, RFC 3411
    "snmp.forwarding": "1.3.6.1.2.1.4.1.0",  # IP-MIB, RFC 4293: 1 forwards
    "snmp.bridge": "1.3.6.1.2.1.17.1.1.0",  # BRIDGE-MIB, RFC 4188
    "snmp.bridge_ports": "1.3.6.1.2.1.17.1.2.0",
    "snmp.lldp_chassis": "1.0.8802.1.1.2.1.3.2.0",  # IEEE 802.1AB
    "snmp.lldp_description": "1.0.8802.1.1.2.1.3.4.0",
    "snmp.capabilities": "1.0.8802.1.1.2.1.3.6.0",  # those that are switched on
    "snmp.cdp": "1.3.6.1.4.1.9.9.23.1.3.1.0",  # CISCO-CDP-MIB: 1 runs
    "snmp.entity_vendor": "1.3.6.1.2.1.47.1.1.1.1.12.1",  # ENTITY-MIB, RFC 6933: 1 is the chassis as a rule
    "snmp.entity_model": "1.3.6.1.2.1.47.1.1.1.1.13.1",
    "snmp.entity_name": "1.3.6.1.2.1.47.1.1.1.1.7.1",
    "snmp.entity_description": "1.3.6.1.2.1.47.1.1.1.1.2.1",
    "snmp.entity_serial": "1.3.6.1.2.1.47.1.1.1.1.11.1",
    "snmp.entity_software": "1.3.6.1.2.1.47.1.1.1.1.10.1",
    "snmp.entity_firmware": "1.3.6.1.2.1.47.1.1.1.1.9.1",
    "snmp.printer_name": "1.3.6.1.2.1.43.5.1.1.16.1",  # Printer-MIB, RFC 3805
    "snmp.printer_serial": "1.3.6.1.2.1.43.5.1.1.17.1",
    "snmp.printer_model": "1.3.6.1.2.1.25.3.2.1.3.1",  # hrDeviceDescr of HOST-RESOURCES-MIB, RFC 2790
    "snmp.device_type": "1.3.6.1.2.1.25.3.2.1.2.1",  # hrDeviceType
    "snmp.processes": "1.3.6.1.2.1.25.1.6.0",  # hrSystemProcesses: how many
    "snmp.ups_vendor": "1.3.6.1.2.1.33.1.1.1.0",  # UPS-MIB, RFC 1628
    "snmp.ups_model": "1.3.6.1.2.1.33.1.1.2.0",
    "snmp.ups_software": "1.3.6.1.2.1.33.1.1.3.0",
    "snmp.ups_agent": "1.3.6.1.2.1.33.1.1.4.0",  # the version of its card
    "snmp.ups_name": "1.3.6.1.2.1.33.1.1.5.0",
    "snmp.probe_software": "1.3.6.1.2.1.16.19.2.0",  # probeSoftwareRev of RMON2-MIB, RFC 4502: switches
    "snmp.cable_role": "1.3.6.1.2.1.69.1.1.1.0",  # DOCS-CABLE-DEVICE-MIB, RFC 4639: 1 is a modem
    "snmp.cable_serial": "1.3.6.1.2.1.69.1.1.4.0",
    "snmp.cable_software": "1.3.6.1.2.1.69.1.3.5.0",
    "snmp.med_software": "1.0.8802.1.1.2.1.5.4795.1.2.4.0",  # LLDP-MED's inventory, ANSI/TIA-1057
    "snmp.med_serial": "1.0.8802.1.1.2.1.5.4795.1.2.5.0",
    "snmp.med_vendor": "1.0.8802.1.1.2.1.5.4795.1.2.6.0",
    "snmp.med_model": "1.0.8802.1.1.2.1.5.4795.1.2.7.0",
    "snmp.power_ethernet": "1.3.6.1.2.1.105.1.3.1.1.2.1",  # pethMainPsePower, RFC 3621: watts it gives
}
OBJECTS = SYSTEM | COMMON
"""Every fact that is one object, and that object."""

BINARY = frozenset(
    OBJECTS[name] for name in ("snmp.engine", "snmp.bridge", "snmp.lldp_chassis", "snmp.capabilities")
)
ENTERPRISES = "1.3.6.1.4.1."
_ENTERPRISE = re.compile(r"1\.3\.6\.1\.4\.1\.(\d{1,10})(?:\.|$)")
_PRINTER = "1.3.6.1.2.1.25.3.1.5"  # hrDevicePrinter
_ETHERNET = frozenset({6, 62, 69, 117})  # https://www.iana.org/assignments/ianaiftype-mib
_WIRELESS = 71


_AGENTS = frozenset({"", "0", "3", "99", "2021", "8072"})  # UCD's and net-snmp's, for instance
_CHIPS = frozenset({"4413", "27282"})  # Broadcom's and Realtek's kits


class Maker(Record, frozen=True, kw_only=True):
    """Objects of a maker's own; the first of each list that says something counts.

    An object stands below the enterprises, or whole from 1.0, 1.2 or 1.3.6 on; `.*` at its end takes the
    first object below it. `{own:4}` stands for the first four parts of the device's own sysObjectID there.
    """

    id: str
    under: tuple[str, ...]  # sysObjectIDs of devices that are asked, below the enterprises
    kind: tuple[str, ...] = ()  # asked only to see whether they are there
    model: tuple[str, ...] = ()
    serial: tuple[str, ...] = ()
    member: tuple[str, ...] = ()  # serial numbers of a cluster's members: no mark of the one that answered
    version: tuple[str, ...] = ()


@cache
def makers() -> tuple[Maker, ...]:
    """Return the objects of makers' own that come with mspctl."""
    text = (files("mspctl") / "data" / "snmp" / "objects.yml").read_text("utf-8")
    return msgspec.convert(yaml.safe_load(text), tuple[Maker, ...])


@cache
def branches() -> tuple[str, ...]:
    """Return the makers' numbers a device under an agent's number may answer below."""
    text = (files("mspctl") / "data" / "snmp" / "branches.yml").read_text("utf-8")
    return tuple(str(number) for number in msgspec.convert(yaml.safe_load(text), tuple[int, ...]))


def may_be_anybodys(values: Mapping[str, Json]) -> bool:
    """Return whether a device's sysObjectID tells of its agent alone, or of nothing."""
    own = _text(values.get(SYSTEM["snmp.object_id"])).lstrip(".")
    number, _, rest = own.removeprefix(ENTERPRISES).partition(".")
    return not own.startswith(ENTERPRISES) or number in _AGENTS or (number in _CHIPS and not rest)


def details(values: Mapping[str, Json]) -> Iterator[tuple[str, ...]]:
    """Yield what a device is worth asking after its system group."""
    yield tuple(COMMON.values())
    yield tuple(sorted(oid for oid in _wanted(values) if not oid.endswith(".*")))


def first_below(values: Mapping[str, Json]) -> tuple[str, ...]:
    """Return the objects of which the first one below is asked for."""
    return tuple(sorted(oid.removesuffix(".*") for oid in _wanted(values) if oid.endswith(".*")))


def _wanted(values: Mapping[str, Json]) -> set[str]:
    """Return the objects of makers' own that a device may know."""
    own = _own_number(values)
    return {
        _whole(oid, own)
        for maker in _fitting(values)
        for oid in (*maker.kind, *maker.model, *maker.serial, *maker.member, *maker.version)
    }


def _own_number(values: Mapping[str, Json]) -> str:
    return _text(values.get(SYSTEM["snmp.object_id"])).lstrip(".").removeprefix(ENTERPRISES)


def _fitting(values: Mapping[str, Json]) -> Iterator[Maker]:
    """Yield the makers whose objects a device may know, by its sysObjectID or what it answered below."""
    owns = [_own_number(values), *_answered(values)]
    for maker in makers():
        if any(f"{own}.".startswith(under + ".") for own in owns for under in maker.under):
            yield maker


def _answered(values: Mapping[str, Json]) -> list[str]:
    """Return what an agent of anybody's answered below makers' numbers, below the enterprises."""
    if not may_be_anybodys(values):
        return []
    own = {oid.removeprefix(ENTERPRISES) for oid in values if oid.startswith(ENTERPRISES)}
    return sorted(oid for oid in own if oid.partition(".")[0] in branches())


def _whole(oid: str, own: str) -> str:
    """Return an object's full name, given the device's own number below the enterprises."""
    if oid.startswith("{own:"):
        length, _, rest = oid[5:].partition("}")
        return ENTERPRISES + ".".join(own.split(".")[: int(length)]) + rest
    return oid if oid.startswith(("1.0.", "1.2.", "1.3.6.")) else ENTERPRISES + oid


def answers_bridge(values: Mapping[str, Json]) -> bool:
    """Return whether a device bridges."""
    return any(OBJECTS[name] in values for name in ("snmp.bridge", "snmp.bridge_ports"))


def is_router(values: Mapping[str, Json]) -> bool:
    """Return whether a device forwards packets."""
    return values.get(OBJECTS["snmp.forwarding"]) == 1


def is_printer(values: Mapping[str, Json]) -> bool:
    """Return whether the Printer-MIB answered, or the first device is a printer."""
    if any(OBJECTS[name] in values for name in ("snmp.printer_name", "snmp.printer_serial")):
        return True
    if "Windows" in _text(values.get(SYSTEM["snmp.description"])):
        return False  # it counts the printers it prints on among its devices
    return _text(values.get(OBJECTS["snmp.device_type"])).lstrip(".") == _PRINTER


def parse(raw: Raw) -> Facts:
    """Return a fact for each object that answered, and what tables and makers' own objects add.

    snmp.enterprise is the maker's number, snmp.owner who registered it; snmp.branch is the one maker's number
    below which a device answered whose sysObjectID names nobody; snmp.vendor_model, _serial, _version come
    from objects of a maker's own, snmp.member_serial from a table that may tell of another machine;
    snmp.agents names the groups of these that answered; snmp.ethernets counts Ethernet interfaces.
    """
    values = raw.get("values")
    if not isinstance(values, dict):
        return {}
    found = {name: _text(values.get(oid)) for name, oid in OBJECTS.items()}
    found["snmp.object_id"] = found["snmp.object_id"].lstrip(".")
    maker = _ENTERPRISE.match(found["snmp.object_id"])
    found["snmp.enterprise"] = maker[1] if maker else ""
    numbers = sorted({oid.partition(".")[0] for oid in _answered(values)}, key=int)
    found["snmp.branch"] = ENTERPRISES + numbers[0] if len(numbers) == 1 else ""
    found["snmp.owner"] = owner(found["snmp.enterprise"])
    found["snmp.printer"] = "yes" if is_printer(values) else ""
    found["snmp.engine"] = _engine(found["snmp.engine"])
    found["snmp.bridge"] = mac(found["snmp.bridge"])
    found["snmp.lldp_chassis"] = mac(found["snmp.lldp_chassis"])
    found["snmp.capabilities"] = capabilities(found["snmp.capabilities"])
    if not is_printer(values):
        found["snmp.printer_model"] = ""  # the first device of any other machine is its processor
    return given(
        found | _of_chassis(raw.get("entities")) | _of_interfaces(raw.get("interfaces")) | _own(values)
    )


def _own(values: Mapping[str, Json]) -> Facts:
    """Return what makers' own objects say."""
    own = _own_number(values)
    found: Facts = {}
    answered = []
    for maker in _fitting(values):
        lists = {
            "snmp.vendor_model": maker.model,
            "snmp.vendor_serial": maker.serial,
            "snmp.member_serial": maker.member,
            "snmp.vendor_version": maker.version,
        }
        said = {
            name: next(filter(None, (_at(values, _whole(oid, own)) for oid in oids)), "")
            for name, oids in lists.items()
        }
        if any(said.values()) or any(_at(values, _whole(oid, own)) for oid in maker.kind):
            answered.append(maker.id)
        found |= {name: text for name, text in said.items() if text and name not in found}
    return found | {"snmp.agents": " ".join(answered)}


def _at(values: Mapping[str, Json], oid: str) -> str:
    """Return what stands at an object, or at the first one below it where it ends in `.*`."""
    if not oid.endswith(".*"):
        return _text(values.get(oid))
    return next((_text(value) for each, value in values.items() if each.startswith(oid[:-1])), "")


def _of_chassis(entities: Json) -> Facts:
    """Return what the ENTITY-MIB says of the chassis, or of the first member of a stack."""
    rows = [row for row in entities if isinstance(row, dict)] if isinstance(entities, list) else []
    chassis = [row for row in rows if row.get("class") in (CHASSIS, STACK)] or rows
    ranked = sorted(chassis, key=lambda row: (row.get("class") != CHASSIS, not row.get("serial")))
    names = ("vendor", "model", "serial", "software", "firmware", "name", "description")
    return {
        f"snmp.entity_{name}": text for row in ranked[:1] for name in names if (text := line(row.get(name)))
    }


def _of_interfaces(interfaces: Json) -> Facts:
    """Return how many interfaces of which sort there are."""
    rows = [row for row in interfaces if isinstance(row, dict)] if isinstance(interfaces, list) else []
    types = Counter(row["type"] for row in rows if isinstance(row.get("type"), int))
    ethernets = sum(count for kind, count in types.items() if kind in _ETHERNET)
    radios = types[_WIRELESS]
    return {
        "snmp.ethernets": str(ethernets) if ethernets else "",
        "snmp.radios": str(radios) if radios else "",
    }


def _text(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**64:
        return str(value)
    return line(value)


def _engine(value: str) -> str:
    """Return an engine id in hex; "" for one too short or all alike, which factories leave behind."""
    octets = bytes_of(value)
    return octets.hex() if 5 <= len(octets) <= 32 and len(set(octets[4:])) > 1 else ""
