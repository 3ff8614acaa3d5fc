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
    """What comes from the vault; always required."""

    description: str
    pattern: str = ""
    generate: Generate | None = None  # none: set by a person, one for all hosts


class Enrolment(Record, frozen=True, kw_only=True):
    """What has to know a host before the host may come: a role on the provider's own machine."""

    role: Identifier  # in roles/, with an entry `enrol`
    user: str  # what the host is called there; {client} and {asset} stand for the short name and the id
    secret: Identifier  # the host's password there, which reaches the machine as a hash only


class ConsoleQuery(Record, frozen=True, kw_only=True):
    """The server that can confirm the rollout, and what to ask it for."""

    client: Identifier  # a module of mspctl/consoles
    parameters: dict[str, str] = field(default_factory=dict)  # {client} and {host} stand for their names


class Detect(Record, frozen=True, kw_only=True):
    """How the product is known on a machine or on the wire."""

    packages: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    processes: tuple[str, ...] = ()
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

    kind: Literal["file", "deb", "sh"]
    url: str
    secret: bool = False  # the address itself enrols whoever has it
    sha256: str = ""  # none: whoever has the server's certificate is trusted with what he sends
    ca_file: str = ""  # in the workspace; none: the system's own authorities
    path: str = ""  # where a file goes, or what shows that a script was run
    mode: Mode = "0755"
    package: str = ""  # what a deb calls itself
    arguments: tuple[str, ...] = ()  # of a script; everybody may read them
    environment: dict[str, str] = field(default_factory=dict)  # of a script; nobody but root may


class Removal(Record, frozen=True, kw_only=True):
    """The product's own way to undo what it did; run only while `removes` is there."""

    title: str
    command: Command
    removes: str


class Uninstall(Record, frozen=True, kw_only=True):
    """What has to go."""

    commands: tuple[Removal, ...] = ()
    services: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    users: tuple[str, ...] = ()


class Platform(Record, frozen=True, kw_only=True):
    """The product on one family of systems."""

    tested_on: Annotated[tuple[str, ...], Meta(min_length=1)]
    packages: tuple[str, ...]
    services: tuple[Unit, ...]
    verify: Annotated[tuple[Check, ...], Meta(min_length=1)]
    uninstall: Uninstall
    space: int | str = 100  # megabytes that have to be free before it is installed, or a template
    directories: tuple[Directory, ...] = ()
    files: tuple[File, ...] = ()
    probes: tuple[Probe, ...] = ()
    installer: Installer | None = None
    prepare: tuple[Preparation, ...] = ()
    trial: Trial | None = None
    presence: tuple[str, ...] = ()  # paths without which it is not installed, whatever packages are there


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
    platforms: Annotated[dict[str, Platform], Meta(min_length=1)]
    through: Literal["ssh", "console"] | None = None  # how mspctl runs a command as a technician would
    enrolment: Enrolment | None = None
