"""The document of mspctl/data/inspect/windows.ps1 → what is known of a Windows machine; pure.

As in posix.py each value is one bounded line, and what does not look as it should is left out.
"""

from datetime import datetime
from typing import Any

from mspctl.facts import hardware, winrm_login
from mspctl.facts.document import document, number, row, rows, words
from mspctl.facts.text import Facts, Raw, line, mac_address
from mspctl.inspection import agents
from mspctl.inspection.accounts import LOGIN_DAYS
from mspctl.inspection.bounds import MOST, age, day, gibibytes, unique
from mspctl.inspection.packages import LIST_DAYS, MOST_SOFTWARE, MOST_UPDATES
from mspctl.inspection.posix import SIGNATURE_DAYS, fullness
from mspctl.records import (
    Account,
    Antivirus,
    Disk,
    FileSystem,
    Firewall,
    Hardware,
    Inspection,
    Interface,
    Listening,
    RunningService,
    Share,
    Software,
    System,
    Update,
    Updates,
)

_SECURITY = "0fa1201d-4330-4fa8-8ae9-b877473b6441"
"""Security updates: https://learn.microsoft.com/previous-versions/windows/desktop/ff357803(v=vs.85)"""
_SIGNATURES = "e0789628-ce08-4437-be74-2495b842f43b"  # of Defender: they come several times a day
_EPHEMERAL = 49_152  # https://www.rfc-editor.org/rfc/rfc6335#section-6
_EXPECTED = ("computer", "system", "software", "updates", "services", "administrators", "firewall")
_ON = 0x1000  # of a product in the security centre: it runs
_OLD = 0x10  # its signatures are out of date
_MOMENTARY = frozenset({"trustedinstaller", "wuauserv", "bits", "msiserver", "wersvc", "sppsvc", "clipsvc"})
_SETTINGS = {  # in the document → as it stands in the record
    "RemoteDesktopNla": "rdp.nla",
    "Multicast": "llmnr",
    "AccountControl": "uac",
    "AutomaticLogin": "automatic_login",
}


def inspected(raw: Raw, at: datetime) -> Inspection:
    """Return what a Windows machine showed; without asset and name."""
    found = document(raw)
    system = row(found, "system")
    software = _software(found)
    services = rows(found, "services")
    there = agents.found(
        [text for each in services for key in ("Name", "DisplayName") if (text := line(each.get(key), 120))],
        [text for each in rows(found, "processes") if (text := line(each.get("ProcessName"), 120))],
        [each.name for each in software],
    )
    reasons = [line(each, 80) for each in words(row(found, "reboot").get("Reasons"), 8)]
    now = number(system.get("Now"))
    return Inspection(
        asset="",
        name="",
        by="winrm",
        is_privileged=bool(rows(found, "firmware")),
        not_told=tuple(
            f"{part}: the machine gave no answer" for part in _EXPECTED if found.get(part) is None
        ),
        hardware=_hardware(found),
        system=_system(found, winrm_login.parse(raw)),
        disks=_disks(found),
        file_systems=_volumes(found),
        interfaces=_interfaces(found),
        software=software,
        updates=_updates(found, at),
        reboot_needed=bool(reasons) if rows(found, "reboot") else None,
        reboot_because=tuple(reasons),
        accounts=_accounts(found, at),
        administrators=_administrators(found),
        antivirus=_scanners(found, at),
        firewall=tuple(
            Firewall(name=name, is_active=line(each.get("Enabled"), 10).lower() in ("true", "1"))
            for each in rows(found, "firewall")[:8]
            if (name := line(each.get("Name"), 40))
        ),
        time_service="W32Time" if _runs(services, "w32time") else "",
        is_clock_right=abs(now - at.timestamp()) <= 60 if now is not None else None,
        services=_services(services),
        listening=_listening(found),
        shares=_shares(found),
        agents=there,
        settings=_settings(found),
    )


def _hardware(found: dict[str, Any]) -> Hardware:
    computer = row(found, "computer")
    memory = number(computer.get("TotalPhysicalMemory"))
    return Hardware(
        vendor=hardware.make(computer.get("Manufacturer")),
        model=hardware.make(computer.get("Model")),
        serial=hardware.serial(row(found, "firmware").get("SerialNumber")),
        uuid=hardware.system_uuid(row(found, "product").get("UUID")),
        chassis=winrm_login.chassis(found),
        processor=line(row(found, "processors").get("Name"), 100),
        processors=number(computer.get("NumberOfLogicalProcessors")),
        memory_gib=gibibytes(memory) if memory is not None else None,
        machine=winrm_login.hypervisor(computer),
    )


def _system(found: dict[str, Any], said: Facts) -> System:
    computer, system = row(found, "computer"), row(found, "system")
    is_joined = computer.get("PartOfDomain") is True
    return System(
        name=line(system.get("Caption"), 100),
        kernel=line(system.get("Version"), 40),
        architecture=line(system.get("OSArchitecture"), 40),
        hostname=said.get("host.name", ""),
        full_name=said.get("host.full_name", ""),
        domain=line(computer.get("Domain"), 100).lower() if is_joined else "",
        joined_by="ad" if is_joined else "",
        timezone=line(system.get("TimeZone"), 60),
        booted=day(system.get("Booted")),
    )


def _disks(found: dict[str, Any]) -> tuple[Disk, ...]:
    media = {"hdd": True, "ssd": False, "scm": False}
    made = (
        Disk(
            name=line(each.get("DeviceId"), 40) or "?",
            size_gib=gibibytes(size) if (size := number(each.get("Size"))) is not None else None,
            model=line(each.get("FriendlyName"), 80),
            is_rotating=media.get(line(each.get("MediaType"), 20).lower()),
            health={"healthy": "healthy", "warning": "degraded", "unhealthy": "degraded"}.get(
                line(each.get("HealthStatus"), 20).lower(), ""
            ),
        )
        for each in rows(found, "disks")
    )
    return unique(made, key=lambda disk: (disk.name, disk.model))


def _volumes(found: dict[str, Any]) -> tuple[FileSystem, ...]:
    locks = {
        line(each.get("DriveLetter"), 8): number(each.get("ProtectionStatus"))
        for each in rows(found, "bitlocker")
    }
    states: dict[int | None, str] = {1: "bitlocker", 0: "none"}
    made = []
    for each in rows(found, "volumes"):
        name, size, free = (
            line(each.get("DeviceID"), 8),
            number(each.get("Size")),
            number(each.get("FreeSpace")),
        )
        if name:
            made.append(
                FileSystem(
                    mount=name,
                    device=name,
                    kind=line(each.get("FileSystem"), 20).lower(),
                    size_gib=gibibytes(size) if size is not None else None,
                    used=fullness(100 - 100 * min(free, size) / size) if size and free is not None else None,
                    encryption=states.get(locks.get(name), ""),
                )
            )
    return unique(made, key=lambda item: item.mount)


def _interfaces(found: dict[str, Any]) -> tuple[Interface, ...]:
    made = []
    for each in rows(found, "interfaces"):
        lengths = words(each.get("IPSubnet"))
        pairs = zip(words(each.get("IPAddress")), [*lengths, *[""] * 64], strict=False)
        shown = {
            _with_length(address, length)
            for address, length in pairs
            if not address.lower().startswith("fe80")
        }
        name = line(each.get("Description"), 100)
        if name:
            made.append(
                Interface(name=name, mac=mac_address(each.get("MACAddress")), addresses=tuple(sorted(shown)))
            )
    return unique(made, key=lambda item: (item.name, item.mac), most=MOST)


def _with_length(address: str, length: str) -> str:
    """Return an address with its prefix: Windows gives IPv4's as a mask."""
    parts = length.split(".")
    if len(parts) == 4 and all(part.isdecimal() and len(part) < 4 for part in parts):
        return f"{address}/{sum(bin(int(part) & 255).count('1') for part in parts)}"
    return f"{address}/{length}" if length.isdecimal() else address


def _software(found: dict[str, Any]) -> tuple[Software, ...]:
    made = (
        Software(
            name=name,
            version=line(each.get("DisplayVersion"), 80),
            source="windows",
            vendor=line(each.get("Publisher"), 120),
        )
        for each in rows(found, "software")
        if (name := line(each.get("DisplayName"), 120))
    )
    return unique(made, key=lambda item: (item.name, item.version), most=MOST_SOFTWARE)


def _updates(found: dict[str, Any], at: datetime) -> tuple[Updates, ...]:
    told = row(found, "updates")
    if not told:
        return ()
    pending = []
    for each in rows(told, "Pending"):
        kinds = {kind.lower() for kind in words(each.get("Kinds"))}
        if kinds & {_SIGNATURES}:
            continue
        number_ = next(iter(words(each.get("Numbers"))), "")
        name = f"KB{number_}" if number_ else line(each.get("Title"), 120)
        if name:
            is_security = _SECURITY in kinds or bool(line(each.get("Severity"), 20))
            pending.append(Update(name=name, version=line(each.get("Title"), 160), is_security=is_security))
    searched = number(told.get("Searched"))
    return (
        Updates(
            manager="windows",
            pending=unique(pending, key=lambda item: item.name, most=MOST_UPDATES),
            lists=age(searched, at, LIST_DAYS) if searched is not None else None,
        ),
    )


def _accounts(found: dict[str, Any], at: datetime) -> tuple[Account, ...]:
    administrators = {line(each.get("SID"), 200) for each in rows(found, "administrators")}
    made = []
    for each in rows(found, "accounts"):
        name, sid, seen = (
            line(each.get("Name"), 60),
            line(each.get("SID"), 200),
            number(each.get("LastLogin")),
        )
        disabled = each.get("Disabled")
        if name:
            made.append(
                Account(
                    name=name,
                    is_enabled=not disabled if isinstance(disabled, bool) else None,
                    can_log_in=not disabled if isinstance(disabled, bool) else None,
                    is_administrator=sid in administrators if sid and administrators else None,
                    password={True: "set", False: "none", None: ""}[_bool(each.get("PasswordRequired"))],
                    password_expires=_bool(each.get("PasswordExpires")),
                    last_login=age(seen, at, LOGIN_DAYS) if seen is not None else "never",
                )
            )
    return unique(made, key=lambda item: item.name, most=MOST * 8)


def _administrators(found: dict[str, Any]) -> tuple[str, ...]:
    own = line(row(found, "computer").get("Name"), 60).lower()
    names = set()
    for each in rows(found, "administrators"):
        domain, name = line(each.get("Domain"), 60), line(each.get("Name"), 100)
        if name:
            names.add(name if domain.lower() == own or not domain else f"{domain}\\{name}")
    return tuple(sorted(names))[: MOST * 4]


def _scanners(found: dict[str, Any], at: datetime) -> tuple[Antivirus, ...]:
    """Return Defender by its own word, and the others by the security centre's, which servers lack."""
    made = []
    defender = row(found, "defender")
    if defender:
        signed = number(defender.get("Signatures"))
        made.append(
            Antivirus(
                product="Microsoft Defender",
                is_running=_bool(defender.get("Enabled")),
                is_real_time=_bool(defender.get("RealTime")),
                signatures=age(signed, at, SIGNATURE_DAYS) if signed is not None else "never",
            )
        )
    for each in rows(found, "scanners"):
        name, state = line(each.get("displayName"), 100), number(each.get("productState"))
        if name and state is not None and "defender" not in name.lower():
            made.append(
                Antivirus(
                    product=name,
                    is_running=bool(state & _ON),
                    is_real_time=bool(state & _ON),
                    signatures="old" if state & _OLD else "current",
                )
            )
    return unique(made, key=lambda item: item.product, most=MOST)


def _services(services: list[dict[str, Any]]) -> tuple[RunningService, ...]:
    made = []
    for each in services:
        name, state = line(each.get("Name"), 120), line(each.get("State"), 20).lower()
        base = name.rpartition("_")[0] if _is_of_a_user(name) else name
        if not base or base.lower() in _MOMENTARY:
            continue
        failed = number(each.get("ExitCode")) not in (0, None, 1077)  # 1077: not started since the boot
        starts = line(each.get("StartMode"), 20).lower() == "auto"
        if state == "running":
            made.append(RunningService(name=base, state="running"))
        elif starts and failed:
            made.append(RunningService(name=base, state="failed"))
    return unique(made, key=lambda item: item.name, most=MOST * 10)


def _is_of_a_user(name: str) -> bool:
    """Return whether a service is one a login makes for itself: CDPUserSvc_3f2a1."""
    end = name.rpartition("_")[2]
    return 4 <= len(end) <= 8 and "_" in name and all(letter in "0123456789abcdef" for letter in end)


def _runs(services: list[dict[str, Any]], name: str) -> bool:
    return any(
        line(each.get("Name"), 60).lower() == name and line(each.get("State"), 20).lower() == "running"
        for each in services
    )


def _listening(found: dict[str, Any]) -> tuple[Listening, ...]:
    names = {number(each.get("Id")): line(each.get("ProcessName"), 60) for each in rows(found, "processes")}
    made: dict[tuple[int, str, str], str] = {}
    for protocol in ("tcp", "udp"):
        for each in rows(found, protocol):
            port, address = number(each.get("LocalPort")), line(each.get("LocalAddress"), 60)
            is_here = address.startswith("127.") or address == "::1"
            if not port or port > 65_535 or (port >= _EPHEMERAL and (protocol == "udp" or is_here)):
                continue
            process = names.get(number(each.get("OwningProcess")), "")
            key = (port, protocol, "here" if is_here else "everywhere")
            made[key] = min(filter(None, (made.get(key, ""), process)), default="")
    return tuple(
        Listening(
            port=port,
            protocol="udp" if protocol == "udp" else "tcp",
            reach="here" if reach == "here" else "everywhere",
            process=process,
        )
        for (port, protocol, reach), process in sorted(made.items())
    )[: MOST * 10]


def _shares(found: dict[str, Any]) -> tuple[Share, ...]:
    made = (
        Share(name=name, kind="smb", path=line(each.get("Path"), 200), is_open=_bool(each.get("Open")))
        for each in rows(found, "shares")
        if (name := line(each.get("Name"), 80))
    )
    return unique(made, key=lambda item: item.name)


def _settings(found: dict[str, Any]) -> dict[str, str]:
    """Return single settings that a baseline asks for, as the registry has them, or yes and no."""
    told, smb, policy = row(found, "settings"), row(found, "smb"), row(found, "policy")
    made = {name: _word(told.get(key)) for key, name in _SETTINGS.items()}
    denied = _word(told.get("RemoteDesktopDenied"))
    made["rdp"] = {"0": "on", "1": "off"}.get(denied, "")
    laps = [_word(told.get(key)) for key in ("Laps", "LapsState", "LapsPolicy", "LapsLegacy")]
    made["laps"] = "on" if any(value not in ("", "0") for value in laps) else "off" if told else ""
    made["time.source"] = _word(told.get("TimeType"))
    made["smb1"] = _word(smb.get("EnableSMB1Protocol"))
    made["smb.signing_required"] = _word(smb.get("RequireSecuritySignature"))
    made["password.minimum_length"] = _word(policy.get("MinimumLength"))
    made["password.locked_after"] = _word(policy.get("LockedAfter"))
    seconds = number(policy.get("MaximumAgeSeconds"))
    made["password.maximum_days"] = str(seconds // 86_400) if seconds is not None else ""
    netbios = {number(each.get("TcpipNetbiosOptions")) for each in rows(found, "interfaces")} - {None}
    made["netbios"] = "" if not netbios else "off" if netbios == {2} else "on"
    defender = row(found, "defender")
    made["defender.tamper_protection"] = _word(defender.get("TamperProtected"))
    return {name: value for name, value in sorted(made.items()) if value}


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    found = number(value)
    return str(found) if found is not None else line(value, 60)


def _bool(value: object) -> bool | None:
    return value if isinstance(value, bool) else None
