"""The laws of the baseline on every simulated platform: once is enough, and a failure leaves no trace."""

import pytest

from mspctl import catalog
from mspctl.netconfig import copies, push
from mspctl.netconfig.push import State
from mspctl.netconfig.restore import can_reverse
from mspctl.records import VerdictState
from tests.lab.switches import Faults, switch
from tests.lab.switches.platforms import PLATFORMS
from tests.netconfig.devices import SECRETS, bring, door, task

NAMES = {"aos-s": "aoss"}  # of simulations, where they have another
CONFIGURED = sorted(
    name
    for name, each in catalog.platforms().items()
    if each.configured and NAMES.get(name, name) in PLATFORMS
)


@pytest.fixture(autouse=True)
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(push, "_POLL_SECONDS", 0.3)
    monkeypatch.setattr(push, "_GRACE_SECONDS", 10.0)


@pytest.mark.parametrize("name", CONFIGURED)
def test_nothing_that_is_written_down_holds_a_secret(name: str) -> None:
    platform = catalog.platforms()[name]
    with switch(NAMES.get(name, name)) as device:
        copy, _ = push.look(door(device), platform)
        found = copies.written(copy, platform)
        assert found.doubts == {}
        text = "".join(found.files.values())
        assert [secret for secret in device.planted if secret in text and secret != "admin"] == []
        again, _ = push.look(door(device), platform)
        assert copies.written(again, platform).files == found.files


@pytest.mark.parametrize("name", CONFIGURED)
def test_the_baseline_twice_changes_nothing_more(name: str) -> None:
    with switch(NAMES.get(name, name), minute_seconds=5) as device:
        once = bring(task(name, hostname="sw-new", accept_risk=True), door(device))
        assert once.outcome.state is State.INTENDED, once.outcome.problem
        assert once.outcome.changed > 0
        after = device.running
        twice = bring(task(name, hostname="sw-new", accept_risk=True), door(device))
        assert (twice.outcome.state, twice.outcome.changed) == (State.INTENDED, 0)
        assert device.running == after
        assert [secret for secret in SECRETS.values() if secret in once.outcome.diff] == []
        assert twice.outcome.plan is not None
        by_hand = " ".join(twice.outcome.plan.by_hand)
        failing = {each.rule for each in twice.outcome.plan.verdicts if each.state is VerdictState.FAIL}
        assert failing <= {"NB-02"} or by_hand


@pytest.mark.parametrize("name", CONFIGURED)
def test_a_session_that_is_cut_leaves_the_configuration_as_it_was(name: str) -> None:
    with switch(NAMES.get(name, name), faults=Faults(drops_after_lines=8), minute_seconds=2) as device:
        before = device.running
        outcome = bring(task(name, accept_risk=True), door(device)).outcome
        assert outcome.state is State.BEFORE, outcome.problem
        assert copies.is_same(device.running, before, catalog.platforms()[name])


@pytest.mark.parametrize("name", [each for each in CONFIGURED if can_reverse(catalog.platforms()[each])])
def test_a_configuration_is_brought_back(name: str) -> None:
    with switch(NAMES.get(name, name), minute_seconds=5) as device:
        platform = catalog.platforms()[name]
        wanted = push.look(door(device), platform)[0].running
        before = device.running
        assert bring(task(name, accept_risk=True), door(device)).outcome.state is State.INTENDED
        assert not copies.is_same(device.running, before, platform)
        back = bring(task(name, accept_risk=True), door(device), wanted=wanted).outcome
        assert back.state is State.INTENDED, back.problem
        assert copies.is_same(push.look(door(device), platform)[0].running, wanted, platform)


@pytest.mark.parametrize("name", sorted(set(CONFIGURED) - {"frr"}))
def test_an_account_that_nobody_named_is_told(name: str) -> None:
    """Each simulated device begins with one that its last provider left; RouterOS exports none."""
    with switch(NAMES.get(name, name)) as device:
        found = bring(task(name), door(device), check=True).outcome
        assert found.plan is not None
        (accounts,) = (each for each in found.plan.verdicts if each.rule == "NB-02")
        assert accounts.state is VerdictState.FAIL
        told = [line for line in found.plan.by_hand if "an account that admins does not name" in line]
        assert told and not any("technician" in line for line in told)
