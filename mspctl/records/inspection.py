"""What a login to a machine showed: inspections.jsonl.

What differs at every look stands here as a class or as a day (how full a file system is, how old signatures
are, when something was first seen), so that a second look at a quiet machine writes the same bytes. None and
"" mean that it was not told, never that it is so.
"""

from typing import Literal

from msgspec import field

from mspctl.records.base import Record

Fullness = Literal["under-80", "over-80", "over-90"]  # per cent
Age = Literal["current", "old", "never"]
PackageManager = Literal["apt", "dnf", "zypper", "apk", "pacman", "softwareupdate", "windows"]


class Hardware(Record, frozen=True, kw_only=True):
    """What a machine is made of; of a container nothing that belongs to its host."""

    vendor: str = ""
    model: str = ""
    serial: str = ""
    uuid: str = ""
    chassis: str = ""  # desktop, laptop, server, …
    processor: str = ""
    processors: int | None = None
    memory_gib: int | None = None
    machine: str = ""  # the hypervisor of a virtual machine: kvm, vmware, microsoft, …
    container: str = ""  # docker, podman, lxc, …


class System(Record, frozen=True, kw_only=True):
    """Its operating system."""

    name: str = ""  # in full, as it calls itself
    kernel: str = ""
    architecture: str = ""
    hostname: str = ""
    full_name: str = ""  # with its DNS domain
    domain: str = ""  # the directory it is joined to
    joined_by: str = ""  # ad, sssd, winbind, …
    timezone: str = ""
    booted: str = ""  # the day, UTC


class Disk(Record, frozen=True, kw_only=True):
    """A drive."""

    name: str
    size_gib: int | None = None
    model: str = ""
    is_rotating: bool | None = None
    health: str = ""  # healthy | degraded, where something watches it


class FileSystem(Record, frozen=True, kw_only=True):
    """A mounted file system or a volume."""

    mount: str
    device: str = ""
    kind: str = ""  # ext4, ntfs, …
    size_gib: int | None = None
    used: Fullness | None = None
    encryption: str = ""  # luks | bitlocker | filevault | none | off (there, and switched off); "" not told


class Interface(Record, frozen=True, kw_only=True):
    """A network card with what is set up on it; without addresses that are made up anew time and again."""

    name: str
    mac: str = ""
    addresses: tuple[str, ...] = ()  # with the length of the prefix


class Software(Record, frozen=True, kw_only=True, order=True):
    """An installed package or program."""

    name: str
    version: str = ""
    source: str = ""  # deb, rpm, snap, windows, …
    vendor: str = ""


class Update(Record, frozen=True, kw_only=True, order=True):
    """An update that could be installed."""

    name: str
    version: str = ""
    is_security: bool = False
    since: str = ""  # the day a login first showed it as waiting


class Updates(Record, frozen=True, kw_only=True):
    """What the lists of packages that lie on the machine offer; nothing was fetched for it."""

    manager: PackageManager
    pending: tuple[Update, ...] = ()
    lists: Age | None = None  # current: fetched within two weeks


class Account(Record, frozen=True, kw_only=True, order=True):
    """A local account."""

    name: str
    is_enabled: bool | None = None
    can_log_in: bool | None = None
    is_administrator: bool | None = None
    password: str = ""  # set | none (may be empty) | locked
    password_expires: bool | None = None
    last_login: Age | None = None  # current: within 45 days


class Antivirus(Record, frozen=True, kw_only=True, order=True):
    """A scanner."""

    product: str
    is_running: bool | None = None
    is_real_time: bool | None = None
    signatures: Age | None = None  # current: within three days


class Firewall(Record, frozen=True, kw_only=True, order=True):
    """A packet filter of the machine itself, or one of its profiles."""

    name: str
    is_active: bool | None = None


class RunningService(Record, frozen=True, kw_only=True, order=True):
    """A service that runs, or should and does not."""

    name: str
    state: Literal["running", "failed", "stopped"]  # stopped: starts with the machine, and does not run


class Listening(Record, frozen=True, kw_only=True, order=True):
    """A port somebody waits at."""

    port: int
    protocol: Literal["tcp", "udp"]
    reach: Literal["everywhere", "here"]  # here: of the machine itself
    process: str = ""


class Share(Record, frozen=True, kw_only=True, order=True):
    """A folder offered to others."""

    name: str
    kind: Literal["smb", "nfs"]
    path: str = ""
    is_open: bool | None = None  # to guests, or to every machine


class Agent(Record, frozen=True, kw_only=True, order=True):
    """A product of a kind a provider installs, and what shows that it is there."""

    product: str
    kind: str  # monitoring, remote-access, rmm, antivirus, backup
    artefacts: tuple[str, ...]  # service, process, software: two of them before anybody is accused


class Inspection(Record, frozen=True, kw_only=True):
    """One machine as the last login found it."""

    asset: str  # its id
    name: str
    by: Literal["ssh", "winrm", ""] = ""  # "" where no login succeeded yet
    is_privileged: bool = False  # whether what only an administrator may see was seen at some login
    not_told: tuple[str, ...] = ()  # what could not be read, and why
    lost: str = ""  # why the newest login failed; what stands here is older then
    hardware: Hardware = field(default_factory=Hardware)
    system: System = field(default_factory=System)
    disks: tuple[Disk, ...] = ()
    file_systems: tuple[FileSystem, ...] = ()
    interfaces: tuple[Interface, ...] = ()
    software: tuple[Software, ...] = ()
    updates: tuple[Updates, ...] = ()
    reboot_needed: bool | None = None
    reboot_since: str = ""  # the day a login first showed that one is needed
    reboot_because: tuple[str, ...] = ()
    accounts: tuple[Account, ...] = ()
    administrators: tuple[str, ...] = ()  # accounts and groups, of the machine and of its domain
    sudo_rules: tuple[str, ...] = ()
    antivirus: tuple[Antivirus, ...] = ()
    firewall: tuple[Firewall, ...] = ()
    time_service: str = ""
    is_time_synchronised: bool | None = None
    is_clock_right: bool | None = None  # within a minute of ours
    services: tuple[RunningService, ...] = ()
    listening: tuple[Listening, ...] = ()
    shares: tuple[Share, ...] = ()
    agents: tuple[Agent, ...] = ()
    settings: dict[str, str] = field(
        default_factory=dict
    )  # ssh.root_login, smb1, rdp.nla, … in its own words
