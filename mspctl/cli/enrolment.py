"""A client's hosts made known at the provider's own hosts, before anything reaches them."""

from collections.abc import Container, Mapping, Sequence

from mspctl import catalog, enrolment, own_hosts, waves
from mspctl.cli.output import note
from mspctl.cli.own_hosts import drive, ready
from mspctl.errors import MspctlError
from mspctl.inventory import Inventory
from mspctl.records import HostOutcome, Json, RunRecord
from mspctl.records.provider import Enrolment
from mspctl.references import generated_name
from mspctl.rollout import Order
from mspctl.workspace import Client

PLAYBOOK = "enrolment"


def enrol(
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
    """Let none of the client's hosts in any more. Raise MspctlError as `enrol` does."""
    everybody = {host.name for host in built.hosts}
    enrol(client, built, built.services, check=False, left=everybody)


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
