"""Ansible's own modules for IOS drive the simulated switch: what they push is there, and nothing twice."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.lab.switches import Served, switch

# The package `ansible` holds the collections; it is large, so it has an environment of its own:
#   python3 -m venv build/collections && build/collections/bin/pip install 'ansible~=12.0' paramiko
ENVIRONMENT = Path(__file__).parents[2] / "build" / "collections"
PLAY = """
- hosts: switch
  gather_facts: false
  tasks:
    - name: Gather facts
      cisco.ios.ios_facts:
        gather_subset: [min, hardware, interfaces]
    - name: Set lines
      cisco.ios.ios_config:
        lines:
          - ntp server 192.0.2.1 prefer
          - no ip http server
          - lldp run
    - name: Set lines of a block
      cisco.ios.ios_config:
        parents: line vty 0 4
        lines:
          - exec-timeout 10 0
          - transport input ssh
    - name: Set an access list, in its order
      cisco.ios.ios_config:
        parents: ip access-list standard MGMT
        lines:
          - 10 permit 192.0.2.0 0.0.0.255
          - 20 permit 127.0.0.0 0.255.255.255
        match: exact
        before: no ip access-list standard MGMT
    - name: Set a banner
      cisco.ios.ios_banner:
        banner: login
        text: |
          Keep out > all of you #
"""

pytestmark = pytest.mark.skipif(
    not (ENVIRONMENT / "bin" / "ansible-playbook").exists(),
    reason="the collection cisco.ios is not there: install the package ansible into build/collections",
)


def played(device: Served, folder: Path, *options: str) -> dict[str, dict[str, Any]]:
    """Return each task's result."""
    inventory = {
        "ansible_host": device.address,
        "ansible_port": device.port,
        "ansible_user": device.user,
        "ansible_password": device.password,
        "ansible_connection": "ansible.netcommon.network_cli",
        "ansible_network_os": "cisco.ios.ios",
        "ansible_network_cli_ssh_type": "paramiko",
        "ansible_become": True,
        "ansible_become_method": "enable",
        "ansible_become_password": device.enable_password,
    }
    (folder / "hosts.json").write_text(json.dumps({"all": {"hosts": {"switch": inventory}}}))
    (folder / "play.yml").write_text(PLAY)
    environment = os.environ | {
        "ANSIBLE_HOME": str(folder / "home"),
        "ANSIBLE_HOST_KEY_CHECKING": "False",
        "ANSIBLE_PARAMIKO_LOOK_FOR_KEYS": "False",
        "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
        "PATH": f"{ENVIRONMENT / 'bin'}:{os.environ['PATH']}",
    }
    environment.pop("PYTHONPATH", None)
    argv = ["ansible-playbook", "-i", str(folder / "hosts.json"), str(folder / "play.yml"), *options]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.stdout.startswith("{"), done.stdout + done.stderr
    tasks = json.loads(done.stdout)["plays"][0]["tasks"]
    return {each["task"]["name"]: each["hosts"]["switch"] for each in tasks}


def changed(results: dict[str, dict[str, Any]]) -> list[bool]:
    """Return whether each task after the first changed anything; none may have failed."""
    failed = {name: result.get("msg") for name, result in results.items() if result.get("failed")}
    assert not failed
    return [result["changed"] for name, result in results.items() if name != "Gather facts"]


def test_modules_of_ansible_change_once_and_not_again(tmp_path: Path) -> None:
    with switch("ios") as device:
        before = device.running
        assert changed(played(device, tmp_path, "--check")) == [True, True, True, True]
        assert device.running == before
        results = played(device, tmp_path)
        assert changed(results) == [True, True, True, True]
        facts = results["Gather facts"]["ansible_facts"]
        assert facts["ansible_net_hostname"] == "sw-office"
        assert facts["ansible_net_version"] == "17.09.04a"
        assert facts["ansible_net_serialnum"] == "SIMULATED01"
        assert "GigabitEthernet0/1" in facts["ansible_net_interfaces"]
        running = device.running
        assert "ntp server 192.0.2.1 prefer" in running
        assert "MGMT\n 10 permit 192.0.2.0 0.0.0.255\n 20 permit 127.0.0.0 0.255.255.255\n" in running
        assert "Keep out > all of you #" in running
        assert changed(played(device, tmp_path)) == [False, False, False, False]
        assert device.running == running
