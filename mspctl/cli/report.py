"""`mspctl report`: the client's page."""

from pathlib import Path

import click

from mspctl.cli.options import client_argument
from mspctl.records import Ambiguous, Asset
from mspctl.reports import View, page
from mspctl.workspace import Client


@click.command()
@client_argument
def report(client: Client) -> None:
    """Write the client's page: assets, coverage, last rollout, in one HTML file that opens offline.

    \b
        mspctl report acme
    """
    with client.lock(f"mspctl report {client.name}"):
        written = write_page(client)
        client.commit("report: page written")
    click.echo(str(written))


def write_page(client: Client) -> Path:
    """Write the page and return its path. Needs the client's lock; the caller commits."""
    found = client.assets()
    text = page(
        View(
            provider=client.workspace.settings().provider,
            name=client.name,
            client=client.file(),
            assets=sorted((each for each in found if isinstance(each, Asset)), key=lambda asset: asset.name),
            doubts=[each for each in found if isinstance(each, Ambiguous)],
            coverage=client.coverage(),
            run=client.last_run("rollout"),
        )
    )
    client.save("reports/index.html", text)
    return client.path / "reports" / "index.html"
