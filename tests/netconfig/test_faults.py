"""Whatever goes wrong, a device ends as it was or as intended, and the outcome says which."""

import pytest
from msgspec.structs import replace

from mspctl.netconfig import copies, push
from mspctl.netconfig.door import CHANGED_KEY
from mspctl.netconfig.push import State
from mspctl.records.network import BaselineRule, OnPlatform, SetLine
from tests.lab.switches import Faults, switch
from tests.netconfig.devices import PARAMETERS, bring, door, task

MINUTE = 2.0  # seconds, as the simulated devices count


@pytest.fixture(autouse=True)
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """The devices' minutes are short, and so is the time that is given them."""
    monkeypatch.setattr(push, "_POLL_SECONDS", 0.3)
    monkeypatch.setattr(push, "_GRACE_SECONDS", 8.0)
    monkeypatch.setattr(push, "_PUSH_SECONDS", 6.0)
    monkeypatch.setattr(push, "_LINE_SECONDS", 0.1)


@pytest.mark.parametrize(
    ("faults", "told"),
    [
        (Faults(drops_after_lines=9), "ended in mid-sentence"),
        (Faults(reboots_after_lines=9), "ended in mid-sentence"),
        (Faults(refuses_line="banner login"), "Invalid input"),
        (Faults(hangs_at="ip ssh version"), "no answer in time"),
        (Faults(never_confirms=True), "was not confirmed"),
    ],
    ids=lambda found: found if isinstance(found, str) else "",
)
def test_a_change_that_goes_wrong_is_taken_back(faults: Faults, told: str) -> None:
    with switch("ios", faults=faults, minute_seconds=MINUTE) as device:
        before = device.running
        outcome = bring(task("ios", hostname="sw-new"), door(device)).outcome
        assert (outcome.state, told in outcome.problem) == (State.BEFORE, True), outcome.problem
        assert device.running == before
        assert device.startup == before


def test_an_access_list_that_cuts_the_manager_off_is_undone_by_the_device() -> None:
    spec = OnPlatform(
        verify="",
        set=(
            SetLine(under=("ip access-list standard WRONG",), line="deny any", matches=r"\d+ deny +any"),
            SetLine(under=("~line vty .*",), line="access-class WRONG in", last=True),
        ),
    )
    rule = BaselineRule(
        id="ZZ-01", title="t", severity="high", why="w", references=("r",), platforms={"ios": spec}
    )
    with switch("ios", minute_seconds=MINUTE) as device:
        before = device.running
        outcome = bring(task("ios", baseline=(rule,)), door(device)).outcome
        assert outcome.state is State.BEFORE, outcome.problem
        assert device.running == before


def test_an_access_list_that_would_cut_the_manager_off_is_not_typed() -> None:
    parameters = replace(PARAMETERS, management_networks=("10.203.40.0/24",))
    with switch("ios", minute_seconds=MINUTE) as device:
        outcome = bring(task("ios", parameters=parameters), door(device)).outcome
        assert outcome.state is State.INTENDED
        assert outcome.plan is not None
        assert "does not hold 127.0.0.1" in outcome.plan.refused["NB-07"]
        assert "MSPCTL-MGMT" not in device.running


def test_a_slow_echo_is_waited_for() -> None:
    with switch("ios", faults=Faults(echo_seconds=0.05), minute_seconds=20) as device:
        outcome = bring(task("ios"), door(device)).outcome
        assert outcome.state is State.INTENDED, outcome.problem


def test_a_full_disk_is_told_of_a_change_that_runs() -> None:
    with switch("ios", faults=Faults(disk_full=True), minute_seconds=MINUTE) as device:
        before = device.startup
        outcome = bring(task("ios"), door(device)).outcome
        assert outcome.state is State.UNSAVED
        assert "gone with a restart" in outcome.problem
        assert "ip ssh version 2" in device.running
        assert device.startup == before


def test_hashes_that_change_at_each_look_change_nothing() -> None:
    with switch("ios", faults=Faults(changes_hashes=True), minute_seconds=MINUTE) as device:
        assert bring(task("ios"), door(device)).outcome.state is State.INTENDED
        again = bring(task("ios"), door(device)).outcome
        assert (again.state, again.changed) == (State.INTENDED, 0)


def test_a_timer_that_is_dead_is_made_up_for() -> None:
    faults = Faults(drops_after_lines=12, timer_is_dead=True)
    with switch("ios", faults=faults, minute_seconds=MINUTE) as device:
        before = device.running
        work = task("ios")
        outcome = bring(
            work._replace(choices=replace(work.choices, rollback_seconds=4)), door(device)
        ).outcome
        assert outcome.state is State.BEFORE, outcome.problem
        assert copies.is_same(device.running, before, work.platform)  # a line put back stands at the end


def test_a_flood_is_cut_off() -> None:
    with switch("ios", faults=Faults(floods_at="show running-config"), minute_seconds=MINUTE) as device:
        before = device.running
        outcome = bring(task("ios"), door(device)).outcome
        assert outcome.is_unreached
        assert device.running == before


def test_a_wrong_password_and_a_changed_host_key_are_told() -> None:
    with switch("ios", minute_seconds=MINUTE) as device:
        way_in = door(device)
        wrong = bring(task("ios"), door(device, password="wrong")).outcome
        assert "refused the login of technician" in wrong.problem
        assert wrong.is_unreached
        device.change_host_key()
        changed = bring(task("ios"), way_in).outcome
        assert changed.problem == CHANGED_KEY
        assert device.heard_lines == []
