"""`mspctl verify`: which host has which service, asked of the hosts and of the servers."""

import sys
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime

import click

from mspctl import catalog, consoles, drills, logins, technicians, waves
from mspctl import coverage as counting
from mspctl import verify as stage
from mspctl.cli.coverage import counted, coverage_text
from mspctl.cli.inventory import write_inventory
from mspctl.cli.options import client_argument, json_option
from mspctl.cli.output import answer, note
from mspctl.cli.report import write_page
from mspctl.cli.rollout import run_order, targets
from mspctl.errors import ExitCode, MspctlError
from mspctl.inventory import Inventory
from mspctl.records import (
    Asset,
    ConsoleAnswer,
    Coverage,
    CoverageState,
    RunRecord,
    SessionAnswer,
    Unmatched,
)
from mspctl.records.provider import ConsoleQuery
from mspctl.rollout import Order
from mspctl.workspace import Client

PLAYBOOK = "verify"
_POLL_SECONDS = 5


@click.command()
@click.option(
    "--wait",
    "wait_seconds",
    type=click.IntRange(0, 3600),
    default=0,
    metavar="SECONDS",
    help="How long to wait for agents that run but that the server has not heard of yet.",
)
@click.option("--forks", "-f", type=click.IntRange(1, 200), help="Hosts asked at the same time.")
@click.option("--ask-become-pass", "-K", is_flag=True, help="Ask for the password of sudo.")
@json_option
@client_argument
def verify(
    client: Client, wait_seconds: int, forks: int | None, ask_become_pass: bool, as_json: bool
) -> None:
    """Ask every host and every server whether the services work; changes nothing.

    Prints hosts by services: covered, missing, failing, excluded, unknown. Exit code 4 when a host is not
    covered and not left out for a reason.

    \b
        mspctl verify acme --wait 120
    """
    with client.lock(f"mspctl verify {client.name}"):
        coverage = prove(client, write_inventory(client), wait_seconds, forks, ask_become_pass)
    answer(coverage, coverage_text(coverage), as_json)
    sys.exit(ExitCode.OK if stage.is_complete(coverage) else ExitCode.NOT_COVERED)


def prove(
    client: Client, built: Inventory, wait_seconds: int, forks: int | None, ask_become: bool
) -> tuple[Coverage, ...]:
    """Observe, judge, and save the evidence and the client's page; one commit. Needs the client's lock.

    `built` is the inventory as `write_inventory` has just written it.
    """
    hosts = tuple(sorted(targets(built)))
    settings = client.workspace.settings()
    records: tuple[RunRecord, ...] = ()
    if hosts:
        order = Order(playbook=PLAYBOOK, waves=(hosts,), check=False, forks=forks or settings.rollout.forks)
        records = run_order(client, built, order, ask_become)
    started = waves.started(records)
    run_id = started.run if started else ""
    coverage = _judge(client, built, records, run_id)
    deadline = time.monotonic() + wait_seconds
    waited_for: list[str] = []
    while stage.awaited(coverage) and time.monotonic() < deadline:
        if (waiting := _waiting(coverage)) != waited_for:
            note(f"waiting until the servers have heard from: {', '.join(waiting)}")
            waited_for = waiting
        time.sleep(_POLL_SECONDS)
        coverage = _judge(client, built, records, run_id)
    client.save_records("evidence.jsonl", coverage)
    client.save_records("unmatched.jsonl", _unmatched(client, built))
    client.save_records("coverage.jsonl", counting.counts(coverage, run_id, client.coverage_history()))
    write_page(client)
    client.commit(f"verify: {counted(coverage)}")
    return coverage


def _judge(
    client: Client, built: Inventory, records: Sequence[RunRecord], run_id: str
) -> tuple[Coverage, ...]:
    own = client.workspace.own_providers
    answers = {
        product: _ask(client, product[1], query, hosts)
        for product, hosts in built.by_product().items()
        if hosts and (query := catalog.provider(*product, own).console)
    }
    valid_days = client.workspace.settings().drills.valid_days
    drilled = drills.proofs(client.drills(), datetime.now(UTC), valid_days)
    return stage.judge(built, records, answers, client.coverage(), run_id, _sessions(client, built), drilled)


def _sessions(client: Client, built: Inventory) -> dict[tuple[str, str], dict[str, SessionAnswer] | str]:
    """Return what a command answers that is run through each product that lets mspctl in itself."""
    found: dict[tuple[str, str], dict[str, SessionAnswer] | str] = {}
    for product, hosts in built.by_product().items():
        record = catalog.provider(*product, client.workspace.own_providers)
        try:
            if hosts and record.through == "ssh":
                found[product] = _through_ssh(client, hosts)
            elif hosts and record.through == "console" and record.console:
                server = client.workspace.console(record.name)
                found[product] = consoles.through(record.console, *server, client.name, hosts)
        except MspctlError as error:
            found[product] = str(error)
    return found


def _through_ssh(client: Client, hosts: tuple[str, ...]) -> dict[str, SessionAnswer]:
    technician = client.workspace.settings().technician
    if technician is None:
        raise MspctlError("mspctl.yml: technician: missing; nobody can log in as technicians do")
    key = client.workspace.vault().get(technician.key) if technician.key else None
    assets = [each for each in client.assets() if isinstance(each, Asset)]
    pins = logins.pins(client.known_hosts(), ())
    planned = logins.logins(client.file(), assets, client.overrides(), pins, date.today(), frozenset(hosts))
    return technicians.ask(technician, key, planned)


def _ask(
    client: Client, provider: str, query: ConsoleQuery, hosts: tuple[str, ...]
) -> dict[str, ConsoleAnswer] | str:
    """Return what a product's console says of its hosts, or why it says nothing."""
    try:
        return consoles.ask(query, *client.workspace.console(provider), client.name, hosts)
    except MspctlError as error:
        return str(error)


def _unmatched(client: Client, built: Inventory) -> tuple[Unmatched, ...]:
    """Return what the consoles know beyond the hosts; of one that cannot be asked, what it said last."""
    own = client.workspace.own_providers
    found: list[Unmatched] = []
    for service, provider in built.by_product():
        query = catalog.provider(service, provider, own).console
        if query is None:
            continue
        try:
            census = consoles.census(query, *client.workspace.console(provider), client.name)
            found += counting.unmatched(built, service, provider, census)
        except MspctlError:
            said = client.unmatched()
            found += [each for each in said if (each.service, each.provider) == (service, provider)]
    return tuple(found)


def _waiting(coverage: Sequence[Coverage]) -> list[str]:
    return sorted({found.asset for found in coverage if found.state is CoverageState.FAILING})
