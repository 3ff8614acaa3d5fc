"""What was seen on the hosts and at the servers → coverage: which host has which service, proved; pure.

Silence is never success: a host that did not report and a server that did not answer leave their hosts
`unknown`, with the reason.
"""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from msgspec import structs

from mspctl.inventory import Host, Inventory
from mspctl.records import (
    ConsoleAnswer,
    Coverage,
    CoverageState,
    HostOutcome,
    HostStatus,
    Json,
    Proof,
    RunRecord,
    SessionAnswer,
    TaskResult,
)

Answers = Mapping[tuple[str, str], Mapping[str, ConsoleAnswer] | str]
"""By service and provider: what the console said of each host, or why nothing; absent: none is asked."""
Sessions = Mapping[tuple[str, str], Mapping[str, SessionAnswer] | str]
"""By service and provider: what each host answered through it, or why none was asked; absent: none can be."""
_MACHINE_ID = "machine-id"  # the check by which a host tells which machine it is


def judge(
    inventory: Inventory,
    run: Sequence[RunRecord],
    answers: Answers,
    before: Iterable[Coverage],
    run_id: str,
    sessions: Sessions = MappingProxyType({}),
    drilled: Mapping[tuple[str, str], Proof] = MappingProxyType({}),
) -> tuple[Coverage, ...]:
    """Return the coverage of every host under every chosen service, by host and service.

    `drilled` is what drills proved, by host and service.

    `run` is the record of a verify run; a state that `before` already held with the same proofs keeps
    its `since`, so that a look that finds nothing new changes nothing.
    """
    reports = {
        (record.host, str(record.report.get("capability"))): record.report
        for record in run
        if isinstance(record, TaskResult) and record.report
    }
    lost = {
        record.host: record.detail or record.status.value
        for record in run
        if isinstance(record, HostOutcome) and record.status in (HostStatus.FAILED, HostStatus.UNREACHABLE)
    }
    known = {(found.asset, found.service): found for found in before}
    return tuple(
        _since(
            _drilled(
                _coverage(
                    inventory, host, service, reports.get((host.name, service)), lost, answers, sessions
                ),
                drilled.get((host.name, service)),
            ),
            known.get((host.name, service)),
            run_id,
        )
        for host in inventory.hosts
        for service in sorted(inventory.services)
    )


def with_drills(
    coverage: Iterable[Coverage], drilled: Mapping[tuple[str, str], Proof], since: str
) -> tuple[Coverage, ...]:
    """Return coverage with what drills have proved since it was judged."""
    return tuple(
        _since(_drilled(each, drilled.get((each.asset, each.service))), each, since) for each in coverage
    )


def is_complete(coverage: Iterable[Coverage]) -> bool:
    """Return whether every host is covered, or left out for a reason."""
    return all(found.state in (CoverageState.COVERED, CoverageState.EXCLUDED) for found in coverage)


def awaited(coverage: Iterable[Coverage]) -> bool:
    """Return whether waiting may help: an agent that runs, and a console that has not heard of it yet."""
    return any(
        found.state is CoverageState.FAILING
        and all(proof.ok or proof.optional or proof.source not in ("host", "drill") for proof in found.proofs)
        for found in coverage
    )


def _coverage(
    inventory: Inventory,
    host: Host,
    service: str,
    report: Mapping[str, Json] | None,
    lost: Mapping[str, str],
    answers: Answers,
    sessions: Sessions,
) -> Coverage:
    product = inventory.product(service, host)
    provider = product.provider if product else ""

    def say(state: CoverageState, reason: str = "", proofs: tuple[Proof, ...] = ()) -> Coverage:
        return Coverage(
            asset=host.name,
            service=service,
            state=state,
            provider=provider,
            reason=reason,
            proofs=proofs,
            incumbents=_incumbents(report),
        )

    if service in host.excluded:
        return say(CoverageState.EXCLUDED, host.excluded[service])
    if "unclassified" in host.groups:
        return say(CoverageState.UNKNOWN, host.left_alone)
    if host.left_alone:
        return say(CoverageState.EXCLUDED, host.left_alone)
    if service not in host.groups:
        return say(CoverageState.EXCLUDED, "not chosen by the client for this host")
    if report is None:
        return say(CoverageState.UNKNOWN, lost.get(host.name, "not asked in this run"))
    answer = answers.get((service, provider))
    if not report.get("installed"):
        heard = _console_proofs(answer, host.name)
        return say(CoverageState.MISSING, "not installed", heard if any(p.ok for p in heard) else ())
    session = sessions.get((service, provider))
    proofs = (
        *_host_proofs(report),
        *_console_proofs(answer, host.name),
        *_session_proofs(session, host.name, report),
    )
    for silent in (answer, session):
        if isinstance(silent, str):
            return say(CoverageState.UNKNOWN, silent, proofs)
    if answer is not None and host.name not in answer:
        return say(CoverageState.UNKNOWN, "the server said nothing of it", proofs)
    if not proofs:
        return say(CoverageState.UNKNOWN, "nothing was asked of it")
    state, reason = _verdict(proofs)
    return say(state, reason, proofs)


def _drilled(found: Coverage, proof: Proof | None) -> Coverage:
    """Return the coverage of a host that could be judged with what a drill of it proved."""
    if proof is None or found.state not in (CoverageState.COVERED, CoverageState.FAILING):
        return found
    proofs = (*(each for each in found.proofs if each.source != proof.source), proof)
    state, reason = _verdict(proofs)
    return structs.replace(found, state=state, reason=reason, proofs=proofs)


def _verdict(proofs: Iterable[Proof]) -> tuple[CoverageState, str]:
    failed = [proof.title for proof in proofs if not proof.ok and not proof.optional]
    return CoverageState.FAILING if failed else CoverageState.COVERED, "; ".join(failed)


def _incumbents(report: Mapping[str, Json] | None) -> tuple[str, ...]:
    named = (report or {}).get("incumbents")
    return tuple(map(str, named)) if isinstance(named, list) else ()


def _host_proofs(report: Mapping[str, Json]) -> tuple[Proof, ...]:
    checks = report.get("checks")
    return tuple(
        Proof(
            check=str(check.get("id")),
            title=str(check.get("title")),
            source="host",
            ok=bool(check.get("ok")),
            optional=bool(check.get("optional")),
            detail="" if check.get("ok") else str(check.get("detail", "")),
        )
        for check in (checks if isinstance(checks, list) else ())
        if isinstance(check, dict)
    )


def _console_proofs(answer: Mapping[str, ConsoleAnswer] | str | None, host: str) -> tuple[Proof, ...]:
    if answer is None or isinstance(answer, str) or host not in answer:
        return ()
    said = answer[host]
    asked = (
        ("known", "The server knows the host", said.known),
        ("fresh", "The server has fresh data of the host", said.fresh),
    )
    return tuple(
        Proof(check=check, title=title, source="console", ok=ok, detail="" if ok else said.detail)
        for check, title, ok in asked
    )


def _session_proofs(
    answer: Mapping[str, SessionAnswer] | str | None, host: str, report: Mapping[str, Json]
) -> tuple[Proof, ...]:
    """Return whether the machine at the other end is the one that was asked on the host itself."""
    if answer is None or isinstance(answer, str):
        return ()
    said = answer.get(host, SessionAnswer(host=host, detail="nothing was run on it"))
    checks = report.get("checks")
    told = next(
        (
            str(check.get("detail"))
            for check in (checks if isinstance(checks, list) else ())
            if isinstance(check, dict) and check.get("id") == _MACHINE_ID and check.get("ok")
        ),
        "",
    )
    is_it = bool(said.machine_id) and said.machine_id == told
    detail = said.detail or f"the machine that answers calls itself {said.machine_id}, the host {told or '?'}"
    return (
        Proof(
            check="answers",
            title="A command run through it answers",
            source="session",
            ok=is_it,
            detail="" if is_it else detail,
        ),
    )


def _since(found: Coverage, before: Coverage | None, run_id: str) -> Coverage:
    if before and structs.replace(before, since="") == structs.replace(found, since=""):
        return before
    return structs.replace(found, since=run_id)
