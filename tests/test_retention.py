"""Which snapshots go, and what is no basis for that."""

import re
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from mspctl import catalog, retention
from mspctl.data.retention import repository
from mspctl.errors import BadInput
from mspctl.retention import Look, Nothing, Policy, Refused

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
POLICY = Policy(
    keep_last=2,
    keep_daily=3,
    keep_weekly=2,
    keep_monthly=2,
    snapshots_by_hand=2,
    prune_reads_data=True,
    calendar="*-*-* 01:00",
)


def name(number: int) -> str:
    return f"{number:064x}"


def look(came: Iterable[datetime], dated: dict[int, datetime] | None = None, a_day: int = 1) -> Look:
    """Return what is seen of snapshots that came one after the other, each dated so unless said otherwise."""
    times = dict(enumerate(came))
    return Look(
        now=NOW.timestamp(),
        arrived={name(number): at.timestamp() for number, at in times.items()},
        dated={name(number): (dated or {}).get(number, at) for number, at in times.items()},
        scheduled_a_day=a_day,
    )


def days_ago(*days: float) -> list[datetime]:
    return [NOW - timedelta(days=each) for each in days]


def numbers(snapshots: Iterable[str]) -> list[int]:
    return [int(snapshot, 16) for snapshot in snapshots]


def test_the_last_and_the_newest_of_each_day_week_and_month_stay() -> None:
    came = days_ago(90, 60, 40, 21, 9, 8, 3, 2.1, 2, 1.1, 1, 0.1, 0)  # today is a Friday
    gone = [came[number] for number in numbers(retention.forgotten(look(came), POLICY))]
    assert gone == days_ago(90, 60, 21, 9, 3, 2.1, 1.1)


def test_a_host_that_was_off_loses_nothing_by_it() -> None:
    long_ago = days_ago(700, 650)
    assert retention.forgotten(look(long_ago), POLICY) == ()


@given(st.lists(st.integers(0, 60 * 24 * 400), max_size=60, unique=True))
def test_thinning_twice_is_thinning_once(minutes: list[int]) -> None:
    seen = look(NOW - timedelta(minutes=each) for each in sorted(minutes, reverse=True))
    gone = set(retention.forgotten(seen, POLICY))
    left = structs.replace(
        seen,
        arrived={key: at for key, at in seen.arrived.items() if key not in gone},
        dated={key: at for key, at in seen.dated.items() if key not in gone},
    )
    assert retention.forgotten(left, POLICY) == ()
    assert len(left.arrived) >= min(len(minutes), POLICY.keep_last)


def test_snapshots_that_are_dated_back_push_nothing_out() -> None:
    honest = days_ago(*range(10, 0, -1))
    forged = {10 + day: NOW - timedelta(days=1 + day) for day in range(2)}
    seen = look([*honest, *days_ago(0.02, 0.01)], forged)
    assert retention.doubt(seen, POLICY) == ""
    assert not {8, 9} & set(numbers(retention.forgotten(seen, POLICY)))  # of yesterday and the day before


def test_what_is_honest_is_no_cause_for_doubt() -> None:
    assert retention.doubt(look(days_ago(*range(30, -1, -1))), POLICY) == ""
    assert retention.doubt(look([]), POLICY) == ""


def test_a_snapshot_from_the_future_is_a_cause_for_doubt() -> None:
    said = retention.doubt(look(days_ago(1, 0), {1: NOW + timedelta(days=400)}), POLICY)
    assert said == (
        "snapshot 00000000 is dated 2028-01-01 12:00 UTC, which was yet to come when the server got it at "
        "2026-11-27 12:00 UTC"
    )


def test_one_that_was_from_the_future_stays_one() -> None:
    assert "yet to come" in retention.doubt(look(days_ago(9, 8), {1: NOW - timedelta(days=5)}), POLICY)


def test_clocks_may_differ_a_little() -> None:
    assert retention.doubt(look(days_ago(1, 0), {1: NOW + timedelta(minutes=50)}), POLICY) == ""


@pytest.mark.parametrize("day", [0, 4])
def test_more_in_a_day_than_the_schedule_makes_are_a_cause_for_doubt(day: int) -> None:
    flood = [NOW - timedelta(days=day, minutes=minute) for minute in range(4)]
    came = sorted([*days_ago(9, 7), *flood])
    said = retention.doubt(look(came), POLICY)
    assert said == (
        f"4 snapshots came on 2026-11-{27 - day}, and the schedule makes 1 a day, people 2 more at most"
    )
    assert retention.doubt(look(came, a_day=2), POLICY) == ""


def test_what_cannot_be_read_is_a_cause_for_doubt() -> None:
    seen = look(days_ago(2, 1, 0))
    seen = structs.replace(seen, dated={name(0): NOW})
    assert retention.doubt(seen, POLICY) == "2 of 3 snapshots cannot be read, such as 00000000"


def test_the_password_is_in_what_is_read_and_not_in_what_is_run() -> None:
    told = retention.text("@mark", "sudo-word", ("/srv/backup", "acme-a-1"), "opens", POLICY)
    assert b"opens" in told and told.startswith(b"sudo-word\n@mark{")
    run = retention.command("@mark", with_password=True)
    assert "opens" not in run and "sudo-word" not in run and "@mark" in run


@pytest.mark.parametrize(
    ("output", "found"),
    [
        (b'Welcome!\n{"answer": "Nothing", "nothing": "no backup"}\n', Nothing(nothing="no backup")),
        (b'{"answer": "Refused", "refused": "why"}', Refused(refused="why")),
        (b'{"answer": "Look", "now": 1, "arrived": {"../x": 1}, "dated": {}, "scheduled_a_day": 1}', None),
        (b"bash: python3: command not found", None),
        (b"\xff\xfe", None),
        (b"", None),
    ],
)
def test_only_an_answer_is_one(output: bytes, found: object) -> None:
    assert retention.answer(output) == found


def test_the_settings_of_the_shipped_record_are_a_policy() -> None:
    record = catalog.provider("backup", "restic")
    found = retention.policy({key: each.default for key, each in record.settings.items()})
    assert found.keep_last >= 1 and found.calendar == "*-*-* 01:00" and found.prune_reads_data
    assert retention.PASSWORD in record.secrets
    with pytest.raises(BadInput, match=r"no settings keep_last, .*calendar: see that of restic"):
        retention.policy({})


@pytest.mark.parametrize(
    ("calendar", "a_day"), [("*-*-* 01:00", 1), ("*-*-* 00/6:00", 4), ("Sun 05:00", 1), ("*:0/15", 96)]
)
def test_how_often_a_calendar_elapses_is_systemds_to_say(calendar: str, a_day: int) -> None:
    try:
        subprocess.run(["systemd-analyze", "--version"], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("systemd is not installed")
    assert repository.scheduled_a_day(calendar) == a_day
    with pytest.raises(repository.Refused, match=r"systemd-analyze calendar: .*whenever"):
        repository.scheduled_a_day("whenever")


def test_sizes_are_read_by_people() -> None:
    assert [retention.in_words(size) for size in (-1, 512, 1536, 3 << 30)] == [
        "0 B",
        "512 B",
        "1.5 KiB",
        "3.0 GiB",
    ]


def test_the_script_needs_nothing_but_python() -> None:
    imported = re.findall(r"^(?:import|from) (\w+)", retention.script(), re.MULTILINE)
    assert set(imported) <= {"json", "re", "subprocess", "sys", "time", "pathlib", "typing"}
