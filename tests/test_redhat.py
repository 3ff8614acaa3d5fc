"""What the records have for Red Hat's family, as Ansible renders it. Nothing of it was run there."""

import ast
import configparser
import importlib.util
import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from mspctl import catalog
from tests.test_roles import ROOT, filters

PYTHON = (3, 9)  # what /usr/bin/python3 is on release 9
RECORDS = [
    path
    for path in sorted(catalog.PROVIDERS.glob("*/*.yml"))
    if "redhat" in yaml.safe_load(path.read_text())["platforms"]
]
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1Gx5sYB0hCnO0mzGmYd5n1yJ4cJ5cXlq0m1m0v7u2a"
GIVEN: dict[str, dict[str, Any]] = {
    "clamav": {"database_urls": ["https://mirror.example.net/own.hdb"], "proxy_host": "proxy.example.net"},
    "generic_installer": {"package": "Vendor_Agent", "service": "agent.service", "version": "1.2"},
    "hardened_ssh": {"technicians": [f"anna {KEY}"], "only_technicians": True},
    "meshcentral": {"server": "https://remote.example.net", "group_id": "A" * 96, "server_id": "B" * 96},
    "node_exporter": {"certificate_file": str(ROOT / "LICENSE")},
    "restic": {"server": "https://backup.example.net:8000"},
    "zabbix": {"server": "monitoring.example.net", "psk_identity": "example"},
}
SECRETS = {
    "generic_installer": {"rpm_installer_url": "https://portal.example.net/agent.rpm?token=0123"},
    "node_exporter": {"certificate_key": "a2V5", "password_hash": f"$2y$10${'a' * 53}"},
    "restic": {"repository_password": "a" * 40, "encryption_password": "b" * 40},
    "zabbix": {"psk": "0" * 64},
}
# What Debian alone calls so.
DEBIAN = (
    "clamav-daemon",
    "/etc/clamav/",
    "/run/clamav/",
    "dpkg",
    "apt-get",
    "debian-sys-maint",
)
PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  vars:
    ansible_user: manager
    ansible_facts: {architecture: x86_64, os_family: RedHat}
    mspctl_client: example
    mspctl_asset: a-1
    platform: "{{ record.platforms.redhat }}"
    settings: "{{ given | managed_agent_with_defaults(record.settings) }}"
  tasks:
    - ansible.builtin.include_vars: {file: "{{ path }}", name: record}
    - ansible.builtin.copy: {dest: "{{ out }}", mode: "0600", content: "{{ platform | to_json }}"}
    - ansible.builtin.copy: {dest: "{{ out }}.settings", mode: "0600", content: "{{ settings | to_json }}"}
"""


@cache
def rendered(path: Path, folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a record's platform and the settings it was rendered with."""
    out, play, given = folder / f"{path.stem}.json", folder / "play.yml", folder / "given.json"
    play.write_text(PLAY)
    probes = [
        probe["id"] for probe in yaml.safe_load(path.read_text())["platforms"]["redhat"].get("probes", [])
    ]
    variables = {
        "path": str(path),
        "out": str(out),
        "given": GIVEN[path.stem],
        "probes": dict.fromkeys(probes, True),
    }
    given.write_text(json.dumps(variables | {"secrets": SECRETS.get(path.stem, {})}))
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("ansible-playbook")),
            "-i",
            "localhost,",
            "-e",
            f"@{given}",
            str(play),
        ],
        env=os.environ
        | {
            "ANSIBLE_FILTER_PLUGINS": str(ROOT / "roles/managed_agent/filter_plugins"),
            "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return json.loads(out.read_text()), json.loads(Path(f"{out}.settings").read_text())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rendered")


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_what_is_written_has_the_form_of_its_kind(path: Path, folder: Path) -> None:
    platform, settings = rendered(path, folder)
    record = catalog.provider(path.parent.name, path.stem)
    assert record.platforms.redhat and record.platforms.redhat.tested_on == ()
    assert filters.setting_problems(settings, yaml.safe_load(path.read_text())["settings"]) == []
    for file in platform["files"]:
        text, name = file["content"] or "", file["path"]
        assert "{{" not in text and "{%" not in text, name
        if text.startswith("#!/usr/bin/python3"):
            ast.parse(text, name, feature_version=PYTHON)
        elif name.endswith(".json"):
            json.loads(text)
        elif name.startswith("/etc/systemd/system/"):
            unit = configparser.RawConfigParser(strict=False)
            unit.read_string(text)
            assert unit.sections(), name


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_nothing_is_called_as_debian_calls_it(path: Path, folder: Path) -> None:
    platform, _ = rendered(path, folder)
    told = json.dumps(
        [platform | {"files": [file for file in platform["files"] if "/sbin/" not in file["path"]]}]
    )
    assert [word for word in DEBIAN if word in told] == []
    assert "ssh.service" not in told.replace("sshd.service", "")


def test_databases_are_dumped_where_red_hat_has_them(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (path,) = (path for path in RECORDS if path.stem == "restic")
    files = {file["path"]: file["content"] for file in rendered(path, folder)[0]["files"]}
    (tmp_path / "job.json").write_text(files["/etc/mspctl-backup/job.json"])
    text = files["/usr/local/sbin/mspctl-backup"]
    for there, here in (("/etc/mspctl-backup", ""), ("/var/lib/pgsql", "pgsql")):
        text = text.replace(f'Path("{there}")', f'Path("{tmp_path / here}")')
    for name, port in (("data", 5432), ("16/data", 5433)):
        (tmp_path / "pgsql" / name).mkdir(parents=True)
        words = (
            "812",
            f"/var/lib/pgsql/{name}",
            "1764250000",
            str(port),
            "/run/postgresql",
            "localhost",
            "",
            "ready",
        )
        (tmp_path / "pgsql" / name / "postmaster.pid").write_text("\n".join(words))
    (tmp_path / "pgsql/15/data").mkdir(parents=True)  # stands still
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "program.py").write_text(text)
    specification = importlib.util.spec_from_file_location("program", tmp_path / "program.py")
    assert specification and specification.loader
    program = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(program)
    dumps = {name: command for name, command, _ in program.dumps_wanted()}
    assert dumps["postgresql-data.sql"] == ("pg_dumpall", "--host", "/run/postgresql", "--port", "5432")
    assert dumps["postgresql-16-data.sql"][-1] == "5433"
    assert [name for name in dumps if "15" in name] == []
    assert [str(tmp_path / "pgsql" / name) for name in ("16/data", "data")] == list(
        program.database_folders()
    )[1:3]
