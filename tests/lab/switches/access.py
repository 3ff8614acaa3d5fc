"""Whom an access list permits: entries in order, the first that fits decides, and nobody else comes in."""

from collections.abc import Iterable, Sequence
from ipaddress import AddressValueError, IPv4Address

_ALL = 0xFFFF_FFFF
_PROTOCOLS = ("ip", "tcp", "udp", "icmp")


def permits(entries: Iterable[Sequence[str]], source: IPv4Address) -> bool:
    """Return whether entries as `10 permit tcp host 192.0.2.1 any` let an SSH session from an address in."""
    for entry in entries:
        words = [word for part in entry for word in part.split()]
        words = words[1:] if words[0].isdecimal() else words
        action, *rest = words
        if action == "remark":
            continue
        if rest and rest[0] in _PROTOCOLS:
            protocol, *rest = rest
            if protocol in ("udp", "icmp"):
                continue
        if rest and _is_meant(rest, source):
            return action == "permit"
    return False


def _is_meant(words: Sequence[str], source: IPv4Address) -> bool:
    if words[0] == "any":
        return True
    try:
        if words[0] == "host":
            return IPv4Address(words[1]) == source
        if "/" in words[0]:
            address, _, length = words[0].partition("/")
            mask = _ALL << (32 - int(length)) & _ALL
        else:
            address = words[0]
            mask = _ALL & ~int(IPv4Address(words[1])) if len(words) > 1 and words[1][:1].isdecimal() else _ALL
        return int(IPv4Address(address)) & mask == int(source) & mask
    except (AddressValueError, IndexError):
        return False
