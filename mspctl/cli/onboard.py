"""`mspctl onboard`: the main job, from the network to the proof."""

import sys

import click
from msgspec import structs

from mspctl import verify as verify_stage
from mspctl import waves
from mspctl.cli.baseline import brought
from mspctl.cli.coverage import coverage_text
from mspctl.cli.discover import asset_table, observe
from mspctl.cli.enrolment import introduce
from mspctl.cli.inventory import write_inventory
from mspctl.cli.options import client_argument, json_option
from mspctl.cli.output import answer, note
from mspctl.cli.rollout import PLAYBOOK, cut, exit_code, run_order, summary, targets, verdict
from mspctl.cli.verify import prove
from mspctl.errors import BadInput, ExitCode, MspctlError
from mspctl.inventory import Inventory
from mspctl.records import RunRecord, RunStarted
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
@click.option(
    "--outside-window", "any_time", is_flag=True, help="Change hosts also outside their maintenance window."
)
@click.option("--full", is_flag=True, help="Go to every host, also to those that are proved unchanged.")
@json_option
@client_argument
def onboard(
    client: Client,
    apply_: bool,
    forks: int | None,
    ask_become_pass: bool,
    wait_seconds: int,
    any_time: bool,
    full: bool,
    as_json: bool,
) -> None:
    """Discover, enrol, write the inventory, roll out, verify: each step a commit, each safe to repeat.

    Network devices are brought to the baseline as well where client.yml says `network: {onboard: true}`.

    An interrupted onboarding goes on where it was: hosts that are done are not touched again. Run it twice,
    and the second time changes nothing and says so. With --json the answer is the coverage, or the run's
    records of a preview.

    \b
        mspctl onboard acme            # a preview
        mspctl onboard acme --apply
    """
    with client.lock(f"mspctl onboard {client.name}"):
        note(f"{client.name}: discover")
        found = observe(client)
        if not as_json:
            click.echo(asset_table(found))
        if apply_:
            _introduce(client)
        note(f"{client.name}: inventory")
        built = write_inventory(client)
        records: tuple[RunRecord, ...] = ()
        if targets(built):
            note(f"{client.name}: rollout{'' if apply_ else ' (preview)'}")
            order = _order(client, built, apply_, forks)
            records = run_order(client, built, order, ask_become_pass, any_time=any_time, full=full)
        else:
            note(f"{client.name}: no host to roll out to; `mspctl inventory {client.name}` says why")
        if records and not as_json:
            click.echo(summary(records))
        is_stopped = bool(records) and exit_code(records) is ExitCode.INTERRUPTED
        devices = () if is_stopped else _network(client, apply_, any_time)
        if devices and not as_json:
            click.echo(summary(devices))
        done = [each for each in (records, devices) if each]
        code = max(map(exit_code, done), default=ExitCode.OK)
        if not apply_ or not done or code is ExitCode.INTERRUPTED:
            answer((*records, *devices), "", as_json) if as_json else None
            sys.exit(code)
        note(f"{client.name}: verify")
        coverage = prove(client, built, wait_seconds, forks, ask_become_pass)
    page = client.path / "reports" / "index.html"
    told = "\n".join((*map(verdict, done), f"page: {page}"))
    answer(coverage, f"{coverage_text(coverage)}\n\n{told}", as_json)
    sys.exit(code if verify_stage.is_complete(coverage) else max(code, ExitCode.NOT_COVERED))


def _network(client: Client, apply_: bool, any_time: bool) -> tuple[RunRecord, ...]:
    """Bring the network devices to the baseline where the client chose that; return the run's records.

    What keeps it from beginning is said, and keeps nothing else: hosts are proved all the same.
    """
    if not client.file().network.onboard:
        return ()
    note(f"{client.name}: network baseline{'' if apply_ else ' (preview)'}")
    try:
        return brought(client, apply_=apply_, any_time=any_time)
    except BadInput as error:
        for line in error.lines:
            note(f"{client.name}: network: {line}")
        return ()


def _introduce(client: Client) -> None:
    """Make the client known to its services' servers; the rest goes on without one that cannot be asked."""
    try:
        introduce(client)
    except MspctlError as error:
        for line in str(error).splitlines():
            note(f"{client.name}: enrol: {line}")


def _order(client: Client, built: Inventory, apply_: bool, forks: int | None) -> Order:
    """Return what to roll out: what an interrupted onboarding left, and hosts that came since, or all."""
    settings = client.workspace.settings().rollout
    wanted = Order(
        playbook=PLAYBOOK,
        waves=(),
        check=not apply_,
        forks=forks or settings.forks,
        failure_budget=settings.failure_budget,
    )
    last = client.last_run(PLAYBOOK)
    started = waves.started(last)
    if not started or not waves.is_unfinished(last) or not _is_alike(started, wanted):
        return cut(client, built, wanted)
    planned = {host for wave in started.waves for host in wave}
    new = tuple(sorted(set(targets(built)) - planned))
    left = waves.only(waves.remaining(last), targets(built))
    if not left and not new:
        return cut(client, built, wanted)
    note(f"{client.name}: going on with run {started.run}: {sum(map(len, left)) + len(new)} hosts left")
    return structs.replace(wanted, waves=(*left, *((new,) if new else ())), resumes=started.run)


def _is_alike(started: RunStarted, wanted: Order) -> bool:
    """Whether a run was an onboarding: one of part of the work, or an uninstall, is not gone on with."""
    return started.check == wanted.check and not (started.tags or started.skip_tags or started.variables)
