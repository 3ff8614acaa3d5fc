import dataclasses
from collections import Counter
from html.parser import HTMLParser

import pytest
from msgspec.structs import replace

from mspctl.records import Ambiguous, CoverageState, HostStatus, Proof, RunEnded, Verdict, VerdictState
from mspctl.reports import View, page
from tests.samples import HOSTILE, NOW, WRITABLE, asset, client_file, coverage, outcome, started


class Reader(HTMLParser):
    """What a browser makes of a page: its tags, their attributes, its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[tuple[str, str | None], ...]]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += f" {data.strip()}"


def view(text: str = "quiet") -> View:
    """A page's worth of records with `text` wherever somebody else chooses the words."""
    proofs = (
        Proof(check="a", title=text, source="host", ok=False, detail=text),
        Proof(check="b", title="fine", source="console", ok=True),
        Proof(check="c", title="would be nice", source="host", ok=False, optional=True),
    )
    return View(
        provider=text,
        name="acme",
        client=replace(client_file(), title=text),
        assets=[
            asset("web", kind=text, role=text, os=text, vendor=text, model=text),
            replace(asset("old"), gone_since="scan", name=text[:60]),
        ],
        doubts=[Ambiguous(subject=text, detail=text, advice=text)],
        coverage=[
            coverage("web", CoverageState.FAILING, text, proofs),
            replace(coverage(text[:60], CoverageState.UNKNOWN, text), service=text[:60]),
        ],
        run=[
            replace(started([("web",)]), by=text),
            outcome("web", HostStatus.FAILED, detail=text),
            RunEnded(ended_at=NOW, status="stopped", reason=text),
        ],
        compliance=[
            Verdict(device=text[:60], rule="NB-05", state=VerdictState.FAIL, lines=(text[:300], "telnet")),
            Verdict(device="sw1", rule="NB-05", state=VerdictState.WAIVED, reason=text),
            Verdict(device="sw1", rule="NB-09", state=VerdictState.NOT_APPLICABLE, reason=text),
        ],
        rules={"NB-05": "No telnet"},
    )


@pytest.mark.parametrize(
    "hostile", [*HOSTILE, '"><script>alert(1)</script>', "' onmouseover='alert(1)", "&amp;<b>"]
)
def test_hostile_text_changes_no_tag_and_no_attribute(hostile: str) -> None:
    html = page(view(hostile))
    html.encode()
    assert Counter(Reader(html).tags) == Counter(Reader(page(view())).tags)  # rows are sorted by name
    assert len(html) < 60_000
    assert not any(character in html for character in "\x1b\x00\x9b\u202e\u2066")


def test_it_opens_without_a_network_and_runs_nothing() -> None:
    tags = Reader(page(view())).tags
    assert not {tag for tag, _ in tags} & {"script", "link", "img", "iframe", "object", "form", "base"}
    assert not [
        name for _, attributes in tags for name, _ in attributes if name in ("src", "href", "onclick")
    ]
    policy = dict(
        next(
            attributes for tag, attributes in tags if ("http-equiv", "Content-Security-Policy") in attributes
        )
    )
    assert policy["content"] == "default-src 'none'; style-src 'unsafe-inline'"


def test_it_says_what_the_records_say() -> None:
    text = Reader(page(view("Jane's <shop>"))).text
    for said in (
        "Jane's <shop>",
        "scanning authorised by J. Doe, owner, 2026-11-01",
        "1 asset",
        "1 failing",
        "1 unknown",
        "0 covered",
        "3 proofs",
        "✗ Jane's <shop>",
        "✓ fine",
        "would be nice",
        "192.0.2.10",
        "No longer seen: Jane's <shop>",
        "To be cleared up",
        "r by Jane's <shop>, applied, stopped (Jane's <shop>)",
    ):
        assert said in " ".join(text.split())


def test_a_new_client_has_a_page_too() -> None:
    empty = View(provider="N", name="acme", client=client_file(), assets=[], doubts=[], coverage=[], run=[])
    text = " ".join(Reader(page(empty)).text.split())
    assert "Nothing was verified yet." in text
    assert "Nothing was rolled out yet." in text
    assert "To be cleared up" not in text


def test_a_run_that_was_cut_off_and_a_preview_are_told_as_such() -> None:
    records = [started([("web",)], check=True)]
    shown = View(provider="N", name="a", client=client_file(), assets=[], doubts=[], coverage=[], run=records)
    assert "r by sam, a preview, interrupted" in " ".join(Reader(page(shown)).text.split())


def test_the_same_records_are_the_same_page() -> None:
    assert page(view(WRITABLE[0])) == page(view(WRITABLE[0]))


def test_the_product_of_a_host_is_named_where_others_have_another() -> None:
    desk = replace(coverage("desk"), provider="ninjaone")
    both = Reader(page(dataclasses.replace(view(), coverage=[coverage("web"), desk]))).text
    assert both.count("zabbix") == both.count("ninjaone") == 1
    assert "zabbix" not in Reader(page(dataclasses.replace(view(), coverage=[coverage("web")]))).text
