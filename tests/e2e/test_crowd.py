"""Sixty hosts, four services each: waves, failure budget, resuming and retrying where there is much to count.

`make test-crowd` runs it, and `make test` does not: it takes long. Each test goes on from the one before.
"""

import json
import signal
import subprocess
import time
from collections.abc import Iterator, Set

import pytest

from tests import workspace
from tests.e2e.witnesses import (
    Lab,
    Zabbix,
    ansible_processes,
    finished_hosts,
    inside,
    lab_command,
    last_run,
    wait_for,
)
from tests.workspace import CLIENT, Engineer

pytest_plugins = ["tests.lab.plugin"]
pytestmark = pytest.mark.crowd

IN_ANNEXE = 52
ANNEXE = [f"ws-annexe-{number:02}" for number in range(1, IN_ANNEXE + 1)]
HOSTS = {"db", "dc1", "files", "infra", "web", "ws-reception", "ws-surgery1", "ws-surgery2", *ANNEXE}
SERVICES = {"monitoring", "antivirus", "remote_access", "backup"}
OFF = ANNEXE[-1]
BROKEN = ANNEXE[1:6]  # more than a fifth of the second wave, together
# A source of packages where nobody answers.
BREAK = "echo 'deb http://127.0.0.1:9/debian bookworm main' > /etc/apt/sources.list.d/gone.list"
MEND = "rm /etc/apt/sources.list.d/gone.list"


@pytest.fixture(scope="module")
def engineer(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engineer]:
    """An engineer with a new workspace, where every host is to have every service."""
    crowd = ("--annexe", str(IN_ANNEXE))
    lab_command(*crowd, "up")
    lab_command(*crowd, "reset")
    lab_command(*crowd, "reset", "depot")
    made = workspace.build(tmp_path_factory.mktemp("crowd") / "northwind", lab)
    settings = made.root / "inventories" / CLIENT / "client.yml"
    text = settings.read_text()
    for groups in ("    groups: [workstation, file_server, web_server]\n", "    groups: [server]\n"):
        assert groups in text
        text = text.replace(groups, "")
    settings.write_text(text)
    made.must("discover", CLIENT)
    made.must("inventory", CLIENT)
    made.must("provider-side", "up")
    made.must("enrol", CLIENT)
    yield made
    lab_command("up")  # without the annexe


def test_a_wave_that_fails_beyond_the_budget_is_the_last(engineer: Engineer) -> None:
    lab_command("--annexe", str(IN_ANNEXE), "stop", OFF)
    for name in BROKEN:
        inside(name, "sh", "-c", BREAK)
    done = engineer.mspctl("rollout", CLIENT, "--apply")
    assert done.returncode == 5, done.stdout + done.stderr
    records = last_run(engineer, "rollout")
    waves = next(record for record in records if record["record"] == "run")["waves"]
    assert {host for wave in waves for host in wave} == HOSTS and len(waves) == 3
    outcomes = {record["host"]: record for record in records if record["record"] == "host"}
    assert outcomes.keys() == {*waves[0], *waves[1]}  # of the third nobody was begun
    assert {name for name, outcome in outcomes.items() if outcome["status"] == "failed"} == set(BROKEN)
    assert all("the package source" in outcomes[name]["detail"] for name in BROKEN)
    assert all(outcomes[name]["status"] == "changed" for name in outcomes.keys() - set(BROKEN))
    assert records[-1]["status"] == "stopped" and "more than 20%" in records[-1]["reason"]


def test_a_killed_run_goes_on_where_it_was(engineer: Engineer) -> None:
    for name in BROKEN:
        inside(name, "sh", "-c", MEND)
    done = set(finished_hosts(engineer)) - set(BROKEN)
    argv = [str(engineer.program), "rollout", CLIENT, "--apply", "--resume"]
    running = subprocess.Popen(argv, cwd=engineer.root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: last_run_is_not(engineer, done) and len(finished_hosts(engineer)) >= 6, 1200)
    running.send_signal(signal.SIGKILL)
    running.wait()
    wait_for(lambda: not ansible_processes(), 20)
    first = set(finished_hosts(engineer))
    assert not first & done

    again = engineer.mspctl("rollout", CLIENT, "--apply", "--resume")
    assert again.returncode == 5, again.stdout + again.stderr  # one host is off
    second = {
        record["host"]: record["status"]
        for record in last_run(engineer, "rollout")
        if record["record"] == "host"
    }
    assert not second.keys() & (done | first)
    assert second.keys() | done | first == HOSTS
    assert second.pop(OFF) == "unreachable"
    assert set(second.values()) <= {"ok", "changed"}


def test_whoever_was_off_comes_in_later(engineer: Engineer) -> None:
    lab_command("--annexe", str(IN_ANNEXE), "start", OFF)
    assert covered(engineer) == {(name, service) for name in HOSTS - {OFF} for service in SERVICES}
    late = engineer.mspctl("rollout", CLIENT, "--apply", "--missing")
    assert late.returncode == 0, late.stdout + late.stderr
    assert set(finished_hosts(engineer)) == {OFF}
    assert covered(engineer) == {(name, service) for name in HOSTS for service in SERVICES}


def test_the_servers_know_every_host(engineer: Engineer, lab: Lab) -> None:
    known = {host["host"] for host in Zabbix(lab).call("host.get", output=["host"])}
    assert {f"{CLIENT}.{name}" for name in HOSTS} <= known
    stores = inside(
        "depot", "sh", "-c", "ls -d /srv/*/*/*/snapshots /var/lib/*/*/*/snapshots 2>/dev/null || true"
    )
    assert len(stores.split()) == len(HOSTS), stores


def test_a_second_run_goes_to_nobody(engineer: Engineer) -> None:
    began = time.monotonic()
    done = engineer.mspctl("rollout", CLIENT, "--apply")
    print(f"a second run: {time.monotonic() - began:.1f} s for {len(HOSTS)} hosts")
    assert done.returncode == 0, done.stdout + done.stderr
    outcomes = {
        record["host"]: record["status"]
        for record in last_run(engineer, "rollout")
        if record["record"] == "host"
    }
    assert outcomes == dict.fromkeys(HOSTS, "proved")


def test_offboarding_proves_that_all_is_gone(engineer: Engineer) -> None:
    password = engineer.root.parent / "handover.password"
    password.write_text("what the client was told\n")
    password.chmod(0o600)
    done = engineer.mspctl("offboard", CLIENT, "--apply", "--handover-password-file", str(password))
    assert done.returncode == 0, done.stdout + done.stderr
    assert (
        f"{len(HOSTS) * len(SERVICES)} of {len(HOSTS) * len(SERVICES)} services proved gone"
        in workspace.git(engineer.root, "log", "-1", "--format=%s")
    )


def covered(engineer: Engineer) -> Set[tuple[str, str]]:
    """Return which service is proved on which host, asked anew."""
    found = json.loads(engineer.mspctl("verify", CLIENT, "--json").stdout)
    return {(each["asset"], each["service"]) for each in found if each["state"] == "covered"}


def came_out(engineer: Engineer) -> dict[str, str]:
    """Return the status of each host of the newest run."""
    return {
        each["host"]: each["status"] for each in last_run(engineer, "rollout") if each["record"] == "host"
    }


def last_run_is_not(engineer: Engineer, done: Set[str]) -> bool:
    """Return whether the newest run is another than that which finished these hosts."""
    return not set(finished_hosts(engineer)) & done
