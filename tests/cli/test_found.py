"""Commands that show what was found: topology, assets diff, assets export, report discovery."""

import csv
import json
from io import StringIO
from pathlib import Path

import pytest
from click.testing import CliRunner

from mspctl.cli import main
from mspctl.cli.discover import update
from mspctl.records import Json, Observation, ScanEnded, ScanStarted
from mspctl.workspace import Client
from tests.offices import answer, interfaces, mac
from tests.samples import NOW, messages


def must(client: Client, *arguments: str) -> str:
    done = CliRunner().invoke(main, [*arguments, "-C", str(client.workspace.root)])
    assert done.exit_code == 0, (done.stdout, done.stderr, done.exception)
    return done.stdout


@pytest.fixture
def scanned(client: Client) -> Client:
    """The client after two scans: a switch that hears a neighbour, and a machine that opened a port."""
    for scan, ports in (("20261121T093000Z", (22,)), ("20261122T093000Z", (22, 443))):
        with client.log("observations", scan) as append:
            append(ScanStarted(scan=scan, started_at=NOW, networks=("192.0.2.0/24",), ports=(22, 443)))
            for port in ports:
                raw: dict[str, Json] = {"state": "open"}
                append(Observation(scan=scan, address="192.0.2.9", probe="tcp", at=NOW, port=port, raw=raw))
            row: dict[str, Json] = {"port": 1, "chassis": mac(7), "chassis_type": 4, "name": "ap-roof"}
            seen = answer("192.0.2.2", interfaces=interfaces(2, 100), lldp=[row])
            append(Observation(scan=scan, address=seen.address, probe="snmp", at=NOW, raw=seen.raw))
            append(ScanEnded(scan=scan, ended_at=NOW, addresses_probed=254))
    update(client, client.file())
    return client


def test_topology_is_printed_saved_and_committed(scanned: Client) -> None:
    text = must(scanned, "topology", "acme")
    assert "ap-roof" in text
    assert "seen by" in text
    found = json.loads(must(scanned, "topology", "acme", "--json"))
    assert {node["name"] for node in found["nodes"]} >= {"ap-roof", "office"}
    saved = (scanned.path / "topology.jsonl").read_text().splitlines()
    assert saved == sorted(saved) and len(saved) == len(found["nodes"]) + len(found["links"])
    assert [message for message in messages(scanned.workspace.root) if "acme: topology" in message]


def test_a_port_that_opened_is_told(scanned: Client) -> None:
    assert "port 443/tcp  closed" in must(scanned, "assets", "diff", "acme")
    (change,) = json.loads(must(scanned, "assets", "diff", "acme", "--json"))
    assert (change["what"], change["before"], change["now"]) == ("port 443/tcp", "closed", "open")
    assert must(scanned, "assets", "diff", "acme", "20261122T093000Z", "20261122T093000Z") == "none\n"
    refused = CliRunner().invoke(main, ["assets", "diff", "acme", "x", "-C", str(scanned.workspace.root)])
    assert refused.exit_code == 3
    assert "no scan 'x'" in refused.stderr


def test_both_pages_are_written(scanned: Client) -> None:
    written = must(scanned, "report", "acme").split()
    assert [Path(path).name for path in written] == ["index.html", "discovery.html"]
    assert [Path(path).name for path in must(scanned, "report", "acme", "coverage").split()] == ["index.html"]
    assert "port 443/tcp" in Path(must(scanned, "report", "acme", "discovery").strip()).read_text()


def test_assets_are_exported(scanned: Client) -> None:
    rows = list(csv.DictReader(StringIO(must(scanned, "assets", "export", "acme", "--format", "csv"))))
    assert {row["addresses"] for row in rows} == {"192.0.2.2", "192.0.2.9"}
    assert must(scanned, "assets", "export", "acme", "--format", "netbox").startswith("name,role,")
    assert len(json.loads(must(scanned, "assets", "export", "acme", "--format", "json"))) == 2
    assert "<mxfile" in must(scanned, "assets", "export", "acme", "--format", "drawio")


def shows(client: Client, banner: str) -> None:
    """Let a third scan see an SSH server at 192.0.2.9."""
    scan = "20261123T093000Z"
    with client.log("observations", scan) as append:
        append(ScanStarted(scan=scan, started_at=NOW, networks=("192.0.2.0/24",), ports=(22,)))
        raw: dict[str, Json] = {"banner": banner}
        append(Observation(scan=scan, address="192.0.2.9", probe="ssh", at=NOW, port=22, raw=raw))
        append(ScanEnded(scan=scan, ended_at=NOW, addresses_probed=254))
    update(client, client.file())


def test_explain_tells_every_candidate(scanned: Client) -> None:
    shows(scanned, "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3")
    text = must(scanned, "assets", "explain", "acme", "192.0.2.9")
    assert "stands" in text and "Debian-2+deb12u3" in text
    found = json.loads(must(scanned, "assets", "explain", "acme", "192.0.2.9", "os", "--json"))
    assert {(each["field"], each["value"], each["outcome"]) for each in found} == {("os", "debian", "stands")}
    assert found[0]["grounds"][0]["rule"]
    arguments = ["assets", "explain", "acme", "192.0.2.9", "o_s", "-C", str(scanned.workspace.root)]
    refused = CliRunner().invoke(main, arguments)
    assert refused.exit_code == 3 and "did you mean 'os'" in refused.stderr


def test_two_assets_are_joined_by_hand_and_told_apart_again(scanned: Client) -> None:
    before = (scanned.path / "assets.jsonl").read_text()
    must(scanned, "assets", "join", "acme", "192.0.2.9", "192.0.2.2", "--note", "one box")
    (both,) = (each for each in json.loads(must(scanned, "assets", "list", "acme", "--json")))
    assert set(both["addresses"]) == {"192.0.2.2", "192.0.2.9"}
    assert both["merged_because"] == ["joined by hand: one box"]
    refused = CliRunner().invoke(
        main, ["assets", "join", "acme", "192.0.2.9", "192.0.2.2", "-C", str(scanned.workspace.root)]
    )
    assert refused.exit_code == 3 and "one asset already" in refused.stderr
    must(scanned, "assets", "join", "acme", "192.0.2.9", "--undo")
    assert (scanned.path / "assets.jsonl").read_text() == before
    again = CliRunner().invoke(
        main, ["assets", "join", "acme", "192.0.2.9", "--undo", "-C", str(scanned.workspace.root)]
    )
    assert again.exit_code == 3 and "nothing was joined" in again.stderr


def test_fingerprints_of_the_providers_own_count_for_every_command(scanned: Client, tmp_path: Path) -> None:
    folder = tmp_path / "recog"
    folder.mkdir()
    (folder / "ssh_banners.xml").write_text(
        '<fingerprints matches="ssh.banner"><fingerprint pattern="^Quartz">'
        '<param pos="0" name="hw.vendor" value="Quartz"/></fingerprint></fingerprints>'
    )
    shows(scanned, "SSH-2.0-Quartz_1")
    explain = ("assets", "explain", "acme", "192.0.2.9", "vendor")
    assert "none" in must(scanned, *explain)
    assert "Quartz" in must(scanned, *explain, "--fingerprints", str(folder))
    settings = scanned.workspace.root / "mspctl.yml"
    settings.write_text(settings.read_text() + f"\nfingerprints: [{folder}]\n")
    must(scanned, "assets", "set", "acme", "192.0.2.9", "location=attic")
    assert "Quartz" in must(scanned, "assets", "show", "acme", "192.0.2.9")
    settings.write_text(settings.read_text().replace(str(folder), f"{folder}-gone"))
    gone = CliRunner().invoke(main, [*explain, "-C", str(scanned.workspace.root)])
    assert gone.exit_code == 3 and "recog-gone: no fingerprints" in gone.stderr
