"""When hosts may be changed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mspctl.errors import BadInput
from mspctl.handwritten import read
from mspctl.records import ClientFile, Maintenance, Window
from mspctl.windows import WEEKDAYS, closes_at, late, local, of_sites, opens_at
from tests.samples import CLIENT_YML, client_file

NIGHTS = Maintenance(
    timezone="Europe/Berlin", windows=(Window(start="22:00", end="05:00", days=("fri", "sat")),)
)
LUNCH = Maintenance(windows=(Window(start="12:00", end="13:00"),))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "closes", "opens"),
    [
        ("2026-11-20T20:59", None, "2026-11-20T21:00"),  # Friday, 21:59 in Berlin
        ("2026-11-20T21:00", "2026-11-21T04:00", None),
        ("2026-11-21T03:59", "2026-11-21T04:00", None),  # Saturday morning, opened on Friday
        ("2026-11-21T04:00", None, "2026-11-21T21:00"),
        ("2026-11-22T02:00", "2026-11-22T04:00", None),  # Sunday morning, opened on Saturday
        ("2026-11-22T22:00", None, "2026-11-27T21:00"),  # Sunday night: not until Friday
        ("2026-07-03T20:30", "2026-07-04T03:00", None),  # in summer an hour earlier
    ],
)
def test_a_window_past_midnight_in_the_time_of_the_place(
    now: str, closes: str | None, opens: str | None
) -> None:
    assert closes_at(NIGHTS, at(now)) == (at(closes) if closes else None)
    assert opens_at(NIGHTS, at(now)) == (at(opens) if opens else None)


def test_hours_hold_when_the_clocks_change() -> None:
    spring = closes_at(NIGHTS, at("2026-03-28T22:00"))  # Saturday 23:00; clocks go forward at night
    assert spring == at("2026-03-29T03:00"), "05:00 of summer time"


def test_without_windows_it_is_always_open() -> None:
    assert closes_at(Maintenance(), at("2026-11-22T10:00")) == datetime.max.replace(tzinfo=UTC)
    assert opens_at(Maintenance(), at("2026-11-22T10:00")) is None


@given(
    st.datetimes(min_value=datetime(2026, 1, 1), max_value=datetime(2027, 1, 1)),
    st.sampled_from([NIGHTS, LUNCH]),
)
def test_it_is_open_or_opens_and_never_both(moment: datetime, maintenance: Maintenance) -> None:
    now = moment.replace(tzinfo=UTC)
    closes, opens = closes_at(maintenance, now), opens_at(maintenance, now)
    assert (closes is None) != (opens is None)
    if closes:
        assert now < closes <= now + timedelta(hours=8)
    if opens:
        assert opens > now and closes_at(maintenance, opens)


def test_what_cannot_end_in_time_is_late() -> None:
    noon = at("2026-11-22T12:00")
    deadlines = {"a": noon + timedelta(minutes=10), "b": noon + timedelta(hours=1)}
    assert late(deadlines, ("a", "b", "c"), noon, 0) == []
    assert late(deadlines, ("a", "b", "c"), noon, 601) == ["a"]


def test_a_site_has_its_own_windows_or_the_client_s() -> None:
    client = client_file()
    (site,) = client.sites
    client = msgspec.structs.replace(client, maintenance=LUNCH)
    assert of_sites(client) == {"main": LUNCH}
    own = msgspec.structs.replace(client, sites=(msgspec.structs.replace(site, maintenance=NIGHTS),))
    assert of_sites(own) == {"main": NIGHTS}
    assert local(at("2026-11-20T21:00"), NIGHTS) == "Fri 2026-11-20 22:00 Europe/Berlin"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "maintenance: {timezone: Mars/Olympus}",
            "maintenance.timezone: not a valid time zone: 'Mars/Olympus'",
        ),
        ("maintenance: {timezone: ../../etc/passwd}", "maintenance.timezone: not a valid time zone"),
        ("maintenance: {windows: [{start: '24:00', end: '05:00'}]}", "maintenance.windows[0].start"),
        ("maintenance: {windows: [{start: '22:00', end: '05:00', days: [sunday]}]}", "days[0]"),
        ("maintenance: {windows: [{start: '22:00', end: '05:00', days: []}]}", "days"),
    ],
)
def test_a_mistake_in_a_window_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "client.yml"
    path.write_text(f"{CLIENT_YML}\n{text}\n")
    with pytest.raises(BadInput) as caught:
        read(path, ClientFile, "client.yml")
    assert said in "\n".join(caught.value.lines) and len(caught.value.lines) == 1


def test_every_day_is_the_default() -> None:
    assert LUNCH.windows[0].days == WEEKDAYS
