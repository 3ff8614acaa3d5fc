"""Which format a file has, by its beginning."""

import re

from mspctl.discovery.imports.csv import mapped
from mspctl.discovery.imports.lines import decoded
from mspctl.discovery.imports.tables import header_of

_DNSMASQ = re.compile(r"^(?:\d+ (?:[0-9a-f]{2}-)?[0-9a-f]{2}(?::[0-9a-f]{2})+ [0-9a-f.:]+ \S+|duid )", re.I)
_ISC = re.compile(r"^\s*(?:lease [\d.]+ ?\{|host \S+ ?\{|authoring-byte-order )", re.MULTILINE)
_LDIF = re.compile(r"^(?:dn::?|version: ?1)", re.MULTILINE)
_NULS = 16  # more of them in its first 4,096 characters is no text
_LISTED = re.compile(r"^(?:#masscan|(?:open|banner) (?:tcp|udp) \d+ )", re.MULTILINE)


def recognise(head: bytes) -> str:
    """Return the format of a file given its first bytes, "" for one that is none of ours."""
    text = decoded(head)
    bare = text.lstrip("\ufeff \t\r\n")
    if bare.startswith("<"):
        return "nmap" if "<nmaprun" in bare else "windows-dhcp" if "<DHCPServer" in bare else ""
    if bare.startswith(("{", "[")):
        return "masscan" if '"ip"' in bare else ""
    if bare[:4096].count("\0") > _NULS:
        return ""
    for pattern, name in (
        (_LISTED, "masscan"),
        (_DNSMASQ, "dnsmasq"),
        (_LDIF, "ad-computers"),
        (_ISC, "isc-dhcp"),
    ):
        if pattern.search(bare):
            return name
    return _of_table(bare)


def _of_table(text: str) -> str:
    """Return the format of a table by the names of its columns."""
    first = next((line for line in text.splitlines() if line.strip() and not line.startswith("#TYPE")), "")
    names = header_of(first)
    known = {name.lower() for name in names}
    if {"ipaddress", "clientid"} <= known and known & {"scopeid", "addressstate", "leaseexpirytime"}:
        return "windows-dhcp"
    account = {"distinguishedname", "samaccountname", "dnshostname"} & known
    if account and known & {"objectclass", "enabled", "operatingsystem", "useraccountcontrol"}:
        return "ad-computers"
    return "csv" if len(names) > 1 and mapped(names, {}) else ""
