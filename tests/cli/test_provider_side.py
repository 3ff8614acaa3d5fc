"""`mspctl provider-side` where it refuses, and the first contact with a host; the rest is run on the lab."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mspctl.cli import main
from mspctl.cli.enrolment import admit
from mspctl.cli.inventory import load
from mspctl.cli.own_hosts import ready
from mspctl.errors import BadInput
from mspctl.workspace import Client, Workspace
from tests import sshd
from tests.samples import CLIENT_YML, asset, messages, opened

HOSTS = """\
hosts:
  - name: depot
    address: 127.0.0.1
    connection:
      port: {port}
    roles:
      backup_repository:
        settings:
          certificate_file: depot.pem
        secrets:
          certificate_key: vault:depot_key
"""
BACKUP = "services: {backup: {provider: restic, settings: {server: 'https://192.0.2.1:8000'}}}\n"


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Client:
    """A client of one server that is to be backed up; the current folder is its workspace."""
    found = opened(tmp_path / "ws", {})
    monkeypatch.chdir(found.workspace.root)
    found.save("client.yml", CLIENT_YML + BACKUP)
    found.save_records("assets.jsonl", [asset("db")])
    return found


@pytest.fixture
def server() -> Iterator[sshd.Server]:
    with sshd.serving() as found:
        yield found


def own_hosts(workspace: Workspace, port: int, key: str = "") -> None:
    path = workspace.root / "mspctl.yml"
    host_key = f"    host_key: {key}\n" if key else ""
    path.write_text(f"provider: Northwind IT\n{HOSTS.format(port=port)}{host_key}")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["provider-side", *arguments, "--vault-password-file", ".vault-password"])


def refused(*arguments: str) -> str:
    done = run(*arguments)
    assert (done.exit_code, done.stdout) == (3, ""), (done.stdout, done.stderr, done.exception)
    return done.stderr


def test_without_hosts_it_says_where_to_name_them(client: Client) -> None:
    assert refused("up") == (
        "mspctl: mspctl.yml: hosts: none; name the provider's own hosts there, each with its roles\n"
    )


def test_a_secret_that_is_not_set_is_named(client: Client) -> None:
    own_hosts(client.workspace, 22)
    said = refused("status")
    assert "hosts[0].roles.backup_repository.secrets.certificate_key: vault:depot_key is not set" in said
    assert "`mspctl secret set provider depot_key`" in said


def test_a_host_that_nobody_vouched_for_is_not_logged_in_to(client: Client, server: sshd.Server) -> None:
    client.workspace.vault().set("depot_key", "x")
    own_hosts(client.workspace, server.port)
    said = refused("up")
    assert f"mspctl.yml: hosts[0].host_key: missing; depot at 127.0.0.1 shows: {server.host_key}" in said
    assert server.commands == []
    own_hosts(client.workspace, 1)
    assert "hosts[0].host_key: missing, and depot at 127.0.0.1 does not answer on SSH" in refused("up")


def test_a_key_in_the_file_is_pinned_and_one_pinned_is_kept(client: Client, server: sshd.Server) -> None:
    workspace = client.workspace
    workspace.vault().set("depot_key", "x")
    own_hosts(workspace, server.port, server.host_key)
    side = workspace.own_side()
    with side.lock("test"):
        ready(workspace)
    pin = f"[127.0.0.1]:{server.port} {server.host_key}\n"
    assert side.known_hosts() == pin
    assert (side.path / "group_vars" / "all" / "vault.yml").resolve() == workspace.root / "vault.yml"
    assert messages(workspace.root)[0] == "provider: inventory: depot"
    own_hosts(workspace, server.port)  # the line goes, the pin stays
    with side.lock("test"):
        ready(workspace)
    assert side.known_hosts() == pin
    assert messages(workspace.root)[0] == "provider: inventory: depot"


def test_two_commands_on_the_provider_s_hosts_take_turns(client: Client) -> None:
    own_hosts(client.workspace, 22)
    with client.workspace.own_side().lock("mspctl provider-side up"):
        done = run("status")
    assert done.exit_code == 6
    assert "provider: `mspctl provider-side up`" in done.stderr


def test_where_nobody_keeps_the_users_it_is_said(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    admit(client, load(client), {"backup"}, check=False)
    assert "none of the hosts in mspctl.yml is a backup_repository" in capsys.readouterr().err


def test_a_look_enrols_nobody(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    own_hosts(client.workspace, 1)
    admit(client, load(client), {"backup"}, check=True)
    assert "would enrol 1 hosts at depot" in capsys.readouterr().err
    admit(client, load(client), {"monitoring"}, check=False)
    assert capsys.readouterr().err == ""


def test_a_server_that_is_silent_stops_the_rollout_before_it_begins(client: Client) -> None:
    own_hosts(client.workspace, 1)
    client.workspace.vault().set("depot_key", "x")
    for name in ("backup_repository_password_a_db", "backup_encryption_password_a_db"):
        client.vault().set(name, "p" * 40)
    with pytest.raises(BadInput, match="does not answer on SSH"):
        admit(client, load(client), {"backup"}, check=False)
