"""Where hosts, agents and servers disagree."""

from datetime import date

import pytest
from msgspec.structs import replace

from mspctl.coverage import Gap, GapKind, counts, gaps, is_open, licences, unmatched
from mspctl.inventory import Host, Inventory
from mspctl.records import (
    ConsoleAnswer,
    Coverage,
    CoverageState,
    Exclusion,
    OptIn,
    Proof,
    SystemChoice,
    Unmatched,
)
from tests.samples import asset, client_file, coverage, zabbix

C, G = CoverageState, GapKind
TODAY = date(2026, 11, 22)
INSTALLED = Proof(check="installed", title="The agent is installed", source="host", ok=True)
RUNNING = Proof(check="running", title="It runs", source="host", ok=True)
BROKEN = replace(RUNNING, ok=False)


def console(known: bool = True, fresh: bool = True) -> tuple[Proof, ...]:
    return (
        Proof(check="known", title="The server knows the host", source="console", ok=known),
        Proof(
            check="fresh", title="Fresh data", source="console", ok=fresh, detail="" if fresh else "900 s old"
        ),
    )


def only(proved: Coverage) -> Gap | None:
    found = gaps([proved], (), (), client_file(), TODAY)
    return found[0] if found else None


@pytest.mark.parametrize(
    ("proved", "kind"),
    [
        (coverage("web", C.COVERED, proofs=(INSTALLED, RUNNING, *console())), None),
        (coverage("web", C.MISSING, "not installed"), G.NOT_INSTALLED),
        (coverage("web", C.MISSING, "not installed", console(fresh=False)), G.NOT_INSTALLED),
        (coverage("web", C.MISSING, "not installed", console()), G.ELSEWHERE),
        (coverage("web", C.FAILING, "x", (INSTALLED, RUNNING, *console(fresh=False))), G.SILENT),
        (coverage("web", C.FAILING, "x", (INSTALLED, RUNNING, *console(False, False))), G.SILENT),
        (coverage("web", C.FAILING, "x", (INSTALLED, BROKEN, *console(fresh=False))), G.FAILING),
        (coverage("web", C.FAILING, "x", (INSTALLED, BROKEN)), G.FAILING),
        (coverage("web", C.UNKNOWN, "down"), G.UNKNOWN),
        (coverage("web", C.EXCLUDED, "a till"), G.EXCLUDED),
    ],
)
def test_each_disagreement_has_a_name(proved: Coverage, kind: GapKind | None) -> None:
    found = only(proved)
    assert (found.kind if found else None) == kind
    assert found is None or is_open(found) == (kind is not G.EXCLUDED)


def test_what_only_the_server_knows_is_told_apart() -> None:
    assets = [
        asset("files", "192.0.2.10"),
        replace(asset("old", "192.0.2.11"), gone_since="20261120T000000Z"),
        asset("till", "192.0.2.12"),
    ]

    def other(name: str, address: str = "", checks_in: bool = True) -> Unmatched:
        return Unmatched(
            service="monitoring", provider="zabbix", name=name, checks_in=checks_in, address=address
        )

    others = [
        other("files-2", "192.0.2.10"),
        other("old", checks_in=False),
        other("till"),
        other("nobody", "192.0.2.99"),
    ]
    found = {gap.host: (gap.kind, gap.reason) for gap in gaps((), others, assets, client_file(), TODAY)}
    assert found["files-2"] == (G.DUPLICATE, "checks in; at 192.0.2.10, which is files")
    assert found["old"] == (
        G.NOT_ON_NETWORK,
        "silent; gone from the network since scan 20261120T000000Z",
    )
    assert found["till"] == (G.NOT_ON_NETWORK, "checks in; on the network, and not to have this service")
    assert found["nobody"] == (G.NOT_ON_NETWORK, "checks in at 192.0.2.99; no scan has seen it")


def test_an_exclusion_that_has_run_out_is_a_gap_again() -> None:
    past = Exclusion(asset="till", reason="no agent fits", owner="Sam", expires="2026-11-21")
    still = replace(past, asset="kiosk", expires="2026-11-22")
    file = replace(client_file(), exclusions=(past, still))
    (gap,) = gaps((), (), (), file, TODAY)
    assert (gap.kind, gap.host) == (G.EXPIRED, "till") and is_open(gap)


def test_what_is_to_be_done_first_comes_first() -> None:
    proved = [coverage("b", C.EXCLUDED, "x"), coverage("a", C.UNKNOWN), coverage("c", C.MISSING)]
    kinds = [gap.kind for gap in gaps(proved, (), (), client_file(), TODAY)]
    assert kinds == [G.NOT_INSTALLED, G.UNKNOWN, G.EXCLUDED]


def test_the_server_s_list_less_our_hosts() -> None:
    host = Host(name="web", groups=("monitoring",))
    built = Inventory(hosts=(host,), group_variables={}, services={"monitoring": zabbix()})
    census = [
        ConsoleAnswer(host=name, known=True, fresh=name != "z", detail="") for name in ("z", "web", "old")
    ]
    assert [(each.name, each.checks_in) for each in unmatched(built, "monitoring", "zabbix", census)] == [
        ("old", True),
        ("z", False),
    ]


def test_licences_count_what_is_bought_there_and_alive() -> None:
    proved = [
        coverage("a", C.COVERED, proofs=(INSTALLED, *console())),
        coverage("b", C.FAILING, proofs=(INSTALLED, *console(fresh=False))),
        coverage("c", C.MISSING),
        replace(coverage("a", C.COVERED, proofs=(INSTALLED,)), service="backup"),
    ]
    stranger = Unmatched(service="monitoring", provider="zabbix", name="x", checks_in=True)
    services = {"monitoring": replace(zabbix(), licences=2), "backup": zabbix()}
    backup, monitoring = licences(proved, [stranger], services)
    assert (monitoring.bought, monitoring.installed, monitoring.active) == (2, 2, 1)
    assert monitoring.at_server == 3
    assert (backup.bought, backup.installed, backup.active, backup.at_server) == (None, 1, 1, None)


def test_history_grows_only_where_something_changed() -> None:
    first = counts([coverage("a", C.COVERED), coverage("b", C.MISSING)], "1", ())
    assert [(each.run, each.covered, each.missing) for each in first] == [("1", 1, 1)]
    assert counts([coverage("a", C.COVERED), coverage("b", C.MISSING)], "2", first) == first
    later = counts([coverage("a", C.COVERED), coverage("b", C.COVERED)], "3", first)
    assert [(each.run, each.covered) for each in later] == [("1", 1), ("3", 2)]
    assert counts([coverage("a", C.MISSING)], "", first) == first, "a look at nobody is none"


@pytest.mark.parametrize("state", [C.COVERED, C.MISSING])
def test_another_product_for_the_same_thing_is_a_gap_of_its_own(state: CoverageState) -> None:
    proved = replace(coverage("web", state), incumbents=("older (package older-agent)",))
    found = gaps([proved], (), (), client_file(), TODAY)
    (gap,) = [each for each in found if each.kind is G.INCUMBENT]
    assert (gap.host, gap.service, gap.reason) == ("web", "monitoring", "older (package older-agent)")
    assert is_open(gap)


MIXED = replace(zabbix(), licences=5, windows=SystemChoice(provider="ninjaone", licences=2))


def test_what_a_server_knows_is_held_against_the_hosts_of_its_own_product() -> None:
    hosts = tuple(
        Host(name=name, groups=("monitoring",), discovered={"os": system})
        for name, system in (("desk", "windows"), ("web", "debian"))
    )
    built = Inventory(hosts=hosts, group_variables={}, services={"monitoring": MIXED})
    census = [ConsoleAnswer(host=name, known=True, fresh=True, detail="") for name in ("desk", "web")]
    strangers = unmatched(built, "monitoring", "zabbix", census)
    assert [(each.name, each.provider) for each in strangers] == [("desk", "zabbix")]
    proved = [replace(coverage("desk", C.COVERED), provider="ninjaone"), coverage("web", C.COVERED)]
    (gap,) = gaps(proved, strangers, [asset("desk"), asset("web")], client_file(), TODAY)
    assert (gap.kind, gap.host) == (G.NOT_ON_NETWORK, "desk")
    assert gap.reason == "checks in; on the network, and to have ninjaone instead"


def test_licences_are_counted_for_each_product() -> None:
    proved = [
        replace(coverage("desk", C.COVERED, proofs=(INSTALLED,)), provider="ninjaone"),
        coverage("web", C.COVERED, proofs=(INSTALLED, *console())),
    ]
    stranger = Unmatched(service="monitoring", provider="zabbix", name="desk", checks_in=True)
    found = licences(proved, [stranger], {"monitoring": MIXED})
    assert [(each.provider, each.bought, each.installed, each.at_server) for each in found] == [
        ("zabbix", 5, 1, 2),
        ("ninjaone", 2, 1, None),
    ]


def test_one_product_on_two_systems_is_counted_once() -> None:
    part = SystemChoice(provider="zabbix", licences=3)
    covered = [coverage("web", C.COVERED, proofs=(INSTALLED,))]
    (found,) = licences(covered, (), {"monitoring": OptIn(linux=part, windows=part)})
    assert (found.bought, found.installed) == (6, 1)
