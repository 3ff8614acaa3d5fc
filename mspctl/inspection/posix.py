"""The sections of mspctl/data/inspect/posix.sh → what is known of a Unix machine; pure.

Everything in them came from the machine: each value is one bounded line, each list is bounded, and what does
not look as it should is left out.
"""

import re
from collections.abc import Iterator
from datetime import datetime

from mspctl.facts import hardware, ssh_login
from mspctl.facts.sections import fields, lines, section
from mspctl.facts.text import Raw, line, mac_address
from mspctl.inspection.bounds import MOST, age, day, gibibytes, unique
from mspctl.records import (
    Antivirus,
    Disk,
    FileSystem,
    Firewall,
    Hardware,
    Interface,
    Listening,
    RunningService,
    Share,
    System,
)
from mspctl.records.inspection import Age, Fullness

SIGNATURE_DAYS = 3
_PSEUDO = frozenset(
    {
        *(
            "proc",
            "sysfs",
            "tmpfs",
            "devtmpfs",
            "devpts",
            "cgroup",
            "cgroup2",
            "mqueue",
            "hugetlbfs",
            "squashfs",
        ),
        *("debugfs", "tracefs", "securityfs", "pstore", "bpf", "configfs", "fusectl", "autofs", "efivarfs"),
        *("binfmt_misc", "ramfs", "rpc_pipefs", "nsfs", "fuse.lxcfs", "fuse.portal", "devfs", "iso9660"),
    }
)
_BOUND_FILES = frozenset({"/etc/hostname", "/etc/hosts", "/etc/resolv.conf", "/run/.containerenv"})
_SHORT_LIVED = re.compile(  # of a login, a connection or a task: there at one look and gone at the next
    r"(?:user|user-runtime-dir|session|run-|sshd?@|systemd-(?:hostnamed|timedated|localed|fsck|coredump@)|"
    r"apt-daily|dpkg-db|packagekit|fstrim|logrotate|man-db|polkit\.|udisks2)"
)
_EPHEMERAL = 32_768  # https://www.kernel.org/doc/html/latest/networking/ip-sysctl.html, ip_local_port_range
_SSHD = {
    "permitrootlogin": "ssh.root_login",
    "passwordauthentication": "ssh.password_login",
    "permitemptypasswords": "ssh.empty_passwords",
    "kbdinteractiveauthentication": "ssh.interactive_login",
}


def hardware_of(raw: Raw) -> Hardware:
    """Return what a machine is made of; of a container only what is its own."""
    said, made = ssh_login.parse(raw), fields(section(raw, "hardware")) | fields(section(raw, "serial"))
    processor = fields(section(raw, "processor"))
    container, machine = ssh_login.virtual(raw)
    memory = processor.get("memory_kib", "")
    own = (
        {}
        if container
        else {
            "vendor": hardware.make(made.get("sys_vendor")),
            "model": said.get("host.model", "") or hardware.make(made.get("product_name")),
            "serial": hardware.serial(made.get("product_serial"))
            or hardware.serial(made.get("chassis_serial")),
            "uuid": hardware.system_uuid(made.get("product_uuid")),
            "chassis": said.get("host.chassis", ""),
        }
    )
    return Hardware(
        **own,
        processor=line(processor.get("model"), 100),
        processors=_number(processor.get("count", "")),
        memory_gib=gibibytes(int(memory) * 1024) if memory.isdecimal() and len(memory) < 16 else None,
        machine=machine,
        container=container,
    )


def system_of(raw: Raw) -> System:
    """Return a machine's operating system, its names and its directory."""
    kernel, release = fields(section(raw, "kernel")), fields(section(raw, "release"))
    said, clock, boot = ssh_login.parse(raw), fields(section(raw, "clock")), fields(section(raw, "boot"))
    domain, joined_by = ssh_login.directory(raw)
    macos = f"macOS {kernel['macos']}" if kernel.get("macos") else ""
    first = boot.get("first" if ssh_login.virtual(raw)[0] else "kernel", "") or boot.get("first", "")
    return System(
        name=macos or line(release.get("PRETTY_NAME", "") or kernel.get("system", ""), 100),
        kernel=line(kernel.get("release"), 100),
        architecture=line(kernel.get("machine"), 40),
        hostname=said.get("host.name", ""),
        full_name=said.get("host.full_name", ""),
        domain=domain,
        joined_by=joined_by,
        timezone=line(clock.get("Timezone"), 60),
        booted=day(first),
    )


def disks_of(raw: Raw) -> tuple[Disk, ...]:
    """Return the drives; what lies on them is the file systems' matter."""
    degraded = {
        name
        for name, state in re.findall(r"^(md\w+) .*\n.*\[([U_]+)\]", section(raw, "raid"), re.MULTILINE)
        if "_" in state
    }
    arrays = set(re.findall(r"^(md\w+) :", section(raw, "raid"), re.MULTILINE))
    found = [
        Disk(
            name=line(row["NAME"], 60),
            size_gib=gibibytes(int(row["SIZE"])) if row.get("SIZE", "").isdecimal() else None,
            model=line(row.get("MODEL"), 80),
            is_rotating={"0": False, "1": True}.get(row.get("ROTA", "")),
            health=("degraded" if row["NAME"] in degraded else "healthy") if row["NAME"] in arrays else "",
        )
        for row in _block_devices(raw)
        if row.get("TYPE", "").startswith(("disk", "raid")) and row.get("RM") != "1"
    ]
    return unique(found, key=lambda disk: disk.name)


def file_systems_of(raw: Raw) -> tuple[FileSystem, ...]:
    """Return what is mounted and holds data, without what a kernel only pretends to be files."""
    kinds = dict(_mounted(raw))
    under = _encrypted_mounts(raw)
    vaulted = re.search(r"FileVault is (On|Off)", section(raw, "encryption"))
    known = any(row.get("MOUNTPOINT") for row in _block_devices(raw))
    found = []
    for each in lines(section(raw, "filesystems"), 2_000):
        row = re.fullmatch(r"(\S+) +(\d+) +\d+ +-?\d+ +(\d+)% +(?:\d+ +\d+ +\S+ +)?(/.*)", each)
        if not row or row[4] in _BOUND_FILES or kinds.get(row[4], "") in _PSEUDO or row[1] in _PSEUDO:
            continue
        if row[1] in ("devfs", "map", "shm", "none", "udev") or row[4].startswith(
            ("/snap/", "/var/lib/docker/")
        ):
            continue
        if row[4].startswith(
            ("/var/lib/containers/", "/run/", "/dev/", "/sys/", "/proc/", "/System/Volumes/")
        ):
            continue
        told = under.get(row[4], "none" if known else "")
        found.append(
            FileSystem(
                mount=line(row[4], 200),
                device=line(row[1], 200),
                kind=line(kinds.get(row[4]), 40),
                size_gib=gibibytes(int(row[2]) * 1024) if len(row[2]) < 16 else None,
                used=fullness(int(row[3][:4])),
                encryption={"On": "filevault", "Off": "off"}[vaulted[1]] if vaulted else told,
            )
        )
    return unique(found, key=lambda item: item.mount)


def fullness(used: float) -> Fullness:
    """Return how full something is, of which `used` per cent are used."""
    return "over-90" if used > 90 else "over-80" if used > 80 else "under-80"


def interfaces_of(raw: Raw) -> tuple[Interface, ...]:
    """Return the network cards and what is set up on them."""
    macs: dict[str, str] = {}
    addresses: dict[str, set[str]] = {}
    name = ""
    for each in lines(section(raw, "interfaces"), 4_000):
        if begun := re.match(r"(?:\d+: )?([\w.@-]+?)(?:@[\w.-]+)?:? +(?:flags=|<|inet6? )", each) or re.match(
            r"\d+: ([\w.-]+)", each
        ):
            name = begun[1]
            macs.setdefault(name, "")
        if mac := re.search(r"(?:link/ether|ether|HWaddr) (\S+)", each):
            macs[name] = mac_address(mac[1])
        is_passing = " temporary " in f" {each} " or "scope link" in each or "deprecated" in each
        if not is_passing and (found := re.search(r"inet6? (?:addr:)?([0-9a-fA-F.:]+(?:/\d+)?)", each)):
            addresses.setdefault(name, set()).add(found[1].lower())
    return tuple(
        Interface(
            name=line(each, 40), mac=macs[each], addresses=tuple(sorted(addresses.get(each, ()))[:MOST])
        )
        for each in sorted(macs)[:MOST]
        if each not in ("lo", "lo0") and not each.startswith(("veth", "cali", "vnet"))
    )


def antivirus_of(raw: Raw, at: datetime) -> tuple[Antivirus, ...]:
    """Return the scanners that answered for themselves: ClamAV, and Defender on Linux."""
    text = section(raw, "antivirus")
    stamps = [int(each) for each in re.findall(r"^signatures=(\d{1,12})$", text, re.MULTILINE)]
    running = set(lines(section(raw, "processes"), 4_000))
    found = []
    if stamps or "ClamAV" in text or "clamd" in running:
        found.append(
            Antivirus(
                product="ClamAV",
                is_running="clamd" in running,
                is_real_time="clamonacc" in running,
                signatures=age(max(stamps), at, SIGNATURE_DAYS) if stamps else "never",
            )
        )
    if "realTimeProtectionEnabled" in text:
        fresh = re.search(
            r'"definitionsStatus":.*?"(?:\$type|value)": *"?(upToDate|outOfDate)', text, re.DOTALL
        )
        states: dict[str, Age] = {"upToDate": "current", "outOfDate": "old"}
        found.append(
            Antivirus(
                product="Microsoft Defender",
                is_running="wdavdaemon" in running,
                is_real_time=bool(
                    re.search(r'"realTimeProtectionEnabled": *(?:\{[^}]*"value": *)?true', text)
                ),
                signatures=states.get(fresh[1]) if fresh else None,
            )
        )
    return tuple(found)


def firewall_of(raw: Raw) -> tuple[Firewall, ...]:
    """Return the packet filters; one that runs without a rule that refuses anything is not active."""
    told, rules = fields(section(raw, "firewall")), fields(section(raw, "filters"))
    units = set(re.findall(r"^active=(\w[\w-]*)$", section(raw, "firewall"), re.MULTILINE))
    found: dict[str, bool | None] = dict.fromkeys(
        units - {"netfilter-persistent", "nftables", "iptables"}, True
    )
    if "ufw" in rules:
        found["ufw"] = rules["ufw"] == "active"
    if "firewalld" in told:
        found["firewalld"] = told["firewalld"] == "running"
    if "pf" in rules:
        found["pf"] = rules["pf"] == "Enabled"
    if "macos" in told:
        found["application firewall"] = "enabled" in told["macos"].lower()
    counts = [rules[name] for name in ("nft", "iptables") if rules.get(name, "").isdecimal()]
    if counts:
        found["netfilter"] = any(int(count[:9]) for count in counts)
    return tuple(Firewall(name=name, is_active=state) for name, state in sorted(found.items()))


def time_of(raw: Raw, at: datetime) -> tuple[str, bool | None, bool | None]:
    """Return what keeps the clock, whether it is in step, and whether it is within a minute of ours."""
    clock, running = fields(section(raw, "clock")), set(lines(section(raw, "processes"), 4_000))
    keeper = next((name for name in ("chronyd", "ntpd", "systemd-timesyn", "timed") if name in running), "")
    in_step = {"yes": True, "no": False}.get(clock.get("NTPSynchronized", ""))
    if leap := clock.get("leap"):
        in_step = leap != "Not synchronised"
    now = fields(section(raw, "boot")).get("now", "")
    right = abs(int(now) - at.timestamp()) <= 60 if now.isdecimal() and len(now) < 13 else None
    return {"systemd-timesyn": "systemd-timesyncd"}.get(keeper, keeper), in_step, right


def services_of(raw: Raw) -> tuple[RunningService, ...]:
    """Return the services that run or failed, without those of single logins and tasks."""
    found = []
    for each in lines(section(raw, "services"), 5_000):
        words = each.lstrip("●* \u00d7").split()
        if words[:1] == ["openrc"] and len(words) > 2:
            state = "running" if "started" in words else "failed" if "crashed" in words else ""
            name = words[1]
        elif words[:1] == ["launchd"] and len(words) == 4:
            name, state = words[3], "running" if words[1].isdecimal() else ""
        elif len(words) > 3 and words[0].endswith(".service"):
            name, state = (
                words[0].removesuffix(".service"),
                {"running": "running", "failed": "failed"}.get(words[3], ""),
            )
        else:
            continue
        if state and not _SHORT_LIVED.match(name):
            found.append(
                RunningService(name=line(name, 120), state="running" if state == "running" else "failed")
            )
    return tuple(sorted(set(found)))[: MOST * 10]


def listening_of(raw: Raw) -> tuple[Listening, ...]:
    """Return the ports somebody waits at; those a kernel gives out anew each time are left out."""
    found: dict[tuple[int, str, str], str] = {}
    for each in lines(section(raw, "listening") + "\n" + section(raw, "root_listening"), 10_000):
        seen = re.match(
            r"(tcp|udp)6? +(?:LISTEN|UNCONN|\d+) +\d+ +(?:\d+ +)?(\S+):(\d{1,5})[ ]+\S+(.*)", each
        )
        if not seen:
            seen_by_lsof = re.match(r"(\S+) .* TCP (\S+):(\d{1,5}) \(LISTEN\)", each)
            if not seen_by_lsof:
                continue
            protocol, address, port, process = "tcp", seen_by_lsof[2], int(seen_by_lsof[3]), seen_by_lsof[1]
        else:
            protocol, address, port = seen[1], seen[2], int(seen[3])
            names = re.findall(r'"([^"]{1,60})"', seen[4]) or re.findall(r"\d+/(\S{1,60})", seen[4])
            process = min(
                (re.split(r"[\[(:]", name)[0] for name in names), default=""
            )  # less the child's number
        is_local = address.strip("[]").split("%")[0].startswith(("127.", "::1")) or address == "localhost"
        if (port >= _EPHEMERAL and (protocol == "udp" or is_local)) or not 0 < port < 65_536:
            continue
        key = (port, protocol, "here" if is_local else "everywhere")
        found[key] = found.get(key, "") or line(process, 60)
    return tuple(
        Listening(
            port=port,
            protocol="udp" if protocol == "udp" else "tcp",
            reach="here" if reach == "here" else "everywhere",
            process=process,
        )
        for (port, protocol, reach), process in sorted(found.items())
    )[: MOST * 10]


def shares_of(raw: Raw) -> tuple[Share, ...]:
    """Return the folders offered by NFS and by Samba, and whether anybody gets at them."""
    found: list[Share] = []
    current: dict[str, str] = {}

    def end() -> None:
        if current and current["name"].lower() not in ("global", "homes", "printers", "print$"):
            is_open = current.get("guest ok", current.get("public", "no")).lower() == "yes"
            found.append(
                Share(name=current["name"], kind="smb", path=current.get("path", ""), is_open=is_open)
            )
        current.clear()

    for each in lines(section(raw, "shares"), 2_000):
        if each.startswith("nfs /"):
            path, _, clients = each.removeprefix("nfs ").partition(" ")
            is_open = not clients.strip() or any(
                word.startswith(("*", "0.0.0.0/0", "(")) for word in clients.split()
            )
            found.append(Share(name=line(path, 200), kind="nfs", path=line(path, 200), is_open=is_open))
        elif heading := re.fullmatch(r"smb \[(.+)\]", each):
            end()
            current["name"] = line(heading[1], 80)
        elif current and (setting := re.fullmatch(r"smb ([a-z ]+) = (.*)", each)):
            current[setting[1]] = line(setting[2], 200)
    end()
    return tuple(sorted(set(found)))[: MOST * 4]


def settings_of(raw: Raw) -> dict[str, str]:
    """Return single settings that a baseline asks for, in the machine's own words."""
    found: dict[str, str] = {}
    for each in lines(section(raw, "sshd"), 2_000):
        name, _, value = each.partition(" ")
        if name in _SSHD and value:
            found[_SSHD[name]] = line(value, 40)
    logs = section(raw, "logs")
    if logs.strip():
        kept = sorted(set(re.findall(r"^active=([\w-]+)$", logs, re.MULTILINE)))
        found["logs"] = ", ".join([*(["journal"] if "journal=persistent" in logs else []), *kept])
    return found


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 6 else None


def _block_devices(raw: Raw) -> list[dict[str, str]]:
    """Return lsblk's rows; none in a container, which sees those of its host."""
    if ssh_login.virtual(raw)[0]:
        return []
    rows = (dict(re.findall(r'([A-Z]+)="([^"]*)"', each)) for each in lines(section(raw, "disks"), 500))
    return [row for row in rows if row.get("NAME")]


def _encrypted_mounts(raw: Raw) -> dict[str, str]:
    """Return what is mounted on something that LUKS encrypts, at whatever depth."""
    rows = _block_devices(raw)
    parents: dict[str, set[str]] = {}
    for row in rows:
        parents.setdefault(row["NAME"], set()).add(row.get("PKNAME", ""))
    vaults = {row["NAME"] for row in rows if row.get("TYPE") == "crypt"}
    found = {}
    for row in rows:
        above, reached = {row["NAME"]}, set[str]()
        while above:
            reached |= above
            above = {up for name in above for up in parents.get(name, ()) if up} - reached
        if row.get("MOUNTPOINT", "").startswith("/") and reached & vaults:
            found[line(row["MOUNTPOINT"], 200)] = "luks"
    return found


def _mounted(raw: Raw) -> Iterator[tuple[str, str]]:
    """Yield each mount with the kind of its file system."""
    for each in lines(section(raw, "mounts"), 2_000):
        if mac := re.fullmatch(r"\S+ on (/.*) \((\w+).*\)", each):
            yield mac[1], mac[2]
        elif len(words := each.split()) > 2 and words[1].startswith("/"):
            yield words[1].replace("\\040", " "), words[2]
