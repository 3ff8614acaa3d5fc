import re
import shutil
import subprocess
from base64 import b64decode
from collections import Counter
from hashlib import sha256
from pathlib import Path

import pytest
from msgspec.structs import replace

from mspctl.records import (
    Ambiguous,
    Change,
    ChangeKind,
    End,
    How,
    Layer,
    Link,
    Node,
    NodeKind,
    ScanEnded,
    ScanRecord,
    ScanStarted,
    Topology,
)
from mspctl.reports.discovery import Found, discovery, last_scan
from mspctl.topology import topology
from tests.offices import office
from tests.reports.test_page import Reader
from tests.samples import HOSTILE, NOW, asset, client_file

CHROMIUM = shutil.which("chromium")


def found(text: str = "quiet") -> Found:
    """A page's worth of records with `text` wherever somebody else chooses the words."""
    short = text[:60]
    nodes = (
        Node(id="a-web", kind=NodeKind.ASSET, name="web", address="192.0.2.10"),
        Node(id="n-1", kind=NodeKind.NEIGHBOUR, name=short, mac=short, detail=short),
        Node(id=f"u-1 {short}", kind=NodeKind.UNMANAGED, name=short, detail=short),
        Node(id="net-office", kind=NodeKind.NETWORK, name="office", address="192.0.2.0/24"),
    )
    links = (
        Link(
            layer=Layer.PHYSICAL,
            one=End(node="a-web", port=short),
            other=End(node="n-1", port=short),
            how=(How.LLDP,),
            evidence=(text,),
        ),
        Link(
            layer=Layer.PHYSICAL,
            one=End(node="a-web"),
            other=End(node=f"u-1 {short}"),
            how=(How.FDB,),
            is_inferred=True,
        ),
        Link(layer=Layer.LOGICAL, one=End(node="a-web"), other=End(node="net-office"), how=(How.ADDRESS,)),
    )
    return Found(
        provider=text,
        name="acme",
        client=replace(client_file(), title=text),
        assets=[
            asset("web", kind="server", role=text, vendor=text, model=text),
            replace(asset("old"), gone_since="s"),
        ],
        doubts=[Ambiguous(subject=text, detail=text, advice=text)],
        topology=Topology(nodes=nodes, links=links),
        scan=(ScanStarted(scan="b", started_at=NOW, networks=(), ports=()), None),
        before="a",
        changes=[Change(asset="a-web", name=text, kind=ChangeKind.CHANGED, what=text, before=text, now=text)],
    )


def drawn(count: int) -> Found:
    """An office of `count` assets."""
    assets, log, file = office(count)
    return Found(
        provider="Northwind IT",
        name="harbour",
        client=file,
        assets=assets,
        doubts=(),
        topology=topology(assets, log, file),
        scan=(None, None),
    )


@pytest.mark.parametrize(
    "hostile", [*HOSTILE, '"><script>alert(1)</script>', "' onmouseover='alert(1)", "</script><b>"]
)
def test_hostile_text_adds_no_tag_and_no_attribute(hostile: str) -> None:
    html = discovery(found(hostile))
    html.encode()
    shape = [(tag, sorted(name for name, _ in attributes)) for tag, attributes in Reader(html).tags]
    quiet = [
        (tag, sorted(name for name, _ in attributes)) for tag, attributes in Reader(discovery(found())).tags
    ]
    assert Counter(map(repr, shape)) == Counter(map(repr, quiet))
    assert len(html) < 100_000
    assert not any(character in html for character in "\x1b\x00\x9b\u202e\u2066")


def test_only_its_own_script_may_run_and_nothing_is_fetched() -> None:
    html = discovery(found())
    script = html.partition("<script>")[2].partition("</script>")[0]
    allowed = re.search(r"script-src 'sha256-([^']+)'", html)
    assert allowed and b64decode(allowed[1]) == sha256(script.encode()).digest()
    assert "default-src 'none'" in html
    tags = Reader(html).tags
    assert not {tag for tag, _ in tags} & {"link", "img", "iframe", "object", "form", "base"}
    wanted = [value or "" for _, attributes in tags for name, value in attributes if name in ("src", "href")]
    assert all(value.startswith("#") for value in wanted)
    assert not [name for _, attributes in tags for name, _ in attributes if name.startswith("on")]


def test_it_says_what_the_records_say() -> None:
    text = " ".join(Reader(discovery(found("Jane's <shop>"))).text.split())
    for said in (
        "Jane's <shop>",
        "scan of 2026-11-21 09:30 UTC",
        "1 asset",
        "1 cable seen",
        "1 cable inferred",
        "the last scan was stopped before its end",
        "Compared with a.",
        "No longer seen: old",
        "90 %",
    ):
        assert said in text


def test_what_nothing_is_known_of_has_a_page_too() -> None:
    empty = replace_topology(found(), Topology())
    assert "192.0.2.10" in discovery(empty)
    assert "web" in discovery(empty)


def replace_topology(page: Found, new: Topology) -> Found:
    return Found(**{**page.__dict__, "topology": new})


def test_the_last_scan_is_found_in_the_log() -> None:
    log: list[ScanRecord] = [
        ScanStarted(scan="a", started_at=NOW, networks=(), ports=()),
        ScanStarted(scan="b", started_at=NOW, networks=(), ports=()),
        ScanEnded(scan="b", ended_at=NOW, addresses_probed=1),
    ]
    started, ended = last_scan(log)
    assert started and started.scan == "b"
    assert ended and ended.addresses_probed == 1
    assert last_scan([]) == (None, None)


def test_the_same_records_are_the_same_page() -> None:
    assert discovery(drawn(40)) == discovery(drawn(40))


@pytest.mark.skipif(not CHROMIUM, reason="needs chromium")
def test_the_script_runs_in_a_browser(tmp_path: Path) -> None:
    page = tmp_path / "discovery.html"
    page.write_text(discovery(drawn(60)))
    done = subprocess.run(
        [
            str(CHROMIUM),
            *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
            *(
                "--enable-logging=stderr",
                f"--user-data-dir={tmp_path / 'browser'}",
                "--dump-dom",
                page.as_uri(),
            ),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "CONSOLE" not in done.stderr, done.stderr
    assert "Content Security Policy" not in done.stderr
    root = done.stdout.partition("<html")[2].partition(">")[0]
    assert 'data-ready="yes"' in root
    assert 'data-layer="physical"' in root
    assert 'id="search"' in done.stdout
    pressed = dict(re.findall(r'data-show="(\w+)" aria-pressed="(\w+)"', done.stdout))
    assert pressed == {"physical": "true", "logical": "false"}
    assert len(re.findall('<figure hidden="">', done.stdout)) == 1


def test_a_resumed_scan_ended_as_it_ended_last() -> None:
    stopped = ScanEnded(scan="1", ended_at=NOW, addresses_probed=3, interrupted=True)
    finished = ScanEnded(scan="1", ended_at=NOW, addresses_probed=9)
    assert last_scan([stopped, finished]) == (None, finished)
