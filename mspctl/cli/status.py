"""`mspctl status`: where a client stands."""

from collections.abc import Sequence

import click

from mspctl import waves
from mspctl.cli.options import complete_clients, json_option, workspace_option
from mspctl.cli.output import answer, table
from mspctl.records import Asset, CoverageState, Record, RunRecord
from mspctl.workspace import Client, Workspace


class Standing(Record, frozen=True, kw_only=True):
    """Where a client stands."""

    client: str
    assets: int
    covered: int
    not_covered: int
    last_run: str
    state: str
    next: str


@click.command()
@click.argument("client_name", metavar="[CLIENT]", required=False, shell_complete=complete_clients)
@json_option
@workspace_option
def status(workspace: Workspace, client_name: str | None, as_json: bool) -> None:
    """Show where each client stands, and what to do next.

    \b
        mspctl status
        mspctl status acme --json
    """
    names = (client_name,) if client_name else workspace.clients()
    found = [standing(workspace.client(name)) for name in names]
    rows = (
        (
            each.client,
            str(each.assets),
            str(each.covered),
            str(each.not_covered),
            each.last_run or "-",
            each.state,
            each.next,
        )
        for each in found
    )
    answer(
        found, table(("client", "assets", "covered", "open", "last rollout", "state", "next"), rows), as_json
    )


def standing(client: Client) -> Standing:
    """Return where a client stands, from its files alone."""
    assets = [each for each in client.assets() if isinstance(each, Asset) and not each.gone_since]
    coverage = client.coverage()
    last = client.last_run("rollout")
    started = waves.started(last)
    gaps = sum(1 for each in coverage if each.state not in (CoverageState.COVERED, CoverageState.EXCLUDED))
    state, following = _next(client.name, bool(assets), last, bool(coverage), gaps)
    return Standing(
        client=client.name,
        assets=len(assets),
        covered=sum(1 for each in coverage if each.state is CoverageState.COVERED),
        not_covered=gaps,
        last_run=started.run if started else "",
        state=state,
        next=following,
    )


def _next(name: str, found: bool, last: Sequence[RunRecord], verified: bool, gaps: int) -> tuple[str, str]:
    """Return where a client stands in a word, and the command that goes on from there."""
    started = waves.started(last)
    if not found:
        return "not discovered", f"mspctl discover {name}"
    if not started or (started.check and not verified):
        return "not onboarded", f"mspctl onboard {name} --apply"
    if waves.is_unfinished(last) and waves.remaining(last):
        return "interrupted", f"mspctl rollout {name} --resume{'' if started.check else ' --apply'}"
    if waves.lost(last):
        return "hosts lost", f"mspctl rollout {name} --retry-failed --apply"
    if not verified:
        return "not verified", f"mspctl verify {name}"
    return ("gaps", f"mspctl verify {name}") if gaps else ("covered", "nothing")
