"""The baseline on simulated switches far away, beside `cisco.ios` and plain netmiko.

    python -m benchmarks.network [--devices 50] [--delay 40] [--peer VENV] [--only ours,netmiko,…]

VENV is an environment of its own that holds Ansible's collections and paramiko:
`python3 -m venv VENV && VENV/bin/pip install ansible paramiko`; without it cisco.ios is left out. Every
contestant changes a fresh fleet. Ours is the whole command: backup, judgement, timer, push, second session,
judgement again, confirmation, saving, records and commits. The others type the same lines, and do less:
cisco.ios reads facts, keeps a copy, types, saves and reads facts again; netmiko reads, types, reads, saves,
with as many threads, and `sequential` one device after the other.
Processor time is the controller's: the fleet runs in processes of its own.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import click

from benchmarks.figures import Figure, load, show
from mspctl import catalog
from mspctl.handwritten import dump
from mspctl.netconfig import copies, field
from mspctl.netconfig.door import Door
from mspctl.netconfig.plan import plan
from mspctl.netconfig.push import look
from mspctl.netconfig.trees import Change
from mspctl.records import Asset, NetworkChoices, NetworkDevice, Parameters, Service, SnmpUser, Value
from tests.lab.switches.fleet import fleet
from tests.samples import NOW, opened

Devices = Sequence[Mapping[str, Any]]
PARAMETERS = Parameters(
    domain="harbour.example",
    ntp_servers=("10.203.20.13", "10.203.20.14"),
    timezone="Europe/Berlin",
    syslog_servers=("10.203.20.99", "10.203.40.10"),
    snmp_user=SnmpUser(name="mspctl", authentication="vault:authentication", privacy="vault:privacy"),
    banner="Harbour Dental: staff only.",
    management_networks=("127.0.0.0/8", "10.203.40.0/24"),
)
SECRETS = {"authentication": "Auth-Secret-77", "privacy": "Priv-Secret-88"}
CONTESTANTS = ("ours", "netmiko", "sequential", "cisco.ios")
_LIMIT_SECONDS = 1800


class Measured(NamedTuple):
    """One contestant's work on a whole fleet."""

    wall: float
    processor: float
    done: int  # devices that were brought there


def measured(argv: Sequence[str], cwd: Path, environment: Mapping[str, str]) -> tuple[float, float, str]:
    """Return how long a process took, the processor time of all it started, and what it said."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(
        argv,
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=_LIMIT_SECONDS,
    )
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, processor, done.stdout + done.stderr


def lines_of(device: Mapping[str, Any]) -> tuple[Change, ...]:
    """Return what the baseline types on a device of the fleet."""
    platform = catalog.platforms()["ios"]
    choices = NetworkChoices(parameters=PARAMETERS)
    secrets = {f"vault:{name}": text for name, text in SECRETS.items()}
    work = field.task("any", platform, NetworkDevice(), choices, catalog.baseline(), secrets, date.today())
    copy, source = look(_door(device), platform)
    return plan(work, copies.seen(copy, platform), source).changes


def _door(device: Mapping[str, Any]) -> Door:
    return Door(
        host=device["hostname"],
        address=device["address"],
        port=device["port"],
        user=device["user"],
        host_key=device["host_key"],
        password=device["password"],
        enable=device["enable_password"],
    )


def ours(devices: Devices, folder: Path, threads: int) -> Measured:
    """Measure `mspctl network baseline --apply` in a workspace of its own."""
    first = devices[0]
    passwords = {"password": first["password"], "enable": first["enable_password"]}
    client = opened(folder / "northwind", {**SECRETS, **passwords})
    network = {
        "connection": {"user": first["user"], "password": "vault:password", "enable": "vault:enable"},
        "parameters": json.loads(json.dumps(_builtins(PARAMETERS))),
    }
    text = {
        "title": "Bench",
        "authorisation": {"by": "nobody at all", "date": "2026-11-01"},
        "sites": [{"name": "main", "networks": [{"name": "office", "cidr": "127.0.0.0/8"}]}],
        "network": network,
    }
    (client.path / "client.yml").write_text(dump(text))
    client.save_records("assets.jsonl", [_asset(device) for device in devices])
    pins = (f"[{each['address']}]:{each['port']} {each['host_key']}\n" for each in devices)
    client.save("known_hosts", "".join(pins))
    client.commit("as found")
    argv = [sys.executable, "-c", "from mspctl.cli import main; main()", "network", "baseline", client.name]
    password = str(client.workspace.root / ".vault-password")
    options = ["--apply", "--json", "--at-once", str(threads), "--vault-password-file", password]
    wall, processor, said = measured([*argv, *options], client.workspace.root, {})
    return Measured(wall, processor, said.count('"detail": "as intended"'))


def _builtins(record: Parameters) -> Any:
    import msgspec

    return msgspec.to_builtins(record)


def _asset(device: Mapping[str, Any]) -> Asset:
    def value(text: str) -> Value:
        return Value(value=text, confidence=1.0, probe="bench", rule="bench", evidence="", since=NOW)

    return Asset(
        id=f"a-{device['hostname']}",
        name=device["hostname"],
        site="main",
        network="office",
        addresses=(device["address"],),
        profile={"kind": value("switch"), "os": value("ios")},
        services=(Service(port=device["port"], name="ssh"),),
    )


_NETMIKO = """\
import json, sys
from concurrent.futures import ThreadPoolExecutor
from netmiko import ConnectHandler

devices, lines, threads = json.load(sys.stdin)

def work(device):
    with ConnectHandler(device_type="cisco_ios", host=device["address"], port=device["port"],
                        username=device["user"], password=device["password"],
                        secret=device["enable_password"]) as session:
        session.enable()
        session.send_command("show running-config", read_timeout=60)
        session.send_config_set(lines, read_timeout=60)
        session.send_command("show running-config", read_timeout=60)
        return "OK" in session.save_config()

with ThreadPoolExecutor(threads) as pool:
    print(sum(pool.map(work, devices)))
"""


def netmiko(devices: Devices, changes: Sequence[Change], folder: Path, threads: int) -> Measured:
    """Measure netmiko as its examples use it, with as many threads."""
    typed = [
        text
        for path, group in groupby(changes, key=lambda change: change.path)
        for text in (*path, *(line for change in group for line in change.text))
    ]
    given = folder / "given.json"
    given.write_text(json.dumps([list(devices), typed, threads]))
    program = folder / "plain.py"
    program.write_text(_NETMIKO)
    argv = ["/bin/sh", "-c", f"exec {sys.executable} {program} < {given}"]
    wall, processor, said = measured(argv, folder, {})
    words = said.split()
    return Measured(wall, processor, int(words[-1]) if words and words[-1].isdigit() else 0)


def cisco_ios(
    devices: Devices, changes: Sequence[Change], folder: Path, threads: int, peer: Path
) -> Measured:
    """Measure ios_facts and ios_config over network_cli."""
    hosts = {
        each["hostname"]: {
            "ansible_host": each["address"],
            "ansible_port": each["port"],
            "ansible_user": each["user"],
            "ansible_password": each["password"],
            "ansible_become_password": each["enable_password"],
        }
        for each in devices
    }
    common = {
        "ansible_connection": "ansible.netcommon.network_cli",
        "ansible_network_os": "cisco.ios.ios",
        "ansible_become": True,
        "ansible_become_method": "enable",
        "ansible_network_cli_ssh_type": "paramiko",
        "ansible_host_key_checking": False,
        "ansible_command_timeout": 120,
    }
    (folder / "hosts.json").write_text(json.dumps({"all": {"hosts": hosts, "vars": common}}))
    facts = {"cisco.ios.ios_facts": {"gather_subset": ["config"]}}
    tasks: list[dict[str, Any]] = [facts]
    banners = [change for change in changes if change.line.startswith("banner ")]
    plain = [change for change in changes if change not in banners]
    groups = [(path, list(group)) for path, group in groupby(plain, key=lambda change: change.path)]
    for number, (path, group) in enumerate(groups):
        lines = [text for change in group for text in change.text]
        tasks.append(
            {
                "cisco.ios.ios_config": {
                    "lines": lines,
                    **({"parents": list(path)} if path else {}),
                    **({"backup": True} if number == 0 else {}),
                    **({"save_when": "changed"} if number == len(groups) - 1 else {}),
                }
            }
        )
    tasks.append(facts)
    play = [{"hosts": "all", "gather_facts": False, "tasks": tasks}]
    (folder / "play.yml").write_text(json.dumps(play))
    argv = [str(peer / "bin" / "ansible-playbook"), "-i", "hosts.json", "-f", str(threads), "play.yml"]
    environment = {"ANSIBLE_HOST_KEY_CHECKING": "False", "ANSIBLE_NOCOLOR": "1", "PYTHONPATH": ""}
    wall, processor, said = measured(argv, folder, environment)
    return Measured(wall, processor, said.count("unreachable=0    failed=0"))


@click.command()
@click.option("--devices", "count", default=50, show_default=True)
@click.option("--delay", default=40.0, show_default=True, help="Milliseconds of a round trip.")
@click.option("--threads", default=15, show_default=True, help="Devices at once, for everybody.")
@click.option("--peer", type=click.Path(path_type=Path), help="The environment with Ansible's collections.")
@click.option("--only", default=",".join(CONTESTANTS), show_default=True)
@click.option("--runs", default=1, show_default=True)
@click.option("--json", "as_json", is_flag=True)
def main(
    count: int, delay: float, threads: int, peer: Path | None, only: str, runs: int, as_json: bool
) -> None:
    """Measure and print."""
    chosen = set(only.split(",")) - (set() if peer else {"cisco.ios"})
    found: dict[str, list[Measured]] = {}
    for _ in range(runs):
        for name in CONTESTANTS:
            if name not in chosen:
                continue
            with tempfile.TemporaryDirectory() as place:
                folder = Path(place)
                options = (
                    "--fleet",
                    str(count),
                    "--platform",
                    "ios",
                    "--delay",
                    str(delay),
                    "--processes",
                    "2",
                )
                with fleet(folder / "fleet.json", "--fleet", str(count), *options) as devices:
                    changes = lines_of(devices[0])
                    if name == "ours":
                        result = ours(devices, folder, threads)
                    elif name in ("netmiko", "sequential"):
                        result = netmiko(devices, changes, folder, threads if name == "netmiko" else 1)
                    else:
                        assert peer
                        result = cisco_ios(devices, changes, folder, threads, peer.absolute())
                found.setdefault(name, []).append(result)
                took = f"{result.wall:.1f} s, {result.processor:.1f} s of processor"
                click.echo(f"{name}: {took}, {result.done} of {count} ({load()})", err=True)
    show(f"baseline on {count} switches, {delay:g} ms away", _figures(found, count), as_json=as_json)


def _figures(found: Mapping[str, Sequence[Measured]], count: int) -> list[Figure]:
    if "ours" not in found:
        return []
    mine = _median(found["ours"])
    figures = [Figure("devices brought there", mine.done, "devices", count, "asked", more_is_better=True)]
    goals = (("cisco.ios", "≥ 3", "≥ 4"), ("netmiko", "", ""), ("sequential", "", ""))
    for name, wall, processor in goals:
        if name in found:
            peer, runs = _median(found[name]), len(found[name])
            figures += [
                Figure("wall", round(mine.wall, 1), "s", round(peer.wall, 1), name, runs, wall),
                Figure(
                    "processor",
                    round(mine.processor, 1),
                    "s",
                    round(peer.processor, 1),
                    name,
                    runs,
                    processor,
                ),
                Figure("devices done", mine.done, "devices", peer.done, name, runs, more_is_better=True),
            ]
    return figures


def _median(runs: Sequence[Measured]) -> Measured:
    return sorted(runs, key=lambda each: each.wall)[len(runs) // 2]


if __name__ == "__main__":
    main()
