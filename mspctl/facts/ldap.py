"""What a directory says of itself in its root, which it shows without a login.

Raw: {"attributes": {name in lower case: [values]}}. https://www.rfc-editor.org/rfc/rfc4512#section-5.1
"""

from mspctl.facts.text import Facts, Raw, given, host_name, line, strings
from mspctl.facts.wire import ber, ber_items, text
from mspctl.records import Json

ASKED = (
    *("objectClass", "structuralObjectClass", "namingContexts", "defaultNamingContext", "dnsHostName"),
    *("rootDomainNamingContext", "supportedCapabilities", "vendorName", "vendorVersion"),
    *("domainControllerFunctionality", "domainFunctionality", "forestFunctionality"),
)
MOST_BYTES = 16_384
_ENTRY, _DONE = 0x64, 0x65
_VALUES = 16
_ACTIVE_DIRECTORY = "1.2.840.113556.1.4.800"  # LDAP_CAP_ACTIVE_DIRECTORY_OID, MS-ADTS 3.1.1.3.4.3.1
_LEVELS = {"4": "2008 R2", "5": "2012", "6": "2012 R2", "7": "2016", "10": "2025"}
"""What the domain controller itself is at least: MS-ADTS 3.1.1.3.2.25."""


def question() -> bytes:
    """Return the search for the root entry and some of its attributes."""
    limits = ber(0x0A, b"\0") + ber(0x0A, b"\0") + ber(2, b"\0") + ber(2, b"\5") + ber(1, b"\0")
    wanted = ber(0x30, *(ber(4, name.encode()) for name in ASKED))
    return ber(0x30, ber(2, b"\1"), ber(0x63, ber(4), limits, ber(0x87, b"objectClass"), wanted))


def is_whole(data: bytes) -> bool:
    """Return whether the search is over, or the answer is no LDAP."""
    return bool(data) and (
        data[0] != 0x30 or any(_DONE in dict(ber_items(body)) for _, body in ber_items(data))
    )


def attributes(data: bytes) -> dict[str, Json] | None:
    """Return the root entry's attributes; None for an answer that is no LDAP."""
    found: dict[str, Json] = {}
    answered = False
    for tag, message in ber_items(data[:MOST_BYTES]):
        body = dict(ber_items(message)) if tag == 0x30 else {}
        answered = answered or bool({_ENTRY, _DONE} & body.keys())
        parts = list(ber_items(body.get(_ENTRY, b"")))
        for _, attribute in ber_items(parts[1][1]) if len(parts) > 1 else ():
            items = list(ber_items(attribute))
            name = text(items[0][1], limit=64).lower() if items else ""
            if name and len(items) > 1 and len(found) < len(ASKED):
                found[name] = [text(value) for _, value in list(ber_items(items[1][1]))[:_VALUES]]
    return found if answered else None


def parse(raw: Raw) -> Facts:
    """Return ldap.directory ("yes"), .active_directory, .product, .dns_name, .domain, .level and .base."""
    said = raw.get("attributes")
    if not isinstance(said, dict):
        return {}
    first = {name: line((strings(said.get(name.lower())) or ("",))[0]) for name in ASKED}
    is_active_directory = _ACTIVE_DIRECTORY in strings(said.get("supportedcapabilities"))
    classes = {*strings(said.get("objectclass")), *strings(said.get("structuralobjectclass"))}
    product = f"{first['vendorName']} {first['vendorVersion']}".strip()
    base = first["defaultNamingContext"] or first["namingContexts"]
    return {"ldap.directory": "yes"} | given(
        {
            "ldap.active_directory": "yes" if is_active_directory else "",
            "ldap.product": "OpenLDAP" if "OpenLDAProotDSE" in classes else line(product, 120),
            "ldap.dns_name": host_name(first["dnsHostName"]),
            "ldap.domain": _domain(base),
            "ldap.level": _LEVELS.get(first["domainControllerFunctionality"], ""),
            "ldap.base": base,
        }
    )


def _domain(base: str) -> str:
    """Return the DNS name in a base such as DC=corp,DC=example."""
    parts = [part.strip().split("=", 1) for part in base.split(",")]
    labels = [part[1] for part in parts if len(part) == 2 and part[0].lower() == "dc"]
    return host_name(".".join(labels)) if labels and len(labels) == len(parts) else ""
