"""What a drill hears of a real Prometheus, with the hosts and alerts that mspctl writes."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mspctl import catalog, consoles
from mspctl.inventory import Host, Inventory
from mspctl.records import Console, DrillAnswer, Json, OptIn
from mspctl.targets import rules, targets
from tests.prometheus import Exporters, Server, await_it, exporting, needs_prometheus, watching
from tests.samples import WRITABLE

pytestmark = needs_prometheus
RECORD = catalog.provider("monitoring", "node_exporter")
RECORDS = {("monitoring", "node_exporter"): RECORD}
HOSTS = {"web": "127.0.0.1", "db": "127.0.0.2"}


@dataclass
class Office:
    """Two hosts under one exporter each, and the server that watches them."""

    server: Server
    exporters: Exporters

    def give(self, client: str = "acme", hosts: dict[str, str] = HOSTS) -> None:
        asked, alerts = self.written(client, hosts)
        self.server.give(client, asked, alerts)

    def written(self, client: str, hosts: dict[str, str]) -> tuple[list[Json], Json]:
        settings: dict[str, Json] = {"certificate_file": "x.pem", "port": self.exporters.port}
        built = Inventory(
            hosts=tuple(
                Host(
                    name=name,
                    groups=("monitoring",),
                    connection={"ansible_host": address, "mspctl_site": "main"},
                )
                for name, address in hosts.items()
            ),
            group_variables={},
            services={"monitoring": OptIn(provider="node_exporter", settings=settings)},
        )
        return targets(built, RECORDS, client), rules(built, RECORDS, client)

    def ask(self, client: str = "acme", hosts: tuple[str, ...] = ("db", "web")) -> dict[str, DrillAnswer]:
        assert RECORD.console
        return consoles.drill(RECORD.console, Console(url=self.server.url), "", None, client, hosts)

    def wait(self, host: str, detail: str = "", *, is_firing: bool = False, client: str = "acme") -> None:
        """Wait until the server says so of a host."""
        wanted = DrillAnswer(host=host, is_watched=not detail, is_firing=is_firing, detail=detail)
        await_it(lambda: self.ask(client, (host,)) == {host: wanted}, f"{wanted}")


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with exporting(2) as exporters, watching(tmp_path / "server") as server:
        yield Office(server, exporters)


def test_an_alert_fires_for_one_host_and_clears(office: Office) -> None:
    office.give()
    office.give("other")  # hosts of the same names and addresses
    office.wait("web")
    office.wait("db")
    office.exporters.tell("127.0.0.1", is_active=False)
    office.wait("web", is_firing=True)
    assert not office.ask()["db"].is_firing
    office.exporters.tell("127.0.0.1", is_active=True)
    office.wait("web")


def test_an_alert_is_of_its_client_alone(office: Office) -> None:
    office.give()
    office.give("other", {"web": HOSTS["db"]})
    office.wait("web")
    office.wait("web", client="other")
    office.exporters.tell("127.0.0.2", is_active=False)
    office.wait("web", is_firing=True, client="other")
    office.wait("db", is_firing=True)
    office.wait("web")


def test_why_a_host_is_not_watched(office: Office) -> None:
    office.wait("web", "no target at Prometheus: it has not read the client's prometheus.json")
    asked, alerts = office.written("acme", HOSTS)
    office.server.give("acme", asked)
    office.wait(
        "web",
        "the server lacks the client's alerts: name its prometheus.rules.yml below rule_files in "
        "prometheus.yml, and reload the server",
    )
    office.server.give("acme", asked, alerts)
    office.wait("web")
    office.exporters.answers["127.0.0.1"] = lambda: "node_time_seconds 1\n"
    office.wait("web", "its exporter tells nothing of mspctl-drill.service: `mspctl rollout` brings it")
    del office.exporters.answers["127.0.0.1"]
    office.wait("web", "did not answer at the last scrape")
    office.wait("db")


def test_a_host_that_goes_down_while_it_alerts_has_not_cleared(office: Office) -> None:
    office.give()
    office.wait("web")
    office.exporters.tell("127.0.0.1", is_active=False)
    office.wait("web", is_firing=True)
    del office.exporters.answers["127.0.0.1"]
    office.wait("web", "did not answer at the last scrape")


def test_a_server_that_evaluates_late_has_nothing_to_say(office: Office) -> None:
    office.server.settle("1h")
    office.give()
    office.exporters.tell("127.0.0.1", is_active=False)
    await_it(lambda: "has not evaluated the alert yet" in office.ask()["web"].detail, "no evaluation")
    assert not office.ask()["web"].is_firing


def test_what_hosts_are_called_is_text(office: Office) -> None:
    names = dict.fromkeys(WRITABLE, HOSTS["web"])
    office.give(hosts=names)
    office.exporters.tell("127.0.0.1", is_active=False)
    await_it(lambda: all(said.is_firing for said in office.ask(hosts=tuple(names)).values()), "all of them")
    found = office.server.get("alerts")["alerts"]
    said = {each["annotations"]["summary"] for each in found if each["labels"]["alertname"] == "MspctlDrill"}
    assert said == {f"{name}: the unit that stands in for a service was stopped" for name in WRITABLE}
