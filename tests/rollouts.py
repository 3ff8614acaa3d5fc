"""Clients whose hosts are this machine, a playbook of our own for them, and an eye on every process."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from mspctl.records import Json
from mspctl.rollout import MEMORY
from mspctl.workspace import Client
from tests import samples

PLAYBOOK = """\
- hosts: all
  gather_facts: false
  tasks:
    - name: Keep what is secret
      ansible.builtin.copy:
        dest: "{{ folder }}/{{ inventory_hostname }}"
        content: "{{ vault_psk }}\\n"
        mode: "0600"
    - name: Say {{ vault_psk }}
      ansible.builtin.debug:
        msg: "{{ vault_psk }}"
    - name: Count
      ansible.builtin.shell: 'echo once >> "{{ folder }}/{{ inventory_hostname }}.count"'
    - name: Break
      ansible.builtin.fail:
        msg: "cannot use {{ vault_psk }} here"
      when: inventory_hostname is match('bad') and not (heal | default(false) | bool)
    - name: Take long
      ansible.builtin.wait_for:
        timeout: "{{ seconds }}"
      when: seconds is defined
"""
LOCAL: Mapping[str, Json] = {
    "ansible_connection": "local",
    "ansible_python_interpreter": sys.executable,
}


def local_client(root: Path, secrets: Mapping[str, str], *hosts: str) -> Client:
    """Make a client with a hosts.json of hosts that are this machine; `down` is one that does not answer."""
    client = samples.opened(root, secrets)
    named: dict[str, Json] = {host: {**LOCAL, "folder": str(root)} for host in hosts}
    if "down" in named:
        named["down"] = {"ansible_host": "127.0.0.1", "ansible_port": 1, "folder": str(root)}
    (client.path / "hosts.json").write_text(json.dumps({"all": {"hosts": named}}))
    (root / "rollout.yml").write_text(PLAYBOOK)
    return client


def marker(client: Client, host: str) -> Path:
    """Return the file a run writes for `host`."""
    return client.workspace.root / host


def times(client: Client, host: str) -> int:
    """Return how often a run went through `host`."""
    count = client.workspace.root / f"{host}.count"
    return count.read_text().count("once") if count.exists() else 0


def folders(pid: int) -> list[Path]:
    """Return the folders in memory that the mspctl of process `pid` has left."""
    return list(MEMORY.glob(f"mspctl-run-{os.getuid()}-{pid}-*"))


def processes(text: str) -> dict[int, str]:
    """Return the command lines of the processes whose command line or environment holds `text`."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            argv = (folder / "cmdline").read_bytes()
            environment = (folder / "environ").read_bytes()
        except OSError:  # it is gone, or not ours to look at
            continue
        if text.encode() in argv or text.encode() in environment:
            found[int(folder.name)] = argv.replace(b"\0", b" ").decode(errors="replace")
    return found


@contextmanager
def watching(secrets: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Look at every process some thirty times a second; yield which secret was seen in which of them."""
    seen: dict[str, str] = {}
    known: dict[Path, bytes] = {}
    done = threading.Event()

    def look() -> None:
        while not done.wait(0.03):
            for folder in Path("/proc").glob("[0-9]*"):
                try:
                    argv = (folder / "cmdline").read_bytes()
                    if argv and known.get(folder) == argv:
                        continue
                    known[folder] = argv
                    environment = (folder / "environ").read_bytes()
                except OSError:  # it is gone
                    continue
                for name, secret in secrets.items():
                    if secret.encode() in argv + environment:
                        seen[name] = argv.replace(b"\0", b" ").decode(errors="replace")

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()
        assert any(b"ansible-playbook" in argv for argv in known.values())


def mspctl(client: Client, *arguments: str, variables: bool = True) -> subprocess.Popen[str]:
    """Start mspctl in the client's workspace, with the playbooks there in place of the shipped ones.

    `variables` makes its hosts this machine with -e, for commands that have that option.
    """
    program = (
        "import sys; from pathlib import Path; from mspctl import catalog\n"
        "catalog.playbook = lambda name: Path(f'{name}.yml').absolute()\n"
        "from mspctl.cli import main; sys.argv[0] = 'mspctl'; main()"
    )
    given = ("-e", json.dumps({**LOCAL, "folder": str(client.workspace.root)})) if variables else ()
    return subprocess.Popen(
        [
            sys.executable,
            "-c",
            program,
            *arguments,
            "--vault-password-file",
            ".vault-password",
            *given,
        ],
        cwd=client.workspace.root,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={key: value for key, value in os.environ.items() if not re.match("ANSIBLE|MSPCTL", key)},
        start_new_session=True,
    )
