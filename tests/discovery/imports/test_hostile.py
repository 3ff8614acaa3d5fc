"""Files that were written to do harm, or by accident: nothing raises, nothing grows, one line says what."""

import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mspctl.discovery.imports import FORMATS, Asked, Row, Skipped, chunks_of, inside, recognise, take
from mspctl.errors import BadInput
from mspctl.facts import facts
from mspctl.records import Listing
from mspctl.workspace import encode
from tests.discovery.evidence import client
from tests.discovery.imports import NOW, read, samples

BOMB = b"""<?xml version="1.0"?><!DOCTYPE nmaprun [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><nmaprun><host><status state="up"/>
<address addr="192.0.2.1" addrtype="ipv4"/>&c;</host></nmaprun>"""
FOREIGN = b"""<?xml version="1.0"?><!DOCTYPE nmaprun [<!ENTITY x SYSTEM "file:///etc/passwd">]>
<nmaprun><host><status state="up"/><address addr="192.0.2.1" addrtype="ipv4"/>&x;</host></nmaprun>"""
PIECES = {path.parent.name: path.read_bytes() for path in samples()}


def sensible(items: list[Row | Skipped]) -> None:
    """Check what holds of everything that is read: it can be written down, and means lines of text."""
    for item in items:
        if isinstance(item, Skipped):
            assert item.line >= 1 and item.what and "\n" not in item.what
            continue
        listing = Listing(scan="x", probe=item.probe, at=NOW, addresses=item.addresses, raw=item.raw)
        assert len(encode(listing)) < 400_000
        for text in facts(listing).values():
            assert text.isprintable() and len(text) <= 512


@given(st.sampled_from(sorted(FORMATS)), st.binary(max_size=2_000))
def test_whatever_the_bytes_nothing_raises(form: str, data: bytes) -> None:
    sensible(read(form, data))
    recognise(data)


@given(st.data(), st.sampled_from(sorted(FORMATS)))
def test_a_real_file_with_something_else_in_it_is_read_around(data: st.DataObject, form: str) -> None:
    sample = PIECES[form]
    start = data.draw(st.integers(0, len(sample)))
    end = data.draw(st.integers(start, min(len(sample), start + 60)))
    sensible(read(form, sample[:start] + data.draw(st.binary(max_size=40)) + sample[end:]))


@pytest.mark.parametrize("form", ["nmap", "windows-dhcp"])
@pytest.mark.parametrize("data", [BOMB, FOREIGN])
def test_entities_are_refused_where_they_are_declared(form: str, data: bytes) -> None:
    (said,) = read(form, data)
    assert isinstance(said, Skipped) and "entities" in said.what and said.line <= 2


def test_elements_in_elements_without_end() -> None:
    (said,) = read("nmap", b"<nmaprun>" + b"<host>" * 100_000)
    assert isinstance(said, Skipped) and "nested" in said.what


def test_records_in_records_without_end() -> None:
    items = read(
        "masscan", b'{"ip":' + b"[" * 100_000 + b"\n", b'{"ip":"192.0.2.1","x":' + b"[" * 90_000 + b"}\n"
    )
    assert items and all(isinstance(item, Skipped) for item in items)


def endless(piece: bytes, halves: int) -> Iterator[bytes]:
    """Yield so many half megabytes of a piece."""
    chunk = (piece * (65_536 // len(piece) + 1))[:65_536]
    for _ in range(halves * 8):
        yield chunk


@pytest.mark.parametrize(
    ("form", "begin", "piece"),
    [
        ("nmap", b"<nmaprun>", b"<hosthint>x</hosthint>"),
        ("nmap", b'<nmaprun><host comment="', b"x"),
        ("nmap", b"<nmaprun><host>", b"<p a='b'/>"),
        ("masscan", b"[", b'{"a":['),
        ("masscan", b"", b"{\n"),
        ("csv", b"ip,name\n", b'"'),
        ("csv", b"ip,name\n", b"192.0.2.1,x\n"),
        ("csv", b"ip,name\n", b'"\n'),
        ("dnsmasq", b"", b"1 "),
        ("isc-dhcp", b"lease 192.0.2.1 {\n", b'x "y" {\n'),
        ("isc-dhcp", b"lease 192.0.2.1 {\n", b"set a = b;\n"),
        ("ad-computers", b"dn: x\n", b" folded\n"),
        ("ad-computers", b"dn: x\n", b"a: b\n"),
        ("windows-dhcp", b"IPAddress,ClientId,ScopeId\n", b'a,"'),
    ],
)
def test_megabytes_of_the_same_take_little_time_and_memory(form: str, begin: bytes, piece: bytes) -> None:
    """Both grow with the file at most as it does: four times as much takes about four times as long."""

    def taken(halves: int) -> float:
        started = time.process_time()
        chunks = iter([begin, *endless(piece, halves)])
        intake = take(FORMATS[form](chunks, Asked(NOW)), lambda address: True)
        assert len(intake.mistakes) <= 10
        return time.process_time() - started

    assert taken(4) < 8 * max(taken(1), 0.1)
    tracemalloc.start()
    taken(1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 32 * 1024**2


def test_a_file_that_cannot_be_opened_says_so(tmp_path: Path) -> None:
    large = tmp_path / "large"
    with large.open("wb") as stream:
        stream.truncate(2 * 1024**3)  # a hole: it takes no room
    for path, words in ((tmp_path / "absent", "no such file"), (tmp_path, "not a file"), (large, "split it")):
        with pytest.raises(BadInput, match=words):
            list(chunks_of(path))


def test_inside_is_what_the_client_lists_and_does_not_exclude() -> None:
    networks = [{"name": "office", "cidr": "192.0.2.0/24", "exclude": ["192.0.2.64/26"]}]
    networks += [{"name": "six", "cidr": "2001:db8::/64"}]
    is_inside = inside(client(sites=[{"name": "main", "networks": networks}]))
    for address, expected in {
        "192.0.2.1": True,
        "192.0.2.70": False,
        "192.0.3.1": False,
        "2001:db8::1": True,
        "2001:db8:0:1::1": False,
        "::c000:201": False,  # the same number as 192.0.2.1
    }.items():
        assert is_inside(address) is expected, address


def test_what_lies_outside_is_counted_but_a_directory_knows_its_own_machines() -> None:
    rows = [
        Row("nmap", ("198.51.100.1",), {"state": "open"}, NOW, 22),
        Row("dhcp", ("198.51.100.2",), {"mac": "3c:52:82:00:00:01"}),
        Row("directory", ("198.51.100.3",), {"cn": ["A"]}),
        Row("directory", ("192.0.2.3", "198.51.100.3"), {"cn": ["B"]}),
        Row("csv", (), {"name": "c"}),
    ]
    intake = take([*rows, *rows], lambda address: address.startswith("192.0.2."))
    assert (intake.outside, intake.observations) == (6, [])
    assert [row.addresses for row in intake.listings] == [("198.51.100.3",), ("192.0.2.3",), ()]
