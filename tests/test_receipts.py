import json
from typing import Any

import pytest

from mspctl import receipts
from mspctl.receipts import Managed, Thing
from mspctl.records import Resource

KEY = "0f" * 32
MARK = "@0123456789abcdef01234567"
CONF = Thing(kind="file", name="/etc/x.conf")
UNIT = Thing(kind="unit", name="x.service")
HERE = {"type": "file", "mode": "0644", "owner": "root", "group": "root", "content": "ab" * 32}


def said(*states: Any, mark: str = MARK) -> bytes:
    return f"Welcome to \x1b[1mx\n{mark[:4]}\n\n{mark} {json.dumps(states)}\n".encode()


def resource(thing: Thing, **state: str) -> Resource:
    return Resource(kind=thing.kind, name=thing.name, command=thing.command, state=state)


def test_an_answer_is_read_past_what_a_login_prints_and_its_digests_are_keyed() -> None:
    seen = receipts.answer(said(HERE, None), MARK, (CONF, UNIT), KEY)
    assert seen == {CONF: {**HERE, "content": receipts.keyed(KEY, HERE["content"])}}
    other = receipts.answer(said(HERE, None), MARK, (CONF, UNIT), receipts.fresh_key())
    assert other and other[CONF]["content"] != seen[CONF]["content"]


@pytest.mark.parametrize(
    "output",
    [
        b"",
        b"\xff" * 4096,
        said(HERE),  # one answer to two questions
        said(HERE, None, None),
        said(HERE, None)[:-10],
        said(HERE, None, mark="@000000000000000000000000"),
        said(HERE, {"mode": 644}),
        said(HERE, {"mode": "6" * 5000}),
        said(HERE, {"mode": {"a": "b"}}),
        said(HERE, "gone"),
        f"\n{MARK} {'[' * 100_000}".encode(),
        f"\n{MARK} [{{}}, {{}}] trailing".encode(),
        f"\n{MARK} {json.dumps([HERE, {'mode': chr(0xD800)}])}".encode(),
    ],
)
def test_what_is_no_answer_proves_nothing(output: bytes) -> None:
    assert receipts.answer(output, MARK, (CONF, UNIT), KEY) is None


def test_the_password_and_the_questions_are_a_line_each() -> None:
    odd = Thing(kind="file", name="/etc/a\nb'\"; rm -rf /")
    text = receipts.question(MARK, (CONF, odd), "p'a$s\"s")
    assert text
    word, mark, asked, program = text.decode().split("\n", 3)
    assert (word, mark) == ("p'a$s\"s", MARK)
    assert json.loads(asked) == {"mark": MARK, "things": [["file", CONF.name, []], ["file", odd.name, []]]}
    assert program == receipts.program()
    assert (receipts.question(MARK, (CONF,), "") or b"").startswith(f"{MARK}\n".encode())
    assert receipts.question(MARK, (CONF,), "two\nlines") is None
    assert receipts.question(MARK, (Thing(kind="file", name="/" + "x" * 2_000_000),), "") is None


def test_what_is_not_as_the_role_leaves_it_gets_no_receipt() -> None:
    managed = Managed(kind="file", name=CONF.name, expected={"mode": ("0644",), "owner": ("root", "adm")})
    found = receipts.resources([managed], {CONF: HERE})
    assert found == (Resource(kind="file", name=CONF.name, state=HERE),)
    loose = receipts.resources([managed], {CONF: {**HERE, "mode": "0666"}})
    assert loose == "file /etc/x.conf: mode is 0666, not as the role leaves it"
    assert receipts.resources([managed], {CONF: {"type": "absent"}}) == (
        "file /etc/x.conf: mode is none, not as the role leaves it"
    )
    assert receipts.resources([managed], {}) == "file /etc/x.conf: cannot be observed"


def test_every_change_is_a_difference_and_content_is_never_shown() -> None:
    before = [resource(CONF, **HERE), resource(UNIT, active="active", enabled="enabled")]
    now = {CONF: HERE, UNIT: {"active": "active", "enabled": "enabled"}}
    assert receipts.difference(before, now) == ""
    for thing, state in now.items():
        for name in state:
            changed = {**now, thing: {**state, name: "other"}}
            found = receipts.difference(before, changed)
            assert found.startswith(f"{thing.kind} {thing.name}: {name} is ")
            assert ("another" in found) is (name == "content")
            lacking = {key: value for key, value in state.items() if key != name}
            assert receipts.difference(before, {**now, thing: lacking})
        assert receipts.difference(before, {**now, thing: {**state, "new": "x"}})
    assert receipts.difference(before, {CONF: HERE}) == "unit x.service: cannot be observed"


def test_a_report_is_bounded_and_of_its_form() -> None:
    entry = {"kind": "file", "name": "/etc/x", "expected": {"mode": ["0644"]}}
    whole: dict[str, Any] = {"capability": "monitoring", "provider": "zabbix", "resources": [entry]}
    assert receipts.reported(whole)
    for wrong in (
        {},
        {**whole, "resources": [entry] * 3000},
        {**whole, "resources": [{**entry, "kind": "socket"}]},
        {**whole, "more": 1},
    ):
        assert receipts.reported(wrong) is None
