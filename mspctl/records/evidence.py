"""What was proved: evidence.jsonl. Measured numbers that differ at every look stay in the run's record."""

from enum import StrEnum

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
    source: str  # host | console
    ok: bool
    optional: bool = False
    detail: str = ""  # only where it failed


class ConsoleAnswer(Record, frozen=True, kw_only=True):
    """What a provider's server says of one host; measured now, so it goes into no file of its own."""

    host: str
    known: bool
    fresh: bool
    detail: str  # in words: how old the newest data are, or why they are not


class Coverage(Record, frozen=True, kw_only=True):
    """One asset under one service."""

    asset: str  # name
    service: str
    state: CoverageState
    provider: str = ""
    reason: str = ""
    proofs: tuple[Proof, ...] = ()
    since: str = ""  # the run that first saw this state with these proofs
