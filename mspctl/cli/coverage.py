"""`mspctl coverage`: which machines do not have the agent, and why."""

import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime

import click

from mspctl import coverage as stage
from mspctl.cli.inventory import load
from mspctl.cli.options import client_argument, json_option
from mspctl.cli.output import answer, table
from mspctl.coverage import Gap, Licences
from mspctl.errors import BadInput, ExitCode
from mspctl.records import Asset, Coverage, CoverageCount, CoverageState, Drill, Record
from mspctl.workspace import Client


class Standing(Record, frozen=True, kw_only=True):
    """A client's coverage from all sides."""

    coverage: tuple[Coverage, ...]
    gaps: tuple[Gap, ...]
    licences: tuple[Licences, ...]
    history: tuple[CoverageCount, ...]
    drills: tuple[Drill, ...]


@click.command()
@click.option("--gaps", "only_gaps", is_flag=True, help="Only where hosts and servers disagree.")
@click.option("--history", "only_history", is_flag=True, help="Only how coverage changed over time.")
@json_option
@client_argument
def coverage(client: Client, only_gaps: bool, only_history: bool, as_json: bool) -> None:
    """Show what the last `verify` proved: host by service, every gap, licences, and the history.

    A gap is where three sources disagree: installed on the host, checking in, known to the server. Asks
    nobody anew. Exit code 4 when a gap waits for somebody.

    \b
        mspctl coverage acme
        mspctl coverage acme --gaps
    """
    found = standing(client)
    sections = {
        "matrix": coverage_text(found.coverage),
        "gaps": table(
            ("what", "service", "host", "why"),
            [(gap.kind.value, gap.service, gap.host, gap.reason) for gap in found.gaps],
        ),
        "drills": table(
            ("drilled", "service", "age", "alert after", "cleared after", "why it is no proof"),
            [_drill_row(each, found.coverage, datetime.now(UTC)) for each in found.drills],
        ),
        "licences": table(
            ("service", "provider", "bought", "installed", "active", "at the server", ""),
            [_licence_row(each) for each in found.licences],
        ),
        "history": table(
            ("since run", "service", "covered", "missing", "failing", "unknown", "excluded"),
            [
                (each.run, each.service, *map(str, (each.covered, each.missing, each.failing)),
                 *map(str, (each.unknown, each.excluded)))
                for each in found.history
            ],
        ),
    }  # fmt: skip
    chosen = [name for name, only in (("gaps", only_gaps), ("history", only_history)) if only] or sections
    answer(found, "\n\n".join(sections[name] for name in chosen), as_json)
    sys.exit(ExitCode.NOT_COVERED if any(map(stage.is_open, found.gaps)) else ExitCode.OK)


def standing(client: Client) -> Standing:
    """Return a client's coverage from its files. Raise BadInput where nothing was verified yet."""
    proved = client.coverage()
    if not proved:
        raise BadInput(f"{client.name}: nothing verified yet; `mspctl verify {client.name}` does")
    assets = [each for each in client.assets() if isinstance(each, Asset)]
    others = client.unmatched()
    return Standing(
        coverage=proved,
        gaps=stage.gaps(proved, others, assets, client.file(), date.today()),
        licences=stage.licences(proved, others, load(client).services),
        history=client.coverage_history(),
        drills=tuple(sorted(client.drills(), key=lambda each: (each.host, each.service))),
    )


def coverage_text(coverage: Sequence[Coverage]) -> str:
    """Return coverage as a matrix of hosts by services, and the reasons below it."""
    services = sorted({found.service for found in coverage})
    states = {(found.asset, found.service): found.state.value for found in coverage}
    hosts = sorted({found.asset for found in coverage})
    matrix = table(
        ("host", *services), ([host, *(states.get((host, name), "") for name in services)] for host in hosts)
    )
    reasons = [
        (found.asset, found.service, found.state.value, found.reason)
        for found in coverage
        if found.state is not CoverageState.COVERED
    ]
    told = f"\n\n{table(('host', 'service', 'state', 'reason'), reasons)}" if reasons else ""
    return f"{matrix}{told}\n\n{counted(coverage)}"


def counted(coverage: Sequence[Coverage]) -> str:
    """Return how many stand how, in words."""
    counts = {state: sum(1 for found in coverage if found.state is state) for state in CoverageState}
    return (
        ", ".join(f"{count} {state.value}" for state, count in counts.items() if count) or "no service chosen"
    )


def _drill_row(drill: Drill, coverage: Sequence[Coverage], now: datetime) -> tuple[str, ...]:
    days = max(0, (now - drill.at).days)
    seconds = ("-" if each is None else f"{each} s" for each in (drill.fired_seconds, drill.cleared_seconds))
    proofs = (
        proof
        for each in coverage
        if (each.asset, each.service) == (drill.host, drill.service)
        for proof in each.proofs
        if proof.source == "drill"
    )
    why = next((proof.detail for proof in proofs), drill.reason)
    return drill.host, drill.service, f"{days} days, {drill.at:%Y-%m-%d}", *seconds, why


def _licence_row(each: Licences) -> tuple[str, ...]:
    if each.bought is None:
        verdict = ""
    elif each.installed > each.bought:
        verdict = f"{each.installed - each.bought} too few"
    else:
        verdict = f"{each.bought - each.active} unused" if each.bought > each.active else "all used"
    server = "-" if each.at_server is None else str(each.at_server)
    bought = "-" if each.bought is None else str(each.bought)
    return each.service, each.provider, bought, str(each.installed), str(each.active), server, verdict
