"""`mspctl runs`."""

import json

import pytest
from click.testing import CliRunner

from mspctl.cli import main
from mspctl.records import HostStatus
from mspctl.workspace import Client
from tests.cli.test_found import must
from tests.samples import ended, outcome, started
from tests.test_history import FIRST, SECOND, task


@pytest.fixture
def ran(client: Client) -> Client:
    """The client after two rollouts and one that was cut off."""
    for name, records in (("1", FIRST), ("2", SECOND), ("3", (started([("a",)]), outcome("a"), ended())[:2])):
        with client.log("runs", name) as append:
            for record in records:
                append(record)
    return client


def test_runs_are_listed(ran: Client) -> None:
    text = must(ran, "runs", "list", "acme")
    assert text.splitlines()[1].startswith("r ") and "stopped" in text and "cut off" in text
    assert [each["status"] for each in json.loads(must(ran, "runs", "list", "acme", "--json"))] == [
        "stopped",
        "complete",
        "cut off",
    ]
    assert must(ran, "runs", "list", "acme", "--playbook", "verify") == "none\n"


def test_a_run_is_shown_whole_for_one_host_as_times_and_as_events(ran: Client) -> None:
    assert "no space left" in must(ran, "runs", "show", "acme", "1")
    assert "no space left" not in must(ran, "runs", "show", "acme", "1", "--host", "a")
    assert must(ran, "runs", "show", "acme", "1", "--times").splitlines()[1].startswith("install")
    events = [json.loads(line) for line in must(ran, "runs", "show", "acme", "1", "--events").splitlines()]
    assert len(events) == len(FIRST) and events[-1]["record"] == "end"
    assert "run r" in must(ran, "runs", "show", "acme"), "the last one unless named"


def test_what_cannot_be_shown_is_one_line(ran: Client) -> None:
    for arguments, said in (
        (("runs", "show", "acme", "nope"), "no such run"),
        (("runs", "show", "acme", "1", "--host", "z"), "had no part in this run; hosts: a, b"),
        (("runs", "diff", "acme", "nope"), "no such run"),
    ):
        refused = CliRunner().invoke(main, [*arguments, "-C", str(ran.workspace.root)])
        assert refused.exit_code == 3 and said in refused.stderr


def test_a_client_without_runs_is_told_how_to_get_one(client: Client) -> None:
    refused = CliRunner().invoke(main, ["runs", "show", "acme", "-C", str(client.workspace.root)])
    assert refused.exit_code == 3 and "mspctl rollout acme" in refused.stderr


def test_two_runs_are_compared(ran: Client) -> None:
    found = json.loads(must(ran, "runs", "diff", "acme", "1", "2", "--json"))
    assert {"host": "b", "task": "install", "before": "failed", "now": "changed"} in found
    assert "not begun" in must(ran, "runs", "diff", "acme", "1", "2")


def test_what_a_host_said_is_shown_without_its_escapes(client: Client) -> None:
    with client.log("runs", "1") as append:
        for record in (
            started([("a",)]),
            task("a", "x", HostStatus.FAILED, detail="\x1b]0;owned\x07"),
            outcome("a", HostStatus.FAILED),
        ):
            append(record)
    assert "\x1b" not in must(client, "runs", "show", "acme")
