"""systemd hosts of a test's own, in a network of their own: made for it, removed after it.

They let a technician in by key, with a password for sudo, as the client hosts of the lab do.
"""

import json
import secrets
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

import asyncssh

from mspctl.handwritten import dump
from mspctl.records import Json
from mspctl.workspace import Client, Workspace
from tests import samples
from tests.lab import images, machine
from tests.lab.description import harbour
from tests.lab.network import link_address
from tests.lab.podman import podman
from tests.workspace import git

USER = "technician"
_IMAGE = "debian12"
_READY_SECONDS = 120
_ACCOUNT = """\
read -r password
useradd --create-home --shell /bin/bash --groups sudo technician
echo "technician:$password" | chpasswd
install -d -m 0700 -o technician -g technician /home/technician/.ssh
cat > /home/technician/.ssh/authorized_keys
cat /etc/ssh/ssh_host_ed25519_key.pub
"""


@dataclass(frozen=True)
class Machine:
    """One host of the fleet."""

    name: str
    container: str
    address: str
    host_key: str

    def run(self, *command: str, text: str | None = None, check: bool = True) -> str:
        """Return what a command says on the host, run as root past SSH. Raise RuntimeError where it fails."""
        argv = ["podman", "exec", *(["--interactive"] if text else []), self.container, *command]
        done = subprocess.run(argv, input=text, capture_output=True, text=True, check=False)
        if check and done.returncode:
            raise RuntimeError(f"{self.name}: {command}: {done.stdout}{done.stderr}")
        return done.stdout


@dataclass(frozen=True)
class Fleet:
    """Some hosts, and what opens them."""

    machines: tuple[Machine, ...]
    private_key: str
    password: str

    @property
    def secrets(self) -> dict[str, str]:
        """What a client's vault needs to log in."""
        return {"technician_key": self.private_key, "sudo_password": self.password}


@contextmanager
def running(
    prefix: str,
    count: int,
    network: IPv4Network,
    capabilities: Sequence[str] = (),
    options: Sequence[str] = (),
) -> Iterator[Fleet]:
    """Run `count` hosts in containers whose names begin with `prefix`; nothing of them stays.

    `options` are more of podman's, such as what brings a host back that restarts itself.
    """
    key = asyncssh.generate_private_key("ssh-ed25519")
    password = secrets.token_urlsafe(24)
    names = [f"{prefix}host{number}" for number in range(1, count + 1)]
    tag = images.build(harbour(), _IMAGE)
    _remove(prefix, names)
    podman("network", "create", "--subnet", str(network), prefix.rstrip("-"))
    try:
        for number, name in enumerate(names):
            podman(
                "run", "--detach", "--systemd=always", "--name", name,
                "--hostname", name.removeprefix(prefix),
                *machine.limit_options(), *(f"--cap-add={each}" for each in capabilities), *options,
                "--network", prefix.rstrip("-"), "--ip", str(network[number + 10]),
                "--mac-address", link_address(network[number + 10]), tag,
            )  # fmt: skip
        public = key.export_public_key("openssh").decode()
        machines = tuple(
            _let_in(prefix, name, str(network[number + 10]), password, public)
            for number, name in enumerate(names)
        )
        yield Fleet(machines, key.export_private_key("openssh").decode(), password)
    finally:
        _remove(prefix, names)


def client_of(root: Path, fleet: Fleet, services: dict[str, Json], secret: dict[str, str]) -> Client:
    """Make a workspace at `root` whose client `acme` has these hosts, pinned, and has chosen `services`."""
    client = samples.opened(root, {**fleet.secrets, **secret})
    text = (client.path / "client.yml").read_text()
    network = str(IPv4Network(f"{fleet.machines[0].address}/24", strict=False))
    connection = {"user": USER, "key": "vault:technician_key", "become_password": "vault:sudo_password"}
    text = text.replace("192.0.2.0/24", network) + dump({"connection": connection, "services": services})
    (client.path / "client.yml").write_text(text)
    client.save_records("assets.jsonl", [samples.asset(each.name, each.address) for each in fleet.machines])
    pins = "".join(f"{each.address} {each.host_key}\n" for each in fleet.machines)
    (client.path / "known_hosts").write_text(pins)
    settings = (root / "mspctl.yml").read_text()
    (root / "mspctl.yml").write_text(settings + "vault_password_file: .vault-password\n")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "a client with hosts")
    return Workspace(root, lambda: samples.PASSWORD).client(client.name)


def _let_in(prefix: str, container: str, address: str, password: str, public: str) -> Machine:
    """Wait until a host has come up, make its technician, and return it with its host key."""
    deadline = time.monotonic() + _READY_SECONDS
    argv = ["podman", "exec", container, "systemctl", "is-system-running"]
    while subprocess.run(argv, capture_output=True, text=True, check=False).stdout.strip() != "running":
        if time.monotonic() > deadline:
            raise RuntimeError(f"{container}: did not come up within {_READY_SECONDS} s")
        time.sleep(0.5)
    said = podman(
        "exec", "--interactive", container, "sh", "-ec", _ACCOUNT, text_input=f"{password}\n{public}"
    )
    kind, text = said.split()[:2]
    return Machine(container.removeprefix(prefix), container, address, f"{kind} {text}")


def _remove(prefix: str, names: Sequence[str]) -> None:
    podman("rm", "--force", "--ignore", "--time", "0", *names)
    found = json.loads(podman("network", "ls", "--format", "json") or "[]")
    if any(each["name"] == prefix.rstrip("-") for each in found):
        podman("network", "rm", prefix.rstrip("-"))
