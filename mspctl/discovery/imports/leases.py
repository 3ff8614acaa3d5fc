"""What the formats of DHCP servers have in common."""

from datetime import UTC, datetime

from mspctl.discovery.imports.row import Row
from mspctl.facts.text import mac_address
from mspctl.records import Json

_CHARACTERS = 255


def lease(
    address: str,
    *,
    mac: str = "",
    name: str = "",
    state: str = "active",
    ends: datetime | None = None,
    vendor_class: str = "",
) -> Row:
    """Return one lease or reservation; `state` is "active", "reserved" or "ended"."""
    raw: dict[str, Json] = {
        "mac": mac_address(mac),
        "name": name[:_CHARACTERS],
        "state": state,
        "ends": ends.strftime("%Y-%m-%dT%H:%M:%SZ") if ends else "",
        "vendor_class": vendor_class[:_CHARACTERS],
    }
    return Row("dhcp", (address,), {key: value for key, value in raw.items() if value})


def moment(text: str, form: str) -> datetime | None:
    """Return a time in UTC written in some form, None for what is none."""
    try:
        return datetime.strptime(text, form).replace(tzinfo=UTC)
    except ValueError:
        return None
