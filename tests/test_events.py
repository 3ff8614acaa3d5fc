import json
import re
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mspctl import events
from mspctl.events import MASK, mask, masked, outcomes, plain, task_result, told
from mspctl.records import HostStatus
from mspctl.workspace import encode
from tests.samples import HOSTILE, SECRET

KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\nQyNTUxOQAAACB\n-----END-----\n"
WORDS = st.text(st.sampled_from("abcdefgh \\\"'\n\tü"), min_size=4, max_size=12)
SECRETS = st.lists(WORDS.filter(lambda text: len(text.strip()) >= 4), max_size=4)


def event(kind: str = "runner_on_ok", **data: Any) -> dict[str, Any]:
    return {
        "event": kind,
        "event_data": {"host": "web", "play": "p", "task": "t", "duration": 1.23456, **data},
    }


def shows(text: str) -> bool:
    """Whether a terminal or a page would do anything but show the characters."""
    return all(
        unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp")
        or character in "\u00ad\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\u180e"
        or ord(character) > 0xFFF0
        for character in text
    )


@given(st.text() | st.sampled_from(HOSTILE), st.integers(2, 500))
def test_plain_is_one_short_line_that_does_nothing(text: str, limit: int) -> None:
    line = plain(text, limit)
    assert len(line) <= limit
    assert shows(line)
    assert "\n" not in line
    line.encode()


def test_plain_keeps_what_people_write() -> None:
    assert plain("  Zahnärzte \t Müller\n& Söhne 日本 ", 100) == "Zahnärzte Müller & Söhne 日本"
    assert plain("abcdef", 4) == "abc…"


@given(st.lists(WORDS, max_size=6).map("".join), SECRETS)
def test_no_secret_is_left_by_mask(text: str, secrets: list[str]) -> None:
    rid = mask(text, secrets)
    assert not [secret for secret in secrets if secret in rid]


@given(st.lists(WORDS, max_size=5), SECRETS, st.integers(2, 60))
def test_no_secret_is_left_in_a_told_line(parts: list[str], secrets: list[str], limit: int) -> None:
    """Nor does one come to be by cutting, nor by closing up the blanks."""
    text = "".join(part + secret for part, secret in zip(parts, [*secrets, *[""] * 5], strict=False))
    line = told(text, limit, secrets)
    assert len(line) <= limit + len(MASK) * len(parts)
    assert not [secret for secret in secrets if secret in line]


def test_half_a_secret_is_not_told_at_the_cut() -> None:
    for before in range(380, 401):
        assert SECRET[:6] not in told("x" * before + SECRET, 400, (SECRET,))


@pytest.mark.parametrize(
    "text",
    [
        f"cannot use {KEY} here",
        json.dumps({"msg": KEY}),
        repr({"msg": KEY}),
        KEY.replace("\n", "\r\n"),
        "\n".join(f"+{line}" for line in KEY.splitlines()),
    ],
)
def test_a_secret_of_several_lines_is_masked_however_it_is_written(text: str) -> None:
    line = told(text, 4000, (KEY,))
    assert "b3BlbnNzaC1rZXkt" not in line
    assert "QyNTUxOQAAACB" not in line


def test_what_is_masked() -> None:
    assert mask("a longer secret, a long", ("long", "longer secret")) == f"a {MASK}, a {MASK}"
    assert mask("abc", ("abc", "", "  \n  ")) == "abc"  # too short to tell anybody anything
    quoted = 'pa"ss\\word'
    assert quoted not in mask(json.dumps(quoted), (quoted,))
    assert mask(json.dumps(quoted), (quoted,)) == f'"{MASK}"'


json_data = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | WORDS | st.sampled_from(HOSTILE),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(WORDS, json_data, max_size=4), SECRETS)
def test_a_report_becomes_a_record_without_secrets_whatever_is_in_it(
    report: dict[str, Any], secrets: list[str]
) -> None:
    found = task_result(event(res={events.REPORTS[0]: report}), 1, secrets)
    assert found is not None
    line = encode(found)

    def texts(node: Any) -> list[str]:
        if isinstance(node, dict):
            return [text for key, value in node.items() for text in (key, *texts(value))]
        if isinstance(node, list):
            return [text for value in node for text in texts(value)]
        return [node] if isinstance(node, str) else []

    for text in texts(json.loads(line)["report"] if report else {}):
        assert shows(text)
        assert not [secret for secret in secrets if secret in text]


def test_lists_and_numbers_are_bounded() -> None:
    assert len(masked(["x"] * 1000, ())) == 200
    assert masked({"a": 2**63, "b": -(2**63), "c": 2**63 - 1, "d": True}, ()) == {
        "a": "a number too large",
        "b": "a number too large",
        "c": 2**63 - 1,
        "d": True,
    }


@pytest.mark.parametrize(
    ("kind", "data", "status"),
    [
        ("runner_on_ok", {"res": {}}, HostStatus.OK),
        ("runner_on_ok", {"res": {"changed": True}}, HostStatus.CHANGED),
        ("runner_on_failed", {"res": {"msg": "no"}}, HostStatus.FAILED),
        ("runner_on_failed", {"res": {"msg": "no"}, "ignore_errors": True}, HostStatus.OK),
        ("runner_on_unreachable", {"res": {"msg": "down"}}, HostStatus.UNREACHABLE),
        ("runner_on_skipped", {}, HostStatus.SKIPPED),
    ],
)
def test_how_a_task_ended(kind: str, data: dict[str, Any], status: HostStatus) -> None:
    found = task_result(event(kind, **data), 2, ())
    assert found is not None
    assert (found.wave, found.host, found.play, found.task, found.seconds) == (2, "web", "p", "t", 1.235)
    assert found.status is status
    lost = status in (HostStatus.FAILED, HostStatus.UNREACHABLE)
    assert found.detail == (data["res"]["msg"] if lost else "")


@pytest.mark.parametrize(
    "kind", ["playbook_on_start", "runner_on_start", "runner_item_on_failed", "verbose", None]
)
def test_other_events_are_no_results(kind: str | None) -> None:
    assert task_result({"event": kind, "event_data": {"host": "web"}}, 1, ()) is None


@pytest.mark.parametrize("data", [None, {}, {"res": None}, {"res": "text"}, {"res": []}, {"duration": None}])
def test_an_event_without_a_result_is_a_result_without_words(data: Any) -> None:
    found = task_result({"event": "runner_on_failed", "event_data": data}, 1, ())
    assert found is not None
    assert (found.status, found.detail, found.report) == (HostStatus.FAILED, "", {})


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ({"msg": "non-zero return code", "stderr": "E: Unable to locate"}, "E: Unable to locate"),
        ({"msg": "non-zero return code", "stderr": "  ", "stdout": "out"}, "non-zero return code"),
        ({"stdout": "only this"}, "only this"),
        ({"censored": "hidden by no_log"}, "hidden by no_log"),
        (
            {"msg": "one of them", "results": [{"msg": "fine"}, {"failed": True, "msg": "third item"}]},
            "third item",
        ),
        ({"msg": 5}, ""),
        ({"results": "nonsense"}, ""),
    ],
)
def test_the_reason_is_the_most_telling_text(result: dict[str, Any], said: str) -> None:
    found = task_result(event("runner_on_failed", res=result), 1, ())
    assert found is not None
    assert found.detail == said


@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_host_becomes_a_bounded_record(hostile: str) -> None:
    result = {
        "msg": hostile,
        "stderr": hostile,
        "diff": {"before": "", "after": hostile, "after_header": hostile},
    }
    found = task_result(event("runner_on_failed", task=hostile, play=hostile, res=result), 1, ())
    assert found is not None
    assert len(encode(found).encode()) < 200_000
    assert len(found.detail) <= 400
    assert shows(found.detail + found.task + found.play + found.diff.replace("\n", ""))


def test_a_diff_reads_as_one() -> None:
    part = {"before": "a\n\nb\n", "after": "a\nc\n", "before_header": "/etc/x", "after_header": "new"}
    more = {"prepared": "@@ -1 +1 @@\n-x\n+y\n"}
    found = task_result(
        event(res={"diff": [part, {"before": 1, "after": 1}], "results": [{"diff": more}]}), 1, ()
    )
    assert found is not None
    assert found.diff == "--- /etc/x\n+++ new\n-a\n-b\n+a\n+c\n@@ -1 +1 @@\n-x\n+y\n"


def test_a_diff_is_cut_and_holds_no_secret_not_even_half() -> None:
    for size in (19_980, 19_990, 20_000, 100_000):
        diff = {"before": "", "after": "x" * size + SECRET + f"\n{KEY}" + "y\n" * 50_000}
        found = task_result(event(res={"diff": diff}), 1, (SECRET, KEY))
        assert found is not None
        assert len(found.diff) < 60_100
        assert not re.search(f"{SECRET[:6]}|b3BlbnNz", found.diff)


def test_how_hosts_came_out_of_a_wave() -> None:
    stats = {
        "processed": {"a": 1, "b": 1, "c": 1, "d": 1},
        "ok": {"a": 3, "b": 2, "c": 1},
        "changed": {"b": 1, "c": 1},
        "failures": {"c": 1},
        "dark": {"d": 1},
    }
    found = outcomes(stats, 2, ("a", "b", "c", "d", "e"), {"c": "task: no", "d": "down"})
    assert [(each.host, each.status, each.ok, each.changed, each.failed, each.detail) for each in found] == [
        ("a", HostStatus.OK, 3, 0, 0, ""),
        ("b", HostStatus.CHANGED, 2, 1, 0, ""),
        ("c", HostStatus.FAILED, 1, 1, 1, "task: no"),
        ("d", HostStatus.UNREACHABLE, 0, 0, 0, "down"),
        ("e", HostStatus.UNREACHABLE, 0, 0, 0, "Ansible ended before it was done"),
    ]
    assert {each.wave for each in found} == {2}
    assert [each.status for each in outcomes({}, 1, ("a",), {})] == [HostStatus.UNREACHABLE]


def test_what_an_engineer_can_act_on_is_said_in_words() -> None:
    noise = "@@@@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @@@@ IT IS POSSIBLE THAT SOMEONE IS …"
    event = {"event": "runner_on_unreachable", "event_data": {"host": "web", "res": {"msg": noise}}}
    result = events.task_result(event, 1, ())
    assert result is not None
    assert result.detail.startswith("its SSH host key is not the pinned one")


def test_what_a_fat_task_did_is_told_item_by_item_and_bounded() -> None:
    changes = ["wrote /etc/a.conf", f"set mode of /etc/{SECRET}", "\x1b[2Jmade /var/lib/x", *["x"] * 500]
    found = task_result(event(res={"changed": True, "changes": changes}), 1, (SECRET,))
    assert found
    assert found.detail.startswith(f"wrote /etc/a.conf; set mode of /etc/{MASK}; [2Jmade /var/lib/x; x; x")
    assert len(found.detail) < 500 and shows(found.detail)
    assert task_result(event(res={"changes": "no list"}), 1, ()) == task_result(event(res={}), 1, ())


def test_only_our_own_task_says_what_is_managed() -> None:
    """A module brings back whatever a host wants it to; a debug task runs here."""
    managed = {"managed_agent_resources": {"capability": "monitoring"}}
    ours = event(task_action="ansible.builtin.debug", res=managed)
    assert events.resources(ours) == ("web", {"capability": "monitoring"})
    for other in (
        event(task_action="managed_agent_look", res=managed),
        event("runner_on_failed", task_action="ansible.builtin.debug", res=managed),
        event(task_action="ansible.builtin.debug", res={"managed_agent_resources": "x"}),
        event(task_action="ansible.builtin.debug", res=None),
        {"event": "verbose"},
    ):
        assert events.resources(other) is None
