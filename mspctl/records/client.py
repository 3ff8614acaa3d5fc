"""What the engineer writes down about one client: client.yml and overrides.yml."""

from typing import Annotated, Literal, get_args

from msgspec import Meta, field

from mspctl.records.base import (
    Address,
    Cidr,
    Clock,
    Day,
    Json,
    Name,
    Port,
    ProviderName,
    Record,
    SecretRef,
    Span,
    Timezone,
)
from mspctl.records.network import NetworkChoices
from mspctl.records.snmp import SnmpUser

# fmt: off
Kind = Literal[
    "workstation", "laptop", "server", "virtual-machine",
    "management-card",  # of a server or a chassis: iLO, iDRAC, BMC
    "router", "switch", "firewall", "load-balancer", "modem",
    "network-device",  # carries traffic, and it is not known whether it routes or switches; or transport gear
    "access-point", "wireless-controller",
    "radio-link",  # a wireless bridge, its base stations and subscriber units
    "printer", "scanner", "ups", "pdu",
    "power-supply",  # rectifier, inverter, generator, meter
    "sensor",  # temperature, water, doors, cooling
    "nas",  # any shared storage
    "camera", "nvr", "phone", "pbx",
    "voice-gateway",  # analogue adapters, session border controllers
    "media",  # projectors, conference rooms, encoders, broadcast
    "console-server", "time-server",
    "appliance",  # a closed box for one service: mail filter, management, DNS
    "iot",
]
# fmt: on
"""What a device is, in the words of the trade; more are added with the rules that recognise them."""

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class Contact(Record, frozen=True, kw_only=True):
    """A person at the client."""

    name: str
    role: str = ""
    email: str = ""
    phone: str = ""


class Authorisation(Record, frozen=True, kw_only=True):
    """Who at the client allowed the scanning of its networks, and when; without it nothing is scanned."""

    by: Annotated[str, Meta(min_length=3)]
    date: Day
    reference: str = ""


class WindowsConnection(Record, frozen=True, kw_only=True):
    """How to log in to Windows by its remote management (WinRM)."""

    user: str | None = None  # technician, HARBOUR\technician or technician@harbour.example
    password: SecretRef | None = None
    transport: Literal["ntlm", "basic"] | None = None  # ntlm unless said; basic goes through TLS only
    port: Port | None = None  # 5986 unless said: TLS; 5985: each message is encrypted with NTLM's key
    ca_file: str | None = None  # who signs the machines' certificates; absent: the one first seen is pinned
    certificate: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")] | None = None
    """SHA-256 of the public key to expect in place of the one first seen, as discovery shows it (tls_key)."""


class Connection(Record, frozen=True, kw_only=True):
    """How to log in: set for the client, overridden by its sites, overridden by single assets."""

    user: str | None = None
    port: Port | None = None
    key_file: str | None = None  # on the engineer's machine; absent and no `key`: the SSH agent
    key: SecretRef | None = None
    password: SecretRef | None = None
    become_password: SecretRef | None = None
    windows: WindowsConnection | None = None


class Window(Record, frozen=True, kw_only=True):
    """Hours in which hosts may be changed; one that ends before it starts lasts past midnight."""

    start: Clock
    end: Clock
    days: Annotated[tuple[Weekday, ...], Meta(min_length=1)] = get_args(Weekday)  # on which it starts


class Maintenance(Record, frozen=True, kw_only=True):
    """When hosts may be changed."""

    timezone: Timezone = "UTC"
    windows: tuple[Window, ...] = ()  # none: at any time
    reboots: bool = False  # hosts that wait for a restart may be restarted in them


class Network(Record, frozen=True, kw_only=True):
    """One network that may be scanned."""

    name: Name
    cidr: Cidr
    holds: Kind | None = None  # what a general-purpose computer found here is, where nothing says more
    exclude: tuple[Span, ...] = ()  # never touched


class Site(Record, frozen=True, kw_only=True):
    """A place of the client's."""

    name: Name
    networks: tuple[Network, ...]
    address: str = ""
    dns: tuple[Address, ...] = ()  # servers that know the site's reverse names
    connection: Connection = field(default_factory=Connection)
    maintenance: Maintenance | None = None  # in place of the client's


class SnmpAccess(Record, frozen=True, kw_only=True):
    """How devices answer SNMP at this client."""

    communities: tuple[SecretRef, ...] = ()
    users: tuple[SnmpUser, ...] = ()


class DirectoryAccess(Record, frozen=True, kw_only=True):
    """A directory that knows the client's computers: a domain controller of Active Directory."""

    server: Annotated[str, Meta(min_length=1, description="a domain controller's name")]
    user: Annotated[
        str, Meta(min_length=1, description="an account that may read, such as reader@acme.example")
    ]
    password: SecretRef
    base: str = ""  # where to look for computers; the whole domain when empty
    encryption: Literal["ldaps", "starttls", "none"] = (
        "ldaps"  # none: the password crosses the network in clear
    )
    port: Port | None = None
    ca_file: str | None = None  # relative to the workspace; the system's authorities when absent
    certificate: (
        Annotated[
            str,
            Meta(
                pattern=r"^[0-9A-Fa-f]{2}(:?[0-9A-Fa-f]{2}){31}$(?!\n)",
                description="the SHA-256 of the server's certificate, as openssl x509 -fingerprint shows it",
            ),
        ]
        | None
    ) = None  # this one and no other, whoever signed it
    page_size: Annotated[int, Meta(ge=1, le=5_000)] = 500


class Discovery(Record, frozen=True, kw_only=True):
    """What a scan does beyond its defaults."""

    extra_ports: tuple[Port, ...] = ()
    snmp: SnmpAccess = field(default_factory=SnmpAccess)
    directories: tuple[DirectoryAccess, ...] = ()
    industrial: bool = False  # also ask controllers of machines and buildings for their names
    packets_per_second: Annotated[int, Meta(ge=10, le=100_000)] = 5_000


SystemFamily = Literal["linux", "windows"]
SYSTEMS: tuple[SystemFamily, ...] = get_args(SystemFamily)
Version = Annotated[
    str,
    Meta(
        pattern=r"^([0-9][A-Za-z0-9.+:~-]*\*?)?$(?!\n)",
        description="the agreed version of its packages, as apt writes it; may end with *; empty for any",
    ),
]


class Product(Record, frozen=True, kw_only=True):
    """One product of a service, as it is chosen for some systems."""

    systems: tuple[SystemFamily, ...]
    part: SystemFamily | None  # below which key of the service it is written; none: beside them
    provider: ProviderName
    groups: tuple[str, ...]
    settings: dict[str, Json]
    secrets: dict[str, SecretRef]
    version: str
    replace: bool
    licences: int | None


class SystemChoice(Record, frozen=True, kw_only=True):
    """The product for one family of systems, in place of the one that the service names for all."""

    provider: ProviderName
    groups: tuple[str, ...] | None = None  # the service's unless said
    settings: dict[str, Json] = field(default_factory=dict)
    secrets: dict[str, SecretRef] = field(default_factory=dict)
    version: Version = ""
    replace: bool | None = None  # the service's unless said
    licences: Annotated[int, Meta(ge=0)] | None = None


class OptIn(Record, frozen=True, kw_only=True):
    """A service the client has chosen, and on what: one product, or one for each family of systems."""

    provider: ProviderName | None = None  # on every system that has none of its own below
    groups: tuple[str, ...] = ()  # of the inventory, such as server or site_main; none: all managed hosts
    settings: dict[str, Json] = field(default_factory=dict)
    secrets: dict[str, SecretRef] = field(default_factory=dict)
    version: Version = ""
    replace: bool = False  # other products for the same thing go once this one is proved on a host
    licences: Annotated[int, Meta(ge=0)] | None = None  # bought for this client; none: not counted
    linux: SystemChoice | None = None
    windows: SystemChoice | None = None

    def parts(self) -> dict[SystemFamily, SystemChoice]:
        """Return the systems that have a product of their own."""
        found: dict[SystemFamily, SystemChoice | None] = {"linux": self.linux, "windows": self.windows}
        return {system: part for system, part in found.items() if part}

    def products(self) -> tuple[Product, ...]:
        """Return each product with the systems it is for; that of all the others first."""
        parts = self.parts()
        rest = tuple(system for system in SYSTEMS if system not in parts)
        found = (
            self._product(rest, None, self),
            *(self._product((system,), system, part) for system, part in parts.items()),
        )
        return tuple(each for each in found if each.systems and each.provider)

    def _product(
        self,
        systems: tuple[SystemFamily, ...],
        part: SystemFamily | None,
        choice: "OptIn | SystemChoice",
    ) -> Product:
        return Product(
            systems=systems,
            part=part,
            provider=choice.provider or "",
            groups=self.groups if choice.groups is None else choice.groups,
            settings=choice.settings,
            secrets=choice.secrets,
            version=choice.version,
            replace=self.replace if choice.replace is None else choice.replace,
            licences=choice.licences,
        )

    def product(self, system: SystemFamily | None) -> Product | None:
        """Return the product for a system, of an unknown one the only product; None where there is none."""
        fitting = [each for each in self.products() if system is None or system in each.systems]
        return fitting[0] if len(fitting) == 1 else None


class Exclusion(Record, frozen=True, kw_only=True):
    """An asset that is left out, and why; it stands in every report until it expires."""

    asset: str  # name, id or address
    reason: Annotated[str, Meta(min_length=3)]
    owner: Annotated[str, Meta(min_length=2)]
    expires: Day
    services: tuple[str, ...] = ()  # none: all


class ClientFile(Record, frozen=True, kw_only=True):
    """client.yml."""

    title: str
    authorisation: Authorisation
    sites: Annotated[tuple[Site, ...], Meta(min_length=1)]
    contacts: tuple[Contact, ...] = ()
    discovery: Discovery = field(default_factory=Discovery)
    connection: Connection = field(default_factory=Connection)
    maintenance: Maintenance = field(default_factory=Maintenance)
    services: dict[str, OptIn] = field(default_factory=dict)
    exclusions: tuple[Exclusion, ...] = ()
    redundant: tuple[Annotated[tuple[str, ...], Meta(min_length=2)], ...] = ()
    """Assets that stand in for one another, by name, id or address: no wave holds two of them."""
    network: NetworkChoices = field(default_factory=NetworkChoices)


class Override(Record, frozen=True, kw_only=True):
    """What the engineer knows better than the scan about one asset; it survives every rescan."""

    asset: str  # id, so that it survives a change of name or address
    note: str = ""
    values: dict[str, str] = field(default_factory=dict)  # name, kind, role, os, vendor, model, ...
    connection: Connection = field(default_factory=Connection)
    trusted_host_key: str | None = None  # "ssh-ed25519 AAAA…": accepted by the engineer in place of the pin


class Joined(Record, frozen=True, kw_only=True):
    """Assets of a scan's that are one machine, though nothing they showed says so."""

    assets: Annotated[tuple[str, ...], Meta(min_length=2)]  # ids; the first one's is kept
    note: str = ""


class OverridesFile(Record, frozen=True, kw_only=True):
    """overrides.yml."""

    assets: tuple[Override, ...] = ()
    joined: tuple[Joined, ...] = ()
