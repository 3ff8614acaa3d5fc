"""`mspctl report`: the client's pages."""

from pathlib import Path

import click

from mspctl import catalog
from mspctl.changes import scans
from mspctl.cli.assets import differences
from mspctl.cli.coverage import standing
from mspctl.cli.options import client_argument
from mspctl.cli.topology import drawn
from mspctl.records import Ambiguous, Asset, Unseen
from mspctl.reports import View, page
from mspctl.reports.discovery import Found, discovery, last_scan
from mspctl.workspace import Client


@click.command()
@client_argument
@click.argument("name", metavar="[PAGE]", default="all", type=click.Choice(("coverage", "discovery", "all")))
def report(client: Client, name: str) -> None:
    """Write the client's pages; each is one HTML file that opens offline.

    PAGE is coverage (assets, coverage, last rollout), discovery (what was found, the network map, what to
    clear up on site, every value with its evidence) or all of them.

    \b
        mspctl report acme
        mspctl report acme discovery
    """
    with client.lock(f"mspctl report {client.name}"):
        written = [write_page(client)] if name != "discovery" else []
        if name != "coverage":
            written.append(write_discovery(client))
        client.commit("report: pages written")
    for path in written:
        click.echo(str(path))


def write_page(client: Client) -> Path:
    """Write the page of coverage and return its path. Needs the client's lock; the caller commits."""
    found = client.assets()
    proved = standing(client) if client.coverage() else None
    text = page(
        View(
            provider=client.workspace.settings().provider,
            name=client.name,
            client=client.file(),
            assets=sorted((each for each in found if isinstance(each, Asset)), key=lambda asset: asset.name),
            doubts=[each for each in found if isinstance(each, Ambiguous)],
            coverage=client.coverage(),
            run=client.last_run("rollout"),
            gaps=proved.gaps if proved else (),
            licences=proved.licences if proved else (),
            history=proved.history if proved else (),
            compliance=client.compliance(),
            rules={rule.id: rule.title for rule in catalog.baseline()} if client.compliance() else {},
        )
    )
    client.save("reports/index.html", text)
    return client.path / "reports" / "index.html"


def write_discovery(client: Client) -> Path:
    """Write the page of what was found and return its path. Needs the client's lock; the caller commits."""
    log = tuple(client.scans())
    found = client.assets()
    earlier = scans(log)[:-1]
    text = discovery(
        Found(
            provider=client.workspace.settings().provider,
            name=client.name,
            client=client.file(),
            assets=[each for each in found if isinstance(each, Asset)],
            doubts=[each for each in found if isinstance(each, Ambiguous)],
            topology=drawn(client),
            inspections=client.inspections(),
            scan=last_scan(log),
            before=earlier[-1] if earlier else "",
            changes=differences(client) if earlier else (),
            unseen=[each for each in found if isinstance(each, Unseen)],
        )
    )
    client.save("reports/discovery.html", text)
    return client.path / "reports" / "discovery.html"
