"""`mspctl inspect` against servers of the tests' own: troublemakers, changed keys, secrets, quiet looks."""

import json
import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mspctl.cli import main
from mspctl.cli.discover import update
from mspctl.handwritten import dump
from mspctl.records import Asset, Json, Observation, ScanEnded, ScanStarted
from mspctl.workspace import Client
from tests.samples import NOW, SECRET, messages, opened
from tests.sshd import CLIENT_KEY, OTHER_KEY, Server, serving

USERS = ("real", "hang", "flood", "cut", "binary", "forced", "liar", "banner", "stranger", "asleep")
SCAN = "20261121T093000Z"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving(addresses=len(USERS)) as found:
        yield found


@pytest.fixture
def client(tmp_path: Path, server: Server) -> Client:
    """A client with a machine for each user name, each at its own address of this machine."""
    found = opened(tmp_path / "northwind", {"key": CLIENT_KEY, "sudo": SECRET})
    text = {
        "title": "Acme Ltd",
        "authorisation": {"by": "J. Doe, owner", "date": "2026-11-01"},
        "connection": {"user": "real", "key": "vault:key", "become_password": "vault:sudo"},
        "sites": [
            {"name": "main", "networks": [{"name": "office", "cidr": "127.0.0.0/24", "holds": "server"}]}
        ],
    }
    (found.path / "client.yml").write_text(dump(text))
    scan(found, server)
    entries = [
        {"asset": asset.id, "connection": {"user": user}, "values": {"name": user}}
        for asset in found.assets()
        if isinstance(asset, Asset)
        for number, user in enumerate(USERS)
        if asset.addresses[0] == f"127.0.0.{number + 1}"
    ]
    (found.path / "overrides.yml").write_text(dump({"assets": entries}))
    update(found, found.file())
    found.commit("as found")
    return found


def scan(client: Client, server: Server, key: str = "", name: str = SCAN) -> None:
    """Write what a scan of the machines would; all show one key, as one server is all of them."""
    with client.log("observations", name) as append:
        ports = (server.port,)
        append(ScanStarted(scan=name, started_at=NOW, networks=("127.0.0.0/24",), ports=ports))
        for number, _ in enumerate(USERS):
            address = f"127.0.0.{number + 1}"
            arp: dict[str, Json] = {"mac": f"00:1a:2b:00:00:{number:02x}"}
            raw: dict[str, Json] = {
                "banner": "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10",
                "host_key": key or server.host_key,
            }
            append(Observation(scan=name, address=address, probe="arp", at=NOW, raw=arp))
            state: dict[str, Json] = {"state": "open"}
            append(Observation(scan=name, address=address, probe="tcp", at=NOW, port=server.port, raw=state))
            append(Observation(scan=name, address=address, probe="ssh", at=NOW, port=server.port, raw=raw))
        append(ScanEnded(scan=name, ended_at=NOW, addresses_probed=254))
    update(client, client.file())


def run(client: Client, *arguments: str) -> Result:
    options = ["-C", str(client.workspace.root)]
    password = str(client.workspace.root / ".vault-password")
    if arguments[0] == "inspect":
        options += ["--vault-password-file", password, "--timeout", "30"]
    return CliRunner().invoke(main, [*arguments, *options])


def outcomes(done: Result) -> dict[str, tuple[str, str]]:
    return {each["name"]: (each["result"], each.get("detail", "")) for each in json.loads(done.stdout)}


def files(client: Client) -> dict[str, bytes]:
    """Return the client's files, less the logs of looks and the lock."""
    return {
        str(path.relative_to(client.path)): path.read_bytes()
        for path in client.path.rglob("*")
        if path.is_file() and "observations" not in path.parts and path.name != ".lock"
    }


def test_every_troublemaker_is_one_line_and_the_rest_is_seen(client: Client, server: Server) -> None:
    done = run(client, "inspect", "acme", "--json")
    assert done.exit_code == 5, (done.stderr, done.exception)
    found = outcomes(done)
    assert {name for name, (result, _) in found.items() if result in ("seen", "partly")} == {
        *("real", "liar", "banner", "asleep"),
    }
    words = {
        "hang": "not done after 30 s",
        "flood": "answers with more than",
        "cut": "in the middle",
        "binary": "did not run what it was sent",
        "forced": "did not run what it was sent",
        "stranger": "refused the login of stranger",
    }
    assert all(words[name] in detail for name, (_, detail) in found.items() if name in words)
    lines = [line for line in done.stderr.splitlines() if ": lost: " in line]
    assert sorted(line.split(":")[0] for line in lines) == sorted(words)
    assert "\x1b" not in done.stderr + done.stdout
    assert not Path("/tmp/mspctl-was-here").exists()
    kept = {each.name: each for each in client.inspections()}
    assert kept["real"].software and kept["real"].is_privileged == (os.geteuid() == 0)
    assert kept["hang"].by == "" and "not done" in kept["hang"].lost
    assert messages(client.workspace.root)[0] == "acme: inspect: 4 of 10 machines seen"
    log = (client.path / "observations").glob("*.jsonl")
    assert sum(path.stat().st_size for path in log) < 4 << 20

    page = run(client, "report", "acme", "discovery")
    assert page.exit_code == 0, page.exception
    html = (client.path / "reports" / "discovery.html").read_text()
    assert "<script>alert" not in html and "\x1b" not in html and "Seen from inside" in html
    shown = run(client, "assets", "show", "acme", "liar")
    assert shown.exit_code == 0 and "\x1b" not in shown.stdout
    assert run(client, "inventory", "acme").exit_code == 0


def test_a_quiet_second_look_changes_nothing_but_its_own_log(client: Client) -> None:
    """On this machine itself other tests come and go, so its answer is real and always the first one."""
    assert run(client, "inspect", "acme", "-l", "asleep:liar").exit_code == 0
    assert run(client, "inventory", "acme").exit_code == 0
    before, logs = files(client), len(list((client.path / "observations").iterdir()))
    assert run(client, "inspect", "acme", "-l", "asleep:liar").exit_code == 0
    assert files(client) == before
    assert len(list((client.path / "observations").iterdir())) == logs + 1


def test_no_secret_gets_into_a_file(client: Client, server: Server) -> None:
    """Each machine was told the password of sudo; one that says it back is not believed."""
    assert run(client, "inspect", "acme", "-l", "real:liar:banner").exit_code == 0
    assert any(SECRET.encode() in text for text in server.received)
    assert not any(SECRET in command for command in server.commands)
    for path in client.workspace.root.rglob("*"):
        if path.is_file() and path.name != ".vault-password":
            assert SECRET.encode() not in path.read_bytes() and b"PRIVATE KEY" not in path.read_bytes()


def test_a_changed_host_key_is_not_logged_in_to(client: Client, server: Server) -> None:
    known = client.path / "known_hosts"
    other = " ".join(OTHER_KEY.split()[:2])
    known.write_text(known.read_text().replace(server.host_key, other))
    before = len(server.commands)
    done = run(client, "inspect", "acme", "-l", "real", "--json")
    assert done.exit_code == 5
    assert "its SSH host key is not the pinned one" in outcomes(done)["real"][1]
    assert len(server.commands) == before


def test_a_machine_that_was_never_pinned_is_left_out(client: Client, server: Server) -> None:
    (client.path / "known_hosts").write_text("")
    done = run(client, "inspect", "acme", "-l", "real", "--json")
    assert outcomes(done)["real"] == (
        "left out",
        "its SSH host key was never pinned: `mspctl discover` pins it",
    )
    assert done.exit_code == 0


def test_a_dry_run_opens_no_connection_and_no_vault(client: Client, server: Server) -> None:
    head = messages(client.workspace.root)
    (client.workspace.root / ".vault-password").unlink()
    choice = {"services": {"monitoring": {"provider": "zabbix", "groups": ["no_such_group"]}}}
    path = client.path / "client.yml"
    path.write_text(path.read_text() + dump(choice))
    before = files(client)
    root = ["-C", str(client.workspace.root)]
    done = CliRunner().invoke(main, ["inspect", "acme", "--dry-run", "-l", "server:!hang", *root])
    assert done.exit_code == 0, done.stderr
    assert f"ssh to 127.0.0.1 port {server.port} as real" in done.stdout
    assert "hang" not in done.stdout
    assert files(client) == before and messages(client.workspace.root) == head


def test_a_secret_that_is_not_there_is_said_before_anybody_is_logged_in_to(client: Client) -> None:
    client.vault().remove("sudo")
    done = run(client, "inspect", "acme")
    assert done.exit_code == 3 and "no secret 'sudo'" in done.stderr
    assert len(list((client.path / "observations").iterdir())) == 1


def test_what_was_excluded_from_all_services_is_left_alone(client: Client) -> None:
    text = (client.path / "client.yml").read_text()
    until = date.today().replace(year=date.today().year + 1, day=1)
    excluded = {"asset": "real", "reason": "leased", "owner": "Jane", "expires": until.isoformat()}
    (client.path / "client.yml").write_text(text + dump({"exclusions": [excluded]}))
    done = run(client, "inspect", "acme", "-l", "real", "--json")
    assert outcomes(done)["real"] == ("left out", f"leased (Jane, until {until})")


def test_nothing_found_yet_says_what_to_do_first(workspace: object, tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["inspect", "acme", "-C", str(tmp_path / "northwind")])
    assert done.exit_code == 3 and "mspctl discover acme" in done.stderr


def test_a_scan_after_a_look_is_the_last_scan(client: Client, server: Server) -> None:
    """Looks from inside are no scans: what is compared, resumed and reported as the last scan is a scan."""
    assert run(client, "inspect", "acme", "-l", "real").exit_code == 0
    assert "no scan to finish" in run(client, "discover", "acme", "--resume").stderr
    assert "it needs two" in run(client, "assets", "diff", "acme").stderr
    found = json.loads(run(client, "assets", "show", "acme", "real", "--json").stdout)
    assert found["profile"]["hostname"]["rule"] == "inside-name"
    assert found["inspection"]["by"] == "ssh"
