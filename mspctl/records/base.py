"""The base of every record, and the types they share.

Hand-written files are checked against the JSON Schema that these types yield; a `format` named here has
its checker in mspctl/handwritten.py.
"""

from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import msgspec
from msgspec import Meta

if TYPE_CHECKING:
    Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
else:
    Json = Any  # msgspec knows no recursive unions


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Data only: frozen, unknown keys refused, defaults left out of files.

    Subclasses say `frozen=True, kw_only=True` again: the first for mypy, the second because msgspec does
    not inherit it.
    """


# `$` alone lets one newline through at the end.
Name = Annotated[
    str,
    Meta(pattern=r"^[a-z][a-z0-9-]{0,40}$(?!\n)", description="lower-case letters, digits and dashes"),
]
ProviderName = Annotated[
    str,
    Meta(
        pattern=r"^[a-z][a-z0-9_-]{0,40}$(?!\n)",
        description="lower-case letters, digits, dashes and underscores",
    ),
]
Cidr = Annotated[
    str, Meta(extra_json_schema={"format": "cidr"}, description="a network such as 192.0.2.0/24")
]
Address = Annotated[
    str, Meta(extra_json_schema={"format": "address"}, description="an IP address such as 192.0.2.10")
]
Span = Annotated[
    str,
    Meta(
        extra_json_schema={"format": "span"},
        description="an address such as 192.0.2.10 or a network such as 192.0.2.64/26",
    ),
]
Day = Annotated[str, Meta(extra_json_schema={"format": "day"}, description="a date such as 2026-11-20")]
Clock = Annotated[
    str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$(?!\n)", description="a time of day such as 22:30")
]
Timezone = Annotated[
    str, Meta(extra_json_schema={"format": "timezone"}, description="a time zone such as Europe/Berlin")
]
SecretRef = Annotated[
    str,
    Meta(
        pattern=r"^vault:[a-z][a-z0-9_]{0,60}$(?!\n)",
        description="a reference into the vault such as vault:snmp_community, never the secret itself",
    ),
]
HostKey = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9@.-]{3,60} [A-Za-z0-9+/]{40,4000}={0,3}$(?!\n)",
        description="a public host key such as ssh-ed25519 AAAA…, as ssh-keyscan prints it",
    ),
]
Port = Annotated[int, Meta(ge=1, le=65535)]
