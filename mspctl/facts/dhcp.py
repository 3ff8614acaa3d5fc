"""A lease or a reservation, as a DHCP server wrote it down.

Raw: {"mac": …, "name": …, "state": "active" | "reserved" | "ended", "ends": "2026-11-22T10:00:00Z",
"vendor_class": …}.
"""

import re

from mspctl.facts.arp import is_universal
from mspctl.facts.text import Facts, Raw, given, host_name, line, mac_address

_STATES = ("active", "reserved", "ended")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def parse(raw: Raw) -> Facts:
    """Return dhcp.mac, .universal_mac, .name, .dns_name, .state, .ends and .vendor_class."""
    mac = mac_address(raw.get("mac"))
    name, state, ends = host_name(raw.get("name")), line(raw.get("state"), 16), line(raw.get("ends"), 20)
    return given(
        {
            "dhcp.mac": mac,
            "dhcp.universal_mac": mac if mac and is_universal(mac) else "",
            "dhcp.name": name.partition(".")[0],
            "dhcp.dns_name": name if "." in name else "",
            "dhcp.state": state if state in _STATES else "",
            "dhcp.ends": ends if _TIME.fullmatch(ends) else "",
            "dhcp.vendor_class": line(raw.get("vendor_class"), 120),
        }
    )
