"""`mspctl inventory`: what was found, as Ansible sees it."""

import json
from datetime import date

import click

from mspctl import catalog, handwritten, targets
from mspctl.cli.options import client_argument, json_option
from mspctl.cli.output import answer, table
from mspctl.errors import BadInput
from mspctl.inventory import CAPABILITIES, Inventory, build, files
from mspctl.logins import certificates
from mspctl.netconfig.field import choices
from mspctl.netconfig.variables import with_devices
from mspctl.records import Asset
from mspctl.services import chosen_services
from mspctl.workspace import Client

_RULES_HEAD = (
    "# Written by mspctl: changes are overwritten. Settings in client.yml say how full is too full.\n"
)


@click.command()
@json_option
@client_argument
def inventory(client: Client, as_json: bool) -> None:
    """Write the Ansible inventory: hosts.json, group_vars and host_vars of the client.

    \b
        mspctl inventory acme
        ansible -i inventories/acme/hosts.json linux -m ansible.builtin.ping
    """
    with client.lock(f"mspctl inventory {client.name}"):
        built = write_inventory(client)
    rows = ((host.name, ", ".join(host.groups), host.left_alone or "managed") for host in built.hosts)
    answer(built, table(("host", "groups", "state"), rows), as_json)


def write_inventory(client: Client) -> Inventory:
    """Build and write the inventory; one commit. Needs the client's lock."""
    built = load(client)
    wanted = files(built)
    for name, text in wanted.items():
        client.save(name, text)
    for stale in client.path.glob("*_vars/*/mspctl.json"):
        if stale.relative_to(client.path).as_posix() not in wanted:
            stale.unlink()
    _write_targets(client, built)
    managed = sum(1 for host in built.hosts if not host.left_alone)
    client.commit(f"inventory: {len(built.hosts)} hosts, {managed} managed")
    return built


def _write_targets(client: Client, built: Inventory) -> None:
    """Write what the provider's Prometheus is to ask, and its alerts; take away what is of nothing."""
    own = client.workspace.own_providers
    records = {product: catalog.provider(*product, own) for product in built.by_product()}
    asked = targets.targets(built, records, client.name)
    alerts = targets.rules(built, records, client.name)
    for name, text in (
        (targets.FILE, json.dumps(asked, indent=2, sort_keys=True) + "\n" if asked else ""),
        (targets.RULES_FILE, _RULES_HEAD + handwritten.dump(alerts) if alerts else ""),
    ):
        if text:
            client.save(name, text)
        else:
            (client.path / name).unlink(missing_ok=True)


def load(client: Client) -> Inventory:
    """Return the client's inventory from its assets. Raise BadInput with every mistake in what was chosen."""
    file, settings = client.file(), client.workspace.settings()
    lines = [
        line
        for service, choice in chosen_services(file, settings).items()
        if service in CAPABILITIES  # of another, `build` says the nearest
        for line in catalog.check_choice(
            f"{client.shown('client.yml')}: services.{service}",
            service,
            choice,
            client.workspace.own_providers,
        )
    ]
    if lines:
        raise BadInput(lines)
    built = assembled(client)
    if not (devices := client.devices()):  # reading how platforms are spoken to takes longer than the rest
        return built
    return with_devices(built, choices(file.network, settings.network), devices, catalog.platforms())


def assembled(client: Client) -> Inventory:
    """Return the client's hosts and services as they are, though settings may still be missing."""
    file, settings = client.file(), client.workspace.settings()
    found = [asset for asset in client.assets() if isinstance(asset, Asset)]
    services, own = chosen_services(file, settings), client.workspace.own_providers
    return build(
        client.name,
        file,
        settings,
        found,
        client.overrides(),
        date.today(),
        catalog.generated(services, own),
        catalog.goes_on(services, own),
        certificates(found, client.scans),
    )
