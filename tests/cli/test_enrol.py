"""`mspctl enrol` against a server that speaks MeshCentral's protocol: what it says goes into client.yml."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mspctl.cli import main
from mspctl.handwritten import dump
from mspctl.workspace import Client
from tests.consoles.server import certificate
from tests.consoles.test_meshcentral import GROUP, PASSWORD, Mesh, serving
from tests.samples import messages, opened


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def acme(tmp_path: Path, certificates: tuple[Path, Path]) -> Iterator[tuple[Client, Mesh]]:
    """Yield a client of MeshCentral and Zabbix, and the server it is to be enrolled at."""
    found, mesh = opened(tmp_path / "ws", {}), Mesh()
    with serving(mesh.talk, *certificates) as url:
        console = {"url": url, "user": "mspctl", "password": "vault:mesh", "ca_file": str(certificates[0])}
        defaults = {"provider": "meshcentral", "settings": {"server": url}}
        path = found.workspace.root / "mspctl.yml"
        path.write_text(
            dump(
                {
                    "provider": "Northwind IT",
                    "vault_password_file": ".vault-password",
                    "consoles": {"meshcentral": console},
                    "services": {"remote_access": defaults},
                }
            )
        )
        found.workspace.vault().set("mesh", PASSWORD)
        chosen = {"remote_access": {"provider": "meshcentral"}, "monitoring": {"provider": "zabbix"}}
        file = found.path / "client.yml"
        file.write_text(file.read_text() + dump({"services": chosen}))
        yield found, mesh


def run(client: Client, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["enrol", "acme", *arguments, "-C", str(client.workspace.root)])


def test_the_ids_are_written_once_and_comments_stay(acme: tuple[Client, Mesh]) -> None:
    client, mesh = acme
    told = json.loads(run(client, "--json").stdout)
    assert mesh.groups == {GROUP: "acme"}
    assert client.file().services["remote_access"].settings == told["remote_access"]
    assert set(told["remote_access"]) == {"group_id", "server_id"}
    assert "# What Jane told us on the phone." in (client.path / "client.yml").read_text()
    assert messages(client.workspace.root)[0] == "acme: enrol: remote_access"
    before = len(messages(client.workspace.root))
    assert json.loads(run(client, "--json").stdout) == told
    assert len(messages(client.workspace.root)) == before
    assert mesh.groups == {GROUP: "acme"}


def test_a_server_that_refuses_leaves_the_file_as_it_was(acme: tuple[Client, Mesh]) -> None:
    client, _ = acme
    client.workspace.vault().set("mesh", "Another-Pa55word")
    before = (client.path / "client.yml").read_text()
    refused = run(client)
    assert refused.exit_code == 1
    assert refused.stderr.startswith("mspctl: meshcentral at https://127.0.0.1:")
    assert "refused the login" in refused.stderr and "Another-Pa55word" not in refused.stderr
    assert (client.path / "client.yml").read_text() == before


def test_a_client_without_such_a_service_needs_nothing(client: Client) -> None:
    said = run(client)
    assert said.exit_code == 0
    assert said.stdout == "acme: no service needs it\n"
