"""The hardware address an on-link machine answers with. Raw: {"mac": "00:11:22:aa:bb:cc"}."""

from mspctl.facts.oui import maker
from mspctl.facts.text import Facts, Raw, given, mac_address

_ROUTER_PROTOCOLS = (
    "00:00:5e:00:01:",  # VRRP over IPv4: https://www.rfc-editor.org/rfc/rfc9568#section-7.3
    "00:00:5e:00:02:",  # VRRP over IPv6, the same section
    "00:00:0c:07:ac:",  # HSRP version 1: https://www.rfc-editor.org/rfc/rfc2281#section-5.3
    "00:00:0c:9f:f",  # HSRP version 2
    "00:07:b4:00:",  # GLBP
)


def parse(raw: Raw) -> Facts:
    """Return arp.mac; and arp.universal_mac and arp.maker where it is its maker's and one device's own."""
    mac = mac_address(raw.get("mac"))
    own = mac if mac and is_universal(mac) else ""
    return given({"arp.mac": mac, "arp.universal_mac": own, "arp.maker": maker(own) if own else ""})


def is_universal(mac: str) -> bool:
    """Return whether a MAC names one card: not set by software, not a group, not shared by two routers."""
    first = int(mac[:2], 16)
    return not first & 0b11 and not mac.startswith(_ROUTER_PROTOCOLS)
