"""`mspctl enrol`: a client made known to its services' servers, and its hosts to the provider's own hosts."""

from collections.abc import Container, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import click

from mspctl import catalog, consoles, enrolment, handwritten, own_hosts, waves
from mspctl.cli.options import client_argument, json_option
from mspctl.cli.output import answer, note, table
from mspctl.cli.own_hosts import drive, ready
from mspctl.errors import MspctlError
from mspctl.inventory import Inventory, build, chosen_services
from mspctl.records import Asset, ClientFile, HostOutcome, Json, RunRecord
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
    groups = _groups(client)
    for service, choice in chosen_services(client.file(), client.workspace.settings()).items():
        query = catalog.provider(service, choice.provider, client.workspace.own_providers).console
        if not query or not consoles.enrols(query):
            continue
        hosts = {host: named for host, named in groups.items() if service in named}
        try:
            server = client.workspace.console(choice.provider)
            said = consoles.enrol(query, *server, client.name, hosts)
        except MspctlError as error:
            wrong.append(f"{service}: {error}")
            continue
        for made in said.made:
            note(f"{client.name}: {service}: {made}")
        found[service] = said.settings
        if said.settings:
            _write(client, service, said.settings)
    if found:
        client.commit(f"enrol: {', '.join(found)}")
    if wrong:
        raise MspctlError("\n".join(wrong))
    return found


def _groups(client: Client) -> dict[str, tuple[str, ...]]:
    """Return the groups of each host, though settings that only a server can tell may still be missing."""
    assets = [each for each in client.assets() if isinstance(each, Asset)]
    built = build(
        client.name, client.file(), client.workspace.settings(), assets, client.overrides(), date.today()
    )
    return {host.name: host.groups for host in built.hosts}


def _write(client: Client, service: str, settings: dict[str, str]) -> None:
    def change(data: Any) -> None:
        data["services"][service].setdefault("settings", {}).update(settings)

    path: Path = client.path / "client.yml"
    handwritten.edit(path, change, ClientFile, client.shown("client.yml"))


def admit(
    client: Client, built: Inventory, services: Container[str], check: bool, left: Container[str] = ()
) -> None:
    """Let in the hosts of the client's services, of those in `services`, and none else; `left` stay out.

    Repeatable: a second time changes nothing. A look (`check`) only says what it would do. Raise MspctlError
    where one of the provider's hosts is not reached or refuses.
    """
    for service, wanted in _enrolments(client, built).items():
        if service not in services:
            continue
        assets = {
            str(host.connection["mspctl_asset"]): host.name
            for host in built.hosts
            if service in host.groups and host.name not in left
        }
        if servers := own_hosts.with_role(client.workspace.settings().hosts, wanted.role):
            where = ", ".join(servers)
            if check:
                note(f"{client.name}: would enrol {len(assets)} hosts at {where}")
                continue
            names = {asset: generated_name(service, wanted.secret, asset) for asset in assets}
            vault = client.vault()
            users = enrolment.users(
                wanted, client.name, {asset: vault.get(name) for asset, name in names.items()}
            )
            changed = _tell(client, wanted.role, servers, users)
            note(f"{client.name}: {len(assets)} hosts enrolled at {where}{'' if changed else ', as before'}")
        else:
            note(
                f"{client.name}: {service}: none of the hosts in mspctl.yml is a {wanted.role}: "
                "its users are yours to keep"
            )


def forget(client: Client, built: Inventory) -> None:
    """Let none of the client's hosts in any more. Raise MspctlError as `admit` does."""
    everybody = {host.name for host in built.hosts}
    admit(client, built, built.services, check=False, left=everybody)


def _enrolments(client: Client, built: Inventory) -> Mapping[str, Enrolment]:
    own = client.workspace.own_providers
    found = {
        service: catalog.provider(service, choice.provider, own).enrolment
        for service, choice in built.services.items()
    }
    return {service: wanted for service, wanted in found.items() if wanted}


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
