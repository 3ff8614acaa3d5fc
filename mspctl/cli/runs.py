"""`mspctl runs`: what was done to which host, when, and how long it took."""

import click

from mspctl import history
from mspctl.cli.options import client_argument, json_option
from mspctl.cli.output import answer, table
from mspctl.cli.rollout import summary
from mspctl.errors import BadInput
from mspctl.records import HostOutcome, RunRecord
from mspctl.workspace import Client, encode


@click.group()
def runs() -> None:
    """List, show and compare the runs of a client."""


@runs.command("list")
@click.option("--playbook", metavar="NAME", help="Only runs of this playbook, such as rollout.")
@json_option
@client_argument
def list_(client: Client, playbook: str | None, as_json: bool) -> None:
    """List the runs of a client, the newest last.

    \b
        mspctl runs list acme --playbook rollout
    """
    every = (history.summarised(client.run(name)) for name in client.runs())
    found = [each for each in every if each and playbook in (None, each.playbook)]
    rows = (
        (
            each.run,
            each.playbook,
            each.mode,
            each.by,
            str(each.hosts),
            str(each.changed),
            str(each.proved),
            ", ".join(each.lost) or "-",
            f"{each.seconds:.0f}" if each.seconds else "-",
            each.status,
        )
        for each in found
    )
    headers = ("run", "playbook", "mode", "by", "hosts", "changed", "proved", "lost", "seconds", "status")
    answer(found, table(headers, rows), as_json)


@runs.command()
@json_option
@client_argument
@click.argument("run", required=False)
@click.option("--host", "hosts", multiple=True, metavar="HOST", help="Only what concerns this host.")
@click.option("--times", "wants_times", is_flag=True, help="How long each task took, the longest first.")
@click.option("--events", is_flag=True, help="Every record as a line of JSON, as it was written.")
def show(
    client: Client, run: str | None, hosts: tuple[str, ...], wants_times: bool, events: bool, as_json: bool
) -> None:
    """Show one run, the last unless named: how each host came out, what changed, what went wrong.

    \b
        mspctl runs show acme
        mspctl runs show acme 20261122T093000Z --host files
        mspctl runs show acme --times
        mspctl runs show acme --events | jq 'select(.status == "failed")'
    """
    records = _named(client, run)
    if hosts:
        known = {record.host for record in records if isinstance(record, HostOutcome)}
        if unknown := sorted(set(hosts) - known):
            raise BadInput(
                f"{client.name}: '{unknown[0]}' had no part in this run; hosts: {', '.join(sorted(known))}"
            )
        records = history.of_hosts(records, hosts)
    if events:
        for record in records:
            click.echo(encode(record))
        return
    if wants_times:
        taken = history.times(records)
        rows = [
            (each.task, str(each.hosts), f"{each.seconds:.1f}", f"{each.longest:.1f}", each.slowest_host)
            for each in taken
        ]
        answer(taken, table(("task", "hosts", "seconds in all", "longest", "on"), rows), as_json)
        return
    told = [
        (each.host, each.status.value, each.task, f"{each.seconds:.1f}", each.detail)
        for each in history.telling(records)
    ]
    changes = table(("host", "result", "task", "seconds", "what it said"), told)
    answer(records, f"{summary(records)}\n\n{changes}", as_json)


@runs.command()
@json_option
@client_argument
@click.argument("before")
@click.argument("now", required=False)
def diff(client: Client, before: str, now: str | None, as_json: bool) -> None:
    """Show what came out otherwise in a later run than in an earlier one; the last run unless named.

    \b
        mspctl runs diff acme 20261121T093000Z 20261122T093000Z
    """
    found = history.differences(_named(client, before), _named(client, now))
    rows = [(each.host, each.task or "(host)", each.before, each.now) for each in found]
    answer(found, table(("host", "task", "before", "now"), rows), as_json)


def _named(client: Client, run: str | None) -> tuple[RunRecord, ...]:
    """Return a run, the last one where none is named. Raise BadInput where there is none."""
    if run:
        return client.run(run)
    if not (known := client.runs()):
        raise BadInput(f"{client.name}: no run yet; `mspctl rollout {client.name}` makes one")
    return client.run(known[-1])
