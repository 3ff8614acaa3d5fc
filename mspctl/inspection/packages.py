"""What is installed on a Unix machine, and what its own lists offer; pure."""

import re
from collections.abc import Iterator
from datetime import datetime

from mspctl.facts.sections import fields, lines, section
from mspctl.facts.text import Raw, line
from mspctl.inspection.bounds import age, unique
from mspctl.records import Software, Update, Updates
from mspctl.records.inspection import PackageManager

MOST_SOFTWARE = 8_000
MOST_UPDATES = 2_000
LIST_DAYS = 14
_MANAGERS: dict[str, PackageManager] = {
    "apt": "apt",
    "dnf": "dnf",
    "zypper": "zypper",
    "apk": "apk",
    "pacman": "pacman",
    "softwareupdate": "softwareupdate",
}


def software_of(raw: Raw) -> tuple[Software, ...]:
    """Return the installed packages and programs by name."""
    found = (made for each in section(raw, "packages").splitlines() if (made := _package(each)))
    return unique(found, key=lambda item: (item.name, item.source, item.version), most=MOST_SOFTWARE)


def _package(text: str) -> Software | None:
    source, _, rest = text.partition("\t")
    if source in ("deb", "rpm"):
        parts = rest.split("\t")
        if len(parts) < 3 or parts[0][1:2] != "i" or parts[1] == "gpg-pubkey":
            return None
        return _software(parts[1], parts[2], source)
    if source == "apk" and (seen := re.match(r"(\S+)-(\d[^\s-]*-r\d+) ", rest)):
        return _software(seen[1], seen[2], source)
    if source in ("pacman", "snap", "flatpak", "app"):
        parts = rest.split("\t") if source in ("app", "flatpak") else rest.split()
        if parts and parts[0] not in ("Name", ""):
            return _software(parts[0].removesuffix(".app"), parts[1] if len(parts) > 1 else "", source)
    return None


def _software(name: str, version: str, source: str) -> Software | None:
    shown = line(name, 120)
    return Software(name=shown, version=line(version, 80), source=source) if shown else None


def updates_of(raw: Raw, at: datetime) -> tuple[Updates, ...]:
    """Return what waits to be installed, by package manager."""
    found: dict[PackageManager, dict[str, Update]] = {}
    for text in (section(raw, "updates"), section(raw, "root_updates")):
        manager, is_security = "", False
        for each in lines(text, 20_000):
            if each.startswith("manager="):
                manager, _, kind = each.removeprefix("manager=").partition("-")
                is_security = bool(kind)
                if manager in _MANAGERS:
                    found.setdefault(_MANAGERS[manager], {})
            elif manager in _MANAGERS:
                pending = found[_MANAGERS[manager]]
                for update in _READERS[manager](each, is_security):
                    known = pending.get(update.name)
                    if known is None or update.is_security:
                        version = update.version or (known.version if known else "")
                        pending[update.name] = Update(
                            name=update.name, version=version, is_security=update.is_security
                        )
    stamps = [int(each) for each in re.findall(r"^(\d{1,11})$", section(raw, "lists"), re.MULTILINE)]
    lists = age(max(stamps), at, LIST_DAYS) if stamps else None
    return tuple(
        Updates(
            manager=manager,
            pending=tuple(sorted(pending.values()))[:MOST_UPDATES],
            lists=lists or ("never" if manager == "apt" else None),
        )
        for manager, pending in sorted(found.items())
    )


def _apt(text: str, _: bool) -> Iterator[Update]:
    """Read "Inst openssl [3.0.14-1] (3.0.15-1 Debian-Security:12/stable-security [amd64])"."""
    if seen := re.match(r"Inst (\S+) (\[[^\]]+\] )?\((\S+) ([^\[)]*)", text):
        is_security = "security" in seen[4].lower()
        if seen[2]:  # what is new altogether comes with an update and is none
            yield Update(name=line(seen[1], 120), version=line(seen[3], 80), is_security=is_security)


def _dnf(text: str, is_security: bool) -> Iterator[Update]:
    if is_security:  # "RHSA-2026:1234 Important/Sec. openssl-libs-1:3.0.7-28.el9.x86_64"
        if seen := re.match(r"\S+ +\S+ +(\S+)-(?:\d+:)?[^-\s]+-[^-\s]+\.\w+$", text):
            yield Update(name=line(seen[1], 120), is_security=True)
    elif seen := re.match(r"(\S+)\.(?:\w+) +(\S+) +\S+$", text):
        yield Update(name=line(seen[1], 120), version=line(seen[2], 80))


def _zypper(text: str, is_security: bool) -> Iterator[Update]:
    parts = [part.strip() for part in text.split("|")]
    if is_security and len(parts) > 5 and parts[1] not in ("Name", ""):
        yield Update(name=line(parts[1], 120), is_security=True)
    elif len(parts) > 5 and parts[0] == "v":
        yield Update(name=line(parts[2], 120), version=line(parts[4], 80))


def _apk(text: str, _: bool) -> Iterator[Update]:
    if seen := re.match(r"(\S+)-\d[^\s-]*-r\d+ +< +(\S+)", text):
        yield Update(name=line(seen[1], 120), version=line(seen[2], 80))


def _pacman(text: str, _: bool) -> Iterator[Update]:
    if seen := re.match(r"(\S+) \S+ -> (\S+)", text):
        yield Update(name=line(seen[1], 120), version=line(seen[2], 80))


def _softwareupdate(text: str, _: bool) -> Iterator[Update]:
    if seen := re.match(r"Title: ([^,]+), Version: ([^,]*),", text):
        is_security = "security" in seen[1].lower() or seen[1].startswith("macOS")
        yield Update(name=line(seen[1], 120), version=line(seen[2], 80), is_security=is_security)


_READERS = {
    "apt": _apt,
    "dnf": _dnf,
    "zypper": _zypper,
    "apk": _apk,
    "pacman": _pacman,
    "softwareupdate": _softwareupdate,
}


def reboot_of(raw: Raw) -> tuple[bool | None, tuple[str, ...]]:
    """Return whether the machine says that it has to be started anew, and for what."""
    text = section(raw, "reboot")
    because = sorted({line(each, 80) for each in re.findall(r"^because=(.+)$", text, re.MULTILINE)})
    if "kernel=gone" in text:
        because.append("the kernel that runs is not installed any more")
    is_needed = bool(re.search(r"^(required|kernel=gone)$", text, re.MULTILINE))
    can_tell = bool(section(raw, "packages").strip()) and not fields(section(raw, "kernel")).get("macos")
    return (True if is_needed else False if can_tell else None), tuple(because[:32])
