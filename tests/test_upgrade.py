"""New versions by the command line: pilots first, no further where they fail, and back again.

Two systemd hosts of the tests' own, and a repository of a vendor's on each of them.
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mspctl import history
from mspctl.cli import main
from mspctl.records import HostOutcome, Json
from mspctl.workspace import Client
from tests import fleet
from tests.fleet import Fleet

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(os.geteuid() != 0, reason="makes containers: run as root"),
]
SCENARIO = Path(__file__).parent.parent / "molecule" / "managed_agent_upgrade"
SERVICES: dict[str, Json] = {"monitoring": {"provider": "example"}}
REPOSITORY = "deb [trusted=yes] file:/run/repository ./"
SOURCE = f"rm -f /etc/apt/sources.list.d/* && echo '{REPOSITORY}' > /etc/apt/sources.list"


@dataclass(frozen=True)
class Office:
    """Two hosts alike, so that the first is the pilot; and the client they belong to."""

    client: Client
    hosts: Fleet

    def mspctl(self, *arguments: str) -> Result:
        """Return how a command of mspctl ended."""
        return CliRunner().invoke(main, [*arguments, "-C", str(self.client.workspace.root)])

    def publish(self, *versions: str) -> None:
        """Have the repository of each host hold some versions and no others."""
        for host in self.hosts.machines:
            host.run("sh", "-s", *versions, text=(SCENARIO / "publish.sh").read_text())

    def versions(self) -> list[str]:
        """Return the version on each host."""
        show = ("dpkg-query", "--show", "--showformat=${Version}", "example-agent")
        return [host.run(*show) for host in self.hosts.machines]

    def told(self) -> list[tuple[str, str, str]]:
        """Return which host got which version in place of which in the last run."""
        return [
            (each.host, each.before, each.after) for each in history.versions(self.client.last_run("rollout"))
        ]

    def began(self) -> set[str]:
        """Return the hosts that the last run went to."""
        return {each.host for each in self.client.last_run("rollout") if isinstance(each, HostOutcome)}


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """A client whose hosts have the first version, and receipts."""
    with fleet.running("mspctl-upgrade-", 2, IPv4Network("10.203.67.0/24")) as hosts:
        root = tmp_path_factory.mktemp("upgrade") / "northwind"
        client = fleet.client_of(root, hosts, SERVICES, {})
        shutil.copytree(SCENARIO / "records", root / "providers")
        found = Office(client, hosts)
        found.publish("1:1.0")
        for host in hosts.machines:
            host.run("sh", "-c", SOURCE)
        done = found.mspctl("rollout", "acme", "--apply")
        assert done.exit_code == 0, done.output
        yield found


def test_a_preview_tells_from_what_to_what_and_changes_nothing(office: Office) -> None:
    assert office.mspctl("rollout", "acme", "--upgrade", "--apply").exit_code == 0
    assert office.told() == []
    office.publish("1:1.0", "1:1.1")
    done = office.mspctl("rollout", "acme", "--upgrade")
    assert done.exit_code == 0 and "2 tasks would change 2 hosts" in done.output, done.output
    assert office.told() == [("host1", "1:1.0", "1:1.1"), ("host2", "1:1.0", "1:1.1")]
    assert office.versions() == ["1:1.0", "1:1.0"]


def test_an_upgrade_is_recorded_and_happens_once(office: Office) -> None:
    plain = office.mspctl("rollout", "acme", "--apply")
    assert "2 proved unchanged" in plain.output  # a newer version is no change of what the hosts should be
    done = office.mspctl("rollout", "acme", "--upgrade", "--apply")
    assert done.exit_code == 0 and office.versions() == ["1:1.1", "1:1.1"], done.output
    shown = office.mspctl("runs", "show", "acme")
    assert "1:1.0" in shown.output and "1:1.1" in shown.output and "CAN BE PUT BACK" in shown.output
    again = office.mspctl("rollout", "acme", "--upgrade", "--apply")
    assert again.exit_code == 0 and "nothing changed" in again.output
    assert office.told() == []


def test_a_version_that_does_not_work_stays_on_no_pilot_and_reaches_nobody_else(office: Office) -> None:
    office.publish("1:1.0", "1:1.1", "1:2.0")
    done = office.mspctl("rollout", "acme", "--upgrade", "--apply")
    assert done.exit_code == 5
    assert (
        "example-agent 1:1.1 → 1:2.0 does not work: example-agent.service was started and did not stay up"
        in done.output
        and "the version before is back" in done.output
    )
    assert office.began() == {"host1"} and office.versions() == ["1:1.1", "1:1.1"]
    agent = ("systemctl", "is-active", "example-agent.service")
    assert [host.run(*agent).strip() for host in office.hosts.machines] == ["active", "active"]


def test_an_agreed_version_is_the_newest_there_is(office: Office) -> None:
    path = office.client.path / "client.yml"
    path.write_text(path.read_text().replace("provider: example", 'provider: example\n    version: "1:1.0"'))
    plain = office.mspctl("rollout", "acme", "--apply")
    assert plain.exit_code == 0 and "proved unchanged" not in plain.output  # the digest holds the version
    assert office.versions() == ["1:1.1", "1:1.1"]
    looked = office.mspctl("verify", "acme", "--json")
    assert "1:1.1 where 1:1.0 is agreed; --upgrade brings it" in looked.output
    done = office.mspctl("rollout", "acme", "--upgrade", "--apply")
    assert done.exit_code == 0 and office.versions() == ["1:1.0", "1:1.0"], done.output


def test_what_was_there_before_comes_back(office: Office) -> None:
    done = office.mspctl("rollout", "acme", "--rollback", "--apply", "-l", "host2")
    assert done.exit_code == 0 and office.versions() == ["1:1.0", "1:1.1"], done.output
    again = office.mspctl("rollout", "acme", "--rollback", "--apply", "-l", "host2")
    assert again.exit_code == 0 and office.versions() == ["1:1.0", "1:1.1"]
