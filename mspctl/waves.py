"""Which hosts go together, and when a run has to stop; pure.

Ansible's own `serial` and `max_fail_percentage` count within one batch only and forget the hosts that were
not reached, so waves, failure budget, resume and retry are decided here.
"""

import math
from collections.abc import Container, Iterable, Mapping, Sequence, Set

from mspctl.records import HostOutcome, HostStatus, RunEnded, RunRecord, RunStarted

DONE = frozenset({HostStatus.OK, HostStatus.CHANGED, HostStatus.PROVED})
LOST = frozenset({HostStatus.FAILED, HostStatus.UNREACHABLE})


def cut(hosts: Mapping[str, str], share: float) -> tuple[tuple[str, ...], ...]:
    """Return the waves of `hosts` (name → what it is alike to): pilots, a share of the rest, the rest.

    The pilots are the first host of each likeness. Every host is in exactly one wave; no wave is empty.
    """
    pilots = {likeness: name for name, likeness in sorted(hosts.items(), reverse=True)}
    first = tuple(sorted(pilots.values()))
    rest = sorted(set(hosts) - set(first))
    size = math.ceil(len(rest) * share)
    return tuple(wave for wave in (first, tuple(rest[:size]), tuple(rest[size:])) if wave)


def apart(planned: Sequence[Sequence[str]], groups: Sequence[Set[str]]) -> tuple[tuple[str, ...], ...]:
    """Return the waves, each cut further where it holds two hosts of one group; the order stays."""
    found: list[tuple[str, ...]] = []
    for wave in planned:
        parts: list[list[str]] = []
        for host in wave:
            partners = {name for group in groups if host in group for name in group}
            part = next((each for each in parts if partners.isdisjoint(each)), None)
            if part is None:
                parts.append(part := [])
            part.append(host)
        found += map(tuple, parts)
    return tuple(found)


def stop_reason(wave: Sequence[str], outcomes: Mapping[str, HostStatus], budget: float) -> str:
    """Return why no further wave may start after this one, "" where it may.

    A host that is switched off says nothing about the change; a wave in which no host was reached, does.
    """
    failed = [host for host in wave if outcomes.get(host) is HostStatus.FAILED]
    reached = [
        host for host in wave if outcomes.get(host, HostStatus.UNREACHABLE) is not HostStatus.UNREACHABLE
    ]
    if not reached:
        return f"none of the wave's {len(wave)} hosts was reached"
    if len(failed) > budget * len(wave):
        names = ", ".join(failed)
        return f"{len(failed)} of the wave's {len(wave)} hosts failed, more than {budget:.0%}: {names}"
    return ""


def outcomes(records: Iterable[RunRecord]) -> dict[str, HostStatus]:
    """Return how each host came out of a run so far; the latest word counts."""
    return {record.host: record.status for record in records if isinstance(record, HostOutcome)}


def remaining(records: Sequence[RunRecord]) -> tuple[tuple[str, ...], ...]:
    """Return the waves of an interrupted or stopped run, less the hosts that are done."""
    done = {host for host, status in outcomes(records).items() if status in DONE}
    asked = started(records)
    planned = asked.waves if asked else ()
    return only(planned, {host for wave in planned for host in wave} - done)


def only(planned: Sequence[Sequence[str]], hosts: Container[str]) -> tuple[tuple[str, ...], ...]:
    """Return the waves less every host that is not in `hosts`; no wave is empty."""
    kept = (tuple(host for host in wave if host in hosts) for wave in planned)
    return tuple(wave for wave in kept if wave)


def proved(records: Iterable[RunRecord]) -> tuple[str, ...]:
    """Return the hosts that were left out because nothing on them has changed, sorted."""
    return tuple(sorted(host for host, status in outcomes(records).items() if status is HostStatus.PROVED))


def lost(records: Sequence[RunRecord]) -> tuple[str, ...]:
    """Return the hosts that failed or were not reached, sorted."""
    return tuple(sorted(host for host, status in outcomes(records).items() if status in LOST))


def is_unfinished(records: Sequence[RunRecord]) -> bool:
    """Return whether a run was cut off, or stopped before its last wave."""
    ends = [record for record in records if isinstance(record, RunEnded)]
    return bool(records) and (not ends or ends[-1].status != "complete")


def started(records: Sequence[RunRecord]) -> RunStarted | None:
    """Return what a run was asked for, None for a run without a beginning."""
    return next((record for record in records if isinstance(record, RunStarted)), None)
