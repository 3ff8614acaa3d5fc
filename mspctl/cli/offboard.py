"""`mspctl offboard`: the end of the work for a client, proved."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from mspctl import catalog, consoles, offboarding
from mspctl.cli.enrolment import forget
from mspctl.cli.gate import KEY
from mspctl.cli.inventory import write_inventory
from mspctl.cli.options import client_argument, json_option
from mspctl.cli.output import answer, note, table
from mspctl.cli.rollout import PLAYBOOK, cut, exit_code, run_order, summary, targets
from mspctl.cli.verify import PLAYBOOK as LOOK
from mspctl.errors import BadInput, ExitCode, MspctlError
from mspctl.inventory import Inventory
from mspctl.offboarding import Absence
from mspctl.records import RunRecord
from mspctl.rollout import Order
from mspctl.vault import Vault, password_from_file
from mspctl.workspace import Client

HANDOVER = "handover.yml"


@click.command()
@click.option("--apply", "apply_", is_flag=True, help="Do it; without it everything is only previewed.")
@click.option(
    "--accept",
    "accepted",
    multiple=True,
    metavar="HOST",
    help="Go on although nothing proves that this host is clean: it is gone for good.",
)
@click.option(
    "--handover-password-file",
    "handover",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="File, or program, that gives the password of the credentials handed over.",
)
@click.option("--forks", "-f", type=click.IntRange(1, 200), help="Hosts at work at the same time.")
@click.option("--ask-become-pass", "-K", is_flag=True, help="Ask for the password of sudo.")
@json_option
@client_argument
def offboard(
    client: Client,
    apply_: bool,
    accepted: tuple[str, ...],
    handover: Path | None,
    forks: int | None,
    ask_become_pass: bool,
    as_json: bool,
) -> None:
    """Take every service off every host, prove it, hand the credentials over, archive the client's folder.

    The steps: uninstall; look at each host again; take the hosts off the provider's servers; write
    handover.yml, the client's secrets under a password of their own; move the folder to archive/ without
    its vault. It stops before it gives up what it would need to finish; run it again and it goes on. Exit
    code 4: not every host is proved clean.

    \b
        mspctl offboard acme                       # a preview: nothing is changed
        mspctl offboard acme --apply --handover-password-file acme.pass
    """
    if apply_ and client.vault().names() and not handover:
        raise BadInput("--handover-password-file: missing; the client's secrets are handed over under it")
    with client.lock(f"mspctl offboard {client.name}"):
        built = write_inventory(client)
        records: tuple[RunRecord, ...] = ()
        if targets(built):
            records = _taken_off(client, built, apply_, forks, ask_become_pass)
        if not apply_:
            answer(records, f"{summary(records)}\n\n{_plan(client, built)}", as_json)
            sys.exit(exit_code(records) if records else ExitCode.OK)
        found = _looked(client, built, forks, ask_become_pass)
        if not as_json:
            click.echo(_absence_table(found))
        if left := offboarding.open_ones(found, accepted):
            hosts = ", ".join(sorted({each.asset for each in left}))
            note(
                f"{client.name}: not proved clean: {hosts}; bring them up and run it again, or --accept them"
            )
            answer(found, "", as_json) if as_json else None
            sys.exit(ExitCode.NOT_COVERED)
        _forgotten(client, built)
        _handed_over(client, handover)
        folder = client.workspace.archive(client.name, f"{datetime.now(UTC):%Y%m%d}")
    answer(found, f"archived: {folder}", as_json)


def _taken_off(
    client: Client, built: Inventory, apply_: bool, forks: int | None, ask_become: bool
) -> tuple[RunRecord, ...]:
    settings = client.workspace.settings().rollout
    order = Order(
        playbook=PLAYBOOK,
        waves=(),
        check=not apply_,
        variables={"managed_agent_state": "absent"},
        forks=forks or settings.forks,
        failure_budget=settings.failure_budget,
    )
    return run_order(client, built, cut(client, built, order), ask_become)


def _looked(client: Client, built: Inventory, forks: int | None, ask_become: bool) -> tuple[Absence, ...]:
    """Return what is left where, observed anew; one commit."""
    hosts = tuple(sorted(targets(built)))
    look: tuple[RunRecord, ...] = ()
    if hosts:
        width = forks or client.workspace.settings().rollout.forks
        order = Order(playbook=LOOK, waves=(hosts,), check=False, forks=width)
        look = run_order(client, built, order, ask_become)
    removals = (record for run in client.runs() for record in client.run(run))
    found = offboarding.absences(built, look, removals)
    client.save_records("absence.jsonl", found)
    gone = sum(1 for each in found if each.state is offboarding.AbsenceState.GONE)
    client.commit(f"offboard: {gone} of {len(found)} services proved gone")
    return found


def _forgotten(client: Client, built: Inventory) -> None:
    """Take the hosts off the servers that know them. Raise MspctlError where one cannot be asked."""
    forget(client, built)
    for service, provider in sorted(built.by_product()):
        query = catalog.provider(service, provider, client.workspace.own_providers).console
        if query:
            try:
                names = consoles.forget(query, *client.workspace.console(provider), client.name)
            except MspctlError as error:
                raise MspctlError(f"{error}; nothing is handed over yet: run it again") from None
            note(f"{client.name}: {len(names)} hosts taken off {provider}")


def _handed_over(client: Client, password: Path | None) -> None:
    """Write the client's secrets under a password of their own; one that is there already is written anew."""
    vault = client.vault()
    if not vault.names() or password is None:
        return
    path = client.path / HANDOVER
    path.unlink(missing_ok=True)
    handed = Vault(path, password_from_file(password), client.shown(HANDOVER))
    for name in set(vault.names()) - {KEY}:  # of no use to anybody but the gate
        handed.set(name, vault.get(name))
    client.commit(f"offboard: {len(handed.names())} credentials handed over")


def _plan(client: Client, built: Inventory) -> str:
    """Return what would follow the uninstall, in words."""
    services = ", ".join(sorted(built.services)) or "none"
    return (
        f"then: look at {len(targets(built))} hosts again for {services}; take them off the servers;"
        f" hand over {len(client.vault().names())} credentials; archive {client.shown()}"
    )


def _absence_table(found: tuple[Absence, ...]) -> str:
    rows = [
        (
            each.asset,
            each.service,
            each.state.value,
            ", ".join(each.left) or each.reason,
            ", ".join(each.kept),
        )
        for each in found
    ]
    return table(("host", "service", "state", "left", "there before, stays"), rows)
