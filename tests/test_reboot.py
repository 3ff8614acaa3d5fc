"""Hosts are restarted where that is allowed, never two at a time that stand in for one another.

Real systemd hosts: `shutdown -r` ends a container, and podman starts it again.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Network

import pytest
from click.testing import CliRunner, Result

from mspctl.cli import main
from mspctl.records import HostOutcome, HostStatus, Json, WaveStarted
from mspctl.workspace import Client
from tests import fleet
from tests.fleet import Fleet, Machine
from tests.workspace import git

pytestmark = [
    pytest.mark.lab,
    pytest.mark.reboot,
    pytest.mark.skipif(os.geteuid() != 0, reason="makes containers: run as root"),
]
FLAG = "/run/reboot-required"  # in memory, so that a restart takes it away


@dataclass(frozen=True)
class Office:
    """Three hosts, of which the first two stand in for one another."""

    client: Client
    machines: tuple[Machine, ...]

    def mspctl(self, *arguments: str) -> Result:
        """Return how `mspctl reboot acme …` ended."""
        argv = ["reboot", self.client.name, *arguments, "-C", str(self.client.workspace.root)]
        return CliRunner().invoke(main, argv)

    def outcomes(self) -> dict[str, tuple[HostStatus, str]]:
        """Return how each host came out of the last run, and what was said of it."""
        last = self.client.last_run("reboot")
        return {each.host: (each.status, each.detail) for each in last if isinstance(each, HostOutcome)}

    def waves(self) -> list[tuple[str, ...]]:
        """Return the waves of the last run."""
        return [each.hosts for each in self.client.last_run("reboot") if isinstance(each, WaveStarted)]

    def edit(self, old: str, new: str) -> None:
        """Change the client's file by hand."""
        path = self.client.path / "client.yml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
        git(self.client.workspace.root, "commit", "--quiet", "--all", "--message", "edited")


def began(machine: Machine) -> datetime:
    """Return since when a host's system has run."""
    said = machine.run("date", "--iso-8601=seconds", "-d", machine.run(
        "systemctl", "show", "--property=UserspaceTimestamp", "--value").strip())  # fmt: skip
    return datetime.fromisoformat(said.strip())


@pytest.fixture(scope="module")
def hosts() -> Iterator[Fleet]:
    network = IPv4Network("10.203.63.0/24")
    with fleet.running("mspctl-reboot-", 3, network, options=("--restart=always",)) as found:
        yield found


@pytest.fixture(scope="module")
def office(hosts: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Office:
    # Never rolled out: a host is managed when a service was chosen for it.
    services: dict[str, Json] = {"antivirus": {"provider": "clamav"}}
    client = fleet.client_of(tmp_path_factory.mktemp("reboot") / "northwind", hosts, services, {})
    path = client.path / "client.yml"
    path.write_text(path.read_text() + "redundant:\n  - [host1, host2]\nmaintenance:\n  reboots: false\n")
    git(client.workspace.root, "commit", "--quiet", "--all", "--message", "redundant hosts")
    return Office(client, hosts.machines)


def test_who_does_not_wait_for_it_stays_up(office: Office) -> None:
    before = [began(each) for each in office.machines]
    done = office.mspctl("--apply", "--outside-window")
    assert done.exit_code == 0, done.output
    assert "0 of 3 hosts were restarted" in done.output
    assert [began(each) for each in office.machines] == before


def test_a_preview_says_who_waits_and_why_and_restarts_nobody(office: Office) -> None:
    before = [began(each) for each in office.machines]
    for each in office.machines:
        each.run("sh", "-c", f"touch {FLAG}; echo linux-image-6.1 > {FLAG}.pkgs")
    done = office.mspctl()
    assert done.exit_code == 0, done.output
    assert "3 of 3 hosts would be restarted" in done.output and "linux-image-6.1 asked for it" in done.output
    assert [began(each) for each in office.machines] == before


def test_what_the_client_did_not_allow_is_refused(office: Office) -> None:
    done = office.mspctl("--apply")
    assert done.exit_code == 3
    assert "no restart is allowed: maintenance.reboots in inventories/acme/client.yml" in done.output
    office.edit("reboots: false", "reboots: true")


def test_two_that_stand_in_for_one_another_are_never_down_together(office: Office) -> None:
    first, second, _ = office.machines
    before = [began(each) for each in office.machines]
    done = office.mspctl("--apply")
    assert done.exit_code == 0, done.output
    assert "3 of 3 hosts were restarted" in done.output
    assert not any({"host1", "host2"} <= set(wave) for wave in office.waves())
    after = [began(each) for each in office.machines]
    assert all(now > then for now, then in zip(after, before, strict=True))
    assert began(second) > began(first)
    again = office.mspctl("--apply")
    assert "0 of 3 hosts were restarted" in again.output  # they do not wait any more


def test_a_host_whose_partner_is_away_stays_up(office: Office) -> None:
    first, second, _ = office.machines
    before = began(second)
    second.run("touch", FLAG)
    first.run("systemctl", "stop", "ssh.socket", "ssh.service")
    try:
        done = office.mspctl("--apply", "-l", "host2")
    finally:
        first.run("systemctl", "start", "ssh.service")
    assert done.exit_code == 5, done.output
    status, said = office.outcomes()["host2"]
    assert status is HostStatus.FAILED
    assert "not restarted: host1 stands in for it and is not up" in said
    assert began(second) == before
    second.run("rm", FLAG)


def test_a_host_that_comes_back_without_what_ran_before_has_failed(office: Office) -> None:
    third = office.machines[2]
    unit = "[Service]\nExecStart=/bin/sh -c 'test -e /run/ledger && exec sleep 9999'\n"
    unit += "[Install]\nWantedBy=multi-user.target\n"
    third.run("sh", "-c", "cat > /etc/systemd/system/ledger.service", text=unit)
    third.run("sh", "-c", f"touch /run/ledger {FLAG}; systemctl enable --now ledger.service")
    done = office.mspctl("--apply", "-l", "host3")
    assert done.exit_code == 5, done.output
    assert "restarted, and came back without ledger.service" in office.outcomes()["host3"][1]
