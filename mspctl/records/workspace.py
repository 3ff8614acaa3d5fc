"""What the provider writes down about itself: mspctl.yml."""

from typing import Annotated

from msgspec import Meta, field

from mspctl.records.base import Address, HostKey, Json, Name, Port, Record, SecretRef
from mspctl.records.client import Connection, Contact, OptIn
from mspctl.records.network import NetworkChoices


class Console(Record, frozen=True, kw_only=True):
    """A server of the provider's that knows which agents check in."""

    url: Annotated[str, Meta(pattern="^https?://", description="https://…")]
    user: str | None = None
    password: SecretRef | None = None
    token: SecretRef | None = None
    ca_file: str | None = None  # relative to the workspace; the system's authorities when absent


class Bastion(Record, frozen=True, kw_only=True):
    """The machine that technicians pass through."""

    host: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9.:-]{0,252}$(?!\n)")]
    host_key: Annotated[str, Meta(pattern=r"^[a-z0-9@.-]+ [A-Za-z0-9+/=]+$(?!\n)")]  # "ssh-ed25519 AAAA…"
    port: Port = 22
    user: str | None = None  # the technician's unless said


class Technician(Record, frozen=True, kw_only=True):
    """Whom mspctl logs in as to prove that technicians get through; one of those the client's list names."""

    user: str
    key: SecretRef | None = None  # in the provider's vault
    key_file: str | None = None  # on the engineer's machine; absent and no `key`: the SSH agent
    bastion: Bastion | None = None  # none: straight to the hosts


class Rollout(Record, frozen=True, kw_only=True):
    """How wide a change opens up."""

    share: Annotated[float, Meta(gt=0, le=1)] = 0.34  # of the hosts left after the pilots, the second wave
    failure_budget: Annotated[float, Meta(ge=0, lt=1)] = 0.2  # of a wave's hosts; more, and the run stops
    forks: Annotated[int, Meta(ge=1, le=200)] = 10


class Drills(Record, frozen=True, kw_only=True):
    """How long a drill of the monitoring proves anything."""

    valid_days: Annotated[int, Meta(ge=1, le=3650)] = 90


class RoleChoice(Record, frozen=True, kw_only=True):
    """How one of the provider's own hosts does its role."""

    settings: dict[str, Json] = field(default_factory=dict)  # the role's variables, less its name before them
    secrets: dict[str, SecretRef] = field(default_factory=dict)


class OwnHost(Record, frozen=True, kw_only=True):
    """A host of the provider's own, which serves its clients' hosts."""

    name: Name
    address: Address
    roles: Annotated[dict[str, RoleChoice], Meta(min_length=1)]
    connection: Connection = field(default_factory=Connection)
    host_key: HostKey | None = None  # absent: asked for at the first contact


class WorkspaceFile(Record, frozen=True, kw_only=True):
    """mspctl.yml."""

    provider: str
    team: tuple[Contact, ...] = ()
    vault_password_file: str | None = None  # on the engineer's machine
    services: dict[str, OptIn] = field(default_factory=dict)  # defaults under every client's own choice
    consoles: dict[str, Console] = field(default_factory=dict)
    technician: Technician | None = None
    hosts: tuple[OwnHost, ...] = ()  # the provider's own
    network: NetworkChoices = field(default_factory=NetworkChoices)  # under every client's own
    rollout: Rollout = field(default_factory=Rollout)
    drills: Drills = field(default_factory=Drills)
    fingerprints: tuple[str, ...] = ()  # checkouts of Recog that count beside ours; ~ or relative to here
