"""One device brought to its baseline; it ends as intended or as it was. No other module changes one.

The order of things: read, keep a copy, plan, let the device set its own timer, type, come back by a session
that is not the first, read again, judge again, confirm, save. If anything goes wrong before the confirmation,
the device takes its change back, and is looked at until it has.
"""

import math
import re
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from enum import StrEnum
from typing import NamedTuple

from mspctl.netconfig import copies, trees
from mspctl.netconfig.copies import Copy
from mspctl.netconfig.door import Door, Lost, Refusal
from mspctl.netconfig.plan import Plan, Task, plan
from mspctl.netconfig.restore import can_reverse, reverse
from mspctl.netconfig.session import Session, session
from mspctl.netconfig.text import is_whole
from mspctl.netconfig.trees import Change
from mspctl.records import Platform, Watchdog

_SHORTEST = 10  # characters of a configuration
_POLL_SECONDS = 2.0
_GRACE_SECONDS = 90.0  # beyond the timer, for a device that reboots
_PUSH_SECONDS = 60.0
_LINE_SECONDS = 2.0  # the slowest echo that is waited for


class State(StrEnum):
    """How a device was left."""

    BEFORE = "as before"
    INTENDED = "as intended"
    UNSAVED = "as intended, not saved"
    UNKNOWN = "unknown"


class Step(NamedTuple):
    """Something done on a device, as it happens."""

    name: str
    seconds: float
    detail: str = ""


class Outcome(NamedTuple):
    """How a device came out."""

    state: State
    plan: Plan | None = None
    changed: int = 0
    problem: str = ""  # "": all went well
    is_unreached: bool = False
    diff: str = ""


Tell = Callable[[Step], None]
Keep = Callable[[Copy], str]
"""Keeps a copy of a device; returns why it could not, "" where it could."""


def look(door: Door, platform: Platform, before: Copy | None = None) -> tuple[Copy, str]:
    """Return a device's configuration, and the address it is asked from. Raise Lost.

    Where nothing but hashes differs from the copy `before`, a second look tells what that means.
    """
    with session(door, platform) as here:
        copy = read(here, platform)
        if before and copies.is_doubtful(before, copy, platform):
            again = _shown(here, platform.running, platform)
            copy = copy._replace(is_rehashed=not copies.is_same(copy.running, again, platform, exact=True))
        return copy, here.source


def read(here: Session, platform: Platform) -> Copy:
    """Return a device's configuration. Raise Lost where it does not show it whole."""
    running = _shown(here, platform.running, platform)
    startup = _shown(here, platform.startup, platform) if platform.startup else ""
    extras = {command: here.ask(command) for command in platform.extras}
    return Copy(running, startup, {name: said for name, said in extras.items() if not here.complaint(said)})


def _shown(here: Session, command: str, platform: Platform) -> str:
    said = here.ask(command, seconds=180)
    if complaint := here.complaint("\n".join(said.split("\n")[:3])):
        raise Lost(f"did not answer `{command}`: {complaint}")
    if not is_whole(said) or len(said) < _SHORTEST or not re.search(platform.whole, said):
        raise Lost(f"did not show a whole configuration for `{command}`")
    return said


def bring(
    task: Task, door: Door, keep: Keep, tell: Tell, *, check: bool, wanted: str | None = None
) -> Outcome:
    """Bring one device to its baseline, or back to the configuration `wanted`; `check` types nothing.

    What goes wrong with the device is in the outcome.
    """
    work = _Work(task, door, keep, tell, wanted)
    try:
        return work.look() if check else work.apply()
    except Lost as error:
        return work.lost(str(error))


class _Work:
    """One device, and how far it has got."""

    def __init__(self, task: Task, door: Door, keep: Keep, tell: Tell, wanted: str | None) -> None:
        self._task, self._door, self._keep, self._tell = task, door, keep, tell
        self._platform = task.platform
        self._wanted = wanted
        self._seconds = float(task.choices.rollback_seconds)
        self._before: Copy | None = None
        self._armed_on: Copy | None = None  # what the device goes back to
        self._plan: Plan | None = None
        self._typed = False
        self._is_armed = False
        self._changed = 0

    def lost(self, why: str) -> Outcome:
        """Return how a device came out that was lost, after making sure how it was left."""
        if not self._typed:
            unreached = self._before is None
            return Outcome(State.BEFORE, self._plan, problem=why, is_unreached=unreached, diff=self._diff())
        return self._taken_back(why)

    def look(self) -> Outcome:
        """Return what would be typed."""
        with session(self._door, self._platform) as here:
            self._read_and_plan(here)
        return Outcome(State.BEFORE, self._plan, self._count(), diff=self._diff())

    def apply(self) -> Outcome:
        """Return how the device came out."""
        with ExitStack() as stack:
            here = stack.enter_context(self._opened("connect"))
            self._read_and_plan(here)
            planned = self._planned()
            if not planned.first and not planned.changes:
                return self._unchanged(here)
            if problem := self._type_first(here, planned.first):
                return self._refused(here, problem)
            if planned.changes and (problem := self._type(here, planned.changes)):
                return self._refused(here, problem)
            return self._confirmed(here)

    def _opened(self, name: str) -> "_Timed":
        return _Timed(self._door, self._platform, self._tell, name)

    def _read_and_plan(self, here: Session) -> None:
        began = time.monotonic()
        self._before = self._armed_on = read(here, self._platform)
        self._tell(Step("read", time.monotonic() - began))
        if problem := self._keep(self._before):
            raise Lost(problem)
        self._plan = self._made(self._before, here.source)

    def _made(self, copy: Copy, source: str) -> Plan:
        if self._wanted is None:
            return plan(self._task, copies.seen(copy, self._platform), source)
        changes = reverse(copy.running, self._wanted, self._platform)
        return Plan((), (), changes, {}, ())

    def _planned(self) -> Plan:
        assert self._plan is not None  # read before anything else  # noqa: S101
        return self._plan

    def _count(self) -> int:
        planned = self._planned()
        return len(planned.first) + len(planned.changes)

    def _diff(self) -> str:
        if self._plan is None:
            return ""
        return copies.difference((*self._plan.first, *self._plan.changes), self._platform)

    def _unchanged(self, here: Session) -> Outcome:
        copy = self._before
        if copy and copy.startup and not copies.is_same(copy.running, copy.startup, self._platform):
            return self._saved(here, changed=1)
        return Outcome(State.INTENDED, self._plan)

    def _type_first(self, here: Session, changes: Sequence[Change]) -> str:
        """Type what the timer needs, which no timer guards; return what went wrong."""
        if not changes:
            return ""
        problem = self._pushed(here, changes, self._platform.enter, self._platform.leave, "prepare")
        if not problem:
            self._armed_on = read(here, self._platform)
        return problem

    def _type(self, here: Session, changes: Sequence[Change]) -> str:
        """Type the changes, under the device's own timer where it has one; return what went wrong."""
        platform, watchdog = self._platform, self._watchdog()
        if watchdog is None:
            if risky := [change for change in changes if self._is_risky(change)]:
                return f"its own timer cannot be set, and {risky[0].rule} could lock out: nothing was typed"
            return self._pushed(here, changes, platform.enter, platform.leave, "push")
        began = time.monotonic()
        filled = [self._filled(command) for command in watchdog.enter]
        for command in filled:
            if complaint := here.complaint(here.ask(command)):
                return f"its own timer cannot be set ({complaint}): nothing was typed"
        self._is_armed = True
        self._typed = True
        self._tell(
            Step("arm", time.monotonic() - began, f"takes the change back after {self._seconds:.0f} s")
        )
        return self._pushed(here, changes, (), tuple(map(self._filled, watchdog.leave)), "push")

    def _watchdog(self) -> Watchdog | None:
        watchdog = self._platform.watchdog
        if watchdog is None or self._armed_on is None:
            return None
        if watchdog.needs:
            tree = copies.seen(self._armed_on, self._platform).tree
            if not any(node.line == watchdog.needs for node in tree):
                return None
        return watchdog

    def _is_risky(self, change: Change) -> bool:
        spec = next((rule for rule in self._task.baseline if rule.id == change.rule), None)
        return bool(spec and spec.platforms[self._platform.name].lockout) and not self._task.accept_risk

    def _filled(self, command: str) -> str:
        minutes = max(1, math.ceil(self._seconds / 60))
        if not hasattr(self, "_id"):
            self._id = f"mspctl-{secrets.token_hex(4)}"
        return (
            command.replace("{minutes}", str(minutes))
            .replace("{seconds}", str(int(self._seconds)))
            .replace("{clock}", f"{minutes // 60:02}:{minutes % 60:02}:00")
            .replace("{id}", self._id)
        )

    def _pushed(
        self, here: Session, changes: Sequence[Change], enter: Sequence[str], leave: Sequence[str], name: str
    ) -> str:
        began = time.monotonic()
        lines = trees.commands(changes, self._platform.syntax)
        typed = tuple(line for text in lines for line in text.split("\n"))
        self._rename(here, changes)
        self._typed = True
        try:
            here.push((*enter, *typed, *leave), _PUSH_SECONDS + _LINE_SECONDS * len(typed))
        except Refusal as error:
            return str(error)
        self._changed += len(changes)
        self._tell(Step(name, time.monotonic() - began, f"{len(typed)} lines"))
        return ""

    def _rename(self, here: Session, changes: Sequence[Change]) -> None:
        """Tell the session which names its prompt may bear from now on."""
        pattern = self._platform.hostname
        if not pattern or self._before is None:
            return
        tree = trees.parse(self._before.running, self._platform.syntax)
        lines = [node.line for node in tree] + [below.line for node in tree for below in node.below]
        old = next((found[1] for line in lines if (found := re.fullmatch(pattern, line))), "")
        for change in changes:
            if (found := re.fullmatch(pattern, change.line)) and not change.undoes:
                here.renamed(old.strip('"'), found[1].strip('"'))

    def _confirmed(self, here: Session) -> Outcome:
        """Come back by a second session; without one, have the change taken back by the first."""
        try:
            return self._seen_again(here)
        except Lost as error:
            return self._refused(here, str(error))

    def _seen_again(self, here: Session) -> Outcome:
        """Come back by a second session, judge, confirm and save."""
        watchdog = self._platform.watchdog if self._is_armed else None
        with ExitStack() as stack:
            second = stack.enter_context(self._opened("second session"))
            began = time.monotonic()
            copy = read(second, self._platform)
            if wrong := self._lacks(copy, second.source):
                return self._refused(here, f"after the push it is not as intended: {wrong}")
            self._tell(Step("verify", time.monotonic() - began))
            if watchdog:
                speaker, began = (here if watchdog.bound else second), time.monotonic()
                for command in watchdog.confirm:
                    if complaint := second.complaint(speaker.ask(self._filled(command))):
                        return self._refused(here, f"the change could not be confirmed: {complaint}")
                if watchdog.pending and not re.search(watchdog.idle, said := speaker.ask(watchdog.pending)):
                    return self._refused(here, f"the change was not confirmed: {said.strip()[:160]}")
                self._is_armed = False
                self._tell(Step("confirm", time.monotonic() - began))
            return self._saved(second, self._changed)

    def _lacks(self, copy: Copy, source: str) -> str:
        """Return what is still not as intended, "" where all is."""
        if self._wanted is not None and not copies.is_same(copy.running, self._wanted, self._platform):
            return "it does not run the configuration that was wanted"
        made = self._made(copy, source)
        told = copies.difference((*made.first, *made.changes), self._platform).split("\n")[:4]
        return "; ".join(line.strip() for line in told if line.strip())

    def _saved(self, here: Session, changed: int) -> Outcome:
        """Save, and see that it worked. A session that ends here changes nothing any more."""
        try:
            return self._really_saved(here, changed)
        except Lost as error:
            problem = f"it is not known whether it was saved: {error}"
            return Outcome(State.UNSAVED, self._plan, changed, problem, diff=self._diff())

    def _really_saved(self, here: Session, changed: int) -> Outcome:
        began = time.monotonic()
        for command in self._platform.save:
            said = here.ask(command, seconds=120)
            complaint = here.complaint(said)
            done = any(re.search(pattern, said) for pattern in self._platform.saved)
            if complaint or (self._platform.saved and not done):
                why = complaint or "it did not say that it had"
                problem = f"could not be saved, and is gone with a restart: {why}"
                return Outcome(State.UNSAVED, self._plan, changed, problem, diff=self._diff())
        self._tell(Step("save", time.monotonic() - began))
        copy = read(here, self._platform)
        self._keep(copy)
        stands = self._made(copy, here.source).verdicts
        return Outcome(State.INTENDED, self._planned()._replace(verdicts=stands), changed, diff=self._diff())

    def _refused(self, here: Session, why: str) -> Outcome:
        """Have the change taken back at once where the device can, and see that it was."""
        if not self._typed:
            return Outcome(State.BEFORE, self._plan, problem=why, diff=self._diff())
        with suppress(Lost):
            watchdog = self._platform.watchdog
            for command in self._platform.leave if not (watchdog and watchdog.bound) else ():
                here.ask(command)
            if self._is_armed and watchdog:
                for command in watchdog.abort:
                    here.ask(self._filled(command))
            else:
                self._reversed(here)
        return self._taken_back(why)

    def _reversed(self, here: Session) -> None:
        """Type the way back: what is left where the device has no timer."""
        if self._armed_on is None or not can_reverse(self._platform):
            return
        now = read(here, self._platform)
        back = reverse(now.running, self._armed_on.running, self._platform)
        if back:
            lines = trees.commands(back, self._platform.syntax)
            typed = tuple(line for text in lines for line in text.split("\n"))
            with suppress(Refusal):
                here.push(
                    (*self._platform.enter, *typed, *self._platform.leave),
                    _PUSH_SECONDS + _LINE_SECONDS * len(typed),
                )

    def _taken_back(self, why: str) -> Outcome:
        """Look at the device until it is as it was; its timer has so long, and a restart."""
        began = time.monotonic()
        wait = self._seconds + _GRACE_SECONDS if self._is_armed else _GRACE_SECONDS
        last = "was not reached again"
        is_first = True
        while is_first or time.monotonic() - began < wait:
            is_first = False
            try:
                copy, _ = look(self._door, self._platform)
            except Lost as error:
                last = str(error)
            else:
                if outcome := self._settled(copy, why):
                    self._tell(Step("seen as it was", time.monotonic() - began))
                    self._tidy()
                    return outcome
                last = "is neither as before nor as intended"
                if not self._is_armed:
                    self._try_reverse()
            time.sleep(_POLL_SECONDS)
        self._try_reverse()  # its timer never came
        with suppress(Lost):
            copy, _ = look(self._door, self._platform)
            if outcome := self._settled(copy, why):
                return outcome
        why = f"{why}; and then it {last}"
        return Outcome(State.UNKNOWN, self._plan, self._changed, why, diff=self._diff())

    def _tidy(self) -> None:
        """Take away what the timer left on a device that took its change back."""
        watchdog = self._platform.watchdog
        if self._is_armed and watchdog and watchdog.after:
            with suppress(Lost), session(self._door, self._platform) as here:
                for command in watchdog.after:
                    here.ask(command)

    def _try_reverse(self) -> None:
        with suppress(Lost), session(self._door, self._platform) as here:
            self._reversed(here)

    def _settled(self, copy: Copy, why: str) -> Outcome | None:
        """Return how a device was left, None where it is on its way yet."""
        for earlier in (self._before, self._armed_on):
            if earlier and copies.is_same(copy.running, earlier.running, self._platform):
                return Outcome(State.BEFORE, self._plan, 0, why, diff=self._diff())
        saved = self._before.startup if self._before else ""
        if saved and copies.is_same(copy.running, saved, self._platform):
            why = f"{why}; it restarted, and runs what was saved"
            return Outcome(State.BEFORE, self._plan, 0, why, diff=self._diff())
        return None


class _Timed:
    """A session whose opening is told."""

    def __init__(self, door: Door, platform: Platform, tell: Tell, name: str) -> None:
        self._manager = session(door, platform)
        self._tell, self._name = tell, name

    def __enter__(self) -> Session:
        began = time.monotonic()
        found = self._manager.__enter__()
        self._tell(Step(self._name, time.monotonic() - began))
        return found

    def __exit__(self, *error: object) -> None:
        self._manager.__exit__(*error)  # type: ignore[arg-type]  # as a with statement hands them over
