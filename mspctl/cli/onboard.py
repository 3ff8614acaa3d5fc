"""`mspctl onboard`: the main job, from the network to the proof."""

import sys

import click

from mspctl import verify as verify_stage
from mspctl import waves
from mspctl.cli.discover import asset_table, observe
from mspctl.cli.inventory import write_inventory
from mspctl.cli.options import client_argument
from mspctl.cli.output import note
from mspctl.cli.rollout import PLAYBOOK, cut, exit_code, resumed, run_order, summary, targets, verdict
from mspctl.cli.verify import coverage_text, prove
from mspctl.errors import ExitCode
from mspctl.rollout import Order
from mspctl.workspace import Client


@click.command()
@click.option(
    "--apply", "apply_", is_flag=True, help="Change the hosts; without it everything is only previewed."
)
@click.option("--forks", "-f", type=click.IntRange(1, 200), help="Hosts at work at the same time.")
@click.option("--ask-become-pass", "-K", is_flag=True, help="Ask for the password of sudo.")
@click.option(
    "--wait",
    "wait_seconds",
    type=click.IntRange(0, 3600),
    default=240,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait until the servers have heard from new agents.",
)
@client_argument
def onboard(
    client: Client, apply_: bool, forks: int | None, ask_become_pass: bool, wait_seconds: int
) -> None:
    """Discover, write the inventory, roll out, verify: each step a commit, each safe to repeat.

    An interrupted onboarding goes on where it was: hosts that are done are not touched again. Run it twice,
    and the second time changes nothing and says so.

    \b
        mspctl onboard acme            # a preview
        mspctl onboard acme --apply
    """
    with client.lock(f"mspctl onboard {client.name}"):
        note(f"{client.name}: discover")
        found = observe(client)
        click.echo(asset_table(found))
        note(f"{client.name}: inventory")
        built = write_inventory(client)
        settings = client.workspace.settings().rollout
        wanted = Order(
            playbook=PLAYBOOK,
            waves=(),
            check=not apply_,
            forks=forks or settings.forks,
            failure_budget=settings.failure_budget,
        )
        if not targets(built):
            note(f"{client.name}: no host to roll out to; `mspctl inventory {client.name}` says why")
            sys.exit(ExitCode.OK)
        note(f"{client.name}: rollout{'' if apply_ else ' (preview)'}")
        order = _go_on(client, wanted) or cut(client, built, wanted, None, False)
        records = run_order(client, order, ask_become_pass)
        click.echo(summary(records))
        code = exit_code(records)
        if not apply_ or code is ExitCode.INTERRUPTED:
            sys.exit(code)
        note(f"{client.name}: verify")
        coverage = prove(client, wait_seconds, forks, ask_become_pass)
    click.echo(coverage_text(coverage))
    click.echo(f"\n{verdict(records)}")
    click.echo(f"page: {client.path / 'reports' / 'index.html'}")
    sys.exit(code if verify_stage.is_complete(coverage) else max(code, ExitCode.NOT_COVERED))


def _go_on(client: Client, wanted: Order) -> Order | None:
    """Return the order that finishes an interrupted onboarding, None where there is none.

    A run of part of the work, or one that took services off, is not gone on with by the way.
    """
    last = client.last_run(wanted.playbook)
    started = waves.started(last)
    if not started or not waves.is_unfinished(last) or not waves.remaining(last):
        return None
    if started.check != wanted.check or started.tags or started.skip_tags or started.variables:
        return None
    order = resumed(client, wanted)
    left = sum(len(wave) for wave in order.waves)
    note(f"{client.name}: going on with run {order.resumes}: {left} hosts left")
    return order
