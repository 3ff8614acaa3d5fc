from pathlib import Path

import pytest
from msgspec.structs import replace

from mspctl import catalog
from mspctl.errors import BadInput
from mspctl.handwritten import dump, read
from mspctl.records import ClientFile, Json, OptIn
from tests.samples import CLIENT_YML, zabbix

SHIPPED = sorted((path.parent.name, path.stem) for path in catalog.PROVIDERS.glob("*/*.yml"))


@pytest.mark.parametrize(("capability", "name"), SHIPPED)
def test_every_shipped_record_is_valid_and_named_as_its_file(capability: str, name: str) -> None:
    found = catalog.provider(capability, name)
    assert (found.capability, found.name) == (capability, name)
    for setting in found.settings.values():
        assert setting.required == (setting.default is None)


def test_the_services_of_the_first_release_are_shipped() -> None:
    assert {("monitoring", "zabbix"), ("antivirus", "clamav"), ("backup", "restic")} <= set(SHIPPED)


def test_an_unknown_provider_is_told_with_the_nearest() -> None:
    with pytest.raises(BadInput, match="no monitoring provider 'zabix'; did you mean 'zabbix'"):
        catalog.provider("monitoring", "zabix")
    with pytest.raises(
        BadInput,
        match="no monitoring provider 'qqqq'; known: atera, connectwise_automate, datto_rmm, "
        "generic_installer, ninjaone, node_exporter, zabbix",
    ):
        catalog.provider("monitoring", "qqqq")
    with pytest.raises(BadInput, match="no nonsense provider 'x'; known: none"):
        catalog.provider("nonsense", "x")


def test_the_workspace_s_own_record_comes_first(tmp_path: Path) -> None:
    own = tmp_path / "providers"
    shipped = (catalog.PROVIDERS / "monitoring" / "zabbix.yml").read_text()
    (own / "monitoring").mkdir(parents=True)
    (own / "monitoring" / "zabbix.yml").write_text(shipped.replace("title: Zabbix agent 2", "title: Ours"))
    (own / "monitoring" / "ours.yml").write_text(shipped.replace("name: zabbix", "name: ours"))
    (own / "monitoring" / "broken.yml").write_text(dump({"name": "broken"}))
    assert catalog.provider("monitoring", "zabbix", own).title == "Ours"
    assert catalog.provider("monitoring", "ours", own).name == "ours"
    assert catalog.provider("antivirus", "clamav", own).name == "clamav"
    assert catalog.provider("monitoring", "zabbix", tmp_path / "absent").title == "Zabbix agent 2"
    assert catalog.provider_paths(own) == (own, catalog.PROVIDERS)
    with pytest.raises(BadInput) as caught:
        catalog.provider("monitoring", "broken", own)
    assert "providers/monitoring/broken.yml: platforms: missing" in caught.value.lines


def check(choice: OptIn) -> tuple[str, ...]:
    return catalog.check_choice("client.yml: services.monitoring", "monitoring", choice)


def test_a_right_choice_has_no_mistakes() -> None:
    assert check(zabbix()) == ()


def test_all_mistakes_of_a_choice_are_told_at_once() -> None:
    choice = OptIn(
        provider="zabbix",
        settings={"prot": 10051, "psk_identity": "spaces at the end ", "timeout_seconds": 99},
        secrets={"pks": "vault:psk"},
    )
    lines = check(choice)
    where = "client.yml: services.monitoring"
    assert lines[0].startswith(f"{where}.settings.server: missing: Name or address of the Zabbix server")
    assert lines[1] == f"{where}.settings.prot: zabbix has no such setting; did you mean 'port'?"
    assert lines[2].startswith(f"{where}.settings.psk_identity: 'spaces at the end ' does not fit; Name of")
    assert lines[3] == f"{where}.settings.timeout_seconds: 99 is above 30"
    assert lines[4].startswith(f"{where}.secrets.psk: missing: The pre-shared key")
    assert lines[5] == f"{where}.secrets.pks: zabbix has no such secret; did you mean 'psk'?"
    assert len(lines) == 6


def test_a_version_is_agreed_upon_where_apt_brings_the_agent() -> None:
    assert check(replace(zabbix(), version="1:6.0.14*")) == ()
    (line,) = catalog.check_choice("c", "remote_access", replace(mesh(), version="1"))
    assert line == "c.version: meshcentral comes from its vendor, not from apt; leave it out"


def mesh() -> OptIn:
    ids: dict[str, Json] = {"group_id": "A" * 96, "server_id": "B" * 96}
    return OptIn(provider="meshcentral", settings={"server": "https://mesh.example", **ids})


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("port", "10051", "expected integer, found '10051'"),
        ("port", True, "expected integer, found True"),
        ("port", 0, "0 is below 1"),
        ("port", 65535, ""),
        ("server", 5, "expected string, found 5"),
        ("server", None, "expected string, found None"),
        ("server", "a.example\n", "'a.example\\n' does not fit"),
        ("server", "a; rm -rf /", "'a; rm -rf /' does not fit"),
        ("server", "{{ 1 }}", "'{{ 1 }}' does not fit"),
        ("server", "zabbix.northwind.example", ""),
        ("timeout_seconds", 1.5, "expected integer, found 1.5"),
    ],
)
def test_a_setting_is_checked_by_its_type_pattern_and_limits(name: str, value: Json, said: str) -> None:
    settings = {**zabbix().settings, name: value}
    lines = check(replace(zabbix(), settings=settings))
    if said:
        assert len(lines) == 1
        assert lines[0].startswith(f"client.yml: services.monitoring.settings.{name}: {said}")
    else:
        assert lines == ()


def test_each_item_of_a_list_is_checked() -> None:
    def antivirus(*urls: str) -> tuple[str, ...]:
        choice = OptIn(provider="clamav", settings={"database_urls": list(urls)})
        return catalog.check_choice("c", "antivirus", choice)

    assert antivirus() == antivirus("https://192.0.2.1/a.ndb") == ()
    (line,) = antivirus("https://192.0.2.1/a.ndb", "ftp://192.0.2.1/a.ndb")
    assert line.startswith("c.settings.database_urls: [")


def test_an_unknown_provider_is_a_mistake_of_the_choice() -> None:
    (line,) = check(OptIn(provider="zabix"))
    assert (
        line
        == "client.yml: services.monitoring.provider: no monitoring provider 'zabix'; did you mean 'zabbix'?"
    )


def restic(**secrets: str) -> OptIn:
    return OptIn(provider="restic", settings={"server": "https://192.0.2.1:8000"}, secrets=secrets)


def test_secrets_that_are_generated_are_not_asked_for() -> None:
    where = "client.yml: services.backup"
    assert catalog.check_choice(where, "backup", restic()) == ()
    assert catalog.check_choice(where, "backup", restic(encryption_password="vault:mine")) == (
        f"{where}.secrets.encryption_password: generated for each host; leave it out",
    )


def test_what_is_generated_is_known_by_product() -> None:
    services = {"backup": restic(), "monitoring": zabbix(), "nonsense": OptIn(provider="x")}
    found = catalog.generated(services)
    assert {product: set(secrets) for product, secrets in found.items()} == {
        ("backup", "restic"): {"repository_password", "encryption_password"}
    }


def test_playbooks_and_roles_are_found() -> None:
    assert catalog.playbook("rollout").is_file()
    assert (catalog.content("roles") / "managed_agent").is_dir()
    with pytest.raises(BadInput, match="no playbook 'rolout'; did you mean 'rollout'"):
        catalog.playbook("rolout")
    assert (catalog.PLUGINS / "ansible.cfg").is_file()


def test_how_products_show_themselves_comes_from_their_records(tmp_path: Path) -> None:
    own = tmp_path / "providers"
    (own / "monitoring").mkdir(parents=True)
    shipped = (catalog.PROVIDERS / "monitoring" / "zabbix.yml").read_text()
    ours = shipped.replace("name: zabbix", "name: ours").replace("zabbix-agent2]", "our-agent]")
    (own / "monitoring" / "ours.yml").write_text(ours)
    (own / "monitoring" / "broken.yml").write_text("name: broken\n")
    found = catalog.signs(own)
    assert found["monitoring"]["zabbix"] == (
        "package:zabbix-agent",
        "package:zabbix-agent2",
        "service:zabbix-agent.service",
        "service:zabbix-agent2.service",
        "service:Zabbix Agent",
        "service:Zabbix Agent 2",
        "program:Zabbix Agent*",
    )
    assert "package:our-agent" in found["monitoring"]["ours"]
    assert "broken" not in found["monitoring"]
    assert "hardened_ssh" not in found["remote_access"]  # every host has an sshd


@pytest.mark.parametrize(("capability", "name"), SHIPPED)
def test_a_client_may_choose_every_shipped_product(capability: str, name: str, tmp_path: Path) -> None:
    path = tmp_path / "client.yml"
    path.write_text(f"{CLIENT_YML}services:\n  {capability}:\n    provider: {name}\n")
    assert read(path, ClientFile, path.name).services[capability].provider == name
