"""What is left of a client's services on its hosts: the proof that they are gone; pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

from mspctl.inventory import Inventory
from mspctl.records import HostOutcome, HostStatus, Record, RunRecord, TaskResult


class AbsenceState(StrEnum):
    """A host under a service that was taken away."""

    GONE = "gone"
    STILL_THERE = "still there"
    UNKNOWN = "unknown"  # could not be asked


class Absence(Record, frozen=True, kw_only=True):
    """Whether a service left a host: absence.jsonl."""

    asset: str
    service: str
    state: AbsenceState
    left: tuple[str, ...] = ()  # what is still there, such as package:x, path:/etc/x, user:x
    kept: tuple[str, ...] = ()  # what was there before the first rollout, and stays
    reason: str = ""


def absences(
    inventory: Inventory, look: Iterable[RunRecord], removals: Iterable[RunRecord]
) -> tuple[Absence, ...]:
    """Return for each host and service whether anything is left, by host and service.

    `look` is the record of a verify run after the removal, `removals` those of all runs: what a host had
    before the first rollout is told by the one that took the service away.
    """
    looked = list(look)
    reports = {
        (record.host, str(record.report.get("capability"))): record.report
        for record in looked
        if isinstance(record, TaskResult) and "remains" in record.report
    }
    lost = {
        record.host: record.detail or record.status.value
        for record in looked
        if isinstance(record, HostOutcome) and record.status in (HostStatus.FAILED, HostStatus.UNREACHABLE)
    }
    before = _kept(removals)
    return tuple(
        _absence(host.name, service, reports.get((host.name, service)), before, lost)
        for host in inventory.hosts
        for service in sorted(set(inventory.services) & set(host.groups))
    )


def open_ones(found: Iterable[Absence], accepted: Sequence[str] = ()) -> tuple[Absence, ...]:
    """Return the absences that are not proved, less those of hosts that are accepted as they are."""
    return tuple(each for each in found if each.state is not AbsenceState.GONE and each.asset not in accepted)


def _absence(
    host: str,
    service: str,
    report: Mapping[str, object] | None,
    before: dict[tuple[str, str], set[str]],
    lost: dict[str, str],
) -> Absence:
    if report is None:
        reason = lost.get(host, "not asked")
        return Absence(asset=host, service=service, state=AbsenceState.UNKNOWN, reason=reason)
    remains = _texts(report.get("remains"))
    kept = before.get((host, service), set())
    left = tuple(sorted(remains - kept))
    return Absence(
        asset=host,
        service=service,
        state=AbsenceState.STILL_THERE if left else AbsenceState.GONE,
        left=left,
        kept=tuple(sorted(remains & kept)),
    )


def _kept(runs: Iterable[RunRecord]) -> dict[tuple[str, str], set[str]]:
    """Return by host and service what was there before the first rollout."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for record in runs:
        if isinstance(record, TaskResult) and "kept" in record.report:
            found[record.host, str(record.report.get("capability"))] |= _texts(record.report["kept"])
    return found


def _texts(value: object) -> set[str]:
    return {str(each) for each in value} if isinstance(value, list) else set()
