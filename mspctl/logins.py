"""Whom to log in to, and how: assets, what the client allows and what is pinned → logins; pure."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Literal

import msgspec

from mspctl.inventory import AGENT_KINDS, connection_of, names_of
from mspctl.records import Asset, ClientFile, Connection, OverridesFile, Record

UNIX = frozenset(
    {
        *("debian", "ubuntu", "linux", "raspbian", "linuxmint", "pop", "kali", "rhel", "centos", "rocky"),
        *(
            "almalinux",
            "fedora",
            "ol",
            "amzn",
            "sles",
            "sled",
            "opensuse-leap",
            "opensuse-tumbleweed",
            "suse",
        ),
        *("alpine", "arch", "manjaro", "gentoo", "nixos", "macos", "freebsd", "openbsd", "netbsd"),
    }
)
"""Systems that run a POSIX shell for whom they let in; a switch or a firewall is never logged in to here."""

NEVER_PINNED = "its SSH host key was never pinned: `mspctl discover` pins it"


class Login(Record, frozen=True, kw_only=True):
    """One machine that is logged in to."""

    asset: str  # its id
    name: str
    address: str
    by: Literal["ssh"]
    port: int
    connection: Connection
    pin: str = ""  # the SSH host key it has to show


class LeftOut(Record, frozen=True, kw_only=True):
    """One machine that is not, and why."""

    asset: str
    name: str
    reason: str


def logins(
    client: ClientFile,
    assets: Iterable[Asset],
    overrides: OverridesFile,
    known_hosts: str,
    today: date,
    only: frozenset[str] | None = None,
) -> tuple[Login | LeftOut, ...]:
    """Return every asset that is there, by name: logged in to, or left out with the reason.

    `only` are the names asked for. What the client excluded from all services is left alone, and so is what
    nobody has understood: a password is not tried on a machine because it answers.
    """
    by_asset = {override.asset: override for override in overrides.assets}
    pins = _pins(known_hosts)
    found: list[Login | LeftOut] = []
    for asset in sorted(assets, key=lambda asset: asset.name):
        if asset.gone_since or (only is not None and asset.name not in only):
            continue
        connection = connection_of(client, asset.site, by_asset.get(asset.id))
        reason = _excluded(asset, client, today)
        login = LeftOut(asset=asset.id, name=asset.name, reason=reason) if reason else None
        found.append(login or _login(asset, connection, pins))
    return tuple(found)


def _login(asset: Asset, connection: Connection, pins: Mapping[str, str]) -> Login | LeftOut:
    ports = [service.port for service in asset.services if service.name == "ssh"]
    reason = _unsuited(asset, bool(ports or connection.port))
    address = asset.addresses[0]
    port = connection.port or min(ports, default=22)
    pin = pins.get(address if port == 22 else f"[{address}]:{port}", "")
    if not reason and not connection.user:
        reason = "client.yml names no user to log in with (connection.user)"
    if not reason and not pin:
        reason = NEVER_PINNED
    if reason:
        return LeftOut(asset=asset.id, name=asset.name, reason=reason)
    return Login(
        asset=asset.id,
        name=asset.name,
        address=address,
        by="ssh",
        port=port,
        connection=connection,
        pin=pin,
    )


def _unsuited(asset: Asset, answers: bool) -> str:
    """Return why an asset is nothing to log in to, "" where it is."""
    system, kind = asset.get("os"), asset.get("kind")
    if not system and kind not in AGENT_KINDS:
        return "nobody knows what it is" if not kind else f"{kind}: not a computer to log in to"
    if system and system not in UNIX:
        return f"no way to log in to {system} yet"
    return "" if answers else "does not answer on SSH"


def _excluded(asset: Asset, client: ClientFile, today: date) -> str:
    """Return why the client wants an asset left alone altogether, "" where it does not."""
    for each in client.exclusions:
        if each.asset in names_of(asset) and not each.services and date.fromisoformat(each.expires) >= today:
            return f"{each.reason} ({each.owner}, until {each.expires})"
    return ""


def _pins(known_hosts: str) -> dict[str, str]:
    """Return the pinned key of each host, the first line of each counts, as in mspctl/hostkeys.py."""
    found: dict[str, str] = {}
    for each in known_hosts.splitlines():
        words = each.split()
        if len(words) >= 3 and not words[0].startswith(("#", "@", "|")):
            for host in words[0].split(","):
                found.setdefault(host, f"{words[1]} {words[2]}")
    return found


def secrets_of(login: Login) -> tuple[str, ...]:
    """Return the references to the secrets that a login needs, in a fixed order."""
    connection = msgspec.to_builtins(login.connection)
    return tuple(connection[name] for name in ("key", "password", "become_password") if connection.get(name))
