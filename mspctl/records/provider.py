"""A vendor's product as data: data/providers/<capability>/<name>.yml; its README.md explains every key.

What stands below `platforms` is templates for Ansible; here it is opaque text.
"""

from typing import Annotated, Literal

from msgspec import Meta, field

from mspctl.records.base import Json, Port, Record

Identifier = Annotated[str, Meta(pattern="^[a-z][a-z0-9_]*$", description="letters, digits, underscores")]
CheckId = Annotated[str, Meta(pattern="^[a-z][a-z0-9-]*$", description="letters, digits, dashes")]
Mode = Annotated[str, Meta(pattern="^0[0-7]{3}$", description='a quoted octal mode such as "0640"')]
Command = Annotated[tuple[str, ...], Meta(min_length=1)]
Capability = Literal["monitoring", "antivirus", "remote_access", "backup"]


class Setting(Record, frozen=True, kw_only=True):
    """What the client may choose; exactly one of `required` and `default` stands."""

    type: Literal["string", "integer", "boolean", "list"]
    description: str
    required: bool = False
    default: Json = None
    choices: tuple[str, ...] = ()
    pattern: str = ""  # the whole string, or each item of a list
    minimum: int | None = None
    maximum: int | None = None


class Generate(Record, frozen=True, kw_only=True):
    """How a secret that no person chooses is made: one a host, kept in the client's vault."""

    length: Annotated[int, Meta(ge=24, le=512)]
    alphabet: Literal["alphanumeric", "hexadecimal"] = "alphanumeric"


class Secret(Record, frozen=True, kw_only=True):
    """What comes from the vault; required unless it is said to be optional."""

    description: str
    pattern: str = ""
    optional: bool = False  # a family of systems that cannot do without it names it in `needs`
    generate: Generate | None = None  # none: set by a person, one for all hosts


class Enrolment(Record, frozen=True, kw_only=True):
    """What has to know a host before the host may come: a role on the provider's own machine."""

    role: Identifier  # in roles/, with an entry `enrol`
    user: str  # what the host is called there; {client} and {asset} stand for the short name and the id
    secret: Identifier  # the host's password there, which reaches the machine as a hash only
    settings: tuple[Identifier, ...] = ()  # those that say what becomes of things there, and no host needs


class Alert(Record, frozen=True, kw_only=True):
    """When the server is to raise an alert of a client's host, in the server's own language."""

    name: Annotated[str, Meta(pattern=r"^[A-Z][A-Za-z0-9]*$(?!\n)", description="a name such as HostDown")]
    expression: str  # $hosts stands for what picks the client's hosts, $name for a setting
    summary: str  # a template of the server's own
    severity: Literal["critical", "warning", "info"]
    lasting: Annotated[
        str, Meta(pattern=r"^([0-9]+|\$\{[a-z][a-z0-9_]*\})[smhd]$(?!\n)", description="a span such as 5m")
    ] = "0s"  # before it fires
    drill: bool = False  # what drills wait for


class ConsoleQuery(Record, frozen=True, kw_only=True):
    """The server that can confirm the rollout, and what to ask it for."""

    client: Identifier  # a module of mspctl/consoles
    parameters: dict[str, str] = field(default_factory=dict)  # {client} and {host} stand for their names
    alerts: tuple[Alert, ...] = ()  # of a server that reads them from a file


class Detect(Record, frozen=True, kw_only=True):
    """How the product is known on a machine or on the wire."""

    packages: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    processes: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()  # names among the installed programs of Windows; `*` stands for anything
    tcp_ports: tuple[Port, ...] = ()


class Directory(Record, frozen=True, kw_only=True):
    """A directory to make."""

    path: str
    owner: str
    group: str
    mode: Mode


class File(Record, frozen=True, kw_only=True):
    """A file to write."""

    path: str
    owner: str
    group: str
    mode: Mode
    content: str
    secret: bool = False
    validate: str = ""
    restarts: tuple[str, ...] = ()


class Probe(Record, frozen=True, kw_only=True):
    """A read-only question asked before anything is installed."""

    id: Identifier
    title: str
    command: Command


class Preparation(Record, frozen=True, kw_only=True):
    """A command between the files and the services, unless `unless` says it is done."""

    title: str
    command: Command
    unless: Command


class Trial(Record, frozen=True, kw_only=True):
    """A change that could lock the manager out: the host undoes it unless a new connection confirms it."""

    title: str
    command: Command
    unless: Command
    confirm: Command


class Unit(Record, frozen=True, kw_only=True):
    """A service, timer or socket."""

    name: str
    enabled: bool | str = True  # or a template


class Check(Record, frozen=True, kw_only=True):
    """A read-only proof on the host."""

    id: CheckId
    title: str
    command: Command
    code: int = 0
    expect: str = ""
    optional: bool = False


class Installer(Record, frozen=True, kw_only=True):
    """What no repository of the system's has: fetched by the host over TLS, where it is not there yet."""

    kind: Literal["file", "deb", "rpm", "sh"]
    url: str
    secret: bool = False  # the address itself enrols whoever has it
    sha256: str = ""  # none: whoever has the server's certificate is trusted with what he sends
    ca_file: str = ""  # in the workspace; none: the system's own authorities
    path: str = ""  # where a file goes, or what shows that a script was run
    mode: Mode = "0755"
    package: str = ""  # what a deb or an rpm calls itself
    arguments: tuple[str, ...] = ()  # of a script; everybody may read them
    environment: dict[str, str] = field(default_factory=dict)  # of a script; nobody but root may


class Removal(Record, frozen=True, kw_only=True):
    """The product's own way to undo what it did; run only while `removes` is there."""

    title: str
    command: Command
    removes: str


class Leftover(Record, frozen=True, kw_only=True):
    """What a package that came along makes and leaves behind; it goes once the package is gone."""

    package: str
    paths: tuple[str, ...] = ()  # files, and folders that are empty by then
    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


class Uninstall(Record, frozen=True, kw_only=True):
    """What has to go."""

    commands: tuple[Removal, ...] = ()
    services: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    leftovers: tuple[Leftover, ...] = ()


class Platform(Record, frozen=True, kw_only=True):
    """The product on one family of systems."""

    tested_on: tuple[str, ...]  # empty: nobody has tried it yet, and reports say so
    packages: tuple[str, ...]
    services: tuple[Unit, ...]
    verify: Annotated[tuple[Check, ...], Meta(min_length=1)]
    uninstall: Uninstall
    needs: tuple[str, ...] = ()  # settings and optional secrets that may not be empty on this family
    space: int | str = 100  # megabytes that have to be free before it is installed, or a template
    directories: tuple[Directory, ...] = ()
    files: tuple[File, ...] = ()
    probes: tuple[Probe, ...] = ()
    installer: Installer | None = None
    prepare: tuple[Preparation, ...] = ()
    trial: Trial | None = None
    presence: tuple[str, ...] = ()  # paths without which it is not installed, whatever packages are there


class WindowsInstaller(Record, frozen=True, kw_only=True):
    """The vendor's own installer; fetched by the host over TLS where the product is not there yet.

    At least one of `product`, `product_id`, `service` and `path` says whether it is. A `zip` holds, and a
    `file` is, a program that needs no installing: it goes to `path`.
    """

    kind: Annotated[
        str,
        Meta(pattern=r"^(msi|exe|zip|file|\{\{.*\}\})$", description="msi, exe, zip, file or a template"),
    ]
    path: str = ""  # where the program goes, of a zip or a file
    member: str = ""  # what the program is called in the zip
    version: str = ""  # that the address brings; none: --upgrade has no say in it
    url: str
    secret: bool = False  # the address, or an argument, enrols whoever has it
    sha256: str = ""  # none: the certificate of whoever sends it has to do
    file: str = ""  # what it has to be called, for vendors who read their token from its name
    arguments: (
        tuple[str, ...] | str
    ) = ()  # silent, or a template that gives a list; msiexec's own are the role's
    codes: tuple[
        int, ...
    ] = ()  # that mean success besides 0, and 3010: success, once the machine was restarted
    product: str = ""  # what it is called among the installed programs; `*` stands for anything
    product_id: str = ""  # its key there, where that never changes
    service: str = ""  # that it brings
    removal: tuple[str, ...] | str = ()  # silent arguments of an exe's uninstaller


class WindowsDirectory(Record, frozen=True, kw_only=True):
    """A folder to make; a private one is for the system and administrators alone."""

    path: str
    private: bool = False


class WindowsFile(Record, frozen=True, kw_only=True):
    """A file to write; one with a secret lies in a private folder of the same record."""

    path: str
    content: str
    secret: bool = False
    restarts: tuple[str, ...] = ()


class RegistryValue(Record, frozen=True, kw_only=True):
    """Values of one key in the registry, all with the same data."""

    key: str  # HKLM:\…, in full
    names: tuple[str, ...] | str  # or a template that comes out as a list
    type: Literal["string", "expandstring", "multistring", "dword", "qword"]
    data: Json
    restarts: tuple[str, ...] = ()


class WindowsTask(Record, frozen=True, kw_only=True):
    """A task of Windows' scheduler, run as the system; it stands in a folder there, `mspctl`."""

    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,99}$(?!\n)")]
    description: str
    command: str
    arguments: str
    start: Annotated[str, Meta(pattern=r"^(([01]\d|2[0-3]):[0-5]\d|\{\{.*\}\})$(?!\n)")]  # the local time
    days: tuple[str, ...] | str = ()  # monday …, or a template that gives a list; none: every day
    jitter_minutes: int | str = 0  # within how many minutes after that it starts
    limit_hours: int | str = 12  # after which it is broken off
    at_once: bool = False  # also as soon as it is made, or changed


class WindowsService(Record, frozen=True, kw_only=True):
    """A service of Windows by its short name."""

    name: str
    start: Literal["auto", "delayed"] = "auto"
    command: str = ""  # the program and its arguments, of one that no installer brings
    title: str = ""  # what such a one is called in lists


class WindowsCheck(Record, frozen=True, kw_only=True):
    """A read-only proof: a script of PowerShell that says something, or throws why not."""

    id: CheckId
    title: str
    script: str  # no template: values come in by its `param(…)`
    parameters: dict[str, Json] = field(default_factory=dict)
    expect: str = ""  # a regular expression to be found in what it says
    optional: bool = False


class WindowsUninstall(Record, frozen=True, kw_only=True):
    """What has to go besides the product, its files and its values in the registry."""

    services: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()


class WindowsPlatform(Record, frozen=True, kw_only=True):
    """The product on Windows."""

    tested_on: tuple[str, ...]
    needs: tuple[str, ...] = ()
    installer: WindowsInstaller | None = None  # none: Windows has it already
    directories: tuple[WindowsDirectory, ...] = ()
    files: tuple[WindowsFile, ...] = ()
    registry: tuple[RegistryValue, ...] = ()
    tasks: tuple[WindowsTask, ...] = ()
    services: tuple[WindowsService, ...]
    verify: Annotated[tuple[WindowsCheck, ...], Meta(min_length=1)]
    uninstall: WindowsUninstall


class Platforms(Record, frozen=True, kw_only=True):
    """The product on each family of systems, as Ansible calls them in lower case."""

    debian: Platform | None = None
    redhat: Platform | None = None
    suse: Platform | None = None
    windows: WindowsPlatform | None = None

    def linux(self) -> dict[str, Platform]:
        """Return the families whose systems have packages."""
        found = {"debian": self.debian, "redhat": self.redhat, "suse": self.suse}
        return {family: platform for family, platform in found.items() if platform}

    def named(self) -> dict[str, Platform | WindowsPlatform]:
        """Return every family there is."""
        return {**self.linux(), **({"windows": self.windows} if self.windows else {})}


class Provider(Record, frozen=True, kw_only=True):
    """One product of one vendor."""

    name: str
    capability: Capability
    title: str
    source: Annotated[str, Meta(pattern="^https://", description="https://…")]
    settings: dict[Identifier, Setting]
    secrets: dict[Identifier, Secret]
    console: ConsoleQuery | None
    detect: Detect
    platforms: Platforms
    through: Literal["ssh", "console"] | None = None  # how mspctl runs a command as a technician would
    enrolment: Enrolment | None = None
