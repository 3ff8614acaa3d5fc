import json
import os
import secrets
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from mspctl import catalog, rollout, waves
from mspctl.errors import BadInput, MspctlError
from mspctl.handwritten import dump
from mspctl.records import (
    CoverageState,
    HostOutcome,
    HostStatus,
    Json,
    RunEnded,
    RunRecord,
    RunStarted,
    TaskResult,
    WaveStarted,
)
from mspctl.rollout import Order, Unlock
from mspctl.workspace import Client
from tests import rollouts, samples
from tests.rollouts import folders, local_client, marker, times
from tests.samples import PASSWORD, asset
from tests.workspace import git

KNOWN = {
    "psk": f"psk-{secrets.token_hex(16)}",
    "key": f"-----BEGIN KEY-----\n{secrets.token_hex(16)}\n-----END KEY-----\n",
}
BECOME = f"become-{secrets.token_hex(8)}"
GIVEN = f"given-{secrets.token_hex(8)}"
ALL = {"vault password": PASSWORD, "become": BECOME, "given": GIVEN, "psk": KNOWN["psk"]}
UNLOCK = Unlock(vault_password=PASSWORD, become_password=BECOME, secrets=(*KNOWN.values(), BECOME))

pytestmark = pytest.mark.usefixtures("own_playbook")


@pytest.fixture(scope="module")
def own_playbook() -> Iterator[None]:
    """Take the playbook of the workspace; it is the current folder of every run here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalog, "playbook", lambda name: Path(f"{name}.yml").absolute())
        yield


def run(client: Client, order: Order, unlock: Unlock = UNLOCK, name: str = "r") -> list[RunRecord]:
    """Run `order` as the command line does; return its records as they are on disk."""
    before = Path.cwd()
    os.chdir(client.workspace.root)
    try:
        with client.log("runs", name) as append:
            ended = rollout.run(
                order, client.path / "hosts.json", name, unlock, client.workspace.own_providers, append
            )
    finally:
        os.chdir(before)
        assert folders(os.getpid()) == []
    records = list(client.run(name))
    assert records[-1] == ended
    return records


def asked(*names: tuple[str, ...], **more: Any) -> Order:
    return Order(playbook="rollout", waves=names, **{"check": False, "forks": 4, **more})


def came(records: list[RunRecord]) -> dict[str, HostStatus]:
    return {record.host: record.status for record in records if isinstance(record, HostOutcome)}


@dataclass(frozen=True)
class Story:
    """A run that stopped at a wave with a host that fails and one that is down, and the run that went on."""

    client: Client
    stopped: list[RunRecord]
    left: tuple[tuple[str, ...], ...]
    untouched: bool
    resumed: list[RunRecord]
    seen: dict[str, str]

    @property
    def text(self) -> str:
        return "".join((self.client.path / "runs" / f"{name}.jsonl").read_text() for name in "12")


@pytest.fixture(scope="module")
def story(own_playbook: None, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Every process is watched all the time."""
    client = local_client(tmp_path_factory.mktemp("story"), KNOWN, "a", "bad", "down", "later")
    variables: dict[str, Json] = {
        "db_password": GIVEN,
        "nested": {"list": [{"api_token": GIVEN, "name": "x"}], "text": f"psk={KNOWN['psk']}"},
        "shown": "one\n  two",
    }
    order = asked(("a", "bad", "down"), ("later",), diff=True, variables=variables)
    with rollouts.watching(ALL) as seen:
        stopped = run(client, order, name="1")
        left = waves.remaining(stopped)
        untouched = not marker(client, "later").exists()
        resumed = run(client, asked(*left, variables={"heal": True}, resumes="1"), name="2")
    return Story(client, stopped, left, untouched, resumed, seen)


def outcomes(records: list[RunRecord]) -> dict[str, HostOutcome]:
    return {record.host: record for record in records if isinstance(record, HostOutcome)}


def test_the_waves_go_in_order_and_each_ends_before_the_next(story: Story) -> None:
    shape = [
        (type(record).__name__, getattr(record, "wave", 0))
        for record in story.resumed
        if not isinstance(record, TaskResult)
    ]
    assert shape == [
        ("RunStarted", 0),
        *[("WaveStarted", 1), ("HostOutcome", 1), ("HostOutcome", 1)],
        *[("WaveStarted", 2), ("HostOutcome", 2)],
        ("RunEnded", 0),
    ]
    for began in (record for record in story.resumed if isinstance(record, WaveStarted)):
        results = [each for each in story.resumed if isinstance(each, TaskResult) and each.wave == began.wave]
        assert {result.host for result in results} == set(began.hosts)
        assert min(map(story.resumed.index, results)) > story.resumed.index(began)


def test_a_host_that_fails_or_is_down_fails_alone(story: Story) -> None:
    assert came(story.stopped) == {
        "a": HostStatus.CHANGED,
        "bad": HostStatus.FAILED,
        "down": HostStatus.UNREACHABLE,
    }
    assert [marker(story.client, host).exists() for host in ("a", "bad", "down")] == [True, True, False]
    details = {host: found.detail for host, found in outcomes(story.stopped).items()}
    assert details["a"] == ""
    assert details["bad"] == "Break: cannot use ******** here"
    assert details["down"].startswith("Keep what is secret: ")
    assert "refused" in details["down"]


def test_a_broken_wave_stops_the_run_and_it_goes_on_where_it_was(story: Story) -> None:
    ended = story.stopped[-1]
    assert isinstance(ended, RunEnded)
    assert ended.status == "stopped"
    assert ended.reason == "wave 1: 1 of the wave's 3 hosts failed, more than 20%: bad"
    assert story.untouched
    assert story.left == (("bad", "down"), ("later",))
    assert came(story.resumed) == {
        "bad": HostStatus.CHANGED,
        "down": HostStatus.UNREACHABLE,
        "later": HostStatus.CHANGED,
    }
    assert times(story.client, "a") == 1  # what was done was not touched again
    assert isinstance(story.resumed[-1], RunEnded)
    assert (story.resumed[-1].status, story.resumed[-1].reason) == ("complete", "")


def test_a_secret_reaches_the_host_and_nothing_else(story: Story) -> None:
    assert marker(story.client, "a").read_text() == f"{KNOWN['psk']}\n"
    for name, secret in {**ALL, "key": KNOWN["key"].splitlines()[1]}.items():
        assert secret not in story.text, name
    assert not story.seen
    diffs = [record.diff for record in story.stopped if isinstance(record, TaskResult) and record.diff]
    assert any("+********" in diff for diff in diffs)


def test_what_was_given_with_e_is_recorded_without_secrets_else_as_it_was(story: Story) -> None:
    first, second = story.stopped[0], story.resumed[0]
    assert isinstance(first, RunStarted)
    assert isinstance(second, RunStarted)
    assert first.variables == {
        "db_password": "********",
        "nested": {"list": [{"api_token": "********", "name": "x"}], "text": "psk=********"},
        "shown": "one\n  two",
    }
    assert (first.run, first.check, first.playbook, first.resumes) == ("1", False, "rollout", "")
    assert (second.variables, second.resumes) == ({"heal": True}, "1")


def test_check_looks_and_changes_nothing(tmp_path: Path) -> None:
    """Besides, a run takes away what one before it left whose processes were all killed at once."""
    gone = subprocess.Popen(["true"])
    gone.wait()
    left = rollout.MEMORY / f"mspctl-run-{os.getuid()}-{gone.pid}-abc"
    left.mkdir()
    client = local_client(tmp_path, KNOWN, "a")
    before = sorted(path.name for path in tmp_path.iterdir())
    records = run(client, asked(("a",), check=True, diff=True))
    assert came(records) == {"a": HostStatus.CHANGED}
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert any(isinstance(record, TaskResult) and record.diff for record in records)
    assert not left.exists()


def test_ansible_that_cannot_begin_is_an_error_that_says_why(tmp_path: Path) -> None:
    client = local_client(tmp_path, KNOWN, "a")
    (tmp_path / "rollout.yml").write_text("- hosts: all\n  nonsense: true\n")
    with pytest.raises(MspctlError) as caught:
        run(client, asked(("a",)))
    said = "rollout: Ansible ended with 4 before any task: 'nonsense' is not a valid attribute for a Play"
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)
    assert "[0m" not in str(caught.value)
    assert waves.is_unfinished(client.run("r"))


def test_a_vault_that_does_not_open_is_told_of_the_host(tmp_path: Path) -> None:
    client = local_client(tmp_path, KNOWN, "a")
    records = run(client, asked(("a",)), Unlock(vault_password="wrong-password"))
    assert came(records) == {"a": HostStatus.FAILED}
    (outcome,) = (record for record in records if isinstance(record, HostOutcome))
    assert "vault" in outcome.detail
    assert not marker(client, "a").exists()


def test_a_wave_that_would_not_end_in_its_window_is_not_begun(tmp_path: Path) -> None:
    client = local_client(tmp_path, KNOWN, "a", "b", "c")
    soon = datetime.now(UTC) + timedelta(seconds=1)
    order = structs.replace(
        asked(("a",), ("b",), ("c",)), deadlines={"a": datetime.max.replace(tzinfo=UTC), "b": soon}
    )
    records = run(client, order)
    assert came(records) == {"a": HostStatus.CHANGED}
    ended = records[-1]
    assert isinstance(ended, RunEnded)
    assert (ended.status, ended.reason) == (
        "stopped",
        "wave 2 would not end within the maintenance window of b",
    )
    assert waves.remaining(records) == (("b",), ("c",))
    assert not marker(client, "b").exists() and not marker(client, "c").exists()


# Killed and stopped


def onboarded(root: Path) -> Client:
    """A client with two hosts in assets.jsonl and monitoring chosen, as `mspctl rollout` finds it."""
    client = samples.opened(root, KNOWN)
    data = json.loads(json.dumps({"monitoring": {"provider": "zabbix"}}))
    data["monitoring"] |= {
        "settings": dict(samples.zabbix().settings),
        "secrets": dict(samples.zabbix().secrets),
    }
    path = client.path / "client.yml"
    path.write_text(f"{path.read_text()}{dump({'services': data})}")
    client.save_records("assets.jsonl", [asset("bad", "192.0.2.1"), asset("good", "192.0.2.2")])
    (root / "rollout.yml").write_text(rollouts.PLAYBOOK)
    return client


def wait_for(what: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.05)


def at_work(client: Client) -> subprocess.Popen[str]:
    """Start a rollout that takes a minute; return when it waits on its pilot."""
    started = rollouts.mspctl(
        client, "rollout", "acme", "--apply", "-e", "seconds=60", "-e", "heal=true", "-e", f"x_token={GIVEN}"
    )
    wait_for(lambda: times(client, "bad") == 1 or started.poll() is not None)
    assert started.poll() is None, started.communicate()
    return started


def test_ctrl_c_closes_the_record_and_a_resumed_run_finishes_it(tmp_path: Path) -> None:
    client = onboarded(tmp_path)
    with rollouts.watching({"psk": KNOWN["psk"], "vault password": PASSWORD}) as seen:
        stopped = at_work(client)
        stopped.send_signal(signal.SIGINT)
        stdout, stderr = stopped.communicate(timeout=30)
    assert stopped.returncode == 130, stderr
    ended = client.last_run("rollout")[-1]
    assert isinstance(ended, RunEnded)
    assert ended.status == "interrupted"
    assert "interrupted (stopped by the engineer)" in stdout
    assert not seen
    assert folders(stopped.pid) == []
    wait_for(lambda: not rollouts.processes(f"MSPCTL_PID={stopped.pid}"), 10)
    assert git(client.workspace.root, "status", "--short", "inventories") == ""

    refused = rollouts.mspctl(client, "rollout", "acme", "--apply", "--resume")
    assert "give them again: -e x_token=…" in refused.communicate(timeout=30)[1]
    assert refused.returncode == 3
    resumed = rollouts.mspctl(
        client, "rollout", "acme", "--apply", "--resume", "-e", "x_token=1", "-e", "seconds=0"
    )
    stdout, stderr = resumed.communicate(timeout=60)
    assert resumed.returncode == 0, stderr
    started = client.last_run("rollout")[0]
    assert isinstance(started, RunStarted)
    assert started.resumes
    assert started.waves[0][0] == "bad"


def test_kill_ends_ansible_too_and_leaves_nothing_secret(tmp_path: Path) -> None:
    client = onboarded(tmp_path)
    killed = at_work(client)
    assert rollouts.processes(f"MSPCTL_PID={killed.pid}")
    killed.send_signal(signal.SIGKILL)
    killed.communicate(timeout=30)
    wait_for(lambda: not rollouts.processes(f"MSPCTL_PID={killed.pid}"), 15)

    assert folders(killed.pid) == []
    assert waves.is_unfinished(client.last_run("rollout"))

    failing = rollouts.mspctl(client, "rollout", "acme", "--apply", "-l", "bad")
    stdout, stderr = failing.communicate(timeout=60)
    assert failing.returncode == 5, stderr
    assert "Break: cannot use ******** here" in stdout
    for secret in (KNOWN["psk"], PASSWORD):
        assert secret not in stdout + stderr
    log = git(client.workspace.root, "log", "-p")
    assert KNOWN["psk"] not in log
    assert "left by an interrupted command: runs/" in log
    assert "acme: rollout: 1 of 1 hosts, nothing changed, 1 lost: bad" in log


# In process


@pytest.fixture(scope="module")
def hosts_json(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("limits") / "hosts.json"
    groups = {"server": ["web", "db", "web-2"], "debian": ["web", "desk"], "site_main": ["desk"]}
    tree = {
        "hosts": {name: {} for name in ("web", "db", "web-2", "desk")},
        "children": {name: {"hosts": {host: {} for host in hosts}} for name, hosts in groups.items()},
    }
    path.write_text(json.dumps({"all": tree}))
    (path.parent / "list").write_text("db\ndesk\n")
    return path


@pytest.mark.parametrize(
    ("pattern", "hosts"),
    [
        ("all", "db desk web web-2"),
        ("web", "web"),
        ("web,db", "db web"),
        ("server:!db", "web web-2"),
        ("server:&debian", "web"),
        ("web*", "web web-2"),
        ("~^(web|db)$", "db web"),
        ("server[0]", "web"),
        ("site_main:db", "db desk"),
        ("!server", "desk"),
        ("@LIST", "db desk"),
    ],
)
def test_a_limit_is_read_as_ansible_reads_it(hosts_json: Path, pattern: str, hosts: str) -> None:
    chosen = rollout.limited(hosts_json, pattern.replace("LIST", str(hosts_json.parent / "list")))
    assert sorted(chosen) == hosts.split()


@pytest.mark.parametrize(
    "pattern", ["nobody", "web:!web", "server[9]", "@/nowhere", "\x1b[31m", "[", "", " ", ":"]
)
def test_a_limit_that_selects_nobody_is_told(hosts_json: Path, pattern: str) -> None:
    with pytest.raises(BadInput, match=r"^-l "):
        rollout.limited(hosts_json, pattern)


def test_what_opens_doors_does_not_show_itself() -> None:
    assert repr(UNLOCK) == str(UNLOCK) == "Unlock(…)"
    assert f"{[UNLOCK]}" == "[Unlock(…)]"


# When, and on whom


def ended(started: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = started.communicate(timeout=120)
    return started.returncode, out, err


def test_only_hosts_without_a_proof_are_gone_to(tmp_path: Path) -> None:
    client = onboarded(tmp_path)
    client.save_records("evidence.jsonl", [samples.coverage("good", CoverageState.COVERED)])
    code, out, err = ended(
        rollouts.mspctl(client, "rollout", "acme", "--apply", "--missing", "-e", "heal=true")
    )
    assert code == 0, (out, err)
    assert times(client, "bad") == 1 and times(client, "good") == 0
    client.save_records(
        "evidence.jsonl", [samples.coverage(host, CoverageState.COVERED) for host in ("bad", "good")]
    )
    code, out, _ = ended(rollouts.mspctl(client, "rollout", "acme", "--apply", "--missing"))
    assert code == 0 and "no host is without a service" in out
    assert times(client, "bad") == 1


def test_nothing_is_changed_outside_the_window_unless_asked_to(tmp_path: Path) -> None:
    client = onboarded(tmp_path)
    path = client.path / "client.yml"
    hour = (datetime.now(UTC) + timedelta(hours=3)).hour
    closed = {"maintenance": {"windows": [{"start": f"{hour:02d}:00", "end": f"{hour:02d}:59"}]}}
    path.write_text(f"{path.read_text()}{dump(closed)}")
    code, _, err = ended(rollouts.mspctl(client, "rollout", "acme", "--apply", "-e", "heal=true"))
    assert code == 3
    assert "outside every maintenance window; the next opens" in err and f"{hour:02d}:00 UTC" in err
    assert not client.runs(), "nothing was begun"
    code, _, err = ended(rollouts.mspctl(client, "rollout", "acme", "-e", "heal=true"))
    assert code == 0, err  # a preview is no change
    code, _, err = ended(
        rollouts.mspctl(client, "rollout", "acme", "--apply", "--outside-window", "-e", "heal=true")
    )
    assert code == 0, err
    assert times(client, "good") == 1


def test_a_new_version_that_fails_on_one_pilot_goes_no_further(own_playbook: None, tmp_path: Path) -> None:
    client = local_client(tmp_path, KNOWN, "a", "b", "bad", "later")
    pilots, rest = ("a", "b", "bad"), ("later",)
    records = run(client, asked(pilots, rest, failure_budget=0.5, pilots_must_pass=True))
    assert came(records).keys() == set(pilots)
    assert isinstance(records[-1], RunEnded) and records[-1].status == "stopped"
    assert "more than 0%: bad" in records[-1].reason
