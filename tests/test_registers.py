"""Registers tell more of what was seen, and name what was not; they prove nothing."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from mspctl.assets import merge
from mspctl.records import (
    Asset,
    ImportStarted,
    Listing,
    Observation,
    OverridesFile,
    ScanEnded,
    ScanRecord,
    Unseen,
)
from tests.discovery.evidence import KEYS, SERVERS, UNIVERSAL, client, overrides, scan

NONE = OverridesFile()
SEEN = {"192.0.2.21": {"arp": UNIVERSAL[0], "ptr": "ws-1.acme.example", "key": KEYS[0]}}


def listed(
    number: int,
    *entries: tuple[str, tuple[str, ...], dict[str, Any]],
    source: str = "list",
    ends: bool = True,
) -> list[ScanRecord]:
    """Return the log of one import of a register: entries of (probe, addresses, raw)."""
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=number)
    name = at.strftime("%Y%m%dT%H%M%SZ")
    log: list[ScanRecord] = [ImportStarted(scan=name, started_at=at, source=source)]
    log += [Listing(scan=name, probe=probe, at=at, addresses=where, raw=raw) for probe, where, raw in entries]
    return [*log, ScanEnded(scan=name, ended_at=at, addresses_probed=0)] if ends else log


def account(
    name: str, *addresses: str, days: int = 1, **more: str
) -> tuple[str, tuple[str, ...], dict[str, Any]]:
    """Return a computer's account that last logged on so many days before 2026."""
    day = datetime(2026, 1, 1, tzinfo=UTC) - timedelta(days=days) - datetime(1601, 1, 1, tzinfo=UTC)
    raw = {
        "samaccountname": f"{name}$",
        "dnshostname": f"{name}.ad.acme.example",
        "useraccountcontrol": "4096",
    }
    raw |= {"lastlogontimestamp": str(day // timedelta(microseconds=1) * 10)} | more
    return "directory", addresses, {key: [value] for key, value in raw.items()}


def lease(mac: str, *addresses: str, **more: str) -> tuple[str, tuple[str, ...], dict[str, Any]]:
    """Return a lease in force."""
    return "dhcp", addresses, {"mac": mac, "state": "active", **more}


def found(
    *logs: Iterable[ScanRecord], hand: OverridesFile = NONE
) -> tuple[dict[str, Asset], dict[str, Unseen]]:
    """Return the assets and the machines not seen, each by name."""
    merged = merge([record for log in logs for record in log], client(), hand)
    assets = {each.name: each for each in merged if isinstance(each, Asset)}
    return assets, {each.name: each for each in merged if isinstance(each, Unseen)}


def test_a_register_makes_no_asset_and_says_why_it_was_not_seen() -> None:
    assets, unseen = found(
        scan(0, SEEN),
        listed(
            1,
            account("ws-new", "192.0.2.30"),
            account("ws-stale", days=200),
            account("ws-off", "192.0.2.31", useraccountcontrol="4098"),
            account("ws-unused", lastlogontimestamp="0"),
            account("ws-far", "203.0.113.5"),
            source="ad.acme.example",
        ),
    )
    assert list(assets) == ["ws-1"]
    assert {name: each.reasons for name, each in unseen.items()} == {
        "ws-new": ("nothing answers at 192.0.2.30",),
        "ws-stale": ("stale: last logon 2025-06-15", "has no address"),
        "ws-off": ("disabled", "nothing answers at 192.0.2.31"),
        "ws-unused": ("never logged on", "has no address"),
        "ws-far": ("203.0.113.5 lies in no network of client.yml",),
    }
    assert unseen["ws-stale"].last_active == "2025-06-15"
    assert unseen["ws-new"].known_to == ("directory ad.acme.example",)


def test_an_account_tells_more_of_the_machine_of_its_name_and_contradicts_nothing() -> None:
    entry = account("ws-1", operatingsystem="Windows 11 Pro", location="Reception", days=0)
    assets, unseen = found(scan(0, SEEN), listed(1, entry))
    assert not unseen
    told = {field: value.probe for field, value in assets["ws-1"].profile.items()}
    assert assets["ws-1"].get("location") == "Reception" and told["location"] == "directory"
    assert (assets["ws-1"].get("os"), told["os"]) == (
        "debian",
        "ssh",
    )  # what was seen counts, not the account


def test_an_address_that_went_to_another_machine_does_not_make_them_one() -> None:
    assets, unseen = found(scan(0, SEEN), listed(1, account("ws-old", "192.0.2.21", location="Attic")))
    assert assets["ws-1"].get("location") == ""
    assert unseen["ws-old"].reasons == ("192.0.2.21 belongs to ws-1 now",)


def test_a_lease_names_the_machine_with_its_card_wherever_it_is() -> None:
    nameless = {"192.0.2.40": {"arp": UNIVERSAL[3]}}
    assets, unseen = found(scan(0, nameless), listed(1, lease(UNIVERSAL[3], "192.0.2.41", name="tv")))
    assert list(assets) == ["tv"] and not unseen
    assert assets["tv"].addresses == ("192.0.2.40",)  # the lease is not where it was seen
    other, left = found(scan(0, nameless), listed(1, lease(UNIVERSAL[4], "192.0.2.40", name="tv")))
    assert list(other) == ["host-192-0-2-40"] and left["tv"].mac == UNIVERSAL[4]


def test_a_lease_that_ended_still_names_a_card_and_is_nobodys_absence() -> None:
    nameless = {"192.0.2.40": {"arp": UNIVERSAL[3]}}
    old = lease(UNIVERSAL[3], "192.0.2.40", name="tv", state="ended")
    guest = lease(UNIVERSAL[5], "192.0.2.50", name="guest", state="ended")
    assets, unseen = found(scan(0, nameless), listed(1, old, guest))
    assert list(assets) == ["tv"] and not unseen


def test_what_one_register_adds_tells_another_whom_it_means() -> None:
    nameless = {"192.0.2.40": {"arp": UNIVERSAL[3]}}
    dhcp = listed(1, lease(UNIVERSAL[3], "192.0.2.40", name="lt-7"), source="dhcp")
    directory = listed(2, account("lt-7", location="Room 2"), source="ad")
    assets, unseen = found(scan(0, nameless), dhcp, directory)
    assert assets["lt-7"].get("location") == "Room 2" and not unseen
    assert {mark.value for mark in assets["lt-7"].identities} == {UNIVERSAL[3], "lt-7.ad.acme.example"}


def test_two_registers_name_one_absent_machine_once() -> None:
    entries = (lease(UNIVERSAL[7], "192.0.2.60", name="lt-8"), account("lt-8"))
    _, unseen = found(scan(0, SEEN), listed(1, entries[0], source="dhcp"), listed(2, entries[1], source="ad"))
    assert unseen["lt-8"].known_to == ("dhcp dhcp", "directory ad")


def test_a_serial_number_in_a_list_finds_the_device_that_told_it() -> None:
    printer = {"1.3.6.1.2.1.1.2.0": "1.3.6.1.4.1.32473.1", "1.3.6.1.2.1.43.5.1.1.17.1": "LK42-000317"}
    row = ("csv", (), {"serial": "lk42-000317", "location": "Hall"})
    assets, unseen = found(scan(0, {"198.51.100.9": {"snmp": printer}}), listed(1, row))
    (asset,) = assets.values()
    assert asset.get("location") == "Hall" and not unseen


def test_a_later_import_of_the_same_source_replaces_the_earlier_one() -> None:
    first = listed(1, account("ws-1", location="Attic"), account("gone-1"), account("gone-2"))
    second = listed(2, account("ws-1", location="Cellar"), account("gone-2"))
    assets, unseen = found(scan(0, SEEN), first, second)
    assert assets["ws-1"].get("location") == "Cellar" and list(unseen) == ["gone-2"]
    other, both = found(scan(0, SEEN), first, listed(2, account("gone-2"), source="another"))
    assert other["ws-1"].get("location") == "Attic" and set(both) == {"gone-1", "gone-2"}


def test_an_import_that_was_killed_half_way_replaces_nothing() -> None:
    whole, half = listed(1, account("gone-1"), account("gone-2")), listed(2, account("gone-2"), ends=False)
    assert set(found(scan(0, SEEN), whole, half)[1]) == {"gone-1", "gone-2"}


def test_an_import_brings_nothing_back_and_ends_nothing() -> None:
    gone = [*scan(0, SEEN), *scan(1, {})]
    before, _ = found(gone)
    after, unseen = found(gone, listed(2, account("ws-1", "192.0.2.21"), lease(UNIVERSAL[0], "192.0.2.21")))
    assert before["ws-1"].gone_since and after["ws-1"].gone_since == before["ws-1"].gone_since and not unseen
    present, _ = found(scan(0, SEEN), listed(1, account("other", "192.0.2.99")))
    assert not present["ws-1"].gone_since


def test_the_same_import_again_changes_no_byte() -> None:
    entries = [account("ws-1", location="Attic"), account("gone-1"), lease(UNIVERSAL[0], "192.0.2.21")]
    once = merge([*scan(0, SEEN), *listed(1, *entries)], client(), NONE)
    twice = merge([*scan(0, SEEN), *listed(1, *entries), *listed(5, *entries)], client(), NONE)
    assert list(map(msgspec.json.encode, once)) == list(map(msgspec.json.encode, twice))


def test_old_results_of_another_scanner_do_not_bring_back_what_left_since() -> None:
    def results(number: int, seen_at: int) -> list[ScanRecord]:
        begin = datetime(2026, 1, 1, tzinfo=UTC)
        at, name = (
            begin + timedelta(hours=seen_at),
            (begin + timedelta(hours=number)).strftime("%Y%m%dT%H%M%SZ"),
        )
        raw: dict[str, Any] = {"mac": UNIVERSAL[0]}
        return [
            ImportStarted(scan=name, started_at=at, source="scan.xml"),
            Observation(scan=name, address="192.0.2.21", probe="nmap", at=at, raw=raw),
            Observation(scan=name, address="192.0.2.21", probe="nmap", at=at, port=80, raw={"state": "open"}),
            ScanEnded(scan=name, ended_at=at, addresses_probed=0),
        ]

    gone = [*scan(1, SEEN), *scan(2, {})]
    before, _ = found(gone)
    old, _ = found(gone, results(9, seen_at=0))
    new, _ = found(gone, results(9, seen_at=3))
    assert old["ws-1"].gone_since and not new["ws-1"].gone_since
    assert {each["ws-1"].id for each in (before, old, new)} == {before["ws-1"].id}
    assert 80 in {service.port for service in new["ws-1"].services}


def test_what_the_engineer_corrects_stands_above_every_register() -> None:
    log = [*scan(0, SEEN), *listed(1, account("ws-1", location="Attic"))]
    (asset,) = found(log)[0].values()
    hand = overrides(asset=asset.id, values={"location": "Roof"})
    assert found(log, hand=hand)[0]["ws-1"].get("location") == "Roof"


def test_before_any_scan_that_is_the_reason() -> None:
    _, unseen = found(listed(0, account("ws-1", "192.0.2.21")))
    assert unseen["ws-1"].reasons == ("no scan has looked at 192.0.2.21",)


NAMES = st.sampled_from(["ws-1", "ws-2", "localhost", "", "x" * 300, "\x1b[31m"])
ADDRESSES = st.lists(
    st.sampled_from(["192.0.2.21", "192.0.2.22", "203.0.113.1", "::1", "nonsense"]), max_size=2
)
ENTRY = st.builds(
    lambda name, where, mac: account(name, *where, description=mac), NAMES, ADDRESSES, NAMES
) | (
    st.builds(
        lambda mac, where, name: lease(mac, *where, name=name),
        st.sampled_from(UNIVERSAL[:3]),
        ADDRESSES,
        NAMES,
    )
)


@settings(max_examples=25)
@given(st.lists(ENTRY, max_size=8), st.randoms())
def test_the_order_in_which_things_are_told_does_not_matter(entries: list[Any], chance: Any) -> None:
    machines = SEEN | {"192.0.2.22": {"arp": UNIVERSAL[1]}, "198.51.100.7": {"ptr": "ws-2.acme.example"}}
    log = [*scan(0, machines), *listed(1, *entries), *scan(2, machines, networks=[SERVERS])]
    shuffled = list(log)
    chance.shuffle(shuffled)
    assert merge(log, client(), NONE) == merge(shuffled, client(), NONE)
