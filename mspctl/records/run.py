"""What a run did: runs/<id>.jsonl, written as it happens."""

from datetime import datetime
from enum import StrEnum

from msgspec import field

from mspctl.records.base import Json, Record


class HostStatus(StrEnum):
    """How a host came out of a task, a wave or a run."""

    OK = "ok"
    CHANGED = "changed"
    FAILED = "failed"
    UNREACHABLE = "unreachable"
    SKIPPED = "skipped"
    PROVED = "proved unchanged"  # the gate showed that a run would change nothing, and none was made


class RunStarted(Record, frozen=True, kw_only=True, tag="run", tag_field="record"):
    """The first line: what was asked for, and the waves it was cut into."""

    run: str
    playbook: str
    started_at: datetime
    by: str
    check: bool
    waves: tuple[tuple[str, ...], ...]
    tags: tuple[str, ...] = ()
    skip_tags: tuple[str, ...] = ()
    variables: dict[str, Json] = field(default_factory=dict)  # given with -e, secrets masked
    resumes: str = ""  # the run this one continues


class WaveStarted(Record, frozen=True, kw_only=True, tag="wave", tag_field="record"):
    """A wave begins."""

    wave: int
    hosts: tuple[str, ...]
    at: datetime


class TaskResult(Record, frozen=True, kw_only=True, tag="task", tag_field="record"):
    """One task on one host."""

    wave: int
    host: str
    play: str
    task: str
    status: HostStatus
    seconds: float = 0.0
    detail: str = ""  # one bounded line: why it failed, what it said
    diff: str = ""  # with --diff
    report: dict[str, Json] = field(default_factory=dict)  # what a verify task observed


class HostOutcome(Record, frozen=True, kw_only=True, tag="host", tag_field="record"):
    """A host is through with its wave; in wave 0 it needed none."""

    wave: int
    host: str
    status: HostStatus
    ok: int = 0
    changed: int = 0
    failed: int = 0
    detail: str = ""


class RunEnded(Record, frozen=True, kw_only=True, tag="end", tag_field="record"):
    """The last line; a run without it was interrupted and can be resumed."""

    ended_at: datetime
    status: str  # complete | stopped (failure budget) | interrupted
    reason: str = ""


RunRecord = RunStarted | WaveStarted | TaskResult | HostOutcome | RunEnded
