"""Whose evidence is whose, over many scans."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mspctl.assets import explain, merge
from mspctl.naming import unique
from mspctl.records import Ambiguous, Asset, OverridesFile, ScanRecord
from tests.discovery.evidence import KEYS, SERVERS, UNIVERSAL, client, overrides, scan

SYS_NAME, ENGINE, SERIAL = "1.3.6.1.2.1.1.5.0", "1.3.6.1.6.3.10.2.1.1.0", "1.3.6.1.2.1.43.5.1.1.17.1"


def merged(*scans: list[ScanRecord], given: OverridesFile | None = None, **changes: Any) -> list[Asset]:
    """Return the assets made of some scans."""
    result = merge([line for log in scans for line in log], client(**changes), given or OverridesFile())
    return [each for each in result if isinstance(each, Asset)]


def doubts(*scans: list[ScanRecord], given: OverridesFile | None = None) -> list[Ambiguous]:
    """Return the doubts made of some scans."""
    result = merge([line for log in scans for line in log], client(), given or OverridesFile())
    return [each for each in result if isinstance(each, Ambiguous)]


def encoded(log: list[ScanRecord]) -> bytes:
    """Return what would stand in the file."""
    return b"\n".join(map(msgspec.json.encode, merge(log, client(), OverridesFile())))


# Laws

machine = st.fixed_dictionaries(
    {},
    optional={
        "arp": st.sampled_from(UNIVERSAL[:4]),
        "key": st.sampled_from(KEYS[:4]),
        "ptr": st.sampled_from(["a.example", "b.example", "localhost", "{{ 7*7 }}.example"]),
        "ports": st.sets(st.sampled_from([80, 445, 5432])),
        "gateway": st.just(SERVERS),
        "tls": st.sampled_from(["a" * 64, "b" * 64]),
        "snmp": st.fixed_dictionaries(
            {},
            optional={
                ENGINE: st.sampled_from(["0x80001f888001020304", "0x80001f888005060708"]),
                SERIAL: st.sampled_from(["SN-0001", "SN-0002"]),
                SYS_NAME: st.sampled_from(["files", "../../etc", "\x1b[2J", "x" * 100_000]),
            },
        ),
    },
)
addresses = st.sampled_from(["192.0.2.5", "192.0.2.6", "192.0.2.7", "198.51.100.5", "198.51.100.6"])
one_scan = st.tuples(
    st.dictionaries(addresses, machine, max_size=5), st.sampled_from(["complete", "interrupted", "killed"])
)
logs = st.lists(one_scan, min_size=1, max_size=4).map(
    lambda scans: [
        line for number, (seen, ends) in enumerate(scans) for line in scan(number, seen, ends=ends)
    ]
)


@settings(deadline=None, max_examples=150)
@given(logs, st.randoms())
def test_the_order_of_the_log_does_not_matter(log: list[ScanRecord], random: Any) -> None:
    shuffled = list(log)
    random.shuffle(shuffled)
    assert encoded(shuffled) == encoded(log)


@settings(deadline=None, max_examples=80)
@given(logs)
def test_a_record_told_twice_changes_nothing(log: list[ScanRecord]) -> None:
    assert encoded(log + log) == encoded(log)


TANGLED = {  # a key on three machines, of which a serial number and an engine tell one apart
    "192.0.2.5": {"key": KEYS[0]},
    "192.0.2.6": {"arp": UNIVERSAL[0], "key": KEYS[0], "snmp": {SERIAL: "SN-0002"}},
    "192.0.2.7": {
        "arp": UNIVERSAL[0],
        "snmp": {ENGINE: "0x80001f888005060708", SYS_NAME: "files", SERIAL: "SN-0002"},
    },
    "198.51.100.5": {"arp": UNIVERSAL[0], "key": KEYS[0], "snmp": {ENGINE: "0x80001f888001020304"}},
}


@settings(deadline=None, max_examples=80)
@given(st.dictionaries(addresses, machine, max_size=5), st.integers(1, 4))
@example(TANGLED, 4)
def test_a_quiet_scan_changes_no_byte(seen: dict[str, Any], repeats: int) -> None:
    log = scan(0, seen)
    first = encoded(log)
    for number in range(1, repeats + 1):
        log += scan(number, seen)
    assert encoded(log) == first


@settings(deadline=None, max_examples=100)
@given(logs)
def test_ids_and_names_are_unique_and_safe_and_every_address_has_a_machine(log: list[ScanRecord]) -> None:
    found = merged(log)
    assert len({asset.id for asset in found}) == len({asset.name for asset in found}) == len(found)
    for asset in found:
        assert len(asset.name) <= 63 and asset.addresses
        assert asset.name[0].isalnum() and set(asset.name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    present = [address for asset in found if not asset.gone_since for address in asset.addresses]
    assert len(present) == len(set(present))


# Merging


def test_one_host_key_on_several_addresses_is_one_machine_with_the_reason() -> None:
    router = {"key": KEYS[0], "ptr": "rtr1.example", "gateway": SERVERS}
    (asset,) = merged(scan(0, {"192.0.2.1": router, "198.51.100.1": router | {"ptr": "edge.example"}}))
    assert asset.addresses == ("192.0.2.1", "198.51.100.1")
    assert asset.get("kind") == "router"
    assert asset.merged_because == (
        "198.51.100.1 and 192.0.2.1: same ssh host key " + asset.identities[0].value,
    )


def test_a_cloned_host_key_merges_nothing_and_is_told() -> None:
    seen = {
        "192.0.2.5": {"key": KEYS[0], "arp": UNIVERSAL[0], "ptr": "ws-1.example"},
        "192.0.2.6": {"key": KEYS[0], "arp": UNIVERSAL[1], "ptr": "ws-2.example"},
        "198.51.100.6": {"key": KEYS[0], "ptr": "ws-3.example"},
    }
    assert [asset.name for asset in merged(scan(0, seen), scan(1, seen))] == ["ws-1", "ws-2", "ws-3"]
    (doubt,) = doubts(scan(0, seen), scan(1, seen))
    assert "192.0.2.5, 192.0.2.6, 198.51.100.6" in doubt.detail and "ssh-keygen" in doubt.advice
    repaired = {a: m | {"key": KEYS[n + 1]} for n, (a, m) in enumerate(seen.items())}
    assert not [d for d in doubts(scan(0, seen), scan(1, repaired)) if "different machines" in d.detail]


def test_one_card_with_several_addresses_is_one_machine() -> None:
    (asset,) = merged(scan(0, {f"192.0.2.{n}": {"arp": UNIVERSAL[0]} for n in (5, 6, 7)}))
    assert asset.addresses == ("192.0.2.5", "192.0.2.6", "192.0.2.7")


@pytest.mark.parametrize("mac", ["02:00:00:00:00:01", "00:00:5e:00:01:01", "00:00:0c:07:ac:01"])
def test_a_mac_that_is_no_mark_merges_nothing(mac: str) -> None:
    assert len(merged(scan(0, {"192.0.2.5": {"arp": mac}, "192.0.2.6": {"arp": mac}}))) == 2


def test_proxy_arp_swallows_no_network_and_makes_no_phantoms() -> None:
    seen: dict[str, Any] = {f"192.0.2.{n}": {"arp": UNIVERSAL[0], "ping": False} for n in range(10, 200)}
    seen["192.0.2.1"] = {"arp": UNIVERSAL[0], "key": KEYS[0]}
    seen["192.0.2.20"] = {"arp": UNIVERSAL[0], "key": KEYS[1]}
    assert [asset.addresses for asset in merged(scan(0, seen))] == [("192.0.2.1",), ("192.0.2.20",)]
    assert [d.subject for d in doubts(scan(0, seen))] == [UNIVERSAL[0]]


def test_two_host_keys_behind_one_mac_are_two_machines() -> None:
    seen = {f"192.0.2.{n}": {"arp": UNIVERSAL[0], "key": KEYS[n]} for n in (1, 2)}
    assert len(merged(scan(0, seen))) == 2


def test_a_shared_certificate_or_a_factory_name_merges_nothing() -> None:
    tls = {"192.0.2.5": {"tls": "a" * 64, "key": KEYS[0]}, "192.0.2.6": {"tls": "a" * 64, "key": KEYS[1]}}
    assert len(merged(scan(0, tls))) == 2
    named = {f"192.0.2.{n}": {"snmp": {SYS_NAME: "raspberrypi.local"}} for n in (5, 6)}
    assert len(merged(scan(0, named))) == 2


OBJECT, OWN_SERIAL = (
    "1.3.6.1.2.1.1.2.0",
    "1.3.6.1.4.1.318.1.1.1.1.2.3.0",
)  # PowerNet-MIB: upsAdvIdentSerialNumber


def power_supply(serial: str, number: str = "318.1.3.27") -> dict[str, Any]:
    """Return what a UPS of a maker whose own objects are asked for says."""
    return {"snmp": {OBJECT: f"1.3.6.1.4.1.{number}", OWN_SERIAL: serial}}


def test_a_serial_number_in_a_makers_own_object_is_a_mark() -> None:
    (asset,) = merged(
        scan(0, {"192.0.2.5": power_supply("AS1234567890")}),
        scan(1, {"192.0.2.9": power_supply("AS1234567890")}),
    )
    assert asset.addresses == ("192.0.2.9",) and asset.identities[0].value == "318:AS1234567890"
    foreign = power_supply("AS1234567890", "32473.1")  # of a maker whose objects are not asked for
    assert len(merged(scan(0, {"192.0.2.5": foreign}), scan(1, {"192.0.2.9": foreign}))) == 2


@pytest.mark.parametrize(
    "serial",
    ["0000000", "XXXXXXXX", "FFFFFFFFFFFF", "0123456789", "Not Available", "Serial Number", "n/a", "A1"],
)
def test_a_serial_number_that_factories_leave_behind_merges_nothing(serial: str) -> None:
    seen = {f"192.0.2.{n}": power_supply(serial) for n in (5, 6)}
    assert len(merged(scan(0, seen))) == 2


def test_the_serial_number_of_some_member_of_a_cluster_is_no_mark() -> None:
    members = "1.3.6.1.4.1.14823.2.3.3.1.2.1.1.4.6.1.2.3.4.5.6"  # AI-AP-MIB: aiAPSerialNum, a row a member
    instant = {"snmp": {OBJECT: "1.3.6.1.4.1.14823.1.2.100", members: "CNABC1234"}}
    found = merged(scan(0, {"192.0.2.5": instant, "192.0.2.6": instant}))
    assert [asset.get("serial") for asset in found] == ["CNABC1234"] * 2


def test_a_machine_that_moves_is_followed_by_its_mark() -> None:
    first, second = scan(0, {"192.0.2.5": {"key": KEYS[0]}}), scan(1, {"192.0.2.9": {"key": KEYS[0]}})
    (before,), (after,) = merged(first), merged(first, second)
    assert (after.id, after.addresses, after.gone_since) == (before.id, ("192.0.2.9",), "")


def test_another_machine_at_an_address_is_another_asset_only_by_a_strong_mark() -> None:
    first = scan(0, {"192.0.2.5": {"key": KEYS[0], "arp": UNIVERSAL[0], "ptr": "a.example"}})
    moved_in = scan(1, {"192.0.2.5": {"key": KEYS[1], "arp": UNIVERSAL[1], "ptr": "b.example"}})
    gone, here = sorted(merged(first, moved_in), key=lambda asset: asset.name)
    assert gone.gone_since and not here.gone_since and gone.id != here.id
    renamed = scan(1, {"192.0.2.5": {"arp": UNIVERSAL[0], "ptr": "c.example"}})
    assert len(merged(first, renamed)) == 1


def test_a_changed_host_key_alone_is_a_doubt_until_it_is_trusted() -> None:
    first = scan(0, {"192.0.2.5": {"key": KEYS[0], "arp": UNIVERSAL[0], "ptr": "a.example"}})
    second = scan(1, {"192.0.2.5": {"key": KEYS[1], "arp": UNIVERSAL[0], "ptr": "a.example"}})
    (asset,) = merged(first, second)
    (doubt,) = doubts(first, second)
    assert doubt.subject == "192.0.2.5" and "mspctl assets trust" in doubt.advice
    assert asset.id == merged(first)[0].id
    assert not doubts(first, second, given=overrides(asset=asset.id, trusted_host_key=KEYS[1]))
    assert doubts(first, second, given=overrides(asset=asset.id, trusted_host_key=KEYS[2]))
    assert doubts(first, second, scan(2, {"192.0.2.5": {"arp": UNIVERSAL[0]}}))


def test_two_cards_at_one_address_are_told() -> None:
    assert "two machines" in doubts(scan(0, {"192.0.2.5": {"arp": list(UNIVERSAL[:2])}}))[0].detail


# Over time


def test_the_id_stays_as_evidence_grows() -> None:
    bare = scan(0, {"192.0.2.5": {"arp": UNIVERSAL[0]}}, ends="interrupted")
    rich = scan(1, {"192.0.2.5": {"arp": UNIVERSAL[0], "key": KEYS[0], "ptr": "files.example"}})
    (before,), (after,) = merged(bare), merged(bare, rich)
    assert before.id == after.id and (before.name, after.name) == ("host-192-0-2-5", "files")
    clone = scan(2, {"192.0.2.6": {"arp": UNIVERSAL[1], "key": KEYS[0], "ptr": "other.example"}})
    assert after.id in {asset.id for asset in merged(bare, rich, clone)}


def test_a_value_is_known_since_it_was_first_seen() -> None:
    files = {"192.0.2.5": {"key": KEYS[0]}}
    named = {"192.0.2.5": {"key": KEYS[0], "ports": [445]}}
    (asset,) = merged(scan(0, files), scan(1, files), scan(2, named), scan(3, named))
    assert asset.profile["os"].since == datetime(2026, 1, 1, 0, tzinfo=UTC)
    assert asset.profile["role"].since == datetime(2026, 1, 1, 2, tzinfo=UTC)


def test_gone_is_said_by_complete_scans_of_its_network_only() -> None:
    seen = {"192.0.2.5": {"key": KEYS[0]}, "192.0.2.6": {"key": KEYS[1]}, "198.51.100.5": {"key": KEYS[2]}}
    without = {address: machine for address, machine in seen.items() if address != "192.0.2.5"}

    def gone(*scans: list[ScanRecord]) -> str:
        return next(a.gone_since for a in merged(scan(0, seen), *scans) if a.addresses == ("192.0.2.5",))

    assert gone(scan(1, without)) == gone(scan(1, without), scan(2, without)) == "20260101T010000Z"
    for log in (
        scan(1, without, ends="interrupted"),
        scan(1, without, ends="killed"),
        scan(1, without, networks=[SERVERS]),
        scan(1, without, excluded=["192.0.2.5"]),
        scan(1, without, unreachable=["192.0.2.0/24"]),
        scan(1, seen),
    ):
        assert not gone(log)
    assert not gone(scan(1, without), scan(2, seen))


def test_a_network_that_falls_silent_as_a_whole_is_a_doubt() -> None:
    seen = {"192.0.2.5": {"key": KEYS[0]}, "192.0.2.6": {"key": KEYS[1]}}
    assert [doubt.subject for doubt in doubts(scan(0, seen), scan(1, {}))] == ["office"]


def test_a_closed_port_is_forgotten_but_not_by_a_scan_that_broke_off() -> None:
    open_, shut = {"192.0.2.5": {"key": KEYS[0], "ports": [80]}}, {"192.0.2.5": {"key": KEYS[0]}}

    def ports(*scans: list[ScanRecord]) -> list[int]:
        return [service.port for service in merged(*scans)[0].services]

    assert ports(scan(0, open_)) == [22, 80]
    assert ports(scan(0, open_), scan(1, shut)) == [22]
    assert ports(scan(0, open_), scan(1, {"192.0.2.5": {}}, ends="killed")) == [22, 80]


def test_networks_that_are_no_longer_listed_or_are_excluded_are_left_out() -> None:
    log = scan(0, {"192.0.2.5": {}, "192.0.2.6": {}, "203.0.113.9": {}})
    sites = [
        {"name": "main", "networks": [{"name": "office", "cidr": "192.0.2.0/24", "exclude": ["192.0.2.6"]}]}
    ]
    assert [asset.addresses for asset in merged(log, sites=sites)] == [("192.0.2.5",)]


# Names and overrides


@pytest.mark.parametrize(
    ("machine", "name"),
    [
        ({"ptr": "Files.example", "snmp": {SYS_NAME: "other"}}, "files"),
        ({"ptr": "localhost.example", "snmp": {SYS_NAME: "Core_Switch.example"}}, "core-switch"),
        ({"ptr": "192-0-2-5.dhcp.example"}, "host-192-0-2-5"),
        ({"snmp": {SYS_NAME: "{{ lookup('pipe', 'id') }}"}}, "host-192-0-2-5"),
        ({"snmp": {SYS_NAME: "../../etc/passwd"}}, "host-192-0-2-5"),
        ({"snmp": {SYS_NAME: "\x1b[31mred"}}, "host-192-0-2-5"),
        ({"snmp": {SYS_NAME: "x" * 1_000_000}}, "host-192-0-2-5"),
        ({"snmp": {SYS_NAME: "all"}}, "host-192-0-2-5"),
    ],
)
def test_a_name_is_safe_whatever_the_machine_says(machine: dict[str, Any], name: str) -> None:
    assert merged(scan(0, {"192.0.2.5": machine}))[0].name == name


def test_equal_names_are_told_apart_and_what_is_there_comes_first() -> None:
    old = {"192.0.2.5": {"key": KEYS[0], "arp": UNIVERSAL[0], "ptr": "files.example"}}
    new = {"192.0.2.5": {"key": KEYS[1], "arp": UNIVERSAL[1], "ptr": "files.example"}}
    found = {asset.name: bool(asset.gone_since) for asset in merged(scan(0, old), scan(1, new))}
    assert found == {"files": False, "files-2": True}


def test_what_the_engineer_knows_wins() -> None:
    log = scan(0, {"192.0.2.5": {"key": KEYS[0]}})
    (asset,) = merged(log)
    given = overrides(asset=asset.id, values={"name": "Till 1", "kind": "server"}, note="seen on site")
    (corrected,) = merged(log, given=given)
    assert (corrected.name, corrected.get("kind")) == ("till-1", "server")
    assert corrected.profile["kind"].probe == "override"
    assert doubts(log, given=overrides(asset="a-nobody0"))[0].subject == "a-nobody0"


def test_no_machine_is_called_as_a_group_is() -> None:
    assert unique({"a-1": "printer", "a-2": "antivirus", "a-3": "web"}) == {
        "a-1": "printer-2",
        "a-2": "antivirus-2",
        "a-3": "web",
    }


# What the engineer knows


def joining(*ids: str, note: str = "seen on site") -> OverridesFile:
    return msgspec.convert({"joined": [{"assets": ids, "note": note}]}, OverridesFile)


def test_assets_joined_by_hand_are_one_machine_under_the_first_ones_id() -> None:
    first = scan(0, {"192.0.2.5": {"key": KEYS[0]}, "192.0.2.6": {"key": KEYS[1]}})
    one, other = sorted(merged(first), key=lambda asset: asset.addresses)
    (both,) = merged(first, given=joining(other.id, one.id))
    assert both.id == other.id
    assert both.addresses == ("192.0.2.5", "192.0.2.6")
    assert both.merged_because == ("joined by hand: seen on site",)
    assert not doubts(first, given=joining(other.id, one.id))
    later = scan(1, {"192.0.2.6": {"key": KEYS[1]}})
    (left,) = merged(first, later, given=joining(other.id, one.id))
    assert (left.id, left.addresses) == (other.id, ("192.0.2.6",))


def test_an_unknown_id_in_a_join_is_told_and_joins_nothing() -> None:
    first = scan(0, {"192.0.2.5": {"key": KEYS[0]}})
    (asset,) = merged(first)
    assert [each.id for each in merged(first, given=joining(asset.id, "a-unknown"))] == [asset.id]
    (doubt,) = doubts(first, given=joining(asset.id, "a-unknown"))
    assert doubt.subject == "a-unknown"


def test_candidates_of_an_asset_are_made_of_what_still_holds() -> None:
    log = scan(0, {"192.0.2.5": {"banner": "SSH-2.0-OpenSSH_9.2p1 Debian-2", "key": KEYS[0]}})
    (asset,) = merged(log)
    found = {each.field: each.value for each in explain(log, client(), OverridesFile(), asset.id)}
    assert found["os"] == "debian"
    assert explain(log, client(), OverridesFile(), "a-unknown") == ()
