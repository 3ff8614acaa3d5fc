"""Ansible loading a large client: our plugin beside the same hosts as script, JSON, INI and YAML.

    python -m benchmarks.inventory [--hosts 10000,50000] [--runs 3] [--yaml] [--json]

Every figure is the processor time that Ansible's InventoryManager takes in a process of its own, with all
that it imports for the inventory's kind; Ansible's own start is not in it. YAML takes minutes, and is
measured with --yaml, up to 10,000 hosts.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, middle, show
from mspctl import catalog
from mspctl.inventory import build, variables
from mspctl.records import Asset, Service, Value
from mspctl.vault import no_password
from mspctl.workspace import Client, Workspace

CLIENT = """\
title: Large Ltd
authorisation: {by: J. Doe, date: 2026-11-01}
connection: {user: technician, key_file: ~/.ssh/id_ed25519, become_password: "vault:sudo"}
sites: [{name: main, networks: [{name: office, cidr: 10.0.0.0/8}]}]
services: {monitoring: {provider: zabbix, settings: {server: 10.0.0.1}, secrets: {psk: "vault:psk"}}}
"""
LOAD = """
import sys, time
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
init_plugin_loader([])
began = time.process_time()
found = InventoryManager(loader=DataLoader(), sources=sys.argv[1:]).hosts
print(time.process_time() - began, len(found))
"""
GOALS = {"script": ">= 5", "JSON": ">= 12", "INI": ">= 12", "YAML": ""}


def asset(number: int) -> Asset:
    """Return a machine as a scan leaves it."""
    at = datetime(2026, 11, 1, tzinfo=UTC)
    name = f"host-{number:05}"
    kind = ("server", "workstation", "workstation", "printer")[number % 4]
    said = {
        "kind": kind,
        "role": ("file-server", "web-server", "none")[number % 3],
        "os": "debian" if kind != "printer" else "",
        "os_version": str(11 + number % 3),
        "vendor": "Example Computers",
        "hostname": f"{name}.large.example",
        "model": f"Model {number % 17}",
    }
    profile = {
        key: Value(value=text, confidence=0.9, probe="ssh", rule="banner", evidence=text, since=at)
        for key, text in said.items()
        if text
    }
    return Asset(
        id=f"a-{number:05x}",
        name=name,
        site="main",
        network="office",
        addresses=(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}",),
        profile=profile,
        services=(Service(port=22, name="ssh"), Service(port=443, name="https")),
        first_seen="20261101T000000Z",
    )


def workspace(root: Path, hosts: int) -> Client:
    """Return a client with some thousand machines."""
    folder = root / "inventories" / "large"
    folder.mkdir(parents=True)
    (root / "mspctl.yml").write_text("provider: Northwind IT\n")
    (folder / "client.yml").write_text(CLIENT)
    (folder / "inventory.mspctl.yml").write_text("plugin: mspctl\n")
    client = Workspace.find(folder, no_password).client("large")
    client.save_records("assets.jsonl", [asset(number) for number in range(hosts)])
    return client


def peers(client: Client, *, with_yaml: bool) -> dict[str, Path]:
    """Write the same hosts, flat, in the forms that Ansible reads itself; return their files by form."""
    assets = [each for each in client.assets() if isinstance(each, Asset)]
    built = build(
        "large", client.file(), client.workspace.settings(), assets, client.overrides(), date.today()
    )
    hosts: dict[str, Any] = {}
    groups: dict[str, list[str]] = {}
    for host in built.hosts:
        hosts[host.name] = {**variables(host), "mspctl_discovered": host.discovered}
        for group in host.groups:
            groups.setdefault(group, []).append(host.name)
    folder = client.path.parent.parent / "peers"
    folder.mkdir()
    tree = {
        "all": {
            "hosts": hosts,
            "children": {group: {"hosts": {name: {} for name in names}} for group, names in groups.items()},
        }
    }
    (folder / "hosts.json").write_text(json.dumps(tree))
    lists: dict[str, Any] = {group: {"hosts": names} for group, names in groups.items()}
    (folder / "listed").write_text(json.dumps({**lists, "_meta": {"hostvars": hosts}}))
    (folder / "hosts.sh").write_text(f"#!/bin/sh\ncat {folder}/listed\n")
    (folder / "hosts.sh").chmod(0o755)
    lines = [
        " ".join((name, *(f"{key}={json.dumps(json.dumps(value))}" for key, value in each.items())))
        for name, each in hosts.items()
    ]
    for group, names in groups.items():
        lines += [f"[{group}]", *names]
    (folder / "hosts.ini").write_text("\n".join(lines) + "\n")
    found = {"script": folder / "hosts.sh", "JSON": folder / "hosts.json", "INI": folder / "hosts.ini"}
    if with_yaml:
        import yaml

        (folder / "hosts.yml").write_text(yaml.dump(tree, Dumper=yaml.CSafeDumper))
        found["YAML"] = folder / "hosts.yml"
    return found


def cost(source: Path, hosts: int) -> float:
    """Return the processor seconds of loading one inventory; raise where hosts are missing."""
    environment = {
        **os.environ,
        "ANSIBLE_INVENTORY_PLUGINS": str(catalog.PLUGINS / "inventory"),
        "ANSIBLE_INVENTORY_ENABLED": "mspctl,script,yaml,ini",
        "ANSIBLE_INVENTORY_UNPARSED_FAILED": "1",
        "ANSIBLE_CONFIG": str(catalog.PLUGINS / "ansible.cfg"),
    }
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(source)], capture_output=True, text=True, env=environment, check=True
    )
    seconds, found = done.stdout.split()
    if int(found) != hosts:
        raise RuntimeError(f"{source}: {found} hosts instead of {hosts}: {done.stderr[-500:]}")
    return float(seconds)


def figures(hosts: int, runs: int, *, with_yaml: bool) -> Iterator[Figure]:
    """Yield the figures for one size."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        client = workspace(root, hosts)
        plugin = client.path / "inventory.mspctl.yml"
        ours = middle(cost(plugin, hosts) for _ in range(runs))
        for form, path in peers(client, with_yaml=with_yaml and hosts <= 10_000).items():
            times = 1 if hosts > 10_000 or form == "YAML" else runs
            theirs = middle(cost(path, hosts) for _ in range(times))
            goal = GOALS[form] if hosts == 10_000 else ""
            yield Figure(f"load {hosts:,} hosts", ours, "CPU s", theirs, form, times, goal)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hosts", default="10000,50000")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--yaml", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    for hosts in map(int, options.hosts.split(",")):
        measured = figures(hosts, options.runs, with_yaml=options.yaml)
        show(f"Inventory of {hosts:,} hosts", measured, as_json=options.json)


if __name__ == "__main__":
    main()
