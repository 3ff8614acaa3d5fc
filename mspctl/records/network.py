"""Network devices: what the client chose, how platforms are spoken to, the baseline's rules, verdicts."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from msgspec import Meta, field

from mspctl.records.base import Address, Cidr, Day, Name, Port, Record, SecretRef, Timezone
from mspctl.records.snmp import SnmpUser

RuleId = Annotated[str, Meta(pattern=r"^[A-Z]{2,4}-[0-9]{2}$(?!\n)", description="a rule's id such as NB-09")]
Pattern = Annotated[str, Meta(extra_json_schema={"format": "pattern"}, description="a regular expression")]
OneLine = Annotated[
    str,
    Meta(
        pattern=r"^[^\x00-\x1f\x7f\"~^\\$?]{1,200}$(?!\n)",
        description="one line without quotes and what devices misread: ~ ^ $ ? and backslash",
    ),
]
Word = Annotated[
    str,
    Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_./:-]{0,62}$(?!\n)", description="one word of plain characters"),
]
Severity = Literal["high", "medium", "low"]
Syntax = Literal["indent", "fortios", "routeros", "lines"]


class NetworkConnection(Record, frozen=True, kw_only=True):
    """How to log in to network devices; what is not said here comes from the provider's defaults."""

    user: str | None = None
    port: Port | None = None
    key_file: str | None = None
    key: SecretRef | None = None
    password: SecretRef | None = None
    enable: SecretRef | None = None  # for the privileged mode; absent: the login is privileged, or `password`


class Aaa(Record, frozen=True, kw_only=True):
    """Servers that know who may log in."""

    protocol: Literal["tacacs", "radius"]
    servers: Annotated[tuple[Address, ...], Meta(min_length=1)]
    key: SecretRef


class Parameters(Record, frozen=True, kw_only=True):
    """What the baseline's rules are filled with; a rule whose parameter is missing is not judged."""

    domain: Word | None = None
    admins: tuple[Word, ...] = ()  # the local accounts that may be on a device
    ntp_servers: tuple[Address, ...] = ()
    timezone: Timezone | None = None
    syslog_servers: tuple[Address, ...] = ()
    snmp_user: SnmpUser | None = None
    banner: OneLine | None = None
    aaa: Aaa | None = None
    management_networks: tuple[Cidr, ...] = ()
    idle_minutes: Annotated[int, Meta(ge=1, le=60)] = 10
    login_attempts: Annotated[int, Meta(ge=2, le=10)] = 5
    login_block_seconds: Annotated[int, Meta(ge=30, le=3600)] = 120


class NetworkDevice(Record, frozen=True, kw_only=True):
    """What the engineer knows of one device."""

    platform: Name | None = None  # in place of the detected one
    hostname: Word | None = None
    outside: tuple[Word, ...] = ()  # interfaces that face the internet
    connection: NetworkConnection = field(default_factory=NetworkConnection)


class Waiver(Record, frozen=True, kw_only=True):
    """A rule that a client does without, and why; it stands in every report until it expires."""

    rule: RuleId
    reason: Annotated[str, Meta(min_length=3)]
    owner: Annotated[str, Meta(min_length=2)]
    expires: Day
    devices: tuple[str, ...] = ()  # none: all


class NetworkChoices(Record, frozen=True, kw_only=True):
    """`network` of client.yml and of mspctl.yml."""

    onboard: bool = False  # `mspctl onboard` brings the devices to the baseline as well
    connection: NetworkConnection = field(default_factory=NetworkConnection)
    parameters: Parameters = field(default_factory=Parameters)
    devices: dict[str, NetworkDevice] = field(default_factory=dict)  # by the asset's name
    waivers: tuple[Waiver, ...] = ()
    rules: tuple[RuleId, ...] = ()  # of those that nobody gets unasked
    harmless: tuple[Pattern, ...] = ()  # lines that look like secrets and are none
    rollback_seconds: Annotated[int, Meta(ge=60, le=3600)] = 300  # after which a device undoes by itself


class Watchdog(Record, frozen=True, kw_only=True):
    """How a device is made to undo a change that nobody confirms."""

    enter: tuple[str, ...]  # arms it; {minutes} {seconds} {clock} {id} are filled in
    confirm: tuple[str, ...]
    abort: tuple[str, ...] = ()  # undoes at once
    leave: tuple[str, ...] = ()
    needs: Pattern = ""  # a line the running configuration must have
    bound: bool = False  # to the session: it is confirmed there, and undone when that ends
    keeps: tuple[Pattern, ...] = ()  # lines of its own that it leaves in the configuration while armed
    pending: str = ""  # asks whether a change waits to be confirmed
    idle: Pattern = ""  # what is said where none does
    restarts: bool = False  # the device reboots to undo
    after: tuple[str, ...] = ()  # typed when a change was taken back: what the timer left


class Platform(Record, frozen=True, kw_only=True):
    """One family of devices: data/platforms/<name>.yml."""

    name: Name
    title: str
    driver: str  # netmiko's name for it
    source: str  # where this was read
    running: str  # the command that shows it
    tested: Literal["real", "simulated", "recorded", "no"]  # on what all of this was seen to work
    startup: str = ""  # "": what runs is what is saved
    whole: Pattern = ""  # what a configuration that is neither cut off nor something else ends or begins with
    syntax: Syntax = "lines"
    configured: bool = False  # has rules; else it is backed up only
    systems: tuple[str, ...] = ()  # `os` of an asset
    vendors: tuple[Pattern, ...] = ()  # of an asset whose system is not known: narrows the candidates
    banners: tuple[Pattern, ...] = ()  # of its SSH server
    prompt: str = r"[>#$]"  # how a prompt ends, after the host's name
    mode: str = r"(?:\([^)\s]{1,60}\))?"  # what stands between them in a configuration mode
    enter: tuple[str, ...] = ()
    leave: tuple[str, ...] = ()
    save: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()  # commands whose output rules look at beside the configuration
    undo: str = "no {line}"
    ending: str = "\n"
    volatile: tuple[Pattern, ...] = ()  # lines that differ at every look
    secrets: tuple[Pattern, ...] = ()  # each group of them is a secret
    pairs: tuple[Pattern, ...] = ()  # the same, wherever in a line and however often
    inside: tuple[tuple[Pattern, Pattern], ...] = ()  # a section's line, and what is a secret below it
    blocks: tuple[tuple[Pattern, Pattern], ...] = ()  # first and last line of what is secret between them
    rehashed: bool = False  # its secrets are shown anew each time
    harmless: tuple[Pattern, ...] = ()  # lines with a suspicious word and no secret
    errors: tuple[Pattern, ...] = ()
    asks: tuple[Pattern, ...] = ()  # lines that the device wants confirmed: typed one by one
    saved: tuple[Pattern, ...] = ()  # one of them is said when saving worked; none: no error is enough
    hostname: Pattern = ""  # the line that sets the name; its group is the name
    local_users: Pattern = ""  # a line that makes a local account with a secret; its group is the name
    watchdog: Watchdog | None = None


class SetLine(Record, frozen=True, kw_only=True):
    """A line that has to be there. {name} is a parameter, {each} a value of the list that `each` names."""

    line: str
    under: tuple[str, ...] = ()  # sections; one that begins with ~ is a pattern of those that are there
    where: Pattern = ""  # only in sections that hold a line like this
    key: Pattern = ""  # lines that begin so are the same setting, and this one takes their place
    matches: str = ""  # a pattern that will do as well, with parameters; for what is shown hashed
    shown_under: tuple[str, ...] = ()  # where it is looked for instead
    default: str = ""  # what stands where nothing is shown
    each: str = ""
    optional: bool = False  # left out where a parameter is missing; else the rule is not judged
    replace: bool = False  # the old line has to be undone first
    typed: tuple[str, ...] = ()  # how it is typed, where that is not the line itself
    last: bool = False  # after all that is not


class Forbid(Record, frozen=True, kw_only=True):
    """Lines that must not be there."""

    match: str  # a pattern, with parameters
    under: tuple[str, ...] = ()
    where: Pattern = ""  # only sections that hold a line like this
    undo: str | None = (
        None  # \\1 is a group of the match; absent: the platform's; "": nobody but a person can
    )
    advice: str = ""


class OnPlatform(Record, frozen=True, kw_only=True):
    """A rule on one platform."""

    verify: str  # how it is seen to hold, in words
    set: tuple[SetLine, ...] = ()
    forbid: tuple[Forbid, ...] = ()
    cis: tuple[str, ...] = ()  # numbers of recommendations in the CIS benchmark of the platform
    lockout: Literal["", "source", "login"] = ""  # who may come from where, or who may log in
    saved: bool = False  # what runs must be what is saved
    needs_outside: bool = False  # concerns devices that face the internet


class BaselineRule(Record, frozen=True, kw_only=True):
    """One rule of the baseline: data/baselines/<id>-<word>.yml."""

    id: RuleId
    title: str
    severity: Severity
    why: str
    references: Annotated[tuple[str, ...], Meta(min_length=1)]
    platforms: Annotated[dict[str, OnPlatform], Meta(min_length=1)]
    opt_in: bool = False
    first: bool = False  # before the device's own timer is set: what the timer needs


class VerdictState(StrEnum):
    """How a device stands to a rule."""

    PASS = "pass"  # noqa: S105 the word for it
    FAIL = "fail"
    WAIVED = "waived"
    NOT_APPLICABLE = "not applicable"
    UNDETERMINED = "undetermined"


class Verdict(Record, frozen=True, kw_only=True):
    """One rule on one device."""

    device: str
    rule: RuleId
    state: VerdictState
    reason: str = ""
    lines: tuple[str, ...] = ()  # what is wrong, rid of secrets
    since: str = ""  # the run that first found it so


class DetectedDevice(Record, frozen=True, kw_only=True):
    """A network device and how it is spoken to; one line of network.jsonl."""

    asset: str
    name: str
    address: str
    port: int
    platform: str  # "": unsupported, or not known
    driver: str = ""
    reason: str = ""  # how the platform was told, or why it could not be
    since: datetime
