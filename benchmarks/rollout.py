"""A rollout to hosts of its own: ours, Ansible with its defaults over ordinary roles, and pyinfra.

    python -m benchmarks.rollout [--hosts 8] [--runs 3] [--json]

Each brings the same two agents (benchmarks/agents: 2 packages, 4 folders, 17 files, 4 services) to hosts
that have never seen them, then finds them unchanged; that the hosts came out alike is checked. Each has hosts
of its own: systemd containers on the lab's base image, removed afterwards. Needs root and podman; pyinfra is
measured where build/pyinfra holds it, as `make bench` sees to, or by --pyinfra PROGRAM: it wants another
paramiko than netmiko does.
"""

import argparse
import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import yaml

from benchmarks.figures import Figure, middle, show
from mspctl import catalog
from mspctl.records import HostOutcome, HostStatus
from mspctl.workspace import Client
from tests import fleet
from tests.fleet import Fleet
from tests.workspace import ROOT

AGENTS = Path(__file__).with_name("agents")
NIGHTLY = AGENTS / "nightly.yml"
NETWORK = IPv4Network("10.203.62.0/24")
PREFIX = "mspctl-gate-bench-"
ANSIBLE, PYINFRA = "ansible-playbook", "pyinfra"
_SECONDS = 3600


@dataclass(frozen=True)
class Spent:
    """What one run took: seconds, and processor seconds of the machine that it was started on."""

    wall: float
    processor: float


@dataclass(frozen=True)
class Way:
    """One way to do the work: what is run for it, and where."""

    name: str
    argv: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str]


def spent(way: Way, *more: str) -> Spent:
    """Return what a run took. Raise RuntimeError where it does not end well.

    Processor time is that of a control group: connections that outlive the program which made them count.
    """
    with _group() as group:
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-c", _JOIN, str(group / "cgroup.procs"), *way.argv, *more],
            cwd=way.folder,
            env={**_clean(), **way.environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        wall = time.monotonic() - began
        processor = _processor_seconds(group)
    if done.returncode:
        raise RuntimeError(f"{way.name}: {done.returncode}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return Spent(wall, processor)


_JOIN = """import os, sys
open(sys.argv[1], "w").write(str(os.getpid()))
os.execvp(sys.argv[2], sys.argv[2:])"""


@contextlib.contextmanager
def _group() -> Iterator[Path]:
    """Yield a control group of our own; what still runs in it at the end is ended."""
    root = Path("/sys/fs/cgroup")
    old = root / "cpuacct"
    group = (old if old.is_dir() else root) / f"mspctl-bench-{os.getpid()}"
    group.mkdir()
    try:
        yield group
    finally:
        while left := (group / "cgroup.procs").read_text().split():
            for process in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(process), signal.SIGKILL)
            time.sleep(0.05)
        group.rmdir()


def _processor_seconds(group: Path) -> float:
    usage = group / "cpuacct.usage"
    if usage.exists():
        return int(usage.read_text()) / 1e9
    fields = dict(line.split() for line in (group / "cpu.stat").read_text().splitlines())
    return int(fields["usage_usec"]) / 1e6


def _clean() -> dict[str, str]:
    """Return the environment without what would change how any of them works."""
    return {
        key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE", "MSPCTL", "PYTHON"))
    } | {"PYTHONPATH": str(Path(__file__).parents[1])}


@dataclass(frozen=True)
class Values:
    """What the client chose, for every way the same."""

    psk: str
    password: str

    @property
    def settings(self) -> dict[str, dict[str, Any]]:
        """The settings of each agent."""
        return {
            "monitoring": {
                "server": "127.0.0.1",
                "psk_identity": "bench",
                "host_metadata": "mspctl acme linux",
            },
            "backup": {"server": "backup.example.net"},
        }

    @property
    def secrets(self) -> dict[str, dict[str, str]]:
        """The secrets of each agent."""
        return {"monitoring": {"psk": self.psk}, "backup": {"password": self.password}}

    def templates(self, agent: str) -> dict[str, Any]:
        """Return what templates see, defaults included."""
        declared = record(agent)["settings"]
        defaults = {name: each["default"] for name, each in declared.items() if "default" in each}
        settings = {**defaults, **self.settings[agent]}
        if agent == "monitoring":
            settings["host_name"] = "acme.{{ inventory_hostname }}"
        return {"settings": settings, "secrets": self.secrets[agent]}


def record(agent: str) -> dict[str, Any]:
    """Return the provider record of an agent."""
    path = NIGHTLY if agent == "backup" else catalog.PROVIDERS / "monitoring" / "zabbix.yml"
    found: dict[str, Any] = yaml.safe_load(path.read_text())
    return found


def platform(agent: str) -> dict[str, Any]:
    """Return what an agent is on Debian."""
    found: dict[str, Any] = record(agent)["platforms"]["debian"]
    return found


# The three ways


def ours(root: Path, hosts: Fleet, values: Values) -> tuple[Way, Client]:
    """Make a client's workspace; the rollout has its defaults, waves and all."""
    providers = {"monitoring": "zabbix", "backup": "nightly"}
    services: dict[str, Any] = {
        agent: {
            "provider": provider,
            "settings": values.settings[agent],
            "secrets": {name: f"vault:{name}" for name in values.secrets[agent]},
        }
        for agent, provider in providers.items()
    }
    place = root / "northwind" / "providers" / "backup"
    place.mkdir(parents=True)
    shutil.copyfile(NIGHTLY, place / NIGHTLY.name)
    secret = {name: value for each in values.secrets.values() for name, value in each.items()}
    client = fleet.client_of(root / "northwind", hosts, services, secret)
    argv = (str(Path(sys.executable).with_name("mspctl")), "rollout", client.name, "--apply")
    return Way("mspctl", argv, client.workspace.root, {}), client


def ansible(root: Path, hosts: Fleet, values: Values) -> Way:
    """Make an inventory for the ordinary roles; nothing of Ansible's is set but who the hosts are."""
    folder = root / "ansible"
    shutil.copytree(AGENTS, folder)
    for agent in values.settings:
        templates = folder / "roles" / agent / "templates"
        for entry in platform(agent)["files"]:
            template = templates / f"{entry['path'].lstrip('/')}.j2"
            template.parent.mkdir(parents=True, exist_ok=True)
            template.write_text(entry["content"])
    (folder / "known_hosts").write_text(_pins(hosts))
    shared = {
        "ansible_user": fleet.USER,
        "ansible_ssh_private_key_file": str(_key(folder, hosts)),
        "ansible_become_password": hosts.password,
        "ansible_ssh_common_args": f"-o UserKnownHostsFile={folder / 'known_hosts'} -o IdentitiesOnly=yes",
        **{
            f"{agent}_{kind}": each
            for agent in values.settings
            for kind, each in values.templates(agent).items()
        },
    }
    named = {each.name: {"ansible_host": each.address} for each in hosts.machines}
    (folder / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": named, "vars": shared}}))
    program = str(Path(sys.executable).with_name(ANSIBLE))
    (folder / "defaults.cfg").write_text("")
    environment = {"ANSIBLE_CONFIG": str(folder / "defaults.cfg")}
    return Way(ANSIBLE, (program, "-i", "hosts.yml", "site.yml"), folder, environment)


def pyinfra(program: str, root: Path, hosts: Fleet, values: Values) -> Way:
    """Make an inventory for pyinfra."""
    folder = root / PYINFRA
    folder.mkdir()
    shutil.copyfile(AGENTS / "deploy.py", folder / "deploy.py")
    (folder / "known_hosts").write_text(_pins(hosts))
    shared = {
        "ssh_user": fleet.USER,
        "ssh_key": str(_key(folder, hosts)),
        "ssh_known_hosts_file": str(folder / "known_hosts"),
        "_sudo": True,
        "_sudo_password": hosts.password,
    }
    named = [(each.name, {"ssh_hostname": each.address, **shared}) for each in hosts.machines]
    (folder / "inventory.py").write_text(f"hosts = {named!r}\n")
    agents = [{"platform": platform(agent), "values": values.templates(agent)} for agent in values.settings]
    text = json.dumps(agents)
    (folder / "agents.json").write_text(text)
    argv = (program, "-y", "inventory.py", "deploy.py")
    return Way(PYINFRA, argv, folder, {"AGENTS": str(folder / "agents.json")})


def _pins(hosts: Fleet) -> str:
    return "".join(f"{each.address} {each.host_key}\n" for each in hosts.machines)


def _key(folder: Path, hosts: Fleet) -> Path:
    path = folder / "id_ed25519"
    path.write_text(hosts.private_key)
    path.chmod(0o600)
    return path


# What came of it


def state(hosts: Fleet) -> dict[str, str]:
    """Return how each host came out: files, folders, packages, services."""
    paths = [
        entry["path"]
        for agent in ("monitoring", "backup")
        for entry in (*platform(agent).get("directories", ()), *platform(agent)["files"])
    ]
    units = [each["name"] for agent in ("monitoring", "backup") for each in platform(agent)["services"]]
    packages = [name for agent in ("monitoring", "backup") for name in platform(agent)["packages"]]
    script = (
        'for path in $1; do stat --format="%n %a %U %G" "$path"; [ -d "$path" ] || sha256sum "$path"; done; '
        "dpkg-query --show --showformat='${Package} ${Version} ${Status}\\n' $2; "
        "systemctl is-active $3; systemctl is-enabled $3"
    )
    arguments = [" ".join(words) for words in (paths, packages, units)]
    return {each.name: each.run("sh", "-c", script, "sh", *arguments) for each in hosts.machines}


def statuses(client: Client) -> set[HostStatus]:
    """Return how the hosts came out of our last rollout."""
    return {each.status for each in client.last_run("rollout") if isinstance(each, HostOutcome)}


def measured(count: int, runs: int, pyinfra_program: str | None) -> dict[str, list[Spent]]:
    """Return what each way took, by its name and what it did; fresh hosts for each."""
    values = Values(secrets.token_hex(32), secrets.token_hex(16))
    taken: dict[str, list[Spent]] = {}
    states: list[dict[str, str]] = []
    ways = ("mspctl", ANSIBLE, *([PYINFRA] if pyinfra_program else []))
    for name in ways:
        with tempfile.TemporaryDirectory(prefix="mspctl-bench-") as folder, _hosts(count) as hosts:
            client = None
            if name == "mspctl":
                way, client = ours(Path(folder), hosts, values)
            elif name == ANSIBLE:
                way = ansible(Path(folder), hosts, values)
            else:
                way = pyinfra(pyinfra_program or "", Path(folder), hosts, values)
            taken[f"{name} first"] = [spent(way)]
            states.append(state(hosts))
            taken[f"{name} unchanged"] = [spent(way) for _ in range(runs)]
            if client:
                _expect(statuses(client) == {HostStatus.PROVED}, "not every host was proved unchanged")
                taken[f"{name} full"] = [spent(way, "--full") for _ in range(runs)]
                _expect(statuses(client) == {HostStatus.OK}, "a full run changed something")
            _expect_alike(name, state(hosts), states[0])
    return taken


def _hosts(count: int) -> contextlib.AbstractContextManager[Fleet]:
    return fleet.running(PREFIX, count, NETWORK)


def _expect_alike(way: str, found: Mapping[str, str], ours: Mapping[str, str]) -> None:
    for host, theirs in found.items():
        differ = "\n".join(unified_diff(ours[host].splitlines(), theirs.splitlines(), "mspctl", way, n=0))
        _expect(not differ, f"{host} did not come out alike:\n{differ}")


def _expect(is_so: bool, otherwise: str) -> None:
    if not is_so:
        raise RuntimeError(otherwise)


GOALS = {
    ("first", ANSIBLE): "≥ 3",
    ("unchanged", ANSIBLE): "≥ 50",
    ("full", ANSIBLE): "≥ 15",
    ("first", PYINFRA): "≥ 1",
    ("unchanged", PYINFRA): "≥ 5",
    ("full", PYINFRA): "",
}
_SAID = {"first": "first run", "unchanged": "unchanged, proved by the gate", "full": "unchanged, --full"}


def figures(count: int, runs: int, pyinfra_program: str | None) -> Iterator[Figure]:
    """Yield the figures: seconds, and processor seconds a host of the machine that rolls out."""
    taken = measured(count, runs, pyinfra_program)
    for peer in (ANSIBLE, *([PYINFRA] if pyinfra_program else [])):
        for work, said in _SAID.items():
            mine = taken[f"mspctl {work}"]
            theirs = taken[f"{peer} {'first' if work == 'first' else 'unchanged'}"]
            wall, other = _middles([each.wall for each in mine], [each.wall for each in theirs])
            yield Figure(f"{said}, {count} hosts", wall, "s", other, peer, len(mine), GOALS[work, peer])
            used, others = _middles([each.processor for each in mine], [each.processor for each in theirs])
            yield Figure("  controller a host", used / count, "CPU s", others / count, peer, len(mine))


def _middles(mine: Sequence[float], theirs: Sequence[float]) -> tuple[float, float]:
    return middle(mine), middle(theirs)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hosts", type=int, default=8)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--pyinfra", metavar="PROGRAM", default=_installed_pyinfra())
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = figures(options.hosts, options.runs, options.pyinfra)
    show(f"Rollout to {options.hosts} hosts", found, as_json=options.json)


def _installed_pyinfra() -> str | None:
    own = ROOT / "build" / PYINFRA / "bin" / PYINFRA
    return str(own) if own.exists() else shutil.which(PYINFRA)


if __name__ == "__main__":
    main()
