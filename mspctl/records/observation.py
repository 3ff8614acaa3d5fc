"""What a scan saw: observations/<scan>.jsonl, append-only."""

from datetime import datetime
from typing import Literal

from msgspec import field

from mspctl.records.base import Json, Record

ProfileName = Literal["quick", "standard", "full"]
"""How much a scan asks."""


class ScanStarted(Record, frozen=True, kw_only=True, tag="scan", tag_field="record"):
    """The first line of a log: what was asked for."""

    scan: str  # UTC, such as 20261121T093000Z; names sort by time
    started_at: datetime
    networks: tuple[str, ...]  # CIDR
    ports: tuple[int, ...]
    excluded: tuple[str, ...] = ()  # addresses or networks that were not touched
    profile: ProfileName = "standard"


class ImportStarted(Record, frozen=True, kw_only=True, tag="import", tag_field="record"):
    """The first line of a log of others' findings: it covers no network, so its silence says nothing."""

    scan: str  # when it was read, as for a scan
    started_at: datetime  # when it was seen or said: another scanner's run, or the moment of reading
    source: str  # whose word it is; a later import of the same source replaces what this one listed


class Observation(Record, frozen=True, kw_only=True, tag="seen", tag_field="record"):
    """One answer of one address to one probe, raw: classification can be run again on it, offline."""

    scan: str
    address: str
    probe: str  # the module under mspctl/facts that reads it
    at: datetime
    port: int | None = None
    raw: dict[str, Json] = field(default_factory=dict)  # the probe says what; hostile text, bounded in size


class Listing(Record, frozen=True, kw_only=True, tag="listed", tag_field="record"):
    """One machine as a register knows it: an account, a lease, a row of a list. No proof that it is there.

    An Observation is an answer of one address. A register knows machines: at no address, at one or at more.
    """

    scan: str
    probe: str  # the module under mspctl/facts that reads `raw`: csv, dhcp or directory
    at: datetime
    addresses: tuple[str, ...] = ()
    raw: dict[str, Json] = field(default_factory=dict)  # as of an Observation


class ScanReached(Record, frozen=True, kw_only=True, tag="reached", tag_field="record"):
    """Written now and then: all addresses up to this one are done, so a killed scan goes on after it."""

    scan: str
    address: str


class ScanEnded(Record, frozen=True, kw_only=True, tag="end", tag_field="record"):
    """The last line of a log; a log without it was killed and still holds what was found."""

    scan: str
    ended_at: datetime
    addresses_probed: int
    interrupted: bool = False
    unreachable: tuple[str, ...] = ()  # CIDRs nothing could be sent to: their silence says nothing
    strays_dropped: int = 0  # answers from outside the scope, or to questions never asked


class LoginFailed(Record, frozen=True, kw_only=True, tag="not-in", tag_field="record"):
    """A machine that was to be looked at from inside, and was not."""

    scan: str
    address: str
    at: datetime
    reason: str


ScanRecord = ScanStarted | ImportStarted | Observation | Listing | ScanReached | ScanEnded | LoginFailed
