import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mspctl.records import Asset, End, How, Json, Layer, Link, NodeKind, Observation, Topology
from mspctl.topology import topology
from tests.offices import answer, client, device, interfaces, mac, office
from tests.samples import HOSTILE

ROUTER = device("rtr1", "10.20.0.1", 1, "router")
ONE = device("sw1", "10.20.0.2", 2, "switch")
TWO = device("sw2", "10.20.0.3", 3, "switch")
WEB = device("web", "10.20.1.10", 10, "server")
TILL = device("till", "10.20.0.20", 20, "workstation")


def drawn(assets: list[Asset], *log: Observation) -> Topology:
    return topology(assets, log, client(2))


def cables(found: Topology) -> list[tuple[str, str, str, str]]:
    names = {node.id: node.name for node in found.nodes}
    return [
        (names[link.one.node], link.one.port, names[link.other.node], link.other.port)
        for link in found.links
        if link.layer is Layer.PHYSICAL
    ]


def fdb(**ports: list[int]) -> list[Json]:
    return [
        {"mac": mac(number), "port": int(port[1:])} for port, numbers in ports.items() for number in numbers
    ]


def test_what_both_ends_say_is_one_link_with_both_ports() -> None:
    near: dict[str, Json] = {
        "port": 1,
        "chassis": mac(2_001),
        "chassis_type": 4,
        "remote_port": "GigabitEthernet0/48",
        "name": "sw2",
    }
    far: dict[str, Json] = {
        "interface": 48,
        "name": "sw1.example",
        "remote_port": "Gi0/1",
        "address": "10.20.0.2",
    }
    found = drawn(
        [ONE, TWO],
        answer("10.20.0.2", interfaces=interfaces(2, 1_000), lldp=[near]),
        answer("10.20.0.3", interfaces=interfaces(48, 2_000), cdp=[far]),
    )
    assert cables(found) == [("sw1", "Gi0/1", "sw2", "Gi0/48")]
    (link,) = (link for link in found.links if link.layer is Layer.PHYSICAL)
    assert link.how == (How.LLDP, How.CDP)
    assert not link.is_inferred
    assert len(link.evidence) == 2


def test_two_cables_between_two_switches_stay_two() -> None:
    rows: list[Json] = [
        {"port": port, "chassis": mac(2_001), "chassis_type": 4, "remote_port": f"Gi0/{port + 10}"}
        for port in (1, 2)
    ]
    found = drawn(
        [ONE, TWO],
        answer("10.20.0.2", interfaces=interfaces(2, 1_000), lldp=rows),
        answer("10.20.0.3", interfaces=interfaces(20, 2_000)),
    )
    assert cables(found) == [("sw1", "Gi0/1", "sw2", "Gi0/11"), ("sw1", "Gi0/2", "sw2", "Gi0/12")]


def test_a_neighbour_nobody_scanned_is_a_node_with_who_knows_of_it() -> None:
    row: dict[str, Json] = {
        "port": 2,
        "chassis": "00:11:22:33:44:55",
        "chassis_type": 4,
        "name": "ap-roof",
        "remote_port": "eth0",
    }
    found = drawn([ONE], answer("10.20.0.2", interfaces=interfaces(2, 1_000), lldp=[row]))
    (node,) = (node for node in found.nodes if node.kind is NodeKind.NEIGHBOUR)
    assert (node.name, node.mac) == ("ap-roof", "00:11:22:33:44:55")
    assert node.detail == "seen by sw1 on port Gi0/2 only"
    assert cables(found) == [("sw1", "Gi0/2", "ap-roof", "eth0")]


def test_a_machine_hangs_on_the_port_that_sees_fewest_others() -> None:
    lldp: list[Json] = [
        {
            "port": 1,
            "chassis": mac(2_001),
            "chassis_type": 4,
            "remote_port": "Gi0/8",
            "capabilities": "bridge",
        }
    ]
    found = drawn(
        [ONE, TWO, WEB, TILL],
        answer("10.20.0.2", interfaces=interfaces(8, 1_000), lldp=lldp, fdb=fdb(p1=[10, 20, 2_008], p2=[77])),
        answer("10.20.0.3", interfaces=interfaces(8, 2_000), fdb=fdb(p3=[10], p4=[20], p8=[1_001, 77])),
    )
    assert cables(found) == [
        ("sw1", "Gi0/1", "sw2", "Gi0/8"),
        ("sw1", "Gi0/2", mac(77), ""),
        ("sw2", "Gi0/3", "web", ""),
        ("sw2", "Gi0/4", "till", ""),
    ]
    assert [link.is_inferred for link in found.links if link.layer is Layer.PHYSICAL] == [
        False,
        True,
        True,
        True,
    ]


def test_several_machines_behind_a_silent_port_are_an_unmanaged_switch() -> None:
    found = drawn(
        [ONE, WEB, TILL], answer("10.20.0.2", interfaces=interfaces(4, 1_000), fdb=fdb(p3=[10, 20, 88]))
    )
    (node,) = (node for node in found.nodes if node.kind is NodeKind.UNMANAGED)
    assert "3 machines behind sw1 Gi0/3, 1 of them unknown" in node.detail
    assert {frozenset((one, other)) for one, _, other, _ in cables(found)} == {
        frozenset(("sw1", node.name)),
        frozenset((node.name, "web")),
        frozenset((node.name, "till")),
    }


def test_switches_that_hear_nobody_are_joined_by_what_they_learnt() -> None:
    three = device("sw3", "10.20.0.4", 4, "switch")
    found = drawn(  # sw1 - sw2 - sw3 in a row
        [ONE, TWO, three],
        answer("10.20.0.2", interfaces=interfaces(2, 1_000), fdb=fdb(p1=[2_001, 3_001])),
        answer("10.20.0.3", interfaces=interfaces(2, 2_000), fdb=fdb(p1=[1_001], p2=[3_001])),
        answer("10.20.0.4", interfaces=interfaces(2, 3_000), fdb=fdb(p2=[1_001, 2_002])),
    )
    assert cables(found) == [("sw1", "Gi0/1", "sw2", "Gi0/1"), ("sw2", "Gi0/2", "sw3", "Gi0/2")]


def test_a_router_joins_networks_and_tells_of_silent_machines_and_far_networks() -> None:
    found = drawn(
        [ROUTER, WEB],
        answer(
            "10.20.0.1",
            interfaces=interfaces(3, 100, "ether"),
            addresses=[
                {"address": "10.20.0.1", "interface": 1, "mask": "255.255.255.0"},
                {"address": "10.20.1.1", "interface": 2, "mask": "255.255.255.0"},
                {"address": "10.9.0.1", "interface": 3, "mask": "255.255.255.252"},
                {"address": "127.0.0.1", "interface": 4, "mask": "255.0.0.0"},
            ],
            arp=[
                {"interface": 1, "address": "10.20.0.99", "mac": mac(99)},
                {"interface": 1, "address": "10.20.1.10", "mac": mac(10)},
                {"interface": 3, "address": "10.9.0.2", "mac": mac(98)},
            ],
        ),
        Observation(
            scan="s", address="10.20.0.1", probe="route", at=answer("").at, raw={"network": "10.20.99.0/24"}
        ),
    )
    logical = {(link.one.node, link.other.node): link for link in found.links}
    assert {other for one, other in logical if one == "a-rtr1"} == {
        "net-office",
        "net-servers",
        "net-annexe",
        "net-10.9.0.0/30",
    }
    assert logical["a-rtr1", "net-annexe"].how == (How.ROUTE,)
    assert logical["a-rtr1", "net-servers"].one == End(node="a-rtr1", port="ether2")
    (silent,) = (node for node in found.nodes if node.kind is NodeKind.NEIGHBOUR)
    assert (silent.name, silent.network) == ("10.20.0.99", "office")
    assert silent.detail == "seen by rtr1 in its ARP table only"
    assert {link.how for ends, link in logical.items() if silent.id in ends} == {(How.ARP,)}


def test_the_newest_answer_counts_and_none_from_before_the_asset_was_there() -> None:
    row: dict[str, Json] = {"port": 2, "chassis": "x", "chassis_type": 7, "name": "old-neighbour"}
    early = Observation(
        scan="20200101T000000Z", address="10.20.0.2", probe="snmp", at=answer("").at, raw={"lldp": [row]}
    )
    assert cables(drawn([ONE], early)) == []


def test_an_office_is_drawn_whole() -> None:
    assets, log, file = office(120)
    found = topology(assets, log, file)
    plugged = {
        end.node for link in found.links if link.layer is Layer.PHYSICAL for end in (link.one, link.other)
    }
    assert {asset.id for asset in assets} <= plugged
    assert sum(1 for node in found.nodes if node.kind is NodeKind.UNMANAGED) == 3


def test_order_does_not_matter() -> None:
    assets, log, file = office(60)
    assert topology(assets[::-1], log[::-1], file) == topology(assets, log, file)


_NUMBERS = st.one_of(st.integers(0, 6), st.integers(), st.none(), st.booleans(), st.text(max_size=3))
_TEXTS = st.one_of(
    st.sampled_from(
        ["sw1", "sw2", "web", "Gi0/1", "GigabitEthernet0/2", mac(2), mac(10), mac(1_001), "10.20.0.3"]
    ),
    st.text(max_size=12),
    st.integers(),
    st.none(),
)
_KEYS = {
    **dict.fromkeys(
        ("interface", "port", "remote", "chassis_type", "capabilities", "filter", "status"), _NUMBERS
    ),
    **dict.fromkeys(("mac", "address", "mask", "name", "description", "chassis", "remote_port"), _TEXTS),
}
_ROWS = st.one_of(st.fixed_dictionaries({}, optional=_KEYS), st.integers(), st.none())
_RAW = st.fixed_dictionaries(
    {},
    optional={
        name: st.one_of(st.lists(_ROWS, max_size=6), st.text(max_size=3), st.none())
        for name in ("interfaces", "addresses", "arp", "fdb", "ports", "lldp", "lldp_ports", "cdp", "values")
    },
)


@given(
    st.lists(st.tuples(st.sampled_from(["10.20.0.1", "10.20.0.2", "10.20.0.3"]), _RAW), max_size=3),
    st.randoms(),
)
def test_laws(raws: list[tuple[str, dict[str, Any]]], mixed: random.Random) -> None:
    log = [answer(address, **raw) if "values" not in raw else answer(address) for address, raw in raws]
    assets = [ROUTER, ONE, TWO, WEB, TILL]
    found = drawn(assets, *log)
    again = drawn(mixed.sample(assets, len(assets)), *mixed.sample(log, len(log)))
    assert found == again
    ids = {node.id for node in found.nodes}
    assert len(ids) == len(found.nodes)
    for link in found.links:
        assert link.one.node != link.other.node
        assert link.one < link.other
        assert {link.one.node, link.other.node} <= ids
    assert len({ends(link) for link in found.links}) == len(found.links)


def ends(link: Link) -> tuple[Layer, End, End]:
    return link.layer, link.one, link.other


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_tables_are_drawn_bounded(hostile: str) -> None:
    row: dict[str, Json] = dict.fromkeys(
        ("name", "description", "chassis", "remote_port", "address", "mac", "mask"), hostile
    )
    row |= {"port": 1, "interface": 1, "remote": 1}
    tables: dict[str, Json] = {
        name: [row, hostile, None, [], {"port": 2**70, "name": hostile}]
        for name in ("interfaces", "addresses", "arp", "fdb", "ports", "lldp", "lldp_ports", "cdp")
    }
    found = drawn([ONE, TWO], answer("10.20.0.2", **tables), answer("10.20.0.3", **tables))
    texts = [text for node in found.nodes for text in (node.name, node.detail)]
    texts += [text for link in found.links for text in (link.one.port, link.other.port, *link.evidence)]
    assert all(len(text) < 500 and text.isprintable() for text in texts)
