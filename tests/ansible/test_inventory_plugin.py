"""What the generated inventory says, the plugin says too; neither lets discovered text become code."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from mspctl import catalog
from mspctl.cli.inventory import load
from mspctl.handwritten import dump
from mspctl.inventory import files
from mspctl.records import Service
from mspctl.workspace import Client
from tests import samples
from tests.samples import PASSWORD, SECRET, WRITABLE, asset

BIN = Path(sys.executable).parent
SOURCES = ("hosts.json", "inventory.mspctl.yml")
CLIENT = {
    "connection": {
        "user": "technician",
        "become_password": "vault:sudo",
        "windows": {"user": "technician", "password": "vault:sudo", "port": 5985},
    },
    "services": {
        "monitoring": {
            "provider": "zabbix",
            "settings": dict(samples.zabbix().settings),
            "secrets": dict(samples.zabbix().secrets),
        },
        "antivirus": {
            "provider": "clamav",
            "groups": ["workstation"],
            "windows": {"provider": "defender", "settings": {"excluded_paths": ["D:\\Database"]}},
        },
    },
}
OVERRIDES = {"assets": [{"asset": "a-web", "connection": {"port": 2222, "become_password": "vault:psk"}}]}


def hostile(witness: Path) -> str:
    return f"{{{{ lookup('pipe', 'touch {witness}') }}}}"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Client:
    """A client with its inventory written, a device in it that calls itself a template."""
    root = tmp_path_factory.mktemp("inventories")
    found = samples.opened(root, {"psk": SECRET, "sudo": "s3cr3t-of-sudo"})
    path = found.path / "client.yml"
    path.write_text(f"{path.read_text()}{dump(CLIENT)}")
    (found.path / "overrides.yml").write_text(dump(OVERRIDES))
    (found.path / "inventory.mspctl.yml").write_text("plugin: mspctl\n")
    nasty = hostile(root / "witness")
    found.save_records(
        "assets.jsonl",
        [
            asset("web", "192.0.2.1", vendor=nasty, model=nasty, hostname=nasty),
            asset("desk", "192.0.2.2", kind="workstation", os="ubuntu", os_version="24.04"),
            replace(
                asset("pc", "192.0.2.6", kind="workstation", os="windows", os_version="11"),
                services=(Service(port=5985),),
            ),
            asset("laser", "192.0.2.3", kind="printer", os="", model=WRITABLE[4]),
            asset("riddle", "192.0.2.4", kind="", os=""),
            replace(asset("old", "192.0.2.5"), gone_since="20261121T093000Z"),
        ],
    )
    for name, text in files(load(found)).items():
        found.save(name, text)
    return found


@pytest.fixture(autouse=True)
def no_witness(client: Client) -> Iterator[None]:
    """Fail when what a device calls itself was run."""
    yield
    assert not (client.workspace.root / "witness").exists()


def ansible(client: Client, program: str, *arguments: str) -> str:
    password = client.workspace.root / ".vault-password"
    password.write_text(PASSWORD)
    done = subprocess.run(
        [str(BIN / program), *arguments],
        cwd=client.workspace.root,
        text=True,
        capture_output=True,
        check=False,
        env={
            **os.environ,
            "ANSIBLE_INVENTORY_PLUGINS": str(catalog.PLUGINS / "inventory"),
            "ANSIBLE_VAULT_PASSWORD_FILE": str(password),
            "ANSIBLE_INVENTORY_UNPARSED_FAILED": "1",
            "ANSIBLE_NOCOLOR": "1",
        },
    )
    assert done.returncode == 0, done.stderr + done.stdout
    assert "[WARNING]" not in done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def listed(client: Client) -> dict[str, dict[str, Any]]:
    """What `ansible-inventory --list` makes of each source."""
    return {
        source: json.loads(ansible(client, "ansible-inventory", "-i", str(client.path / source), "--list"))
        for source in SOURCES
    }


def grouped(inventory: dict[str, Any]) -> dict[str, list[str]]:
    """Return the groups that have hosts, each with them."""
    return {
        name: sorted(group["hosts"])
        for name, group in inventory.items()
        if name != "_meta" and group.get("hosts")
    }


def test_both_know_the_same_hosts_groups_and_variables(listed: dict[str, dict[str, Any]]) -> None:
    file, plugin = (listed[source] for source in SOURCES)
    assert grouped(plugin) == grouped(file)
    assert plugin["_meta"]["hostvars"] == file["_meta"]["hostvars"]
    assert sorted(file["_meta"]["hostvars"]) == ["desk", "laser", "pc", "riddle", "web"]
    assert grouped(file)["monitoring"] == ["desk", "pc", "web"]
    assert grouped(file)["antivirus"] == ["desk", "pc"]
    assert grouped(file)["unclassified"] == ["riddle"]


def test_each_host_has_the_variables_of_its_own_product(listed: dict[str, dict[str, Any]]) -> None:
    for source in SOURCES:
        hosts = listed[source]["_meta"]["hostvars"]
        assert (hosts["desk"]["antivirus_provider"], hosts["pc"]["antivirus_provider"]) == (
            "clamav",
            "defender",
        )
        assert hosts["desk"]["antivirus_settings"] == {}
        assert hosts["pc"]["antivirus_settings"] == {"excluded_paths": ["D:\\Database"]}
        assert "antivirus_provider" not in hosts["web"]


def test_the_variables_are_those_the_client_s_files_say(listed: dict[str, dict[str, Any]]) -> None:
    web = listed[SOURCES[1]]["_meta"]["hostvars"]["web"]
    assert (web["ansible_host"], web["ansible_port"], web["ansible_user"]) == (
        "192.0.2.1",
        2222,
        "technician",
    )
    assert web["mspctl_client"] == "acme"
    assert web["monitoring_provider"] == "zabbix"
    assert web["monitoring_settings"]["psk_identity"] == "northwind"


PLAYBOOK = """\
- name: Meet
  hosts: web
  connection: local
  gather_facts: false
  vars:
    again: "{{ mspctl_discovered.vendor }}"
  tasks:
    - name: Look at {{ mspctl_discovered.model }}
      ansible.builtin.debug:
        msg: "{{ item }} and {{ again }}"
      loop: "{{ mspctl_discovered.values() | list }}"
      loop_control:
        label: "{{ item }}"
      when: mspctl_discovered.vendor is defined
    - name: Keep it
      ansible.builtin.set_fact:
        kept: "{{ mspctl_discovered.vendor }}"
    - name: Write a file
      ansible.builtin.template:
        src: "{{ folder }}/seen.j2"
        dest: "{{ folder }}/seen-{{ source }}"
        mode: "0600"
"""
TEMPLATE = """\
{{ mspctl_discovered.vendor }}
{{ kept }}
{{ hostvars['web'].mspctl_discovered.model }}
{{ ansible_become_password }}
{{ monitoring_secrets.psk }}
"""


@pytest.mark.parametrize("source", SOURCES)
def test_a_name_that_is_a_template_reaches_a_file_as_text_and_a_secret_as_itself(
    client: Client, source: str
) -> None:
    root = client.workspace.root
    (root / "play.yml").write_text(PLAYBOOK)
    (root / "seen.j2").write_text(TEMPLATE)
    variables = {
        "folder": str(root),
        "source": source,
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
    }
    inventory = ("-i", str(client.path / source))
    said = ansible(client, "ansible-playbook", *inventory, "-e", json.dumps(variables), "play.yml")
    nasty = hostile(root / "witness")
    assert nasty in said.replace('\\"', '"')
    assert (root / f"seen-{source}").read_text().splitlines() == [nasty, nasty, nasty, SECRET, SECRET]


def test_a_mistake_of_the_client_s_files_is_told_and_no_host_is_given(client: Client, tmp_path: Path) -> None:
    broken = samples.workspace(tmp_path / "w").client("acme")
    (broken.path / "inventory.mspctl.yml").write_text("plugin: mspctl\n")
    (broken.path / "client.yml").write_text("titel: x\n")
    with pytest.raises(AssertionError, match=r"inventories/acme/client\.yml: titel: unknown key"):
        ansible(client, "ansible-inventory", "-i", str(broken.path / "inventory.mspctl.yml"), "--list")


def test_other_files_are_left_to_other_plugins() -> None:
    from ansible.plugins.loader import inventory_loader

    inventory_loader.add_directory(str(catalog.PLUGINS / "inventory"))
    plugin = inventory_loader.get("mspctl")
    assert not plugin.verify_file(str(catalog.PLUGINS / "ansible.cfg"))
    assert not plugin.verify_file("/nowhere/inventory.mspctl.yml")
