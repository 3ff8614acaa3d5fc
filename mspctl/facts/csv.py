"""A row of somebody's list of machines. Raw: {field: text}, the fields being FIELDS."""

from mspctl.facts.arp import is_universal
from mspctl.facts.text import Facts, Raw, given, host_name, line, mac_address

FIELDS = (
    *("address", "mac", "name", "domain", "vendor", "model", "serial", "os", "os_version", "role", "kind"),
    *("location", "contact"),
)
_TEXTS = ("vendor", "model", "os", "os_version", "location", "contact")
_CHARACTERS = 120


def parse(raw: Raw) -> Facts:
    """Return csv.name, .dns_name, .mac, .universal_mac, .serial and the rest of the row, field by field."""
    mac = mac_address(raw.get("mac"))
    name, domain = host_name(raw.get("name")), host_name(raw.get("domain"))
    full = name if "." in name else f"{name}.{domain}" if name and "." in domain else ""
    return given(
        {
            "csv.name": name.partition(".")[0] or line(raw.get("name"), _CHARACTERS),
            "csv.dns_name": full,
            "csv.domain": domain,
            "csv.mac": mac,
            "csv.universal_mac": mac if mac and is_universal(mac) else "",
            "csv.serial": line(raw.get("serial"), 64),
        }
        | {f"csv.{field}": line(raw.get(field), _CHARACTERS) for field in _TEXTS}
        | {"csv.role": "-".join(line(raw.get("role"), _CHARACTERS).lower().split())}
        | {"csv.kind": line(raw.get("kind"), _CHARACTERS).lower()}
    )
