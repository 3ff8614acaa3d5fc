"""The provider's own hosts: what mspctl.yml says of them is checked, and becomes an inventory."""

import json
import re

import pytest

from mspctl import catalog, own_hosts
from mspctl.handwritten import dump, parse
from mspctl.records import Json, OwnHost, WorkspaceFile

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMRXvabg/OK/6IBnfVdZWb7OmUF62z6fTqqJVVRwrPwU"
SETTINGS: dict[str, Json] = {"certificate_file": "certificates/depot.pem", "port": 8443}
SECRETS: dict[str, Json] = {"certificate_key": "vault:depot_key"}


def host(**more: Json) -> dict[str, Json]:
    found: dict[str, Json] = {
        "name": "depot",
        "address": "192.0.2.40",
        "connection": {"user": "sam", "become_password": "vault:sudo"},
        "roles": {"backup_repository": {"settings": SETTINGS, "secrets": SECRETS}},
    }
    return {**found, **more}


def read(*hosts: dict[str, Json]) -> tuple[OwnHost, ...]:
    return parse(dump({"provider": "N", "hosts": list(hosts)}), WorkspaceFile, "mspctl.yml").hosts


def mistakes(*hosts: dict[str, Json]) -> tuple[str, ...]:
    return own_hosts.mistakes("mspctl.yml", read(*hosts), catalog.own_roles())


def role(settings: dict[str, Json] | None = None, secrets: dict[str, Json] | None = None) -> dict[str, Json]:
    choice: dict[str, Json] = {
        "settings": {**SETTINGS, **(settings or {})},
        "secrets": {**SECRETS, **(secrets or {})},
    }
    return host(roles={"backup_repository": choice})


def test_every_role_has_a_play_that_brings_it_and_one_that_looks_at_it() -> None:
    for name in ("provider_side", "provider_side_status"):
        text = catalog.playbook(name).read_text()
        assert set(re.findall(r"^  hosts: (\w+)$", text, re.MULTILINE)) == set(catalog.own_roles())
    for options in catalog.own_roles().values():
        assert options["state"].choices == ("present", "absent")


def test_what_is_right_has_no_mistakes() -> None:
    assert mistakes(host(host_key=KEY)) == ()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (host(roles={"backup_repositry": {}}), ".roles: no role 'backup_repositry'; did you mean 'backup"),
        (host(roles={"backup_repository": {}}), ".roles.backup_repository.settings.certificate_file: m"),
        (role({"prot": 1}), ".roles.backup_repository.settings.prot: no such setting; did you mean 'port'?"),
        (role({"port": "8000"}), ".roles.backup_repository.settings.port: expected int, found '8000'"),
        (role({"port": True}), ".roles.backup_repository.settings.port: expected int, found True"),
        (role({"state": "absent"}), ".roles.backup_repository.settings.state: no such setting"),
        (role({"certificate_key": "x"}), ".certificate_key: no such setting; it belongs below secrets"),
        (role(secrets={"port": "vault:port"}), ".secrets.port: no such secret; it belongs below settings"),
        (host(host_key="ssh-rsa " + "A" * 68), ".host_key: no public key; `ssh-keyscan 192.0.2.40`"),
    ],
)  # fmt: skip
def test_each_mistake_is_named_with_its_place(given: dict[str, Json], said: str) -> None:
    lines = mistakes(given)
    assert any(line.startswith("mspctl.yml: hosts[0].") and said in line for line in lines), lines


def test_two_hosts_have_two_names() -> None:
    assert mistakes(host(), host()) == ("mspctl.yml: hosts[1].name: there is another host 'depot'",)


def test_the_inventory_has_a_group_for_each_role_and_secrets_as_references() -> None:
    tree = json.loads(own_hosts.hosts_json(read(host())))["all"]
    assert tree["children"] == {"backup_repository": {"hosts": {"depot": {}}}}
    assert tree["hosts"]["depot"] == {
        "ansible_host": "192.0.2.40",
        "ansible_user": "sam",
        "ansible_become_password": "{{ vault_sudo }}",
        "backup_repository_certificate_file": "certificates/depot.pem",
        "backup_repository_port": 8443,
        "backup_repository_certificate_key": "{{ vault_depot_key }}",
    }
    assert "StrictHostKeyChecking=yes" in tree["vars"]["ansible_ssh_common_args"]


def test_a_key_is_the_one_in_the_file_before_the_one_pinned() -> None:
    other = KEY[:-4] + "rPwA"
    hosts = read(host(), host(name="gate", connection={"port": 2222}), host(name="new", address="192.0.2.41"))
    pins = f"192.0.2.40 {KEY}\n[192.0.2.40]:2222 {other}\nnonsense\n"
    assert own_hosts.pinned(hosts, pins) == {"depot": KEY, "gate": other}
    assert own_hosts.pinned(read(host(host_key=other)), pins) == {"depot": other}
    assert own_hosts.known_hosts(hosts, own_hosts.pinned(hosts, pins)) == "".join(
        sorted(line + "\n" for line in pins.splitlines()[:2])
    )


def test_hosts_are_found_by_their_role() -> None:
    assert own_hosts.with_role(read(host(name="b"), host(name="a")), "backup_repository") == ("a", "b")
    assert own_hosts.with_role(read(host()), "other") == ()
