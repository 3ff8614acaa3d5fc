"""What was proved: evidence.jsonl. Measured numbers that differ at every look stay in the run's record."""

from datetime import datetime
from enum import StrEnum

from msgspec import field

from mspctl.records.base import Record


class CoverageState(StrEnum):
    """A host under a service."""

    COVERED = "covered"
    MISSING = "missing"  # should have it, has it not
    FAILING = "failing"  # has it, and a proof fails
    EXCLUDED = "excluded"  # with a reason
    UNKNOWN = "unknown"  # could not be asked


class Proof(Record, frozen=True, kw_only=True):
    """One question and its answer."""

    check: str
    title: str
    source: str  # host | console | session | drill
    ok: bool
    optional: bool = False
    detail: str = ""  # only where it failed


class ConsoleAnswer(Record, frozen=True, kw_only=True):
    """What a provider's server says of one host; measured now, so it goes into no file of its own."""

    host: str
    known: bool
    fresh: bool
    detail: str  # in words: how old the newest data are, or why they are not
    address: str = ""  # where the server believes it to be


class SessionAnswer(Record, frozen=True, kw_only=True):
    """What one host answered to a command that was run through its remote access."""

    host: str
    machine_id: str = ""  # what it calls itself; "": it did not answer
    detail: str = ""  # why not


class Introduction(Record, frozen=True, kw_only=True):
    """What came of making a client known to a provider's server."""

    settings: dict[str, str] = field(default_factory=dict)  # what its agents have to be told
    made: tuple[str, ...] = ()  # in words, what was missing there


class DrillAnswer(Record, frozen=True, kw_only=True):
    """What a provider's server says now of the unit that drills stop on one host."""

    host: str
    is_watched: bool  # it has a fresh value
    is_firing: bool
    detail: str = ""  # why it is not watched


class Drill(Record, frozen=True, kw_only=True):
    """The newest drill of one host: drills.jsonl. What could not be begun is none."""

    host: str  # name
    service: str
    provider: str
    at: datetime  # when the unit was stopped, UTC
    fired_seconds: int | None = None  # after it was stopped; None: never
    cleared_seconds: int | None = None  # after it was started again
    reason: str = ""  # why it is no proof


class Coverage(Record, frozen=True, kw_only=True):
    """One asset under one service."""

    asset: str  # name
    service: str
    state: CoverageState
    provider: str = ""
    reason: str = ""
    proofs: tuple[Proof, ...] = ()
    incumbents: tuple[str, ...] = ()  # other products for the same thing that are on the host as well
    since: str = ""  # the run that first saw this state with these proofs


class Unmatched(Record, frozen=True, kw_only=True):
    """A host that a provider's server knows under the client's name, and that is none of its hosts."""

    service: str
    provider: str
    name: str  # as the server has it, less the client's part
    checks_in: bool
    address: str = ""


class CoverageCount(Record, frozen=True, kw_only=True):
    """How a service stood after a run of verify that found it otherwise than before: coverage.jsonl."""

    run: str  # UTC, such as 20261121T093000Z
    service: str
    covered: int = 0
    missing: int = 0
    failing: int = 0
    unknown: int = 0
    excluded: int = 0
