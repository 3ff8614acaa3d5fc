"""A computer's account in Active Directory.

Raw: attributes under their names in the directory, in lower case, each a list of texts as LDAP gives them;
and "netbios_domain", the domain's short name where the directory told it.
https://learn.microsoft.com/windows/win32/adschema/c-computer
"""

from datetime import UTC, datetime, timedelta

from mspctl.facts.text import Facts, Raw, given, host_name, line, strings

ASKED = (
    *("cn", "sAMAccountName", "dNSHostName", "distinguishedName", "operatingSystem"),
    *("operatingSystemVersion", "lastLogonTimestamp", "whenCreated", "userAccountControl", "primaryGroupID"),
    *("servicePrincipalName", "location", "description", "managedBy"),
)
_DISABLED = 0x2  # https://learn.microsoft.com/windows/win32/adschema/a-useraccountcontrol
_CONTROLLERS = ("516", "521")  # the groups of domain controllers, read-only ones too
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
_SERVICES = 64
_WORD_CHARACTERS = 40


def parse(raw: Raw) -> Facts:
    """Return directory.name, .dns_name, .domain, .os and what else the account says.

    Days are written as 2026-11-22, .last_logon may be "never", .enabled is "yes" or "no", .services are the
    classes of its service names.
    """
    first = {name: (strings(raw.get(name.lower()), 1) or ("",))[0] for name in ASKED}
    control = first["userAccountControl"]
    return given(
        {
            "directory.name": host_name(first["sAMAccountName"].removesuffix("$") or first["cn"]),
            "directory.dns_name": host_name(first["dNSHostName"]),
            "directory.domain": domain_of(first["distinguishedName"]),
            "directory.netbios_domain": line(raw.get("netbios_domain"), 15),
            "directory.os": line(first["operatingSystem"], 120),
            "directory.os_version": line(first["operatingSystemVersion"], 60),
            "directory.enabled": ("no" if int(control) & _DISABLED else "yes") if _is_number(control) else "",
            "directory.controller": "yes" if first["primaryGroupID"] in _CONTROLLERS else "",
            "directory.last_logon": _day_of_ticks(first["lastLogonTimestamp"]),
            "directory.created": _day_of_text(first["whenCreated"]),
            "directory.services": " ".join(_kinds(strings(raw.get("serviceprincipalname"), _SERVICES))),
            "directory.location": line(first["location"], 120),
            "directory.description": line(first["description"], 200),
            "directory.managed_by": _name_in(first["managedBy"]),
        }
    )


def domain_of(name: str) -> str:
    """Return the DNS name of the domain that a distinguished name lies in, "" for none."""
    parts = [part.strip() for part in name.split(",")]
    return host_name(".".join(part[3:] for part in parts if part.lower().startswith("dc=")) or " ")


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 20


def _day_of_ticks(text: str) -> str:
    """Return the day of a count of 100 nanoseconds since 1601; "never" for 0, "" for what is no time."""
    if not _is_number(text) or int(text) == 0:
        return "never" if text == "0" else ""
    try:
        return (_EPOCH + timedelta(microseconds=int(text) // 10)).strftime("%Y-%m-%d")
    except (OverflowError, ValueError):
        return ""


def _day_of_text(text: str) -> str:
    """Return the day of a time such as 20261122020014.0Z."""
    try:
        return datetime.strptime(text[:8], "%Y%m%d").replace(tzinfo=UTC).strftime("%Y-%m-%d")
    except ValueError:
        return ""


def _kinds(names: tuple[str, ...]) -> list[str]:
    """Return the service classes of service principal names such as MSSQLSvc/sql1:1433, each once."""
    return sorted({name.partition("/")[0].replace(" ", "-")[:_WORD_CHARACTERS] for name in names} - {""})


def _name_in(name: str) -> str:
    """Return the common name in a distinguished name."""
    head = name.partition(",")[0]
    return line(head[3:], 80) if head.lower().startswith("cn=") else ""
