"""`mspctl import file`: one commit, or one line that says what is wrong."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mspctl.cli import main
from mspctl.records import ScanStarted
from mspctl.workspace import Client
from tests.discovery.imports import FOLDER
from tests.samples import NOW, messages


def run(client: Client, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["import", "file", "acme", *arguments, "-C", str(client.workspace.root)])


def must(client: Client, *arguments: str) -> str:
    done = run(client, *arguments)
    assert done.exit_code == 0, (done.stdout, done.stderr, done.exception)
    return done.stdout


def logs(client: Client) -> list[Path]:
    return sorted((client.path / "observations").glob("*.jsonl"))


def test_a_scanners_file_becomes_assets_in_one_commit(client: Client) -> None:
    said = must(client, str(FOLDER / "nmap" / "services.xml"))
    assert "3 new" in said
    assert messages(client.workspace.root)[0].startswith("acme: import: nmap services.xml: 3 seen, 0 listed")
    found = json.loads(CliRunner().invoke(
        main, ["assets", "list", "acme", "--json", "-C", str(client.workspace.root)]).stdout)  # fmt: skip
    web = next(each for each in found if each.get("addresses") == ["192.0.2.11"])
    assert web["profile"]["os"]["value"] == "debian" and web["profile"]["os"]["probe"] == "nmap"
    assert {service["port"]: service["product"] for service in web["services"]} == {
        22: "OpenSSH 9.2p1 Debian 2+deb12u10",
        80: "nginx/1.22.1",
        443: "nginx/1.22.1",
    }
    assert not (client.path / "known_hosts").read_text()  # another scanner's word pins no key


def test_the_same_file_again_changes_no_asset(client: Client) -> None:
    for name in ("nmap/services.xml", "ad-computers/get_adcomputer.csv", "dnsmasq/dnsmasq.leases"):
        must(client, str(FOLDER / name))
        before = (client.path / "assets.jsonl").read_bytes()
        assert "nothing new" in must(client, str(FOLDER / name))
        assert (client.path / "assets.jsonl").read_bytes() == before
    assert len(logs(client)) == 6


def test_a_dry_run_tells_the_same_and_saves_nothing(client: Client) -> None:
    file = str(FOLDER / "ad-computers" / "get_adcomputer.csv")
    before = messages(client.workspace.root)
    planned = json.loads(must(client, file, "--dry-run", "--json"))
    assert not logs(client) and messages(client.workspace.root) == before
    done = json.loads(must(client, file, "--json"))
    assert planned.pop("dry_run") is True
    assert planned == done
    assert (done["source"], done["listed"], done["skipped"]) == ("acme.example", 2, 1)
    assert [each["name"] for each in done["unseen"]] == ["dc1", "ws-7"]


def test_who_was_not_seen_is_listed_and_stands_on_the_page(client: Client) -> None:
    must(client, str(FOLDER / "ad-computers" / "get_adcomputer.csv"))
    arguments = ["-C", str(client.workspace.root)]
    listed = CliRunner().invoke(main, ["assets", "list", "acme", *arguments]).stdout
    assert "ws-7" in listed and "disabled; never logged on; has no address" in listed
    CliRunner().invoke(main, ["report", "acme", "discovery", *arguments])
    page = (client.path / "reports" / "discovery.html").read_text()
    assert "known to directory acme.example, not seen on the network: disabled" in page


def test_what_is_wrong_with_a_part_is_said_and_the_rest_taken(client: Client) -> None:
    done = run(client, str(FOLDER / "csv" / "excel_germany.csv"))
    assert done.exit_code == 0
    assert "excel_germany.csv: line 5: not an address: 'in'; correct it" in done.stderr
    assert "not understood" in done.stdout


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("empty", b"", "empty"),
        ("photo.jpg", bytes(range(256)) * 64, "no format we know"),
        ("cut.xml", b'<?xml version="1.0"?><!DOCTYPE nmaprun><nmaprun><host><sta', "line 1: not XML"),
        ("far.csv", b"IP,Name\n203.0.113.9,far\n", "all its 1 entries lie outside the client's networks"),
        ("list.csv", b"Colour,Type\nred,x\n", "no column tells a machine"),
        ("\x1b[31mred.csv", b"", "empty"),
    ],
)
def test_what_cannot_be_imported_is_one_line_and_no_commit(
    client: Client, tmp_path: Path, name: str, data: bytes, words: str
) -> None:
    file = tmp_path / name
    file.write_bytes(data)
    done = run(client, str(file))
    assert done.exit_code == 3 and words in done.stderr and "\x1b" not in done.stderr
    assert len(done.stderr.splitlines()) <= 2 and not logs(client)


def test_a_mistyped_column_is_told(client: Client) -> None:
    done = run(client, str(FOLDER / "csv" / "utf16.csv"), "--column", "adress=IP")
    assert done.exit_code == 3 and "did you mean 'address'?" in done.stderr


def test_hostile_names_stay_text(client: Client) -> None:
    must(client, str(FOLDER / "csv" / "hostile.csv"))
    listed = CliRunner().invoke(main, ["assets", "list", "acme", "-C", str(client.workspace.root)]).stdout
    assert "192.0.2.50" in listed and "\x1b" not in listed and not Path("/tmp/owned").exists()


def test_a_scan_that_was_stopped_can_be_finished_after_an_import(client: Client) -> None:
    name = "20261101T093000Z"
    with client.log("observations", name) as append:
        append(ScanStarted(scan=name, started_at=NOW, networks=("192.0.2.0/24",), ports=(22,)))
    must(client, str(FOLDER / "csv" / "utf16.csv"))
    arguments = ["discover", "acme", "--resume", "--dry-run", "-C", str(client.workspace.root)]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.stderr
