"""What a person asks of the records of runs."""

from datetime import timedelta

from msgspec import structs

from mspctl import waves
from mspctl.cli.rollout import summary, verdict
from mspctl.history import differences, of_hosts, replaced, summarised, telling, times, versions
from mspctl.records import HostStatus, Json, RunEnded, RunRecord, TaskResult
from tests.samples import NOW, ended, outcome, started


def task(
    host: str, name: str, status: HostStatus = HostStatus.OK, seconds: float = 1.0, detail: str = ""
) -> TaskResult:
    return TaskResult(wave=1, host=host, play="p", task=name, status=status, seconds=seconds, detail=detail)


FIRST: tuple[RunRecord, ...] = (
    started([("a", "b"), ("c",)]),
    task("a", "install", HostStatus.CHANGED, 9.0),
    task("a", "install", HostStatus.CHANGED, 2.0),
    task("b", "install", HostStatus.FAILED, 4.0, "no space left"),
    task("a", "start", HostStatus.OK, 0.5),
    task("a", "tell", HostStatus.SKIPPED, 7.0),
    outcome("a", HostStatus.CHANGED),
    outcome("b", HostStatus.FAILED),
    RunEnded(ended_at=NOW + timedelta(seconds=17), status="stopped"),
)
SECOND: tuple[RunRecord, ...] = (
    started([("a", "b"), ("c",)]),
    task("a", "install"),
    task("b", "install", HostStatus.CHANGED),
    outcome("a"),
    outcome("b", HostStatus.CHANGED),
    outcome("c"),
    ended(),
)


def test_a_run_in_one_line() -> None:
    found = summarised(FIRST)
    assert found
    assert (found.hosts, found.changed, found.lost) == (3, 1, ("b",))
    assert (found.status, found.seconds, found.mode) == ("stopped", 17.0, "run")
    cut = summarised(FIRST[:3])
    assert cut and (cut.status, cut.seconds) == ("cut off", 0.0)
    assert summarised(()) is None and summarised(FIRST[1:]) is None


def test_only_what_changed_or_broke_is_telling() -> None:
    assert [(each.host, each.status.value) for each in telling(FIRST)] == [
        ("a", "changed"),
        ("a", "changed"),
        ("b", "failed"),
    ]
    assert {each.host for each in telling(of_hosts(FIRST, ["b"]))} == {"b"}
    assert of_hosts(FIRST, ["b"])[0] == FIRST[0] and of_hosts(FIRST, ["b"])[-1] == FIRST[-1]


def test_the_longest_task_comes_first_and_skipped_ones_take_no_time() -> None:
    install, start = times(FIRST)
    assert (install.task, install.hosts, install.seconds) == ("install", 2, 15.0)
    assert (install.longest, install.slowest_host) == (9.0, "a")
    assert (start.task, start.seconds) == ("start", 0.5)


def test_two_runs_differ_in_hosts_and_in_tasks() -> None:
    told = {(each.host, each.task): (each.before, each.now) for each in differences(FIRST, SECOND)}
    assert told == {
        ("a", ""): ("changed", "ok"),
        ("b", ""): ("failed", "changed"),
        ("c", ""): ("not begun", "ok"),
        ("a", "install"): ("2 times changed", "absent"),
        ("b", "install"): ("failed", "changed"),
    }
    assert differences(SECOND, SECOND) == ()


def test_hosts_that_needed_no_run_are_counted_and_said() -> None:
    run = (
        started([("b",)]),
        outcome("a", HostStatus.PROVED, wave=0),
        outcome("c", HostStatus.PROVED, wave=0),
        outcome("b"),
        ended(),
    )
    found = summarised(run)
    assert found and (found.hosts, found.proved, found.changed, found.lost) == (3, 2, 0, ())
    said = verdict(run)
    assert "3 hosts (2 proved unchanged, no run needed)" in said
    assert "nothing changed: every host is already as it should be" in said
    assert not waves.is_unfinished(run)
    cut = (*run[:3], ended("stopped"))
    assert "1 hosts not begun" in verdict(cut)
    assert waves.remaining(cut) == (("b",),)


def test_versions_are_told_before_and_after() -> None:
    step: Json = {"name": "agent", "before": "1.0", "after": "1.1", "is_kept": True}
    told = structs.replace(task("a", "report"), report={"capability": "monitoring", "release": [step]})
    hostile = structs.replace(task("b", "report"), report={"release": ["no", {"name": 7}]})
    found = versions([*FIRST, told, hostile])
    assert (found[0].service, found[0].package, found[0].before, found[0].after) == (
        "monitoring",
        "agent",
        "1.0",
        "1.1",
    )
    assert found[0].is_kept and not found[1].is_kept and len(found) == 2
    shown = summary([*FIRST, told])
    assert "CAN BE PUT BACK" in shown and "1.1" in shown
    assert "CAN BE PUT BACK" not in summary(FIRST)


def test_what_was_taken_off_is_told() -> None:
    told = structs.replace(
        task("a", "report"), report={"capability": "monitoring", "replaces": ["zabbix (package x)"]}
    )
    assert replaced([*FIRST, told, told]) == (("a", "monitoring", "zabbix (package x)"),)
    assert "zabbix (package x)" in summary([*FIRST, told])
