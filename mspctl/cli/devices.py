"""A client's network devices for the commands: who they are, how to get in, where their copies lie."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import NamedTuple

from mspctl import catalog
from mspctl import logins as planning
from mspctl.cli.output import note
from mspctl.errors import BadInput
from mspctl.facts import facts
from mspctl.handwritten import nearest
from mspctl.netconfig import ask, detect, field, fleet
from mspctl.netconfig.door import Door, Lost
from mspctl.netconfig.field import Member
from mspctl.netconfig.plan import Task
from mspctl.netconfig.shelf import SEALED, Shelf
from mspctl.records import Asset, DetectedDevice, NetworkChoices, Observation, Platform
from mspctl.workspace import Client

FOLDER = "network"


class Ready(NamedTuple):
    """A device that can be worked on."""

    member: Member
    platform: Platform
    door: Door

    @property
    def name(self) -> str:
        """Its asset's name."""
        return self.member.asset.name


class Scene(NamedTuple):
    """What commands on a client's devices start from."""

    choices: NetworkChoices
    members: tuple[Member, ...]
    secrets: dict[str, str]  # by reference
    ready: tuple[Ready, ...]
    left_out: dict[str, str]  # device: why


def scene(client: Client, names: Sequence[str] = (), *, configured: bool = False) -> Scene:
    """Return the client's devices, those of `names` only where there are any. Detects who is new.

    With `configured`, only devices of platforms that have rules. Raise BadInput for a name nobody bears, and
    for a secret that is not in the vault. Needs the client's lock.
    """
    chosen = choices(client)
    found = _named(client, known_members(client, chosen), names)
    secrets = opened(client, chosen, found)
    platforms = catalog.platforms()
    left_out = {member.asset.name: member.reason for member in found if member.reason}
    detected = {each.asset: each for each in detection(client, found, secrets)}
    ready: list[Ready] = []
    for member in found:
        name, known = member.asset.name, detected[member.asset.id]
        platform = platforms.get(known.platform)
        if name in left_out:
            continue
        if platform is None:
            left_out[name] = known.reason
        elif configured and not platform.configured:
            left_out[name] = f"{platform.title}: backed up only, no rules yet"
        else:
            ready.append(Ready(member, platform, field.door(member, secrets)))
    return Scene(chosen, found, secrets, tuple(ready), left_out)


def choices(client: Client) -> NetworkChoices:
    """Return what the client chose for its devices, over the provider's defaults."""
    return field.choices(client.file().network, client.workspace.settings().network)


def tasks(found: Scene, *, accept_risk: bool = False) -> dict[str, Task]:
    """Return what the baseline asks of each device."""
    return {
        each.name: field.task(
            each.name,
            each.platform,
            each.member.device,
            found.choices,
            catalog.baseline(),
            found.secrets,
            date.today(),
            accept_risk=accept_risk,
        )
        for each in found.ready
    }


def known_members(client: Client, chosen: NetworkChoices) -> tuple[Member, ...]:
    """Return the client's network devices. Raise BadInput for one that is named and not there."""
    assets = [each for each in client.assets() if isinstance(each, Asset)]
    if not assets:
        raise BadInput(f"{client.name}: no assets yet; `mspctl discover {client.name}` finds them")
    names = {asset.name for asset in assets}
    lines = [
        f"{client.shown('client.yml')}: network.devices.{name}: no asset of this name"
        f"{nearest(name, sorted(names))}"
        for name in chosen.devices
        if name not in names
    ]
    if lines:
        raise BadInput(lines)
    keys = planning.pins(client.known_hosts(), ()).host_keys
    systems = frozenset(system for each in catalog.platforms().values() for system in each.systems)
    return field.members(client.file(), chosen, assets, keys, systems, date.today())


def _named(client: Client, found: Sequence[Member], names: Sequence[str]) -> tuple[Member, ...]:
    known = [member.asset.name for member in found]
    if lines := [f"{name}: no network device{nearest(name, known)}" for name in names if name not in known]:
        raise BadInput(lines)
    chosen = tuple(member for member in found if not names or member.asset.name in names)
    if not chosen:
        raise BadInput(
            f"{client.name}: no network device is known; name one with network.devices in client.yml"
        )
    return chosen


def opened(client: Client, chosen: NetworkChoices, found: Sequence[Member]) -> dict[str, str]:
    """Return the secrets that devices and rules need, by reference. Raise BadInput for one that lacks."""
    vault = client.vault()
    return {reference: vault.get(reference) for reference in field.secrets_of(chosen, found)}


def detection(
    client: Client, found: Sequence[Member], secrets: dict[str, str], *, anew: bool = False
) -> tuple[DetectedDevice, ...]:
    """Return the platform of each device: as stored, told by the evidence, or asked of the device itself.

    What was not asked before is asked, with `anew` all; network.jsonl is brought up to date.
    """
    stored = {each.asset: each for each in client.devices()}
    banners = _banners(client)
    platforms = catalog.platforms()
    result: dict[str, DetectedDevice] = {}
    unsure: list[tuple[Member, detect.Told]] = []
    for member in found:
        asset = member.asset
        banner = banners.get((asset.addresses[0], member.port), "")
        told = detect.told(asset, member.device.platform, banner, platforms)
        known = stored.get(asset.id)
        if told.platform or not told.candidates:
            result[asset.id] = _detected(member, told.platform, told.reason, known)
        elif known and known.platform in platforms and not anew:
            result[asset.id] = _detected(member, known.platform, known.reason, known)
        elif member.reason:
            result[asset.id] = _detected(member, "", member.reason, known)
        else:
            unsure.append((member, told))

    def work(pair: tuple[Member, detect.Told]) -> tuple[str, str]:
        member, told = pair
        try:
            name = ask.which(field.door(member, secrets), [platforms[each] for each in told.candidates])
        except Lost as error:
            return "", str(error)
        asked = ", ".join(told.candidates)
        return name, f"answers as one; asked for {asked}" if name else f"unsupported: none of {asked}"

    def take(pair: tuple[Member, detect.Told], answer: tuple[str, str]) -> None:
        member = pair[0]
        result[member.asset.id] = _detected(member, *answer, stored.get(member.asset.id))

    if unsure:
        note(f"asking {', '.join(member.asset.name for member, _ in unsure)} what they are")
        fleet.each(unsure, work, take)
    others = [each for each in stored.values() if each.asset not in result]
    client.save_records("network.jsonl", (*others, *result.values()))
    return tuple(sorted(result.values(), key=lambda each: each.name))


def _detected(member: Member, platform: str, reason: str, known: DetectedDevice | None) -> DetectedDevice:
    driver = catalog.platforms()[platform].driver if platform else ""
    is_same = known is not None and known.platform == platform
    return DetectedDevice(
        asset=member.asset.id,
        name=member.asset.name,
        address=member.asset.addresses[0],
        port=member.port,
        platform=platform,
        driver=driver,
        reason=reason,
        since=known.since if known and is_same else datetime.now(UTC),
    )


def _banners(client: Client) -> dict[tuple[str, int], str]:
    seen = (each for each in client.scans() if isinstance(each, Observation) and each.probe == "ssh")
    return {
        (each.address, each.port or 22): banner for each in seen if (banner := facts(each).get("ssh.banner"))
    }


def shelf(client: Client, chosen: NetworkChoices) -> Shelf:
    """Return where the copies of the client's devices lie; asks for the vault's password, in this thread."""
    vault = client.vault()
    vault.seal("")
    return Shelf(client.path / FOLDER, vault.seal, vault.unseal, chosen.harmless)


def sealed(client: Client, name: str, revision: str = "") -> str:
    """Return the sealed copy of a device, as a commit has it or the newest. Raise BadInput: there is none."""
    file = f"{FOLDER}/{name}/{SEALED}"
    if revision:
        return client.at(revision, file)
    path = client.path / file
    if not path.exists():
        raise BadInput(f"{client.shown(file)}: no copy; `mspctl network backup {client.name}` makes one")
    return path.read_text(encoding="utf-8")
