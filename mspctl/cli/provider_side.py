"""`mspctl provider-side`: the provider's own hosts, which serve its clients'."""

import sys
from collections.abc import Sequence

import click

from mspctl import catalog
from mspctl.cli.options import json_option, workspace_option
from mspctl.cli.output import answer, table
from mspctl.cli.own_hosts import drive, ready
from mspctl.cli.rollout import exit_code, summary, verdict, watching
from mspctl.errors import ExitCode
from mspctl.records import Json, RunRecord, TaskResult
from mspctl.rollout import Order
from mspctl.workspace import Workspace

PLAYBOOK, LOOK = "provider_side", "provider_side_status"
_CHECK = click.option("--check", is_flag=True, help="Only look, change nothing.")
_DIFF = click.option("--diff", "-D", is_flag=True, help="Keep what each file would become or became.")
_BECOME = click.option("--ask-become-pass", "-K", is_flag=True, help="Ask for the password of sudo.")


@click.group("provider-side")
def provider_side() -> None:
    """Bring up the provider's own hosts: what mspctl.yml names below `hosts`, each with its roles.

    Their records lie in provider/, their secrets in the provider's vault (`mspctl secret set provider`).
    """


@provider_side.command()
@_CHECK
@_DIFF
@_BECOME
@json_option
@workspace_option
def up(workspace: Workspace, check: bool, diff: bool, ask_become_pass: bool, as_json: bool) -> None:
    """Bring every role onto its hosts; a second time changes nothing.

    The SSH key of a host stands in mspctl.yml, or is shown and confirmed at the first contact.

    \b
        mspctl provider-side up --check --diff     # a preview: nothing is changed
        mspctl provider-side up
    """
    _change(workspace, "up", "present", check, diff, ask_become_pass, as_json)


@provider_side.command()
@_CHECK
@_DIFF
@_BECOME
@json_option
@workspace_option
def down(workspace: Workspace, check: bool, diff: bool, ask_become_pass: bool, as_json: bool) -> None:
    """Take every role off its hosts.

    Backups stay: they are for a person to remove. A server of remote access takes its devices with it, one
    of monitoring its hosts and all they reported.

    \b
        mspctl provider-side down --check
    """
    _change(workspace, "down", "absent", check, diff, ask_become_pass, as_json)


@provider_side.command()
@_BECOME
@json_option
@workspace_option
def status(workspace: Workspace, ask_become_pass: bool, as_json: bool) -> None:
    """Ask every host whether its roles work; changes nothing. Exit code 4 when a check fails.

    \b
        mspctl provider-side status
    """
    records = _run(workspace, LOOK, ask_become_pass, check=False)
    reports = [
        record.report | {"host": record.host}
        for record in records
        if isinstance(record, TaskResult) and record.report
    ]
    rows = [row for report in reports for row in _rows(report)]
    answer(reports, f"{table(('host', 'check', 'state', 'detail'), rows)}\n\n{verdict(records)}", as_json)
    failed = any(state == "FAILED" for _, _, state, _ in rows)
    sys.exit(exit_code(records) or (ExitCode.NOT_COVERED if failed else ExitCode.OK))


def _change(
    workspace: Workspace, what: str, state: str, check: bool, diff: bool, ask_become: bool, as_json: bool
) -> None:
    variables: dict[str, Json] = {f"{role}_state": state for role in catalog.own_roles()}
    records = _run(workspace, PLAYBOOK, ask_become, check=check, diff=diff, variables=variables)
    workspace.own_side().commit(f"{what}{' (preview)' if check else ''}: {verdict(records)}")
    answer(records, summary(records), as_json)
    sys.exit(exit_code(records))


def _run(
    workspace: Workspace,
    playbook: str,
    ask_become: bool,
    *,
    check: bool,
    diff: bool = False,
    variables: dict[str, Json] | None = None,
) -> tuple[RunRecord, ...]:
    """Run a playbook on all of the provider's own hosts; one commit for what was seen or done."""
    settings = workspace.settings()
    order = Order(
        playbook=playbook,
        waves=(tuple(host.name for host in settings.hosts),),
        check=check,
        diff=diff,
        variables=variables or {},
        forks=settings.rollout.forks,
    )
    become = str(click.prompt("BECOME password", hide_input=True, err=True)) if ask_become else ""
    with workspace.own_side().lock(f"mspctl {playbook.replace('_', '-')}"):
        side = ready(workspace)
        with watching(order) as watch:
            records = drive(side, order, watch, become)
        if playbook == LOOK:
            side.commit(f"status: {verdict(records)}")
    return records


def _rows(report: dict[str, Json]) -> Sequence[tuple[str, str, str, str]]:
    checks = report.get("checks")
    return [
        (
            str(report["host"]),
            str(check.get("title")),
            "ok" if check.get("ok") else "FAILED",
            str(check.get("detail", "")),
        )
        for check in (checks if isinstance(checks, list) else ())
        if isinstance(check, dict)
    ]
