"""`mspctl enrol`: a client made known to its services' servers, and its hosts to the provider's own hosts."""

from collections.abc import Container, Sequence
from pathlib import Path
from typing import Any

import click

from mspctl import catalog, consoles, enrolment, handwritten, own_hosts, waves
from mspctl.cli.inventory import assembled
from mspctl.cli.options import client_argument, json_option
from mspctl.cli.output import answer, note, table
from mspctl.cli.own_hosts import drive, ready
from mspctl.errors import MspctlError
from mspctl.inventory import Host, Inventory
from mspctl.records import ClientFile, HostOutcome, Json, RunRecord
from mspctl.records.provider import Enrolment
from mspctl.references import generated_name
from mspctl.rollout import Order
from mspctl.workspace import Client

PLAYBOOK = "enrolment"


@click.command()
@json_option
@client_argument
def enrol(client: Client, as_json: bool) -> None:
    """Make the client known to the servers of its services, and write what its agents need into client.yml.

    At MeshCentral that is a device group of the client's own; at Zabbix a host group, and what gives a host
    that registers its group and the templates of its roles. Repeatable: what is there stays.

    \b
        mspctl enrol acme
    """
    with client.lock(f"mspctl enrol {client.name}"):
        found = introduce(client)
    rows = [(service, name, value) for service, said in found.items() for name, value in said.items()]
    known = f"{client.name}: known to the servers of {', '.join(found)}" if found else ""
    text = table(("service", "setting", "value"), rows) if rows else known
    answer(found, text or f"{client.name}: no service needs it", as_json)


def introduce(client: Client) -> dict[str, dict[str, str]]:
    """Make the client known to the servers that want it; write and return what each says its agents need.

    One commit; needs the client's lock. A server that cannot be asked holds up no other: raise MspctlError
    with what is wrong with each after all were asked.
    """
    found: dict[str, dict[str, str]] = {}
    wrong: list[str] = []
    built = assembled(client)
    groups = {host.name: host.groups for host in built.hosts}
    for (service, provider), hosts in built.by_product().items():
        query = catalog.provider(service, provider, client.workspace.own_providers).console
        if not query or not consoles.enrols(query):
            continue
        try:
            server = client.workspace.console(provider)
            said = consoles.enrol(query, *server, client.name, {host: groups[host] for host in hosts})
        except MspctlError as error:
            wrong.append(f"{service}: {error}")
            continue
        for made in said.made:
            note(f"{client.name}: {service}: {made}")
        for product in built.services[service].products():
            if product.provider == provider:
                found[f"{service}.{product.part}" if product.part else service] = said.settings
                _write(client, service, product.part, said.settings)
    if found:
        client.commit(f"enrol: {', '.join(found)}")
    if wrong:
        raise MspctlError("\n".join(wrong))
    return found


def _write(client: Client, service: str, part: str | None, settings: dict[str, str]) -> None:
    """Write what the agents of a product need beside where client.yml chooses it."""
    if not settings:
        return

    def change(data: Any) -> None:
        chosen = data["services"][service]
        (chosen[part] if part else chosen).setdefault("settings", {}).update(settings)

    path: Path = client.path / "client.yml"
    handwritten.edit(path, change, ClientFile, client.shown("client.yml"))


def admit(
    client: Client, built: Inventory, services: Container[str], check: bool, left: Container[str] = ()
) -> None:
    """Let in the hosts of the client's services, of those in `services`, and none else; `left` stay out.

    Repeatable: a second time changes nothing. A look (`check`) only says what it would do. Raise MspctlError
    where one of the provider's hosts is not reached or refuses.
    """
    for (service, role), wanted in _enrolments(client, built).items():
        if service not in services:
            continue
        count = sum(host.name not in left for _, hosts in wanted for host in hosts)
        if servers := own_hosts.with_role(client.workspace.settings().hosts, role):
            where = ", ".join(servers)
            if check:
                note(f"{client.name}: would enrol {count} hosts at {where}")
                continue
            users = [user for each, hosts in wanted for user in _users(client, service, each, hosts, left)]
            changed = _tell(client, role, servers, users)
            note(f"{client.name}: {count} hosts enrolled at {where}{'' if changed else ', as before'}")
        else:
            note(
                f"{client.name}: {service}: none of the hosts in mspctl.yml is a {role}: "
                "its users are yours to keep"
            )


def forget(client: Client, built: Inventory) -> None:
    """Let none of the client's hosts in any more. Raise MspctlError as `admit` does."""
    everybody = {host.name for host in built.hosts}
    admit(client, built, built.services, check=False, left=everybody)


def _enrolments(
    client: Client, built: Inventory
) -> dict[tuple[str, str], list[tuple[Enrolment, tuple[Host, ...]]]]:
    """Return who is to be let in, by service and role: a server is told all of a client's hosts at once."""
    found: dict[tuple[str, str], list[tuple[Enrolment, tuple[Host, ...]]]] = {}
    for (service, provider), names in built.by_product().items():
        wanted = catalog.provider(service, provider, client.workspace.own_providers).enrolment
        if wanted:
            mine = frozenset(names)
            hosts = tuple(host for host in built.hosts if host.name in mine)
            found.setdefault((service, wanted.role), []).append((wanted, hosts))
    return found


def _users(
    client: Client, service: str, wanted: Enrolment, hosts: Sequence[Host], left: Container[str]
) -> list[Json]:
    assets = [str(host.connection["mspctl_asset"]) for host in hosts if host.name not in left]
    vault = client.vault()
    passwords = {asset: vault.get(generated_name(service, wanted.secret, asset)) for asset in assets}
    return enrolment.users(wanted, client.name, passwords)


def _tell(client: Client, role: str, servers: Sequence[str], users: list[Json]) -> bool:
    """Hand the users to the servers; return whether that changed anything. One commit."""
    side = client.workspace.own_side()
    with side.lock(f"enrolment of {client.name}"):
        ready(client.workspace)
        wanted = Order(
            playbook=PLAYBOOK,
            waves=(tuple(servers),),
            check=False,
            tags=(role,),
            variables={f"{role}_client": client.name, f"{role}_users": users},
        )
        records = drive(side, wanted, lambda _record: None)
        side.commit(f"enrolment: {len(users)} hosts of {client.name}")
    if lost := _lost(records):
        raise MspctlError(
            f"{client.name}: not enrolled at {lost[0].host}: {lost[0].detail or lost[0].status}"
        )
    return any(record.changed for record in records if isinstance(record, HostOutcome))


def _lost(records: Sequence[RunRecord]) -> list[HostOutcome]:
    return [record for record in records if isinstance(record, HostOutcome) and record.status in waves.LOST]
