"""What is at the client: assets.jsonl."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from msgspec import Meta, field

from mspctl.records.base import Record


class Value(Record, frozen=True, kw_only=True):
    """One field of a profile, and how it was reached."""

    value: str
    confidence: Annotated[float, Meta(ge=0, le=1)]
    probe: str  # which probe saw it, or "override"
    rule: str  # which rule concluded it
    evidence: str  # the raw text it was concluded from, bounded
    since: datetime  # first seen so; not the latest look, which would change with every scan


Outcome = Literal["stands", "contradicts", "too unsure", "less exact", "last resort"]
"""What became of a candidate.

contradicts: it lost and made the value that stands less sure; less exact: another only says it more
precisely; last resort: it counts only where nothing else speaks.
"""


class Ground(Record, frozen=True, kw_only=True):
    """One reason to think of a value."""

    rule: str
    confidence: float  # of this rule alone, 0 to 1
    probe: str
    evidence: str


class Candidate(Record, frozen=True, kw_only=True):
    """A value that a field of a profile might have, whether it got it or not."""

    field: str
    value: str
    strength: Annotated[float, Meta(ge=0, le=1)]  # of its grounds together, before contradictions
    outcome: Outcome
    grounds: tuple[Ground, ...]


class IdentityKind(StrEnum):
    """What tells one machine from another, strongest first."""

    SERIAL = "serial"  # vendor + serial number
    SYSTEM_UUID = "system_uuid"
    SSH_HOST_KEY = "ssh_host_key"
    TLS_KEY = "tls_key"
    SNMP_ENGINE = "snmp_engine"
    DEVICE_UUID = "device_uuid"  # of UPnP, WS-Discovery or IPP
    NETBIOS = "netbios"
    MAC = "mac"
    HOSTNAME = "hostname"
    ADDRESS = "address"


class Identity(Record, frozen=True, kw_only=True, order=True):
    """One mark of one machine."""

    kind: IdentityKind
    value: str


class Service(Record, frozen=True, kw_only=True, order=True):
    """An open port and what listens there."""

    port: int
    protocol: str = "tcp"
    name: str = ""  # ssh, https, …
    product: str = ""  # what it says of itself


class Asset(Record, frozen=True, kw_only=True, tag="asset", tag_field="record"):
    """One machine or device of the client's."""

    id: str  # stable across scans, renames and address changes
    name: str  # safe for files and Ansible; unique within the client
    site: str
    network: str  # name of the network its first address lies in
    addresses: tuple[str, ...]  # the one to use first
    profile: dict[str, Value] = field(default_factory=dict)  # kind, role, os, os_version, vendor, hostname, …
    services: tuple[Service, ...] = ()
    identities: tuple[Identity, ...] = ()
    merged_because: tuple[str, ...] = ()  # one reason per merge of addresses
    first_seen: str = ""  # scan
    gone_since: str = ""  # the first complete scan that did not see it any more

    def get(self, name: str) -> str:
        """Return the profile's value of `name`, "" where unknown."""
        found = self.profile.get(name)
        return found.value if found else ""

    def system(self) -> str:
        """Return its operating system with the version, or its firmware's, in words; "" where unknown."""
        version = self.get("os_version")
        return (
            f"{self.get('os')} {version}".strip()
            if self.get("os")
            else f"firmware {version}"
            if version
            else ""
        )


class Ambiguous(Record, frozen=True, kw_only=True, tag="ambiguous", tag_field="record"):
    """Evidence that contradicts itself: told to the engineer, never guessed."""

    subject: str  # an asset's name or an address
    detail: str
    advice: str


class Unseen(Record, frozen=True, kw_only=True, tag="unseen", tag_field="record"):
    """A machine that registers know of and no scan has seen."""

    name: str  # as a register calls it, else its MAC or its address
    known_to: tuple[str, ...]  # such as "directory ad.acme.example"
    reasons: tuple[str, ...]  # why it may not have been seen; never empty
    addresses: tuple[str, ...] = ()
    mac: str = ""
    kind: str = ""
    system: str = ""
    last_active: str = ""  # a day; when it last showed itself to a register


AssetRecord = Asset | Ambiguous | Unseen
"""One line of assets.jsonl."""
