"""`mspctl enrol` against servers that speak MeshCentral's and Zabbix's protocols."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from msgspec import structs

from mspctl.cli import main
from mspctl.handwritten import dump
from mspctl.records import Service
from mspctl.workspace import Client
from tests.consoles.server import PASSWORD as ZABBIX_PASSWORD
from tests.consoles.server import USER, Zabbix, certificate
from tests.consoles.server import serving as serving_zabbix
from tests.consoles.test_meshcentral import GROUP, PASSWORD, Mesh, serving
from tests.samples import asset, messages, opened


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certificate(tmp_path_factory.mktemp("tls"))


@dataclass
class Acme:
    """A client of MeshCentral and Zabbix, and the servers it is to be enrolled at."""

    client: Client
    mesh: Mesh
    zabbix: Zabbix

    def run(self, *arguments: str) -> Result:
        return run(self.client, *arguments)


@pytest.fixture
def acme(tmp_path: Path, certificates: tuple[Path, Path]) -> Iterator[Acme]:
    found, mesh, zabbix = opened(tmp_path / "ws", {}), Mesh(), Zabbix()
    with serving(mesh.talk, *certificates) as url, serving_zabbix(zabbix, *certificates) as zabbix_url:
        trusted = {"ca_file": str(certificates[0])}
        consoles = {
            "meshcentral": {"url": url, "user": "mspctl", "password": "vault:mesh", **trusted},
            "zabbix": {"url": zabbix_url, "user": USER, "password": "vault:zabbix", **trusted},
        }
        defaults = {"provider": "meshcentral", "settings": {"server": url}}
        path = found.workspace.root / "mspctl.yml"
        path.write_text(
            dump(
                {
                    "provider": "Northwind IT",
                    "vault_password_file": ".vault-password",
                    "consoles": consoles,
                    "services": {"remote_access": defaults},
                }
            )
        )
        found.workspace.vault().set("mesh", PASSWORD)
        found.workspace.vault().set("zabbix", ZABBIX_PASSWORD)
        chosen = {"remote_access": {"provider": "meshcentral"}, "monitoring": {"provider": "zabbix"}}
        file = found.path / "client.yml"
        file.write_text(file.read_text() + dump({"services": chosen}))
        yield Acme(found, mesh, zabbix)


def run(client: Client, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["enrol", "acme", *arguments, "-C", str(client.workspace.root)])


def test_the_ids_are_written_once_and_comments_stay(acme: Acme) -> None:
    client = acme.client
    told = json.loads(acme.run("--json").stdout)
    assert acme.mesh.groups == {GROUP: "acme"}
    assert client.file().services["remote_access"].settings == told["remote_access"]
    assert set(told["remote_access"]) == {"group_id", "server_id"}
    assert "# What Jane told us on the phone." in (client.path / "client.yml").read_text()
    assert messages(client.workspace.root)[0] == "acme: enrol: monitoring, remote_access"
    before = len(messages(client.workspace.root))
    assert json.loads(acme.run("--json").stdout) == told
    assert len(messages(client.workspace.root)) == before
    assert acme.mesh.groups == {GROUP: "acme"}


def test_what_was_made_is_told_once_and_hosts_get_the_templates_of_their_groups(acme: Acme) -> None:
    acme.zabbix.made["template"] = [{"templateid": "7", "host": "mspctl web server"}]
    acme.zabbix.hosts = [{"hostid": "1", "host": "acme.web"}, {"hostid": "2", "host": "acme.left"}]
    acme.client.save_records(
        "assets.jsonl", [asset("web", role="web-server"), asset("left", "192.0.2.11", role="web-server")]
    )
    exclusion = {"asset": "left", "reason": "theirs", "owner": "Jo", "expires": "2099-01-01"}
    file = acme.client.path / "client.yml"
    file.write_text(file.read_text() + dump({"exclusions": [exclusion]}))
    told = acme.run().stderr
    assert "acme: monitoring: host group 'mspctl/acme'" in told
    assert "acme: monitoring: acme.web: template 'mspctl web server'" in told
    web, left = acme.zabbix.hosts
    assert "7" in web["templates"] and "templates" not in left
    assert "host group" not in acme.run().stderr
    assert acme.client.file().services["monitoring"].settings == {}


def test_a_server_that_refuses_leaves_the_file_as_it_was_and_holds_up_no_other(acme: Acme) -> None:
    client = acme.client
    client.workspace.vault().set("mesh", "Another-Pa55word")
    before = (client.path / "client.yml").read_text()
    refused = acme.run()
    assert refused.exit_code == 1
    (line,) = (each for each in refused.stderr.splitlines() if each.startswith("mspctl: "))
    assert line.startswith("mspctl: remote_access: meshcentral at https://127.0.0.1:")
    assert "refused the login" in line and "Another-Pa55word" not in refused.stderr
    assert (client.path / "client.yml").read_text() == before
    assert acme.zabbix.all("hostgroup") == ["mspctl/acme", "Templates/mspctl"]


def test_a_client_without_such_a_service_needs_nothing(client: Client) -> None:
    said = run(client)
    assert said.exit_code == 0
    assert said.stdout == "acme: no service needs it\n"


def test_each_product_of_a_service_is_told_of_its_own_hosts_and_answered_where_it_was_chosen(
    acme: Acme,
) -> None:
    chosen = {
        "remote_access": {"linux": {"provider": "meshcentral"}},
        "monitoring": {"provider": "zabbix", "windows": {"provider": "ninjaone"}},
    }
    file = acme.client.path / "client.yml"
    login = {"windows": {"user": "tech", "password": "vault:windows", "port": 5985}}
    services = dump({"services": chosen, "connection": login})
    file.write_text(file.read_text().partition("services:")[0] + services)
    desk = structs.replace(
        asset("desk", "192.0.2.11", os="windows", role="web-server"), services=(Service(port=5985),)
    )
    acme.client.save_records("assets.jsonl", [asset("web", role="web-server"), desk])
    acme.zabbix.made["template"] = [{"templateid": "7", "host": "mspctl web server"}]
    acme.zabbix.hosts = [{"hostid": "1", "host": "acme.web"}, {"hostid": "2", "host": "acme.desk"}]
    told = json.loads(acme.run("--json").stdout)
    assert set(told) == {"monitoring", "remote_access.linux"}
    part = acme.client.file().services["remote_access"].linux
    assert part and part.settings == told["remote_access.linux"]
    web, other = acme.zabbix.hosts
    assert "7" in web["templates"] and "templates" not in other

    file.write_text(file.read_text().replace("ninjaone", "zabbix"))
    acme.run()
    assert "7" in acme.zabbix.hosts[1]["templates"], "now it is its product there as well"
