"""Every format, read out of files as the programs write them."""

import json
from pathlib import Path

import pytest

from mspctl.discovery.imports import FORMATS, Row, Skipped, recognise
from tests.discovery.imports import expected_of, read, samples, told

SAMPLES = [pytest.param(path, id=f"{path.parent.name}/{path.name}") for path in samples()]


@pytest.mark.parametrize("path", SAMPLES)
def test_a_file_says_what_is_expected(path: Path) -> None:
    assert told(path) == json.loads(expected_of(path).read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", SAMPLES)
def test_a_format_is_recognised_by_its_content(path: Path) -> None:
    assert recognise(path.read_bytes()) == path.parent.name


@pytest.mark.parametrize("path", SAMPLES)
@pytest.mark.parametrize("size", [1, 7, 4_096])
def test_it_does_not_matter_how_a_file_is_cut_into_pieces(path: Path, size: int) -> None:
    data = path.read_bytes()
    head = 512  # what tells the encoding comes in one piece
    pieces = [data[:head], *(data[place : place + size] for place in range(head, len(data), size))]
    assert read(path.parent.name, *pieces) == read(path.parent.name, data)


@pytest.mark.parametrize("path", SAMPLES)
def test_of_a_file_that_was_cut_off_the_beginning_counts(path: Path) -> None:
    """Except for formats that say at the end what holds, each row of the half stands in the whole too."""
    data = path.read_bytes()
    whole = [item for item in read(path.parent.name, data) if isinstance(item, Row)]
    half = [item for item in read(path.parent.name, data[: len(data) * 2 // 3]) if isinstance(item, Row)]
    known = {(row.addresses, row.port) for row in whole}
    assert [row for row in half if row.addresses and (row.addresses, row.port) not in known] == []


def test_every_format_has_a_sample() -> None:
    assert {path.parent.name for path in samples()} == set(FORMATS)


def test_columns_are_those_the_engineer_names() -> None:
    data = b"Tag,Where,Mgmt\nAB12CD34,Rack 2,192.0.2.9\n"
    (row,) = read("csv", data, address="Mgmt", serial="Tag", location="Where")
    assert row == Row("csv", ("192.0.2.9",), {"serial": "AB12CD34", "location": "Rack 2"})


@pytest.mark.parametrize(
    ("data", "columns"),
    [
        (b"Tag,Where\nAB12CD34,Rack 2\n", {"address": "Mgmt"}),
        (b"Colour,Weight\nred,3\n", {}),
    ],
)
def test_a_table_without_a_machine_says_which_columns_there_are(data: bytes, columns: dict[str, str]) -> None:
    (said,) = read("csv", data, **columns)
    assert isinstance(said, Skipped) and "--column address=" in said.what
    assert data.split(b",")[0].decode() in said.what


def test_what_was_scanned_in_the_future_was_scanned_now() -> None:
    data = (
        b'{"ip":"192.0.2.1","timestamp":"4000000000","ports":[{"port":22,"proto":"tcp","status":"open"}]}\n'
    )
    (row,) = read("masscan", data)
    assert isinstance(row, Row) and row.at is not None and row.at.year == 2026
