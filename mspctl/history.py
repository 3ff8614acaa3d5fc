"""Records of runs → what a person asks of them: how each went, what it did, how two differ; pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from mspctl import waves
from mspctl.records import (
    HostOutcome,
    HostStatus,
    Json,
    Record,
    RunEnded,
    RunRecord,
    RunStarted,
    TaskResult,
)


class RunSummary(Record, frozen=True, kw_only=True):
    """A run in one line."""

    run: str
    playbook: str
    by: str
    started_at: datetime
    seconds: float  # 0 where it was cut off
    mode: str  # preview | run
    status: str  # complete | stopped | interrupted | cut off
    hosts: int
    changed: int  # hosts
    proved: int  # hosts left out, proved unchanged
    lost: tuple[str, ...]
    resumes: str = ""


class TaskTime(Record, frozen=True, kw_only=True):
    """How long a task took over all hosts."""

    task: str
    hosts: int
    seconds: float  # of all hosts together
    longest: float
    slowest_host: str


class Difference(Record, frozen=True, kw_only=True, order=True):
    """What came out otherwise in a later run."""

    host: str
    task: str  # "" for the host as a whole
    before: str
    now: str


class Version(Record, frozen=True, kw_only=True):
    """What a run brought in the place of what, or a preview would."""

    host: str
    service: str
    package: str
    before: str
    after: str
    is_kept: bool  # the one before can be had again


def versions(records: Iterable[RunRecord]) -> tuple[Version, ...]:
    """Return which packages got another version, in the order in which the hosts were through with it."""
    return tuple(
        Version(
            host=record.host,
            service=str(record.report.get("capability", "")),
            package=str(step.get("name", "")),
            before=str(step.get("before", "")),
            after=str(step.get("after", "")),
            is_kept=step.get("is_kept") is True,
        )
        for record in records
        if isinstance(record, TaskResult)
        for step in _steps(record)
    )


def replaced(records: Iterable[RunRecord]) -> tuple[tuple[str, str, str], ...]:
    """Return which products a run took off for ours, or a preview would: host, service, product."""
    found = [
        (record.host, str(record.report.get("capability", "")), str(product))
        for record in records
        if isinstance(record, TaskResult) and isinstance(products := record.report.get("replaces"), list)
        for product in products
    ]
    return tuple(dict.fromkeys(found))


def _steps(record: TaskResult) -> list[dict[str, Json]]:
    steps = record.report.get("release")
    return [step for step in steps if isinstance(step, dict)] if isinstance(steps, list) else []


def summarised(records: Sequence[RunRecord]) -> RunSummary | None:
    """Return a run in one line, None for a log without a beginning."""
    started = waves.started(records)
    if not started:
        return None
    ended = next((record for record in reversed(records) if isinstance(record, RunEnded)), None)
    statuses = waves.outcomes(records)
    return RunSummary(
        run=started.run,
        playbook=started.playbook,
        by=started.by,
        started_at=started.started_at,
        seconds=round((ended.ended_at - started.started_at).total_seconds(), 1) if ended else 0.0,
        mode="preview" if started.check else "run",
        status=ended.status if ended else "cut off",
        hosts=sum(map(len, started.waves)) + len(waves.proved(records)),
        changed=sum(1 for status in statuses.values() if status is HostStatus.CHANGED),
        proved=len(waves.proved(records)),
        lost=waves.lost(records),
        resumes=started.resumes,
    )


def of_hosts(records: Iterable[RunRecord], hosts: Iterable[str]) -> tuple[RunRecord, ...]:
    """Return a run as it concerns some hosts; its beginning and its end stay."""
    wanted = frozenset(hosts)
    return tuple(
        record
        for record in records
        if not isinstance(record, TaskResult | HostOutcome) or record.host in wanted
    )


def telling(records: Iterable[RunRecord]) -> tuple[TaskResult, ...]:
    """Return the tasks that changed something or went wrong, in the order they ran."""
    said = (HostStatus.CHANGED, HostStatus.FAILED, HostStatus.UNREACHABLE)
    return tuple(record for record in records if isinstance(record, TaskResult) and record.status in said)


def times(records: Iterable[RunRecord]) -> tuple[TaskTime, ...]:
    """Return how long each task took, the longest first; what was skipped took no time."""
    by_task: dict[str, list[TaskResult]] = defaultdict(list)
    for record in records:
        if isinstance(record, TaskResult) and record.status is not HostStatus.SKIPPED:
            by_task[record.task].append(record)
    found = [
        TaskTime(
            task=task,
            hosts=len({each.host for each in results}),
            seconds=round(sum(each.seconds for each in results), 2),
            longest=round((slowest := max(results, key=lambda each: (each.seconds, each.host))).seconds, 2),
            slowest_host=slowest.host,
        )
        for task, results in by_task.items()
    ]
    return tuple(sorted(found, key=lambda each: (-each.seconds, each.task)))


def differences(before: Sequence[RunRecord], now: Sequence[RunRecord]) -> tuple[Difference, ...]:
    """Return what came out otherwise in a later run, by host and task; how long it took is no news."""
    return tuple(sorted((*_between(_hosts(before), _hosts(now)), *_between(_tasks(before), _tasks(now)))))


def _between(before: dict[tuple[str, str], str], now: dict[tuple[str, str], str]) -> Iterable[Difference]:
    for host, task in before.keys() | now.keys():
        old, new = before.get((host, task), "absent"), now.get((host, task), "absent")
        if old != new:
            yield Difference(host=host, task=task, before=old, now=new)


def _hosts(records: Sequence[RunRecord]) -> dict[tuple[str, str], str]:
    found = {(host, ""): status.value for host, status in waves.outcomes(records).items()}
    started = next((record for record in records if isinstance(record, RunStarted)), None)
    planned = (host for wave in started.waves for host in wave) if started else ()
    return {**dict.fromkeys(((host, "") for host in planned), "not begun"), **found}


def _tasks(records: Sequence[RunRecord]) -> dict[tuple[str, str], str]:
    """Return how each task came out; one that ran several times on a host says how often which way."""
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for record in records:
        if isinstance(record, TaskResult) and record.status not in (HostStatus.OK, HostStatus.SKIPPED):
            counts[record.host, record.task][record.status.value] += 1
    return {
        key: ", ".join(
            f"{count} times {status}" if count > 1 else status for status, count in sorted(found.items())
        )
        for key, found in counts.items()
    }
