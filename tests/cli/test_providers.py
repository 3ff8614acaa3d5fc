"""`mspctl providers`."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mspctl import catalog
from mspctl.cli import main
from mspctl.records import OptIn
from mspctl.workspace import Client


def run(client: Client, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["providers", *arguments, "-C", str(client.workspace.root)])


@pytest.fixture
def own(client: Client) -> Path:
    """A record of the workspace's own: the shipped one under another name."""
    folder = client.workspace.own_providers / "monitoring"
    folder.mkdir(parents=True)
    text = (catalog.PROVIDERS / "monitoring" / "zabbix.yml").read_text()
    path = folder / "ours.yml"
    path.write_text(text.replace("name: zabbix", "name: ours"))
    return path


def test_all_are_listed_with_where_they_come_from(client: Client, own: Path) -> None:
    found = {each["name"]: each for each in json.loads(run(client, "list", "--json").stdout)}
    assert found["zabbix"]["origin"] == "shipped" and found["ours"]["origin"] == "workspace"
    assert "Zabbix agent 2" in run(client, "list").stdout
    own.rename(own.with_name("zabbix.yml"))
    assert run(client, "list").stdout.count("Zabbix agent 2") == 1, (
        "the workspace's own beats the shipped one"
    )


def test_one_is_shown_by_name_or_with_its_capability(client: Client) -> None:
    assert "psk_identity" in run(client, "show", "zabbix").stdout
    assert "vault" not in run(client, "show", "antivirus/clamav").stdout
    assert json.loads(run(client, "show", "zabbix", "--json").stdout)["capability"] == "monitoring"
    refused = run(client, "show", "zabix")
    assert refused.exit_code == 3 and "did you mean 'zabbix'" in refused.stderr


def test_a_name_that_two_bear_is_asked_back(client: Client, own: Path) -> None:
    other = client.workspace.own_providers / "backup" / "ours.yml"
    other.parent.mkdir()
    other.write_text(own.read_text().replace("capability: monitoring", "capability: backup"))
    refused = run(client, "show", "ours")
    assert refused.exit_code == 3 and "backup/ours, monitoring/ours" in refused.stderr
    assert run(client, "show", "backup/ours").exit_code == 0


def test_records_without_mistakes_pass(client: Client, own: Path) -> None:
    assert run(client, "check").stdout == "1 records, no mistakes\n"
    assert run(client, "check", str(own)).exit_code == 0


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("name: ours", "name: theirs", "ours.yml: is monitoring/theirs, so it belongs in"),
        ("title: Zabbix agent 2", "tittle: Zabbix agent 2", "did you mean 'title'"),
        ("client: zabbix", "client: zabix", "did you mean 'zabbix'"),
        ("type: integer", "type: number", "type"),
        ("pattern: '", "pattern: '(", "is no regular expression"),
    ],
)
def test_each_mistake_is_one_line_that_says_where(
    client: Client, own: Path, before: str, after: str, said: str
) -> None:
    text = own.read_text()
    assert before in text
    own.write_text(text.replace(before, after, 1))
    refused = run(client, "check")
    assert refused.exit_code == 3
    assert said in refused.stderr and "Traceback" not in refused.stderr


def test_a_default_that_breaks_its_own_rule_is_told(client: Client, own: Path) -> None:
    text = own.read_text()
    start = text.index("type: integer")
    own.write_text(text[:start] + text[start:].replace("default: ", "default: 99999999", 1))
    refused = run(client, "check")
    assert refused.exit_code == 3 and "above" in refused.stderr


def test_every_shipped_record_passes(client: Client) -> None:
    shipped = [str(path) for path in sorted(catalog.PROVIDERS.glob("*/*.yml"))]
    assert run(client, "check", *shipped).stdout == f"{len(shipped)} records, no mistakes\n"


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("up{$hosts,", "up{", "alerts[0].expression: without $hosts it is of every client's hosts"),
        (
            "up{$hosts,",
            "up{$hosts,$5",
            "alerts[0].expression: a $ that stands for nothing; write $$",
        ),
        ("> $full_percent", "> $full_percnt", "'full_percnt'; did you mean 'full_percent'?"),
        ("> $full_percent", "> $user", "alerts[1].expression: no setting of whole numbers 'user'"),
        ("${down_minutes}m", "${hosts}m", "alerts[0].lasting: no setting of whole numbers 'hosts'"),
        ("${down_minutes}m", "5 min", "a span such as 5m"),
        ("name: HostDown", "name: host down", "a name such as HostDown"),
        ("severity: critical", "severity: fatal", "fatal"),
    ],
)
def test_a_mistake_in_an_alert_is_one_line_that_says_where(
    client: Client, own: Path, before: str, after: str, said: str
) -> None:
    text = (catalog.PROVIDERS / "monitoring" / "node_exporter.yml").read_text()
    assert before in text
    own.write_text(text.replace("name: node_exporter", "name: ours").replace(before, after, 1))
    refused = run(client, "check")
    assert refused.exit_code == 3
    assert said in refused.stderr and len(refused.stderr.splitlines()) == 1


def test_a_client_whose_product_has_such_a_mistake_is_told(client: Client, own: Path) -> None:
    text = (catalog.PROVIDERS / "monitoring" / "node_exporter.yml").read_text()
    own.write_text(text.replace("name: node_exporter", "name: ours").replace("up{$hosts,", "up{", 1))
    choice = OptIn(provider="ours", settings={"certificate_file": "x.pem"})
    assert catalog.check_choice("here", "monitoring", choice, client.workspace.own_providers)[0] == (
        "here.provider: ours: console.alerts[0].expression: without $hosts it is of every client's hosts"
    )
