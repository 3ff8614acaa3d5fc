"""Secrets of the hosts' own: named by asset, made once, and read by Ansible for the host at hand alone."""

import json
import os
import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from mspctl import catalog
from mspctl.generated import fresh, host_secrets
from mspctl.inventory import Inventory, build, files
from mspctl.records import OptIn, OverridesFile, WorkspaceFile
from mspctl.records.provider import Generate
from tests.samples import PASSWORD, asset, client_file, opened

BACKUP = OptIn(provider="restic", groups=("server",), settings={"server": "https://192.0.2.1:8000"})
GENERATED = catalog.generated({"backup": BACKUP})


def inventory() -> Inventory:
    found = [asset("db"), asset("web", "192.0.2.11"), asset("desk", "192.0.2.12", kind="workstation")]
    client = client_file({"backup": BACKUP})
    settings = WorkspaceFile(provider="N")
    return build("acme", client, settings, found, OverridesFile(), date(2026, 11, 21), GENERATED)


def test_every_host_of_the_service_has_its_own() -> None:
    found = host_secrets(inventory(), GENERATED)
    assert [(each.name, each.host) for each in found] == [
        ("backup_encryption_password_a_db", "db"),
        ("backup_encryption_password_a_web", "web"),
        ("backup_repository_password_a_db", "db"),
        ("backup_repository_password_a_web", "web"),
    ]


@pytest.mark.parametrize(
    ("how", "form"),
    [
        (Generate(length=40), "[A-Za-z0-9]{40}"),
        (Generate(length=64, alphabet="hexadecimal"), "[0-9a-f]{64}"),
    ],
)
def test_a_generated_secret_has_its_form_and_is_new_each_time(how: Generate, form: str) -> None:
    made = {fresh(how) for _ in range(50)}
    assert len(made) == 50
    assert all(re.fullmatch(form, each) for each in made)


@pytest.mark.parametrize("secret", sorted(GENERATED["backup", "restic"]))
def test_what_is_generated_fits_the_record(secret: str) -> None:
    declared = catalog.provider("backup", "restic").secrets[secret]
    assert declared.generate and re.fullmatch(declared.pattern, fresh(declared.generate))


def test_ansible_renders_the_secret_of_the_host_at_hand(tmp_path: Path) -> None:
    made = {each.name: fresh(each.how) for each in host_secrets(inventory(), GENERATED)}
    client = opened(tmp_path / "ws", made)
    for name, text in files(inventory()).items():
        client.save(name, text)
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("ansible")), "server", "-i", str(client.path / "hosts.json"),
            "--vault-password-file", str(client.workspace.root / ".vault-password"), "-e",
            f"ansible_connection=local ansible_python_interpreter={sys.executable}",
            "-m", "ansible.builtin.copy",
            "-a", f"dest={tmp_path}/{{{{ inventory_hostname }}}} content='{{{{ backup_secrets }}}}'",
        ],
        capture_output=True, text=True, check=False, env={**os.environ, "ANSIBLE_HOME": str(tmp_path / "a")},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert PASSWORD not in done.stdout
    for host in ("db", "web"):
        assert json.loads((tmp_path / host).read_text()) == {
            secret: made[f"backup_{secret}_a_{host}"] for secret in GENERATED["backup", "restic"]
        }
