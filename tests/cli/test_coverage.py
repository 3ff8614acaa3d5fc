"""`mspctl coverage`."""

import json

from click.testing import CliRunner, Result

from mspctl.cli import main
from mspctl.records import CoverageCount, CoverageState, Unmatched
from mspctl.workspace import Client
from tests.samples import HOSTILE, coverage
from tests.test_coverage import INSTALLED, console


def run(client: Client, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["coverage", "acme", *arguments, "-C", str(client.workspace.root)])


def prove(client: Client) -> None:
    client.save_records(
        "evidence.jsonl",
        [
            coverage("files", CoverageState.COVERED, proofs=(INSTALLED, *console())),
            coverage("web", CoverageState.MISSING, "not installed"),
        ],
    )
    client.save_records(
        "coverage.jsonl",
        [
            CoverageCount(run="20261121T000000Z", service="monitoring", missing=2),
            CoverageCount(run="20261122T000000Z", service="monitoring", covered=1, missing=1),
        ],
    )
    client.save_records(
        "unmatched.jsonl",
        [Unmatched(service="monitoring", provider="zabbix", name=HOSTILE[4], checks_in=True)],
    )


def test_nothing_verified_yet_is_one_line(client: Client) -> None:
    refused = run(client)
    assert refused.exit_code == 3 and "mspctl verify acme" in refused.stderr


def test_matrix_gaps_licences_and_history(client: Client) -> None:
    prove(client)
    shown = run(client)
    assert shown.exit_code == 4
    for said in ("files  covered", "not installed", "at the server, not on the network", "20261121T000000Z"):
        assert said in shown.stdout, said
    assert "\x1b" not in shown.stdout
    assert "files  covered" not in run(client, "--gaps").stdout
    assert "not installed" not in run(client, "--history").stdout
    found = json.loads(run(client, "--json").stdout)
    assert set(found) == {"coverage", "gaps", "licences", "history", "drills"}
    assert found["gaps"][0] == {
        "kind": "not installed",
        "service": "monitoring",
        "host": "web",
        "reason": "not installed",
    }


def test_all_is_well_with_exit_code_0(client: Client) -> None:
    client.save_records("evidence.jsonl", [coverage("files", CoverageState.COVERED, proofs=(INSTALLED,))])
    shown = run(client)
    assert shown.exit_code == 0 and "1 covered" in shown.stdout


def test_the_page_shows_gaps_and_what_changed(client: Client) -> None:
    prove(client)
    done = CliRunner().invoke(main, ["report", "acme", "coverage", "-C", str(client.workspace.root)])
    assert done.exit_code == 0, done.stderr
    page = (client.path / "reports" / "index.html").read_text()
    for said in ("Which machines do not have it?", "Over time", 'class="column"', "not installed"):
        assert said in page, said
    assert "\x1b" not in page
