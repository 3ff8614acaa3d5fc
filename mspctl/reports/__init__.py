"""A client's records → pages for people; pure. All of it is escaped: a hostile device named itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mspctl.coverage import Gap, Licences, is_open
from mspctl.records import (
    Ambiguous,
    Asset,
    ClientFile,
    Coverage,
    CoverageCount,
    CoverageState,
    HostOutcome,
    RunEnded,
    RunRecord,
    RunStarted,
    Verdict,
    VerdictState,
)
from mspctl.reports.environment import environment

_COLOURS = {
    VerdictState.PASS: "covered",
    VerdictState.FAIL: "failing",
    VerdictState.WAIVED: "excluded",
    VerdictState.NOT_APPLICABLE: "",
    VerdictState.UNDETERMINED: "unknown",
}
_COLUMNS = 30  # of the picture of how coverage changed


@dataclass(frozen=True)
class View:
    """What a client's page shows."""

    provider: str
    name: str
    client: ClientFile
    assets: Sequence[Asset]
    doubts: Sequence[Ambiguous]
    coverage: Sequence[Coverage]
    run: Sequence[RunRecord]
    gaps: Sequence[Gap] = ()
    licences: Sequence[Licences] = ()
    history: Sequence[CoverageCount] = ()
    compliance: Sequence[Verdict] = ()
    rules: Mapping[str, str] = field(default_factory=dict)  # title by id


def page(view: View) -> str:
    """Return the client's page: one HTML file that opens without a network."""
    services = sorted({found.service for found in view.coverage})
    run = [record for record in view.run if isinstance(record, RunStarted)]
    ended = [record for record in view.run if isinstance(record, RunEnded)]
    return str(
        environment()
        .get_template("client.html.j2")
        .render(
            view=view,
            present=[asset for asset in view.assets if not asset.gone_since],
            gone=[asset for asset in view.assets if asset.gone_since],
            services=services,
            matrix={(found.asset, found.service): found for found in view.coverage},
            mixed={service for service in services if len(_products(view.coverage, service)) > 1},
            hosts=sorted({found.asset for found in view.coverage}),
            counts=[
                (state.value, sum(1 for found in view.coverage if found.state is state))
                for state in CoverageState
            ],
            open_gaps=[gap for gap in view.gaps if is_open(gap)],
            states=[state.value for state in CoverageState],
            history={
                service: [each for each in view.history if each.service == service][-_COLUMNS:]
                for service in services
            },
            verdicts={(found.device, found.rule): found for found in view.compliance},
            devices=sorted({found.device for found in view.compliance}),
            judged_rules=sorted({found.rule for found in view.compliance}),
            verdict_counts=[
                (state.value, _COLOURS[state], sum(1 for found in view.compliance if found.state is state))
                for state in VerdictState
            ],
            colours=_COLOURS,
            run=run[-1] if run else None,
            ended=ended[-1] if ended else None,
            outcomes=[record for record in view.run if isinstance(record, HostOutcome)],
        )
    )


def _products(coverage: Sequence[Coverage], service: str) -> set[str]:
    return {found.provider for found in coverage if found.service == service and found.provider}
