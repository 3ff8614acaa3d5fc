"""`mspctl drill` on hosts of the tests' own: a real SSH server, real shells, and what watches them: a Zabbix
that the tests play, and a real Prometheus.

In the place of systemd stands a script that keeps in a file how the unit stands.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from msgspec import structs

from mspctl import targets
from mspctl.cli import main
from mspctl.cli.drill import Outcome, complete_hosts, hold
from mspctl.cli.inventory import write_inventory
from mspctl.consoles import zabbix as console
from mspctl.handwritten import dump
from mspctl.records import CoverageState, Drill, Json, Service
from mspctl.workspace import Client
from tests import samples
from tests.consoles.server import PASSWORD, USER, Zabbix, certificate, serving
from tests.prometheus import await_it, exporting, needs_prometheus, unit, watching
from tests.sshd import CLIENT_KEY
from tests.sshd import serving as ssh

SYSTEMCTL = """\
#!/bin/sh
case "$*" in
  *is-active*) [ ! -e {stopped} ] ;;
  "stop mspctl-drill.service") touch {stopped} ;;
  "start mspctl-drill.service") rm -f {stopped} ;;
esac
"""


@dataclass
class Watching(Zabbix):
    """A server that watches the unit of the host web; `meddle` is called while the unit is stopped."""

    stopped: Path = Path()
    meddle: Callable[[], None] = lambda: None
    is_deaf: bool = False
    seen: list[str] = field(default_factory=list)

    def answer(self, method: str, params: Any, token: str | None) -> dict[str, Any]:
        if (is_stopped := self.stopped.exists()) and method == "problem.get":
            self.seen.append("stopped")
            self.meddle()
        value = "inactive" if is_stopped else "active"
        item = {
            "key_": console._DRILL_UNIT,
            "lastvalue": value,
            "lastclock": str(int(time.time())),
            "state": "0",
        }
        self.items = [{"hostid": "1", **item}, {"hostid": "2", **item}]
        problems = [{"eventid": "e", "objectid": "t1"}] if is_stopped and not self.is_deaf else []
        self.made["problem"] = problems
        return super().answer(method, params, token)


def run(client: Client, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["drill", "acme", *arguments, "-C", str(client.workspace.root)])


@dataclass
class Office:
    """A client with two hosts, of which one lets nobody in, and its server."""

    client: Client
    zabbix: Watching

    def run(self, *arguments: str) -> Result:
        return run(self.client, *arguments)

    def hold(self, seconds: int) -> tuple[Outcome, ...]:
        with self.client.lock("test"):
            return hold(self.client, write_inventory(self.client), ("web",), seconds, False)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """A client whose hosts keep in the file `stopped` how their unit stands."""
    monkeypatch.setattr(sys.modules[Outcome.__module__], "_POLL_SECONDS", 0.05)
    for name, text in (
        ("systemctl", SYSTEMCTL.format(stopped=tmp_path / "stopped")),
        ("systemd-run", "#!/bin/sh\n"),
        ("id", "#!/bin/sh\necho 0\n"),
        ("shell", f'#!/bin/sh\nPATH={tmp_path}:$PATH exec /bin/sh "$@"\n'),
    ):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    with ssh((str(tmp_path / "shell"),), addresses=2) as server:
        found = samples.opened(tmp_path / "ws", {"key": CLIENT_KEY, "psk": samples.SECRET})
        override = {"asset": "a-db", "connection": {"user": "stranger"}}
        (found.path / "overrides.yml").write_text(dump({"assets": [override]}))
        addresses = {"web": "127.0.0.1", "db": "127.0.0.2"}
        services = (Service(port=server.port, name="ssh"),)
        found.save_records(
            "assets.jsonl",
            [
                structs.replace(samples.asset(name, where), services=services)
                for name, where in addresses.items()
            ],
        )
        pins = "".join(f"[{where}]:{server.port} {server.host_key}\n" for where in addresses.values())
        (found.path / "known_hosts").write_text(pins)
        found.save_records("evidence.jsonl", [samples.coverage("web"), samples.coverage("db")])
        yield found


def settle(client: Client, consoles: Json) -> None:
    """Write the provider's servers into mspctl.yml."""
    settings = {"provider": "Northwind IT", "vault_password_file": ".vault-password", "consoles": consoles}
    (client.workspace.root / "mspctl.yml").write_text(dump(settings))


def choose(client: Client, provider: str, settings: Json, secrets: Json) -> None:
    """Write who watches the client's hosts into client.yml."""
    choice = {"provider": provider, "settings": settings, "secrets": secrets}
    file = client.path / "client.yml"
    connection = {"user": "real", "key": "vault:key"}
    file.write_text(
        file.read_text().replace("192.0.2.0/24", "127.0.0.0/24")
        + dump({"connection": connection, "services": {"monitoring": choice}})
    )


@pytest.fixture
def office(tmp_path: Path, certificates: tuple[Path, Path], hosts: Client) -> Iterator[Office]:
    zabbix = Watching(stopped=tmp_path / "stopped")
    zabbix.hosts = [{"hostid": "1", "host": "acme.web"}, {"hostid": "2", "host": "acme.db"}]
    zabbix.made["trigger"] = [
        {"triggerid": f"t{number}", "description": console._DRILL_TRIGGER, "hosts": [{"hostid": number}]}
        for number in ("1", "2")
    ]
    with serving(zabbix, *certificates) as url:
        hosts.workspace.vault().set("zabbix", PASSWORD)
        server: Json = {
            "url": url,
            "user": USER,
            "password": "vault:zabbix",
            "ca_file": str(certificates[0]),
        }
        settle(hosts, {"zabbix": server})
        settings: Json = {"server": "127.0.0.1", "psk_identity": "acme"}
        choose(hosts, "zabbix", settings, {"psk": "vault:psk"})
        yield Office(hosts, zabbix)


def kept(office: Office) -> list[Drill]:
    return list(office.client.drills())


def test_an_alert_that_fires_and_clears_is_evidence(office: Office) -> None:
    done = office.run("web")
    assert done.exit_code == 0, done.output
    assert "1 of 1 hosts proved to alert" in done.stdout and "an alert fired after" in done.stderr
    (drill,) = kept(office)
    assert (drill.host, drill.service, drill.provider, drill.reason) == ("web", "monitoring", "zabbix", "")
    assert office.zabbix.seen and not office.zabbix.stopped.exists()
    proof = {each.asset: each for each in office.client.coverage()}["web"].proofs[-1]
    assert proof.ok and proof.title.startswith("An alert fired after ") and proof.source == "drill"
    assert samples.messages(office.client.workspace.root)[0] == "acme: drill: 1 of 1 hosts proved to alert"
    shown = CliRunner().invoke(main, ["coverage", "acme", "-C", str(office.client.workspace.root)])
    assert f"0 days, {drill.at:%Y-%m-%d}" in shown.stdout
    assert "An alert fired after" in (office.client.path / "reports" / "index.html").read_text()


def test_a_host_that_lets_nobody_in_is_not_drilled_and_holds_up_no_other(office: Office) -> None:
    done = office.run("--json")
    assert done.exit_code == 4
    found = {each["host"]: each for each in json.loads(done.stdout)}
    assert found["web"]["result"] == "proved"
    assert found["db"]["result"] == "not drilled" and "refused the login of stranger" in found["db"]["reason"]
    assert [each.host for each in kept(office)] == ["web"]


def test_no_alert_is_a_failure_and_the_unit_runs_again(office: Office) -> None:
    office.zabbix.is_deaf = True
    (outcome,) = office.hold(1)
    assert outcome.result == "failed" and outcome.reason.startswith("no alert within 1 s")
    assert not office.zabbix.stopped.exists()
    found = {each.asset: each for each in office.client.coverage()}
    assert found["web"].state is CoverageState.FAILING and found["db"].state is CoverageState.COVERED


def test_a_server_that_dies_in_the_middle_leaves_no_unit_stopped(office: Office) -> None:
    """Nor does it say that the monitoring does not work."""
    office.zabbix.is_deaf = True
    office.zabbix.meddle = lambda: setattr(office.zabbix, "hosts", [{}])
    (outcome,) = office.hold(1)
    assert outcome.result == "not drilled" and "closed connection" in outcome.reason
    assert not office.zabbix.stopped.exists() and kept(office) == []


def test_ctrl_c_starts_the_unit_and_says_nothing_of_the_host(office: Office) -> None:
    office.zabbix.is_deaf = True
    office.zabbix.meddle = lambda: os.kill(os.getpid(), signal.SIGINT)
    done = office.run("web")
    assert done.exit_code == 130
    assert office.zabbix.seen and not office.zabbix.stopped.exists()
    assert kept(office) == []


def test_a_server_that_cannot_be_asked_ends_it_before_anything_is_stopped(office: Office) -> None:
    office.client.workspace.vault().set("zabbix", "Another-Pa55word")
    done = office.run()
    assert done.exit_code == 1 and "Incorrect user name or password" in done.stderr
    assert office.zabbix.seen == [] and kept(office) == []


def test_a_host_that_is_not_there_is_named(office: Office) -> None:
    done = office.run("wbe")
    assert done.exit_code == 3 and "no host 'wbe'" in done.stderr and "web" in done.stderr


def test_hosts_complete(office: Office) -> None:
    context = main.commands["drill"].make_context(
        "drill", ["acme", "-C", str(office.client.workspace.root)], resilient_parsing=True
    )
    assert complete_hosts(context, main.commands["drill"].params[0], "w") == ["web"]


@needs_prometheus
def test_prometheus_raises_the_alerts_that_mspctl_wrote(tmp_path: Path, hosts: Client) -> None:
    """It reads the client's files where they lie; without the alerts nothing is stopped."""

    def refused() -> str:
        with hosts.lock("test"):
            (outcome,) = hold(hosts, write_inventory(hosts), ("web",), 1, False)
        assert outcome.result == "not drilled" and not (tmp_path / "stopped").exists()
        return outcome.reason

    with exporting(2) as exporters:
        exporters.answers["127.0.0.1"] = lambda: unit(not (tmp_path / "stopped").exists())
        secrets: Json = {"certificate_key": "vault:key", "password_hash": "vault:key"}
        settings: Json = {"certificate_file": "exporter.pem", "port": exporters.port}
        choose(hosts, "node_exporter", settings, secrets)
        at = ("-C", str(hosts.workspace.root))
        CliRunner().invoke(main, ["inventory", "acme", *at], catch_exceptions=False)
        files = [str(hosts.path / name) for name in (targets.FILE, targets.RULES_FILE)]
        with watching(tmp_path / "server", files[:1], ()) as server:
            settle(hosts, {"node_exporter": {"url": server.url}})
            await_it(lambda: "the server lacks the client's alerts: name its" in refused(), "a refusal")
            server.rule_files = files[1:]
            server.settle("1s")
            server.reload()
            done = run(hosts, "web")
    assert done.exit_code == 0, done.output
    assert "1 of 1 hosts proved to alert" in done.stdout
    (drill,) = hosts.drills()
    assert (drill.host, drill.provider, drill.reason) == ("web", "node_exporter", "")
    assert not (tmp_path / "stopped").exists()
