"""The baseline on real FRR: the lab's router, whose command line `netops` has for a shell."""

import json
from pathlib import Path

import pytest

from mspctl import catalog, process
from mspctl.netconfig import copies, push
from mspctl.netconfig.door import Door
from mspctl.netconfig.push import State
from tests.netconfig.devices import bring, task
from tests.workspace import ROOT

pytestmark = pytest.mark.lab


@pytest.fixture
def way_in() -> Door:
    """Come in to the router as an engineer would; its key is the one it shows now: the lab is ours."""
    lab = json.loads((ROOT / "build" / "lab" / "lab.json").read_text())
    router = next(each for each in lab["network"]["devices"] if each["platform"] == "frr")
    shown = process.run(["ssh-keyscan", "-t", "ed25519", router["address"]], timeout_seconds=20, check=True)
    key = next(line for line in shown.stdout.splitlines() if not line.startswith("#"))
    return Door(
        host=router["name"],
        address=router["address"],
        port=22,
        user=router["user"],
        host_key=" ".join(key.split()[1:3]),
        private_key=Path(router["key_file"]).read_text(),
    )


def test_real_frr_is_backed_up_changed_once_and_brought_back(way_in: Door) -> None:
    platform = catalog.platforms()["frr"]
    before, _ = push.look(way_in, platform)
    assert copies.written(before, platform).doubts == {}
    once = bring(task("frr"), way_in).outcome
    assert once.state is State.INTENDED, once.problem
    assert once.changed > 0
    twice = bring(task("frr"), way_in).outcome
    assert (twice.state, twice.changed) == (State.INTENDED, 0)
    back = bring(task("frr"), way_in, wanted=before.running).outcome
    assert back.state is State.INTENDED, back.problem
    after, _ = push.look(way_in, platform)
    assert copies.is_same(after.running, before.running, platform)
