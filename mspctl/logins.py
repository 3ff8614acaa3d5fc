"""Whom to log in to, and how: assets, what the client allows and what is pinned → logins; pure."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from types import MappingProxyType
from typing import Literal, NamedTuple

from mspctl.facts import facts
from mspctl.inventory import AGENT_KINDS, connection_of, names_of
from mspctl.records import (
    Asset,
    ClientFile,
    Connection,
    Observation,
    OverridesFile,
    Record,
    ScanRecord,
    WindowsConnection,
)
from mspctl.remoting import WINRM_PORTS, Certificates, way_in

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


class Pins(NamedTuple):
    """What machines have to show before anything is said to them."""

    host_keys: Mapping[str, str]  # by address, or [address]:port
    certificates: Certificates = MappingProxyType({})


class Login(Record, frozen=True, kw_only=True):
    """One machine that is logged in to."""

    asset: str  # its id
    name: str
    address: str
    by: Literal["ssh", "winrm"]
    port: int
    connection: Connection
    pin: str = ""  # the SSH host key it has to show, or the SHA-256 of the key in its certificate
    names: tuple[str, ...] = ()  # what a certificate may call it


class LeftOut(Record, frozen=True, kw_only=True):
    """One machine that is not, and why."""

    asset: str
    name: str
    reason: str


def logins(
    client: ClientFile,
    assets: Iterable[Asset],
    overrides: OverridesFile,
    pins: Pins,
    today: date,
    only: frozenset[str] | None = None,
) -> tuple[Login | LeftOut, ...]:
    """Return every asset that is there, by name: logged in to, or left out with the reason.

    `only` are the names asked for. What the client excluded from all services is left alone, and so is what
    nobody has understood: a password is not tried on a machine because it answers.
    """
    by_asset = {override.asset: override for override in overrides.assets}
    found: list[Login | LeftOut] = []
    for asset in sorted(assets, key=lambda asset: asset.name):
        if asset.gone_since or (only is not None and asset.name not in only):
            continue
        connection = connection_of(client, asset.site, by_asset.get(asset.id))
        reason = excluded(asset, client, today)
        login = LeftOut(asset=asset.id, name=asset.name, reason=reason) if reason else None
        enter = _by_winrm if _is_windows(asset) else _by_ssh
        found.append(login or enter(asset, connection, pins))
    return tuple(found)


def _is_windows(asset: Asset) -> bool:
    ports = {service.port for service in asset.services}
    return asset.get("os") == "windows" or (not asset.get("os") and bool(ports & set(WINRM_PORTS)))


def _by_winrm(asset: Asset, connection: Connection, pins: Pins) -> Login | LeftOut:
    way = way_in(asset, connection.windows or WindowsConnection(), pins.certificates)
    if isinstance(way, str):
        return LeftOut(asset=asset.id, name=asset.name, reason=way)
    return Login(
        asset=asset.id,
        name=asset.name,
        address=asset.addresses[0],
        by="winrm",
        port=way.port,
        connection=connection,
        pin=way.pin,
        names=way.names,
    )


def _by_ssh(asset: Asset, connection: Connection, pins: Pins) -> Login | LeftOut:
    ports = [service.port for service in asset.services if service.name == "ssh"]
    reason = _unsuited(asset, bool(ports or connection.port))
    address = asset.addresses[0]
    port = connection.port or min(ports, default=22)
    pin = pins.host_keys.get(address if port == 22 else f"[{address}]:{port}", "")
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


def excluded(asset: Asset, client: ClientFile, today: date) -> str:
    """Return why the client wants an asset left alone altogether, "" where it does not."""
    for each in client.exclusions:
        if each.asset in names_of(asset) and not each.services and date.fromisoformat(each.expires) >= today:
            return f"{each.reason} ({each.owner}, until {each.expires})"
    return ""


def pins(known_hosts: str, log: Iterable[ScanRecord]) -> Pins:
    """Return what is pinned: the keys in known_hosts, the first line of a host, and the first certificate of
    each address and port that any scan saw.
    """
    certificates: dict[tuple[str, int], str] = {}
    seen = (each for each in log if isinstance(each, Observation) and each.probe == "tls" and each.port)
    for each in sorted(seen, key=lambda each: (each.scan, each.at)):
        if key := facts(each).get("tls.key"):
            certificates.setdefault((each.address, each.port or 0), key)
    return Pins(_host_keys(known_hosts), certificates)


def certificates(assets: Iterable[Asset], log: Callable[[], Iterable[ScanRecord]]) -> Certificates:
    """Return the certificates that are pinned, of whatever scan; the log is read where a host is Windows."""
    if any(_is_windows(asset) and not asset.gone_since for asset in assets):
        return pins("", log()).certificates
    return {}


def _host_keys(known_hosts: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in known_hosts.splitlines():
        words = each.split()
        if len(words) >= 3 and not words[0].startswith(("#", "@", "|")):
            for host in words[0].split(","):
                found.setdefault(host, f"{words[1]} {words[2]}")
    return found


def secrets_of(login: Login) -> tuple[str, ...]:
    """Return the references to the secrets that a login needs, in a fixed order."""
    connection = login.connection
    if login.by == "winrm":
        windows = connection.windows or WindowsConnection()
        return (windows.password,) if windows.password else ()
    wanted = (connection.key, connection.password, connection.become_password)
    return tuple(reference for reference in wanted if reference)
