from msgspec.structs import replace

from mspctl.changes import changes, scans, until
from mspctl.records import ChangeKind, ScanStarted, Service
from tests.samples import NOW, asset


def told(before: list[object], now: list[object]) -> list[tuple[str, str, str, str, str]]:
    found = changes(before, now)  # type: ignore[arg-type]  # lists of assets
    return [(each.kind.value, each.name, each.what, each.before, each.now) for each in found]


def test_nothing_changed() -> None:
    assert changes([asset("web")], [asset("web")]) == ()


def test_new_gone_back_moved_and_changed() -> None:
    gone = replace(asset("old", "192.0.2.3"), gone_since="s")
    opened = replace(
        asset("web"), services=(Service(port=443, product="nginx"), Service(port=22, name="ssh"))
    )
    before = [asset("old", "192.0.2.3"), replace(asset("back", "192.0.2.4"), gone_since="r"), asset("web")]
    now = [
        gone,
        asset("back", "192.0.2.4"),
        replace(opened, addresses=("192.0.2.11",)),
        asset("till", "192.0.2.5"),
    ]
    assert told([*before], [*now]) == [
        ("new", "till", "addresses", "", "192.0.2.5"),
        ("gone", "old", "addresses", "192.0.2.3", ""),
        ("back", "back", "addresses", "", "192.0.2.4"),
        ("moved", "web", "addresses", "192.0.2.10", "192.0.2.11"),
        ("changed", "web", "port 443/tcp", "closed", "open"),
    ]


def test_each_value_that_changed_is_told_from_and_to() -> None:
    before = replace(asset("web", vendor="Dell"), services=(Service(port=22, product="OpenSSH 9"),))
    now = replace(
        asset("web", os_version="13"), name="www", services=(Service(port=22, product="OpenSSH 10"),)
    )
    assert told([before], [now]) == [
        ("changed", "www", "name", "web", "www"),
        ("changed", "www", "os_version", "12", "13"),
        ("changed", "www", "service 22/tcp", "OpenSSH 9", "OpenSSH 10"),
        ("changed", "www", "vendor", "Dell", ""),
    ]


def test_what_came_and_went_in_between_is_not_told() -> None:
    assert changes([], [replace(asset("guest"), gone_since="s")]) == ()
    assert ChangeKind.NEW


def test_a_log_is_cut_after_a_scan() -> None:
    log = [ScanStarted(scan=scan, started_at=NOW, networks=(), ports=()) for scan in ("b", "a", "c")]
    assert scans(log) == ("a", "b", "c")
    assert [record.scan for record in until(log, "b")] == ["b", "a"]
