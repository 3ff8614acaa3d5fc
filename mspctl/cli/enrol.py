"""`mspctl enrol`: a client made known to the servers its agents will connect to."""

from pathlib import Path
from typing import Any

import click

from mspctl import catalog, consoles, handwritten
from mspctl.cli.options import client_argument, json_option
from mspctl.cli.output import answer, table
from mspctl.cli.verify import console_of
from mspctl.inventory import chosen_services
from mspctl.records import ClientFile
from mspctl.workspace import Client


@click.command()
@json_option
@client_argument
def enrol(client: Client, as_json: bool) -> None:
    """Make the client known to the servers of its services, and write what its agents need into client.yml.

    At MeshCentral that is a device group of the client's own. Repeatable: what is there stays.

    \b
        mspctl enrol acme
    """
    with client.lock(f"mspctl enrol {client.name}"):
        found = enrolled(client)
        for service, settings in found.items():
            _write(client, service, settings)
        names = ", ".join(found)
        if found:
            client.commit(f"enrol: {names}")
    rows = [(service, name, value) for service, said in found.items() for name, value in said.items()]
    text = table(("service", "setting", "value"), rows) if rows else f"{client.name}: no service needs it"
    answer(found, text, as_json)


def enrolled(client: Client) -> dict[str, dict[str, str]]:
    """Return what each server says the client's agents need. Raise MspctlError where one cannot be asked."""
    found = {}
    for service, choice in chosen_services(client.file(), client.workspace.settings()).items():
        query = catalog.provider(service, choice.provider, client.workspace.own_providers).console
        if query and consoles.enrols(query):
            found[service] = consoles.enrol(query, *console_of(client, choice.provider), client.name)
    return found


def _write(client: Client, service: str, settings: dict[str, str]) -> None:
    def change(data: Any) -> None:
        data["services"][service].setdefault("settings", {}).update(settings)

    path: Path = client.path / "client.yml"
    handwritten.edit(path, change, ClientFile, client.shown("client.yml"))
