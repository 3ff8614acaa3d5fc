import math

from hypothesis import given
from hypothesis import strategies as st

from mspctl import waves
from mspctl.records import HostStatus, RunRecord
from tests.samples import ended, outcome, started

hosts = st.dictionaries(
    st.text(max_size=6), st.sampled_from(["debian 12", "debian 11", "ubuntu", ""]), max_size=30
)
shares = st.floats(0, 1, exclude_min=True)


@given(hosts, shares)
def test_every_host_is_in_exactly_one_wave_and_no_wave_is_empty(named: dict[str, str], share: float) -> None:
    cut = waves.cut(named, share)
    assert sorted(host for wave in cut for host in wave) == sorted(named)
    assert all(cut)
    assert len(cut) <= 3
    assert all(list(wave) == sorted(wave) for wave in cut)


@given(hosts, shares)
def test_there_is_one_pilot_of_each_likeness(named: dict[str, str], share: float) -> None:
    cut = waves.cut(named, share)
    pilots = cut[0] if cut else ()
    assert sorted(named[host] for host in pilots) == sorted(set(named.values()))
    rest = len(named) - len(pilots)
    if rest:
        assert len(cut[1]) == math.ceil(rest * share)


@given(hosts, shares, st.randoms())
def test_the_order_of_the_hosts_does_not_matter(named: dict[str, str], share: float, chance: object) -> None:
    shuffled = sorted(named, key=lambda _name: chance.random())  # type: ignore[attr-defined]  # a Random
    assert waves.cut({name: named[name] for name in shuffled}, share) == waves.cut(named, share)


def test_waves_of_a_small_client() -> None:
    named = {f"pc{number}": "debian" for number in range(1, 7)} | {"files": "ubuntu"}
    assert waves.cut(named, 0.34) == (("files", "pc1"), ("pc2", "pc3"), ("pc4", "pc5", "pc6"))
    assert waves.cut(named, 1) == (("files", "pc1"), ("pc2", "pc3", "pc4", "pc5", "pc6"))
    assert waves.cut({}, 0.5) == ()


def test_when_a_run_stops() -> None:
    wave = ("a", "b", "c", "d", "e")
    fine = dict.fromkeys(wave, HostStatus.OK)
    down = dict.fromkeys(wave, HostStatus.UNREACHABLE)
    assert waves.stop_reason(wave, fine, 0.2) == ""
    assert waves.stop_reason(wave, {**fine, "a": HostStatus.FAILED}, 0.2) == ""
    assert waves.stop_reason(wave, {**fine, "a": HostStatus.FAILED}, 0) == (
        "1 of the wave's 5 hosts failed, more than 0%: a"
    )
    two = {**fine, "a": HostStatus.FAILED, "d": HostStatus.FAILED}
    assert waves.stop_reason(wave, two, 0.2) == "2 of the wave's 5 hosts failed, more than 20%: a, d"
    assert waves.stop_reason(wave, {**down, "a": HostStatus.OK}, 0) == ""  # switched off is not broken
    for nobody in (down, {}):
        assert waves.stop_reason(wave, nobody, 0.2) == "none of the wave's 5 hosts was reached"


def test_a_run_goes_on_where_it_was() -> None:
    asked = started([("a",), ("b", "c"), ("d",)])
    records: list[RunRecord] = [asked, outcome("a", HostStatus.CHANGED), outcome("b", HostStatus.FAILED, 2)]
    assert waves.remaining(records) == (("b", "c"), ("d",))
    assert waves.lost(records) == ("b",)
    assert waves.started(records) == asked
    assert waves.is_unfinished(records)
    assert waves.is_unfinished([*records, ended("stopped")])
    assert waves.is_unfinished([*records, ended("interrupted")])
    assert not waves.is_unfinished([*records, ended()])
    done = [*records, outcome("b", HostStatus.OK, 2), outcome("c", wave=2), outcome("d", wave=3)]
    assert waves.remaining(done) == ()
    assert waves.lost(done) == ()  # the latest word counts


def test_a_record_without_a_beginning() -> None:
    assert waves.started([]) is None
    assert waves.remaining([outcome("a")]) == ()
    assert not waves.is_unfinished([])


@given(hosts, st.data())
def test_what_is_left_and_what_is_done_are_all(named: dict[str, str], data: st.DataObject) -> None:
    cut = waves.cut(named, 0.5)
    came = data.draw(st.dictionaries(st.sampled_from(sorted(named) or [""]), st.sampled_from(HostStatus)))
    records: list[RunRecord] = [started(cut), *(outcome(host, status) for host, status in came.items())]
    left = {host for wave in waves.remaining(records) for host in wave}
    done = {host for host, status in came.items() if status in waves.DONE}
    assert left == set(named) - done
    assert set(waves.lost(records)) & set(named) <= left


@given(
    st.lists(st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=8), max_size=3),
    st.lists(st.frozensets(st.sampled_from("abcdefgh"), min_size=2, max_size=4), max_size=3),
)
def test_no_wave_holds_two_that_stand_in_for_one_another(
    planned: list[list[str]], groups: list[frozenset[str]]
) -> None:
    parted = waves.apart(planned, groups)
    assert all(len(group.intersection(wave)) <= 1 for wave in parted for group in groups)
    assert sorted(host for wave in parted for host in wave) == sorted(
        host for wave in planned for host in wave
    )
    if not groups:
        assert parted == tuple(tuple(wave) for wave in planned if wave)


def test_redundant_hosts_go_one_after_the_other_in_the_order_of_the_waves() -> None:
    pair = [frozenset({"dc1", "dc2"})]
    assert waves.apart([("pc1",), ("dc1", "dc2", "pc2")], pair) == (("pc1",), ("dc1", "pc2"), ("dc2",))
