"""`mspctl network check` and `baseline`: how devices stand to the rules, and how they are brought to them."""

import getpass
import sys
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import click
from msgspec import structs

from mspctl import catalog, waves, windows
from mspctl.cli import devices as stage
from mspctl.cli.devices import Ready, Scene, scene
from mspctl.cli.options import client_argument, json_option
from mspctl.cli.output import answer, note, progress, table
from mspctl.cli.report import write_page
from mspctl.cli.rollout import exit_code, summary, within_windows
from mspctl.errors import BadInput, ExitCode
from mspctl.events import told
from mspctl.inventory import redundant
from mspctl.netconfig import copies, fleet, push
from mspctl.netconfig.door import Lost
from mspctl.netconfig.plan import Plan, Task, plan
from mspctl.netconfig.push import Outcome, State, Step
from mspctl.netconfig.restore import can_reverse
from mspctl.records import (
    Asset,
    HostOutcome,
    HostStatus,
    Record,
    RunEnded,
    RunRecord,
    RunStarted,
    TaskResult,
    Verdict,
    VerdictState,
    WaveStarted,
)
from mspctl.rollout import Order, too_late
from mspctl.workspace import Client

PLAYBOOK = "network_baseline"
_PLAY = "Network baseline"
_DETAIL = 400
_DIFF = 20_000


class Standing(Record, frozen=True, kw_only=True):
    """How devices stand to the rules."""

    verdicts: tuple[Verdict, ...]
    left_out: dict[str, str]


@click.command()
@click.option("--at-once", default=fleet.AT_ONCE, show_default=True, type=click.IntRange(1, 100),
    help="Devices read at the same time.",
)  # fmt: skip
@json_option
@client_argument
@click.argument("names", metavar="[DEVICE]...", nargs=-1)
def check(client: Client, names: tuple[str, ...], at_once: int, as_json: bool) -> None:
    """Judge every device by the rules of the baseline; nothing is changed on any.

    Exit code 4: a rule is broken somewhere, or could not be judged; 5: a device was not reached.

    \b
        mspctl network check acme
        mspctl network check acme sw-office --json
    """
    with client.lock(f"mspctl network check {client.name}"):
        found = scene(client, names, configured=True)
        work = stage.tasks(found)
        verdicts: list[Verdict] = []
        lost: list[str] = []

        def look(each: Ready) -> Plan | str:
            try:
                copy, source = push.look(each.door, each.platform)
            except Lost as error:
                return str(error)
            return plan(work[each.name], copies.seen(copy, each.platform), source)

        with progress("check") as report:

            def take(each: Ready, result: Plan | str) -> None:
                if isinstance(result, str):
                    lost.append(each.name)
                    note(f"{each.name}: {result}")
                    verdicts.extend(_unjudged(each, result))
                else:
                    verdicts.extend(result.verdicts)
                report(each.name, len(lost) + len({each.device for each in verdicts}), len(found.ready))

            stopped = fleet.each(found.ready, look, take, at_once)
        saved = save_verdicts(client, verdicts, datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ"))
        write_page(client)
        client.commit(f"network: check, {counted(saved)}")
    answer(
        Standing(verdicts=tuple(saved), left_out=found.left_out),
        f"{standing_text(saved)}{_left_out(found)}\n\n{counted(saved)}",
        as_json,
    )
    if stopped:
        sys.exit(ExitCode.INTERRUPTED)
    bad = {VerdictState.FAIL, VerdictState.UNDETERMINED}
    is_bad = any(each.state in bad for each in saved)
    sys.exit(ExitCode.HOSTS_FAILED if lost else ExitCode.NOT_COVERED if is_bad else ExitCode.OK)


@click.command()
@click.option("--apply", "apply_", is_flag=True, help="Change the devices; without it the run only looks.")
@click.option("--check", "check_", is_flag=True, help="Only look: what happens without --apply.")
@click.option("--diff", "-D", "wants_diff", is_flag=True, help="Show the lines that would be or were typed.")
@click.option("--accept-risk", is_flag=True,
    help="Also rules that could lock out, on devices that cannot undo a change by themselves.",
)  # fmt: skip
@click.option("--resume", is_flag=True, help="Go on with the last run, less the devices that are done.")
@click.option("--at-once", default=fleet.AT_ONCE, show_default=True, type=click.IntRange(1, 100),
    help="Devices worked on at the same time.",
)  # fmt: skip
@click.option(
    "--outside-window", "any_time", is_flag=True, help="Change devices also outside their maintenance window."
)
@json_option
@client_argument
@click.argument("names", metavar="[DEVICE]...", nargs=-1)
def baseline(
    client: Client,
    names: tuple[str, ...],
    apply_: bool,
    check_: bool,
    wants_diff: bool,
    accept_risk: bool,
    resume: bool,
    at_once: int,
    any_time: bool,
    as_json: bool,
) -> None:
    """Bring devices to the baseline: only lines that a rule names are added, replaced or taken away.

    Each device is backed up first, told to undo the change by itself, changed, looked at through a second
    login, and only then told to keep the change. Whatever goes wrong before that, it goes back to before.
    One device of each platform goes first; too many failures stop the run. Exit code 5: some devices failed.

    \b
        mspctl network baseline acme --diff          # a preview: nothing is changed
        mspctl network baseline acme --apply
        mspctl network baseline acme --apply --resume
    """
    if check_ and apply_:
        raise click.UsageError("--check only looks and --apply changes: give one of them")
    if resume and names:
        raise click.UsageError("--resume goes on with the run as it was; names do not go with it")
    with client.lock(f"mspctl network baseline {client.name}"):
        found = _seen(client, names)
        work = stage.tasks(found, accept_risk=accept_risk)
        planned = _resumed(client, found, check=not apply_) if resume else _waves(client, found)
        run = _Run(client, found, work, check=not apply_, wants_diff=wants_diff, at_once=at_once)
        if apply_ and not any_time:
            planned = run.inside_windows(planned)
        records = run.through(planned, resumes=_last(client) if resume else "")
    answer(records, _told(records, wants_diff), as_json)
    sys.exit(exit_code(records))


def brought(client: Client, *, apply_: bool, any_time: bool) -> tuple[RunRecord, ...]:
    """Bring all devices to the baseline as part of an onboarding, or look what that would be.

    One commit; needs the client's lock. Raise BadInput where there is no device to go to, or no window open.
    """
    found = _seen(client, ())
    planned = _waves(client, found)
    run = _Run(client, found, stage.tasks(found), check=not apply_, wants_diff=False, at_once=fleet.AT_ONCE)
    if apply_ and not any_time:
        planned = run.inside_windows(planned)
    return run.through(planned, resumes="")


def _seen(client: Client, names: Sequence[str]) -> Scene:
    """Return the devices that have rules; say who is left out, and why."""
    found = scene(client, names, configured=True)
    for name, reason in sorted(found.left_out.items()):
        note(f"{name}: left out: {reason}")
    return found


def restored(client: Client, name: str, wanted: str, *, apply_: bool) -> ExitCode:
    """Bring one device back to a configuration, or say what would be typed. Needs the client's lock."""
    found = scene(client, [name], configured=True)
    if not found.ready:
        raise BadInput(f"{name}: {found.left_out.get(name, 'no network device')}; --to writes it to a file")
    (ready,) = found.ready
    if not can_reverse(ready.platform):
        raise BadInput(f"{name}: {ready.platform.title}: no way back is known; --to writes it to a file")
    run = _Run(client, found, stage.tasks(found), check=not apply_, wants_diff=True, at_once=1)
    run.wanted = wanted
    records = run.through(((name,),), resumes="")
    answer(records, _told(records, True), as_json=False)
    return exit_code(records)


class _Run:
    """A run over devices: its records, and what it leaves in the client's folder."""

    def __init__(
        self,
        client: Client,
        found: Scene,
        work: dict[str, Task],
        *,
        check: bool,
        wants_diff: bool,
        at_once: int,
    ) -> None:
        self.wanted: str | None = None
        self._client, self._found, self._work = client, found, work
        self._check, self._wants_diff, self._at_once = check, wants_diff, at_once
        self._ready = {each.name: each for each in found.ready}
        self._shelf = stage.shelf(client, found.choices)
        self._records: list[RunRecord] = []
        self._verdicts: list[Verdict] = []
        self._writing = threading.Lock()
        self._secrets = tuple(found.secrets.values())
        self._deadlines: dict[str, datetime] = {}

    def inside_windows(self, planned: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], ...]:
        """Return the waves less the devices whose window is closed; the run keeps to when the others close.

        Raise BadInput where every window is closed.
        """
        wanted = Order(playbook=PLAYBOOK, waves=tuple(map(tuple, planned)))
        order = within_windows(self._client, wanted, datetime.now(UTC))
        self._deadlines = order.deadlines
        return order.waves

    def through(self, planned: Sequence[Sequence[str]], *, resumes: str) -> tuple[RunRecord, ...]:
        """Run wave by wave; return the records. One commit. Needs the client's lock."""
        name = self._client.fresh_id("runs", datetime.now(UTC))
        try:
            with self._client.log("runs", name) as append, progress(self._title()) as report:

                def record(each: RunRecord) -> None:
                    with self._writing:
                        append(each)
                        self._records.append(each)

                record(self._started(name, planned, resumes))
                status, reason = self._waves(planned, record, report)
                record(RunEnded(ended_at=datetime.now(UTC), status=status, reason=reason))
        finally:
            if self.wanted is None:
                save_verdicts(self._client, self._verdicts, name)
                write_page(self._client)
            done = sum(1 for each in self._records if isinstance(each, HostOutcome))
            self._client.commit(f"network: {self._title()}, run {name}, {done} devices")
        return tuple(self._records)

    def _title(self) -> str:
        what = "restore" if self.wanted is not None else "baseline"
        return f"{what} (preview)" if self._check else what

    def _started(self, name: str, planned: Sequence[Sequence[str]], resumes: str) -> RunStarted:
        return RunStarted(
            run=name,
            playbook=PLAYBOOK if self.wanted is None else "network_restore",
            started_at=datetime.now(UTC),
            by=getpass.getuser(),
            check=self._check,
            waves=tuple(map(tuple, planned)),
            resumes=resumes,
        )

    def _waves(
        self,
        planned: Sequence[Sequence[str]],
        record: Callable[[RunRecord], None],
        report: Callable[[str, int, int], None],
    ) -> tuple[str, str]:
        budget = self._client.workspace.settings().rollout.failure_budget
        total, done, longest = sum(map(len, planned)), 0, 0.0
        for number, hosts in enumerate(planned, 1):
            began = datetime.now(UTC)
            if late := windows.late(self._deadlines, hosts, began, longest):
                return "stopped", too_late(number, late)
            record(WaveStarted(wave=number, hosts=tuple(hosts), at=began))
            came_out: dict[str, HostStatus] = {}

            def work(name: str, number: int = number) -> Outcome:
                return self._one(name, number, record)

            def take(
                name: str, outcome: Outcome, number: int = number, came_out: dict[str, HostStatus] = came_out
            ) -> None:
                nonlocal done
                done += 1
                report(name, done, total)
                ended = self._outcome(name, outcome, number)
                came_out[name] = ended.status
                record(ended)
                if outcome.plan:
                    self._verdicts.extend(outcome.plan.verdicts)
                if ended.status in waves.LOST:
                    note(f"{name}: {ended.status}: {ended.detail}")

            if fleet.each(list(hosts), work, take, self._at_once):
                return "interrupted", "stopped by the engineer"
            longest = max(longest, (datetime.now(UTC) - began).total_seconds())
            reason = waves.stop_reason(hosts, came_out, budget)
            if reason and number < len(planned):
                return "stopped", f"wave {number}: {reason}"
        return "complete", ""

    def _one(self, name: str, wave: int, record: Callable[[RunRecord], None]) -> Outcome:
        ready = self._ready[name]
        keep = self._shelf.keep(name, ready.platform)

        def tell(step: Step) -> None:
            record(
                TaskResult(
                    wave=wave,
                    host=name,
                    play=_PLAY,
                    task=step.name,
                    status=HostStatus.CHANGED if step.name in ("prepare", "push") else HostStatus.OK,
                    seconds=round(step.seconds, 3),
                    detail=told(step.detail, _DETAIL, self._secrets),
                )
            )

        began = time.monotonic()
        outcome = push.bring(self._work[name], ready.door, keep, tell, check=self._check, wanted=self.wanted)
        self._say_plan(outcome, name, wave, record, time.monotonic() - began)
        return outcome

    def _say_plan(
        self, outcome: Outcome, name: str, wave: int, record: Callable[[RunRecord], None], seconds: float
    ) -> None:
        """Record what was planned: refused rules, what is left to a person, the lines."""
        if outcome.plan is None:
            return
        refused = [f"{rule}: refused: {why}" for rule, why in outcome.plan.refused.items()]
        by_hand = [told(line, _DETAIL, self._secrets) for line in outcome.plan.by_hand]
        would = self._check and outcome.changed
        record(
            TaskResult(
                wave=wave,
                host=name,
                play=_PLAY,
                task="judge",
                status=HostStatus.CHANGED if would else HostStatus.OK,
                seconds=round(seconds, 3),
                diff=outcome.diff[:_DIFF] if self._wants_diff else "",
                report={"state": outcome.state.value, "refused": list(refused), "by_hand": list(by_hand)},
            )
        )

    def _outcome(self, name: str, outcome: Outcome, wave: int) -> HostOutcome:
        steps = sum(1 for each in self._records if isinstance(each, TaskResult) and each.host == name)
        refused = ", ".join(outcome.plan.refused) if outcome.plan else ""
        words = [outcome.state.value] if not self._check else []
        words += [outcome.problem] if outcome.problem else []
        words += [f"refused: {refused}"] if refused else []
        if outcome.is_unreached:
            status = HostStatus.UNREACHABLE
        elif outcome.problem or outcome.state in (State.UNKNOWN, State.UNSAVED):
            status = HostStatus.FAILED
        else:
            status = HostStatus.CHANGED if outcome.changed else HostStatus.OK
        return HostOutcome(
            wave=wave,
            host=name,
            status=status,
            ok=steps,
            changed=outcome.changed,
            failed=int(status in waves.LOST),
            detail=told("; ".join(words), _DETAIL, self._secrets),
        )


def _waves(client: Client, found: Scene) -> tuple[tuple[str, ...], ...]:
    if not found.ready:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in sorted(found.left_out.items()))
        raise BadInput(f"{client.name}: no device to bring to the baseline: {reasons}")
    likeness = {each.name: each.platform.name for each in found.ready}
    planned = waves.cut(likeness, client.workspace.settings().rollout.share)
    present = [each for each in client.assets() if isinstance(each, Asset) and not each.gone_since]
    return waves.apart(planned, redundant(client.file(), present))


def _resumed(client: Client, found: Scene, *, check: bool) -> tuple[tuple[str, ...], ...]:
    last = client.last_run(PLAYBOOK)
    started = waves.started(last)
    left = waves.only(waves.remaining(last), {each.name for each in found.ready})
    if not started or not waves.is_unfinished(last) or not left:
        raise BadInput(
            f"{client.name}: no unfinished run; start one with `mspctl network baseline {client.name}`"
        )
    if started.check != check:
        mode = "a preview; go on without --apply" if started.check else "with --apply; go on with it too"
        raise BadInput(f"{client.name}: run {started.run} was {mode}")
    return left


def _last(client: Client) -> str:
    started = waves.started(client.last_run(PLAYBOOK))
    return started.run if started else ""


def _unjudged(each: Ready, reason: str) -> list[Verdict]:
    return [
        Verdict(device=each.name, rule=rule.id, state=VerdictState.UNDETERMINED, reason=f"not seen: {reason}")
        for rule in catalog.baseline()
        if each.platform.name in rule.platforms
    ]


def save_verdicts(client: Client, verdicts: Sequence[Verdict], run: str) -> list[Verdict]:
    """Save how devices stand, keeping since when it is so; return it. Devices not asked stay as they were."""
    before = {(each.device, each.rule): each for each in client.compliance()}
    asked = {each.device for each in verdicts}
    found = []
    for each in verdicts:
        old = before.get((each.device, each.rule))
        is_same = old is not None and (old.state, old.lines, old.reason) == (
            each.state,
            each.lines,
            each.reason,
        )
        found.append(structs.replace(each, since=old.since if old and is_same else run))
    others = [each for each in before.values() if each.device not in asked]
    client.save_records("compliance.jsonl", (*others, *found))
    return sorted(found, key=lambda each: (each.device, each.rule))


_SHORT = {
    VerdictState.PASS: "pass",
    VerdictState.FAIL: "FAIL",
    VerdictState.WAIVED: "waived",
    VerdictState.NOT_APPLICABLE: "-",
    VerdictState.UNDETERMINED: "?",
}


def standing_text(verdicts: Sequence[Verdict]) -> str:
    """Return verdicts as a matrix of rules by devices, and what is wrong below it."""
    names = sorted({each.device for each in verdicts})
    found = {(each.device, each.rule): each for each in verdicts}
    titles = {rule.id: rule.title for rule in catalog.baseline()}
    rules = sorted({each.rule for each in verdicts})
    rows = [
        (rule, titles.get(rule, "")[:44], *(_short(found.get((name, rule))) for name in names))
        for rule in rules
    ]
    matrix = table(("rule", "what", *names), rows)
    wrong = [
        (each.device, each.rule, line)
        for each in sorted(verdicts, key=lambda each: (each.device, each.rule))
        if each.state in (VerdictState.FAIL, VerdictState.WAIVED, VerdictState.UNDETERMINED)
        for line in each.lines or (each.reason,)
    ]
    return f"{matrix}\n\n{table(('device', 'rule', 'why'), wrong)}" if wrong else matrix


def _short(verdict: Verdict | None) -> str:
    return _SHORT[verdict.state] if verdict else ""


def counted(verdicts: Sequence[Verdict]) -> str:
    """Return how many verdicts are which, in words."""
    counts = {state: sum(1 for each in verdicts if each.state is state) for state in VerdictState}
    return ", ".join(f"{count} {state.value}" for state, count in counts.items() if count) or "nothing judged"


def _left_out(found: Scene) -> str:
    rows = sorted(found.left_out.items())
    return f"\n\n{table(('device', 'left out because'), rows)}" if rows else ""


def _told(records: Sequence[RunRecord], wants_diff: bool) -> str:
    parts = []
    for each in records:
        if isinstance(each, TaskResult) and each.task == "judge":
            if wants_diff and each.diff:
                parts.append(f"{each.host}:\n{each.diff}")
            left = [*_strings(each.report.get("refused")), *_strings(each.report.get("by_hand"))]
            parts += [f"{each.host}: {line}" for line in left]
    return "\n".join((*parts, *([""] if parts else []), summary(records)))


def _strings(found: object) -> list[str]:
    return [str(each) for each in found] if isinstance(found, list) else []
