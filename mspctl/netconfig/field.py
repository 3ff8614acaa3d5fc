"""The network devices of a client, and what is asked of each: files and assets → devices; pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from msgspec import structs

from mspctl.logins import NEVER_PINNED, excluded
from mspctl.netconfig import rules
from mspctl.netconfig.detect import KINDS
from mspctl.netconfig.door import Door
from mspctl.netconfig.plan import Task
from mspctl.records import (
    Asset,
    BaselineRule,
    ClientFile,
    DetectedDevice,
    NetworkChoices,
    NetworkConnection,
    NetworkDevice,
    Parameters,
    Platform,
)


class Member(NamedTuple):
    """One device that may be logged in to, or the reason why not."""

    asset: Asset
    port: int
    connection: NetworkConnection
    device: NetworkDevice
    host_key: str
    reason: str = ""  # why it is left alone


def choices(client: NetworkChoices, provider: NetworkChoices) -> NetworkChoices:
    """Return what the client chose over what the provider chooses for all."""
    blank = structs.asdict(Parameters())
    said = {name: value for name, value in structs.asdict(client.parameters).items() if value != blank[name]}
    return structs.replace(
        client,
        connection=merged(provider.connection, client.connection),
        parameters=structs.replace(provider.parameters, **said),
        harmless=(*provider.harmless, *client.harmless),
        rules=tuple(dict.fromkeys((*provider.rules, *client.rules))),
    )


def merged(under: NetworkConnection, over: NetworkConnection) -> NetworkConnection:
    """Return a connection with what another says over it."""
    said = {name: value for name, value in structs.asdict(over).items() if value is not None}
    if "key" in said or "key_file" in said:
        under = structs.replace(under, key=None, key_file=None)
    return structs.replace(under, **said)


def members(
    client: ClientFile,
    chosen: NetworkChoices,
    assets: Iterable[Asset],
    host_keys: Mapping[str, str],
    systems: frozenset[str],
    today: date,
) -> tuple[Member, ...]:
    """Return every asset that is a network device, by name; a server that routes is none unless named."""
    found = []
    for asset in sorted(assets, key=lambda each: each.name):
        device = chosen.devices.get(asset.name)
        is_device = asset.get("kind") in KINDS or asset.get("os") in systems
        if asset.gone_since or not (device or is_device):
            continue
        device = device or NetworkDevice()
        connection = merged(chosen.connection, device.connection)
        ports = [service.port for service in asset.services if service.name == "ssh"]
        port = connection.port or min(ports, default=22)
        address = asset.addresses[0]
        pin = host_keys.get(address if port == 22 else f"[{address}]:{port}", "")
        reason = excluded(asset, client, today)
        if not reason and not ports and not connection.port:
            reason = "does not answer on SSH"
        if not reason and not connection.user:
            reason = "client.yml names no user to log in with (network.connection.user)"
        if not reason and not pin:
            reason = NEVER_PINNED
        found.append(Member(asset, port, connection, device, pin, reason))
    return tuple(found)


def door(member: Member, secrets: Mapping[str, str]) -> Door:
    """Return how to get into a device. `secrets` are by reference."""
    connection = member.connection

    def opened(reference: str | None) -> str:
        return secrets[reference] if reference else ""

    return Door(
        host=member.asset.name,
        address=member.asset.addresses[0],
        port=member.port,
        user=connection.user or "",
        host_key=member.host_key,
        password=opened(connection.password),
        enable=opened(connection.enable),
        private_key=opened(connection.key),
        key_file=connection.key_file or "",
    )


def secrets_of(chosen: NetworkChoices, found: Iterable[Member]) -> tuple[str, ...]:
    """Return the references to every secret that devices or rules need, sorted."""
    parameters = chosen.parameters
    wanted: list[str | None] = []
    for member in found:
        connection = member.connection
        wanted += (connection.password, connection.enable, connection.key)
    if user := parameters.snmp_user:
        wanted += (user.authentication, user.privacy)
    if parameters.aaa:
        wanted.append(parameters.aaa.key)
    return tuple(sorted({reference for reference in wanted if reference}))


def task(
    name: str,
    platform: Platform,
    device: NetworkDevice,
    chosen: NetworkChoices,
    baseline: Sequence[BaselineRule],
    secrets: Mapping[str, str],
    today: date,
    *,
    accept_risk: bool = False,
) -> Task:
    """Return what is asked of one device."""
    given = rules.values(chosen.parameters, device, secrets, today)
    return Task(name, platform, device, chosen, baseline, given, today, accept_risk)


def stored(detected: Iterable[DetectedDevice], platforms: Mapping[str, Platform]) -> dict[str, Platform]:
    """Return the platform of each asset that is known, by its id."""
    return {each.asset: platforms[each.platform] for each in detected if each.platform in platforms}
