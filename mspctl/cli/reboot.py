"""`mspctl reboot`: hosts that wait for a restart, never two at a time that stand in for one another."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime

import click
from msgspec import structs

from mspctl import waves, windows
from mspctl.cli.inventory import write_inventory
from mspctl.cli.options import client_argument, json_option
from mspctl.cli.output import answer, note, table
from mspctl.cli.rollout import cut, exit_code, message_of, run_order, within_windows
from mspctl.errors import BadInput
from mspctl.records import Asset, HostOutcome, HostStatus, Json, RunEnded, RunRecord, TaskResult
from mspctl.rollout import Order
from mspctl.workspace import Client

PLAYBOOK = "reboot"


@click.command()
@click.option("--apply", "apply_", is_flag=True, help="Restart them; without it the run only says which.")
@click.option("--always", is_flag=True, help="Also hosts that do not wait for a restart.")
@click.option("--limit", "-l", metavar="PATTERN", help="Only these hosts or groups, as in Ansible.")
@click.option("--retry-failed", is_flag=True, help="Only the hosts the last run lost.")
@click.option(
    "--outside-window",
    "any_time",
    is_flag=True,
    help="Also outside the maintenance window, and where maintenance.reboots does not allow it.",
)
@click.option("--forks", "-f", type=click.IntRange(1, 200), help="Hosts restarted at the same time.")
@click.option("--ask-become-pass", "-K", is_flag=True, help="Ask for the password of sudo.")
@json_option
@client_argument
def reboot(
    client: Client,
    apply_: bool,
    always: bool,
    limit: str | None,
    retry_failed: bool,
    any_time: bool,
    forks: int | None,
    ask_become_pass: bool,
    as_json: bool,
) -> None:
    """Restart the managed hosts that wait for it, in waves, and see that all is back on each.

    Only inside a maintenance window and where maintenance.reboots of client.yml allows it. Hosts that
    client.yml calls redundant are never down together: they go in different waves, and one whose partner
    does not answer stays up. A host has to come back with everything that ran on it before. Exit code 5:
    some hosts failed or were not reached.

    \b
        mspctl reboot acme                 # which hosts wait for it, and why
        mspctl reboot acme --apply
        mspctl reboot acme --apply -l 'server:!db'
    """
    with client.lock(f"mspctl reboot {client.name}"):
        built = write_inventory(client)
        settings = client.workspace.settings().rollout
        wanted = Order(
            playbook=PLAYBOOK,
            waves=(),
            check=not apply_,
            variables={
                "host_reboot_always": always,
                "host_reboot_redundant": [list[Json](sorted(group)) for group in built.redundant],
                "host_reboot_at_once": "100%",
            },
            forks=forks or settings.forks,
            failure_budget=settings.failure_budget,
        )
        order = cut(client, built, wanted, limit, retry_failed)
        if apply_ and not any_time:
            order = within_windows(client, _allowed(client, order), datetime.now(UTC))
        records = run_order(client, built, order, ask_become_pass)
        client.commit(message_of(order, records))
    answer(records, _said(records, apply_), as_json)
    sys.exit(exit_code(records))


def _allowed(client: Client, order: Order) -> Order:
    """Return `order` less the hosts of sites where nothing may be restarted.

    Raise BadInput where none is left.
    """
    file = client.file()
    sites = windows.of_sites(file)
    where = {asset.name: asset.site for asset in client.assets() if isinstance(asset, Asset)}
    hosts = [host for wave in order.waves for host in wave]
    allowed = {host for host in hosts if sites.get(where.get(host, ""), file.maintenance).reboots}
    if not allowed:
        raise BadInput(
            f"{client.name}: no restart is allowed: maintenance.reboots in {client.shown('client.yml')}; "
            "--outside-window restarts hosts now"
        )
    if left := sorted(set(hosts) - allowed):
        note(f"{client.name}: left out, as maintenance.reboots does not allow it: {', '.join(left)}")
    return structs.replace(order, waves=waves.only(order.waves, allowed))


def _said(records: Sequence[RunRecord], is_done: bool) -> str:
    """Return a run as a table for a person, and its verdict."""
    reasons = {
        record.host: str(record.report["because"])
        for record in records
        if isinstance(record, TaskResult) and "because" in record.report
    }
    outcomes = [record for record in records if isinstance(record, HostOutcome)]
    words = {HostStatus.OK: "stays up", HostStatus.CHANGED: "restarted" if is_done else "would be restarted"}
    rows = [
        (
            each.host,
            str(each.wave),
            words.get(each.status, each.status.value),
            reasons.get(each.host, ""),
            each.detail,
        )
        for each in outcomes
    ]
    told = table(("host", "wave", "result", "because", "what happened"), rows)
    changed = sum(1 for each in outcomes if each.status is HostStatus.CHANGED)
    verdict = f"{changed} of {len(outcomes)} hosts {'were' if is_done else 'would be'} restarted"
    ended = next((each for each in reversed(records) if isinstance(each, RunEnded)), None)
    if ended and ended.status != "complete":
        verdict += f"; {ended.status} ({ended.reason}), the others were not begun: run it again"
    return f"{told}\n\n{verdict}"
