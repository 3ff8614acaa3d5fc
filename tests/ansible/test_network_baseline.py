"""The playbook network_baseline, run by ansible-playbook against a simulated switch."""

import os
import re
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner

from mspctl import catalog
from mspctl.cli import main
from mspctl.workspace import Client
from tests.lab.switches import switch
from tests.netconfig.clients import SNMP, client_of


def play(client: Client, *options: str) -> str:
    """Return what ansible-playbook says."""
    environment = {
        **os.environ,
        "ANSIBLE_CONFIG": str(catalog.PLUGINS / "ansible.cfg"),
        "ANSIBLE_ROLES_PATH": str(catalog.content("roles")),
        "ANSIBLE_CALLBACK_PLUGINS": str(catalog.PLUGINS / "callback"),
        "ANSIBLE_NOCOLOR": "1",
    }
    password = client.workspace.root / ".vault-password"
    done = subprocess.run(
        [
            str(Path(sys.executable).parent / "ansible-playbook"),
            *("-i", str(client.path / "hosts.json"), "--vault-password-file", str(password)),
            *(str(catalog.playbook("network_baseline")), *options),
        ],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.stdout + done.stderr


def recap(said: str) -> tuple[int, int, int]:
    """Return how many tasks were ok, changed and failed on sw1."""
    found = re.search(r"sw1\s+: ok=(\d+)\s+changed=(\d+)\s+unreachable=\d+\s+failed=(\d+)", said)
    assert found, said
    return int(found[1]), int(found[2]), int(found[3])


def test_the_playbook_checks_changes_and_then_changes_nothing(tmp_path: Path) -> None:
    with switch("ios", minute_seconds=20) as device:
        client = client_of(tmp_path / "northwind", {"sw1": device}, {})
        options = [
            "-C",
            str(client.workspace.root),
            "--vault-password-file",
            f"{tmp_path}/northwind/.vault-password",
        ]
        for command in (["network", "detect"], ["inventory"]):
            done = CliRunner().invoke(main, [*command, *options, client.name])
            assert done.exit_code == 0, done.output
        before = device.running
        looked = play(client, "--check", "--diff")
        assert recap(looked)[1:] == (1, 0), looked
        assert "+ ip ssh version 2" in looked
        assert device.running == before
        assert not (client.path / "network").exists()
        changed = play(client, "--diff")
        assert recap(changed)[1:] == (1, 0), changed
        assert "access-class MSPCTL-MGMT in" in device.running
        assert device.startup == device.running
        assert (client.path / "network" / "sw1" / "running.conf").exists()
        again = play(client)
        assert recap(again)[1:] == (0, 0), again
        said = looked + changed + again
        assert [secret for secret in (*device.planted, *SNMP.values()) if secret in said] == []
