"""Assets and what logins showed → one record for each machine: what it has, and what could not be read; pure.

What the profile of an asset has a field for comes from the same answers by way of mspctl/facts; what it has
none for (software, disks, updates, accounts …) stands in inspections.jsonl.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from mspctl.facts import Facts, facts
from mspctl.facts.sections import lines, section
from mspctl.facts.text import Raw
from mspctl.inspection import accounts, agents, packages, posix, script, windows
from mspctl.records import (
    Agent,
    Antivirus,
    Asset,
    IdentityKind,
    Inspection,
    Json,
    LoginFailed,
    Observation,
    ScanRecord,
)

LOGINS = frozenset({"ssh_login", "winrm_login"})
_BECOME = "ssh_become"
_OF_ONE_LOOK = frozenset({"root_listening", "root_updates", "filters"})  # an older answer says nothing of now


class _Look(NamedTuple):
    """One login: what anybody may see, and what its administrator saw then or before."""

    login: Observation
    become: Observation | None


def inspections(assets: Iterable[Asset], log: Iterable[ScanRecord]) -> tuple[Inspection, ...]:
    """Return one record for each asset that is there and that was logged in to, or was to be, by name."""
    seen: dict[str, list[Observation]] = defaultdict(list)
    failed: dict[str, LoginFailed] = {}
    for record in log:
        if isinstance(record, Observation) and record.probe in (*LOGINS, _BECOME):
            seen[record.address].append(record)
        elif isinstance(record, LoginFailed):
            known = failed.get(record.address)
            failed[record.address] = max(known or record, record, key=lambda each: (each.at, each.reason))
    found = (
        _inspection(asset, seen, failed)
        for asset in sorted(assets, key=lambda asset: asset.name)
        if not asset.gone_since
    )
    return tuple(each for each in found if each)


def _inspection(
    asset: Asset, seen: dict[str, list[Observation]], failed: dict[str, LoginFailed]
) -> Inspection | None:
    looks = _looks(asset, [record for address in asset.addresses for record in seen.get(address, ())])
    losses = [failed[address] for address in asset.addresses if address in failed]
    lost = max(losses, key=lambda each: each.at) if losses else None
    if lost and looks and lost.at <= looks[-1].login.at:
        lost = None
    if not looks:
        return Inspection(asset=asset.id, name=asset.name, lost=lost.reason) if lost else None
    made = _since(_read(looks[-1]), looks)
    told = {"asset": asset.id, "name": asset.name, "lost": lost.reason if lost else ""}
    return msgspec.structs.replace(made, **told)


def _looks(asset: Asset, records: Sequence[Observation]) -> list[_Look]:
    """Return the logins to an asset, oldest first; those of another machine at its address are left out."""
    privileged = {(each.scan, each.address): each for each in records if each.probe == _BECOME}
    looks: list[_Look] = []
    become: Observation | None = None
    logins = (each for each in records if each.probe in LOGINS)
    for login in sorted(logins, key=lambda each: (each.scan, each.at, each.address)):
        if _is_of(asset, facts(login)):
            become = privileged.get((login.scan, login.address), become)
            looks.append(_Look(login, become))
    return looks


def _is_of(asset: Asset, said: Facts) -> bool:
    """Return whether a login was to this very machine, as far as its marks tell."""
    for name, kind in (
        ("ssh.fingerprint", IdentityKind.SSH_HOST_KEY),
        ("host.uuid", IdentityKind.SYSTEM_UUID),
    ):
        known = {mark.value for mark in asset.identities if mark.kind is kind}
        if known and said.get(name) and said[name] not in known:
            return False
    return True


def _read(look: _Look) -> Inspection:
    if look.login.probe == "winrm_login":
        made = windows.inspected(look.login.raw, look.login.at)
        return msgspec.structs.replace(made, antivirus=_scanners(made.antivirus, made.agents))
    return _posix(look)


def _since(made: Inspection, looks: Sequence[_Look]) -> Inspection:
    """Return a record with the day since which each update and a restart wait without a break."""
    days = {(each.manager, update.name): "" for each in made.updates for update in each.pending}
    waiting = set(days)
    reboot, is_waiting = "", bool(made.reboot_needed)
    for look in reversed(looks):
        if not waiting and not is_waiting:
            break
        then = made if look is looks[-1] else _read(look)
        day = look.login.at.strftime("%Y-%m-%d")
        waiting &= {(each.manager, update.name) for each in then.updates for update in each.pending}
        days.update(dict.fromkeys(waiting, day))
        is_waiting = is_waiting and bool(then.reboot_needed)
        reboot = day if is_waiting else reboot
    updates = tuple(
        msgspec.structs.replace(
            each,
            pending=tuple(
                msgspec.structs.replace(update, since=days[each.manager, update.name])
                for update in each.pending
            ),
        )
        for each in made.updates
    )
    return msgspec.structs.replace(made, updates=updates, reboot_since=reboot)


def _posix(look: _Look) -> Inspection:
    """Return what a Unix machine showed; without asset and name."""
    raw, at = _joined(look), look.login.at
    software, services = packages.software_of(raw), posix.services_of(raw)
    processes = tuple(lines(section(raw, "processes"), 4_000))
    there = agents.found((each.name for each in services), processes, (each.name for each in software))
    keeper, in_step, right = posix.time_of(raw, at)
    needed, because = packages.reboot_of(raw)
    return Inspection(
        asset="",
        name="",
        by="ssh",
        is_privileged=look.become is not None,
        not_told=tuple(_not_told(look)),
        hardware=posix.hardware_of(raw),
        system=posix.system_of(raw),
        disks=posix.disks_of(raw),
        file_systems=posix.file_systems_of(raw),
        interfaces=posix.interfaces_of(raw),
        software=software,
        updates=packages.updates_of(raw, at),
        reboot_needed=needed,
        reboot_because=because,
        accounts=accounts.accounts_of(raw, at),
        administrators=accounts.administrators_of(raw),
        sudo_rules=accounts.sudo_rules_of(raw),
        antivirus=_scanners(posix.antivirus_of(raw, at), there),
        firewall=posix.firewall_of(raw),
        time_service=keeper,
        is_time_synchronised=in_step,
        is_clock_right=right,
        services=services,
        listening=posix.listening_of(raw),
        shares=posix.shares_of(raw),
        agents=there,
        settings=posix.settings_of(raw),
    )


def _joined(look: _Look) -> Raw:
    """Return the sections of a login with those of its administrator."""
    found: dict[str, Json] = {}
    for observation in (look.become, look.login):
        sections = observation.raw.get("sections") if observation else None
        if observation and isinstance(sections, dict):
            is_older = observation.scan != look.login.scan
            found |= {
                name: text
                for name, text in sections.items()
                if isinstance(text, str) and not (is_older and name in _OF_ONE_LOOK)
            }
    return {"sections": found}


def _not_told(look: _Look) -> Iterator[str]:
    become = look.login.raw.get("become")
    if reason := script.told_by_sudo(become if isinstance(become, str) else ""):
        older = "; what it showed before still stands" if look.become else ""
        yield f"what only root may see: {reason}{older}"
    cut = {
        name
        for each in look
        if each and isinstance(names := each.raw.get("cut"), list)
        for name in names
        if isinstance(name, str)
    }
    yield from (
        f"{name}: too much of it, the rest was cut off" for name in sorted(cut & script.limits().keys())
    )


def _scanners(found: tuple[Antivirus, ...], there: Iterable[Agent]) -> tuple[Antivirus, ...]:
    """Return the scanners that answered for themselves, and those only their names show."""
    known = {each.product.lower() for each in found}
    more = (
        Antivirus(
            product=each.product,
            is_running=True if any(a.startswith(("process", "service")) for a in each.artefacts) else None,
        )
        for each in there
        if each.kind == "antivirus" and not any(each.product.lower() in name for name in known)
    )
    return tuple(sorted((*found, *more), key=lambda each: each.product))
