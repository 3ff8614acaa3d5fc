"""`mspctl client`: what the engineer knows of a client before anything is scanned."""

import re
from datetime import date
from typing import Any

import click

from mspctl import handwritten
from mspctl.cli.init import schema_line
from mspctl.cli.options import client_argument, json_option, workspace_option
from mspctl.cli.output import answer, note, table
from mspctl.errors import BadInput
from mspctl.records import ClientFile, OptIn
from mspctl.workspace import CLIENTS, RESERVED, Client, Workspace


@click.group()
def client() -> None:
    """Add, show and edit clients."""


@client.command()
@workspace_option
@click.argument("name")
@click.option("--title", help="The client's name as people say it; NAME when absent.")
@click.option(
    "--network",
    "networks",
    multiple=True,
    required=True,
    metavar="[NAME=]CIDR",
    help="A network that may be scanned; repeat for more.",
)
@click.option("--authorised-by", required=True, metavar="WHO", help="Who at the client allowed the scan.")
@click.option("--authorised-on", metavar="DATE", help="When; today when absent.")
@click.option("--site", default="main", show_default=True, help="The site the networks belong to.")
@click.option("--user", help="The account for SSH on the client's hosts.")
@click.option("--key-file", help="Its private key on this machine; the SSH agent when absent.")
def add(
    workspace: Workspace,
    name: str,
    title: str | None,
    networks: tuple[str, ...],
    authorised_by: str,
    authorised_on: str | None,
    site: str,
    user: str | None,
    key_file: str | None,
) -> None:
    """Add a client: who it is, and which networks it has allowed to be scanned.

    \b
        mspctl client add acme --title "Acme Ltd" --network office=192.0.2.0/24 \\
            --authorised-by "J. Doe, owner" --user technician
    """
    connection = {key: value for key, value in (("user", user), ("key_file", key_file)) if value}
    data: dict[str, Any] = {
        "title": title or name,
        "authorisation": {"by": authorised_by, "date": authorised_on or date.today().isoformat()},
        "sites": [
            {"name": site, "networks": [_network(text, index) for index, text in enumerate(networks, 1)]}
        ],
        **({"connection": connection} if connection else {}),
    }
    text = f"{schema_line('client', 2)}{handwritten.dump(data)}"
    _check_new(workspace, name, text)
    folder = workspace.root / CLIENTS / name
    linked = folder / "group_vars" / "all" / "vault.yml"
    linked.parent.mkdir(parents=True, exist_ok=True)  # it is there where adding was killed before client.yml
    if not linked.is_symlink():
        linked.symlink_to("../../vault.yml")
    workspace_client = Client(workspace, name)
    workspace_client.save(
        "inventory.mspctl.yml",
        "# `ansible-inventory -i` this file reads the workspace itself.\nplugin: mspctl\n",
    )
    workspace_client.save("overrides.yml", f"{schema_line('overrides', 2)}assets: []\n")
    workspace_client.save("vault.yml", "# Empty: `mspctl secret set` writes here, encrypted.\n{}\n")
    workspace_client.save("client.yml", text)
    workspace_client.commit(f"client added: {title or name}, authorised by {authorised_by}")
    note(f"{CLIENTS}/{name}/client.yml: written; next: `mspctl discover {name}`")


@client.command()
@client_argument
@json_option
def show(client: Client, as_json: bool) -> None:
    """Show what is written down of a client.

    \b
        mspctl client show acme
    """
    file = client.file()
    rows = [
        ("title", file.title),
        ("authorised by", f"{file.authorisation.by}, {file.authorisation.date}"),
        *(
            (f"site {site.name}", ", ".join(f"{net.name} {net.cidr}" for net in site.networks))
            for site in file.sites
        ),
        *((f"service {name}", _products(choice)) for name, choice in sorted(file.services.items())),
        *(
            (f"left out: {found.asset}", f"{found.reason} ({found.owner}, until {found.expires})")
            for found in file.exclusions
        ),
    ]
    answer(file, table(("what", "value"), rows), as_json)


@client.command("list")
@workspace_option
@json_option
def list_(workspace: Workspace, as_json: bool) -> None:
    """List the clients of the workspace.

    \b
        mspctl client list
    """
    files: dict[str, ClientFile | None] = {name: _readable(workspace, name) for name in workspace.clients()}
    rows = (
        (
            name,
            file.title,
            str(sum(len(site.networks) for site in file.sites)),
            ", ".join(sorted(file.services)),
        )
        if file
        else (name, "(mistakes in client.yml)", "", f"mspctl doctor {name}")
        for name, file in files.items()
    )
    answer(files, table(("client", "title", "networks", "services"), rows), as_json)


def _products(choice: OptIn) -> str:
    """Return which product a service is, and on what where that is not all."""
    return ", ".join(
        f"{each.provider} on {each.systems[0].capitalize()}" if choice.parts() else each.provider
        for each in choice.products()
    )


def _readable(workspace: Workspace, name: str) -> ClientFile | None:
    """Return a client's file, None where it has mistakes: one client's slip must not hide the others."""
    try:
        return workspace.client(name).file()
    except BadInput:
        return None


@client.command()
@client_argument
def edit(client: Client) -> None:
    """Open client.yml in $EDITOR, check what was written, and commit it.

    A file with mistakes is kept as it is and not committed; every mistake is named.

    \b
        mspctl client edit acme
    """
    with client.lock(f"mspctl client edit {client.name}"):
        click.edit(filename=str(client.path / "client.yml"))
        client.file()
        if not client.commit("client.yml edited"):
            note(f"{client.shown('client.yml')}: not changed")


def _check_new(workspace: Workspace, name: str, text: str) -> None:
    """Raise BadInput for a name that cannot be a client's, or mistakes in its first client.yml."""
    if name in workspace.clients():
        raise BadInput(f"{CLIENTS}/{name}: there is such a client already; `mspctl client edit {name}`")
    if name in RESERVED or not re.fullmatch("[a-z][a-z0-9-]{0,40}", name):
        raise BadInput(f"client name '{name}': use lower-case letters, digits and dashes, a letter first")
    handwritten.parse(text, ClientFile, f"{CLIENTS}/{name}/client.yml")


def _network(text: str, index: int) -> dict[str, str]:
    name, separator, cidr = text.partition("=")
    return {"name": name, "cidr": cidr} if separator else {"name": f"network-{index}", "cidr": text}
