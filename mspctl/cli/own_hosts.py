"""What drives the provider's own hosts, for `provider-side` and for the enrolment of a client's hosts."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import click

from mspctl import catalog, own_hosts
from mspctl import rollout as engine
from mspctl.cli.output import is_interactive, note
from mspctl.cli.secret import missing_secrets
from mspctl.discovery.probes import ssh
from mspctl.errors import BadInput
from mspctl.facts.ssh import fingerprint
from mspctl.records import OwnHost, RunRecord
from mspctl.rollout import Order, Unlock
from mspctl.workspace import SETTINGS, OwnSide, Workspace

_SSH_SECONDS = 5.0


def ready(workspace: Workspace) -> OwnSide:
    """Write the inventory of the provider's own hosts, their keys pinned; one commit. Needs their lock.

    Raise BadInput with every mistake in mspctl.yml, for secrets that are not set, and for a host whose key
    nobody has vouched for.
    """
    side, hosts = workspace.own_side(), workspace.settings().hosts
    if not hosts:
        raise BadInput(f"{SETTINGS}: hosts: none; name the provider's own hosts there, each with its roles")
    lines = (
        *own_hosts.mistakes(SETTINGS, hosts, catalog.own_roles()),
        *missing_secrets(workspace, "provider"),
    )
    if lines:
        raise BadInput(lines)
    keys = own_hosts.pinned(hosts, side.known_hosts())
    for index, host in enumerate(hosts):
        if host.name not in keys:
            keys[host.name] = _vouched_for(f"{SETTINGS}: hosts[{index}].host_key", host)
    side.save("known_hosts", own_hosts.known_hosts(hosts, keys))
    side.save("hosts.json", own_hosts.hosts_json(hosts))
    linked = side.path / "group_vars" / "all" / "vault.yml"
    linked.parent.mkdir(parents=True, exist_ok=True)
    if not linked.is_symlink():
        linked.symlink_to("../../../vault.yml")
    side.commit("inventory: " + ", ".join(host.name for host in hosts))
    return side


def _vouched_for(where: str, host: OwnHost) -> str:
    """Return the key a host shows, once a person has said that it is the right one."""
    shown = asyncio.run(ssh.collect(host.address, host.connection.port or 22, _SSH_SECONDS)) or {}
    key = str(shown.get("host_key", ""))
    if not key:
        raise BadInput(f"{where}: missing, and {host.name} at {host.address} does not answer on SSH")
    if not is_interactive():
        raise BadInput(f"{where}: missing; {host.name} at {host.address} shows: {key} ({fingerprint(key)})")
    note(f"{host.name} at {host.address} shows {key.split()[0]} {fingerprint(key)}")
    click.confirm("Is that its key?", abort=True, err=True)
    return key


def drive(
    side: OwnSide, wanted: Order, watch: Callable[[RunRecord], None], become_password: str = ""
) -> tuple[RunRecord, ...]:
    """Run `wanted` on the provider's own hosts and return its records. Needs their lock; commits nothing."""
    vault = side.vault()
    names = vault.names()
    keys = Unlock(
        vault_password=side.workspace.password() if names else "",
        become_password=become_password,
        secrets=(*(vault.get(name) for name in names), *([become_password] if become_password else [])),
    )
    run_id = side.fresh_id("runs", datetime.now(UTC))
    taken: list[RunRecord] = []
    with side.log("runs", run_id) as append:

        def record(each: RunRecord) -> None:
            append(each)
            taken.append(each)
            watch(each)

        engine.run(wanted, side.path / "hosts.json", run_id, keys, side.workspace.own_providers, record)
    return tuple(taken)
