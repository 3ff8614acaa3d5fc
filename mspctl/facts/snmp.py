"""What a device says of itself over SNMP.

Raw: {"values": {OID: text | integer | "0x…" for the engine id and the bridge address}}. The community is
never part of it. Which objects are asked for stands in OBJECTS; sysUpTime is left out, as it differs at
every look.
"""

import re
from collections.abc import Mapping

from mspctl.facts.text import Facts, Raw, given, line, mac_address

SYSTEM = {  # SNMPv2-MIB: https://www.rfc-editor.org/rfc/rfc3418#section-2
    "snmp.description": "1.3.6.1.2.1.1.1.0",
    "snmp.object_id": "1.3.6.1.2.1.1.2.0",
    "snmp.contact": "1.3.6.1.2.1.1.4.0",
    "snmp.name": "1.3.6.1.2.1.1.5.0",
    "snmp.location": "1.3.6.1.2.1.1.6.0",
    "snmp.layers": "1.3.6.1.2.1.1.7.0",
}
DETAILS = (
    {
        "snmp.engine": "1.3.6.1.6.3.10.2.1.1.0",  # SNMP-FRAMEWORK-MIB, RFC 3411
        "snmp.forwarding": "1.3.6.1.2.1.4.1.0",  # IP-MIB, RFC 4293: 1 forwards
        "snmp.bridge": "1.3.6.1.2.1.17.1.1.0",  # BRIDGE-MIB, RFC 4188
    },
    {  # ENTITY-MIB, RFC 6933: the chassis is entry 1 as a rule
        "snmp.entity_vendor": "1.3.6.1.2.1.47.1.1.1.1.12.1",
        "snmp.entity_model": "1.3.6.1.2.1.47.1.1.1.1.13.1",
        "snmp.entity_serial": "1.3.6.1.2.1.47.1.1.1.1.11.1",
    },
    {  # Printer-MIB, RFC 3805; hrDeviceDescr is HOST-RESOURCES-MIB, RFC 2790
        "snmp.printer_name": "1.3.6.1.2.1.43.5.1.1.16.1",
        "snmp.printer_serial": "1.3.6.1.2.1.43.5.1.1.17.1",
        "snmp.printer_model": "1.3.6.1.2.1.25.3.2.1.3.1",
    },
    {  # UPS-MIB, RFC 1628
        "snmp.ups_vendor": "1.3.6.1.2.1.33.1.1.1.0",
        "snmp.ups_model": "1.3.6.1.2.1.33.1.1.2.0",
        "snmp.ups_name": "1.3.6.1.2.1.33.1.1.5.0",
    },
)
OBJECTS = {name: oid for group in (SYSTEM, *DETAILS) for name, oid in group.items()}
"""Every fact and its object; asked group by group, so that a refusal of one group costs no other."""

_ENTERPRISE = re.compile(r"1\.3\.6\.1\.4\.1\.(\d{1,10})(?:\.|$)")


def parse(raw: Raw) -> Facts:
    """Return a fact for each object that answered, and snmp.enterprise, the maker's number."""
    values = raw.get("values")
    if not isinstance(values, dict):
        return {}
    found = {name: _text(values.get(oid)) for name, oid in OBJECTS.items()}
    found["snmp.object_id"] = found["snmp.object_id"].lstrip(".")
    maker = _ENTERPRISE.match(found["snmp.object_id"])
    found["snmp.enterprise"] = maker[1] if maker else ""
    found["snmp.printer"] = "yes" if is_printer(values) else ""
    found["snmp.engine"] = _engine(found["snmp.engine"])
    found["snmp.bridge"] = mac_address(":".join(re.findall("..", found["snmp.bridge"].removeprefix("0x"))))
    if not is_printer(values):
        found["snmp.printer_model"] = ""  # the first device of any other machine is its processor
    return given(found)


def is_printer(values: Mapping[str, object]) -> bool:
    """Return whether the Printer-MIB answered."""
    return any(OBJECTS[name] in values for name in ("snmp.printer_name", "snmp.printer_serial"))


def _text(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**64:
        return str(value)
    return line(value)


def _engine(value: str) -> str:
    """Return an engine id in hex; "" for one too short or all alike, which factories leave behind."""
    digits = value.removeprefix("0x")
    is_one = re.fullmatch("(?:[0-9a-f]{2}){5,32}", digits) and len(set(re.findall("..", digits)[4:])) > 1
    return digits if is_one else ""
