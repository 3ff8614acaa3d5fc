"""Secrets of the hosts' own, by the real commands: announced, made once, listed with their hosts."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from mspctl.cli import main
from mspctl.cli.inventory import load
from mspctl.cli.secret import generate, owed
from mspctl.workspace import Client
from tests.samples import CLIENT_YML, asset, messages, opened

BACKUP = """\
services:
  backup:
    provider: restic
    groups: [server]
    settings:
      server: https://192.0.2.1:8000
"""
NAMES = [f"backup_{secret}_password_a_db" for secret in ("encryption", "repository")]


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Client:
    """A client of one server, which is to be backed up; the current folder is its workspace."""
    found = opened(tmp_path / "ws", {})
    monkeypatch.chdir(found.workspace.root)
    found.save("client.yml", CLIENT_YML + BACKUP)
    found.save_records("assets.jsonl", [asset("db"), asset("desk", "192.0.2.11", kind="workstation")])
    return found


def said(*arguments: str) -> str:
    done = CliRunner().invoke(main, [*arguments, "--vault-password-file", ".vault-password"])
    assert done.exit_code == 0, done.stderr
    return done.stdout


def test_what_is_not_made_yet_is_announced_and_is_no_mistake(client: Client) -> None:
    assert [each.name for each in owed(client, load(client))] == NAMES
    assert said("secret", "list", "acme").count("at the next rollout") == 2
    said("secret", "check", "acme")


def test_it_is_made_once_in_one_commit_and_listed_with_its_host(client: Client) -> None:
    with client.lock("test"):
        generate(client, load(client))
        made = {name: client.vault().get(name) for name in NAMES}
        before = (client.path / "vault.yml").read_bytes()
        generate(client, load(client))
    assert messages(client.workspace.root)[0] == "acme: secrets generated: 2 for db"
    assert (client.path / "vault.yml").read_bytes() == before
    assert len(set(made.values())) == 2
    assert not any(secret.encode() in before for secret in made.values())
    listed = said("secret", "list", "acme")
    assert "db: backup.encryption_password, generated" in listed
    assert "at the next rollout" not in listed


def test_a_host_that_comes_later_gets_its_own_and_the_others_keep_theirs(client: Client) -> None:
    with client.lock("test"):
        generate(client, load(client))
        kept = {name: client.vault().get(name) for name in NAMES}
        client.save_records("assets.jsonl", [asset("db"), asset("web", "192.0.2.12")])
        generate(client, load(client))
    assert {name: client.vault().get(name) for name in NAMES} == kept
    assert messages(client.workspace.root)[0] == "acme: secrets generated: 2 for web"
