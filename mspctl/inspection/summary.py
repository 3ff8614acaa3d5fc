"""An inspection in few rows, for a terminal and a page; pure."""

from collections.abc import Iterator

from mspctl.records import FileSystem, Inspection

Row = tuple[str, str, str]
_FULLNESS = {"under-80": "under 80 % used", "over-80": "over 80 % used", "over-90": "over 90 % used"}


def summary(found: Inspection) -> list[Row]:
    """Return what an inspection found as rows: what, value, more; without what was not told."""
    rows = (*_machine(found), *_software(found), *_security(found), *_network(found), *_doubts(found))
    return [row for row in rows if row[1]]


def _machine(found: Inspection) -> Iterator[Row]:
    hardware, system = found.hardware, found.system
    runs = f"container ({hardware.container})" if hardware.container else ""
    if hardware.machine and not hardware.container:
        runs = f"virtual ({hardware.machine})"
    yield "system", system.name, f"{system.kernel} {system.architecture}".strip()
    yield "hardware", f"{hardware.vendor} {hardware.model}".strip() or runs, hardware.serial
    memory = f"{hardware.memory_gib} GiB" if hardware.memory_gib is not None else ""
    count = f"{hardware.processors} x " if hardware.processors else ""
    yield "processor", f"{count}{hardware.processor}".strip(), memory
    yield "directory", system.domain, system.joined_by
    for disk in found.disks:
        yield "disk", f"{disk.name} {disk.model}".strip(), f"{_size(disk.size_gib)} {disk.health}".strip()
    for each in found.file_systems:
        yield "file system", f"{each.mount} {each.kind}".strip(), _filled(each)
    yield "booted", system.booted, ""


def _software(found: Inspection) -> Iterator[Row]:
    yield "software", f"{len(found.software)} packages" if found.software else "", ""
    for each in found.updates:
        urgent = sum(1 for update in each.pending if update.is_security)
        lists = f"; lists {each.lists}" if each.lists else ""
        yield "updates", f"{len(each.pending)} waiting", f"{urgent} for security ({each.manager}{lists})"
    reasons = " ".join(found.reboot_because)
    yield "restart", "needed" if found.reboot_needed else "", f"since {found.reboot_since} {reasons}".strip()
    yield "services", " ".join(each.name for each in found.services if each.state == "running"), ""
    for service in found.services:
        if service.state != "running":
            yield f"{service.state} service", service.name, ""


def _security(found: Inspection) -> Iterator[Row]:
    yield "administrators", " ".join(found.administrators), ""
    yield "accounts", " ".join(each.name for each in found.accounts), ""
    for scanner in found.antivirus:
        told = (
            f"running {_yes(scanner.is_running)}",
            f"real time {_yes(scanner.is_real_time)}",
            f"signatures {scanner.signatures or '?'}",
        )
        yield "antivirus", scanner.product, ", ".join(told)
    for wall in found.firewall:
        yield "firewall", wall.name, f"active {_yes(wall.is_active)}"
    in_step = f"in step {_yes(found.is_time_synchronised)}, right {_yes(found.is_clock_right)}"
    yield "clock", found.time_service or "nothing keeps it", in_step
    for agent in found.agents:
        yield "agent", agent.product, f"{agent.kind}: {', '.join(agent.artefacts)}"
    for name, value in sorted(found.settings.items()):
        yield "setting", name, value


def _network(found: Inspection) -> Iterator[Row]:
    for each in found.interfaces:
        yield "interface", f"{each.name} {each.mac}".strip(), " ".join(each.addresses)
    ports = (f"{each.port}/{each.protocol} {each.process}".strip() for each in found.listening)
    yield "listening", ", ".join(ports), ""
    for share in found.shares:
        yield "share", f"{share.kind} {share.name}", f"open to anybody {_yes(share.is_open)}"


def _doubts(found: Inspection) -> Iterator[Row]:
    for reason in found.not_told:
        yield "not told", reason, ""
    yield "last login", "failed" if found.lost else "", found.lost


def _filled(each: FileSystem) -> str:
    told = (_size(each.size_gib), _FULLNESS.get(each.used or "", ""), each.encryption.replace("none", ""))
    return ", ".join(filter(None, told))


def _size(gib: int | None) -> str:
    return f"{gib} GiB" if gib is not None else ""


def _yes(told: bool | None) -> str:
    return "?" if told is None else "yes" if told else "no"
