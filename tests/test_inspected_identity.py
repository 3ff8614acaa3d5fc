"""A firmware's numbers tell machines apart and join them, but never those that only share them."""

from datetime import timedelta
from itertools import permutations

import pytest

from mspctl.assets import merge
from mspctl.records import (
    Ambiguous,
    Asset,
    ClientFile,
    IdentityKind,
    Json,
    Network,
    Observation,
    OverridesFile,
    ScanEnded,
    ScanRecord,
    ScanStarted,
    Site,
)
from tests.samples import NOW, client_file

UUID = "4c4c4544-0042-3510-8052-c4c04f4d5432"
KEYS = {
    name: f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{letter * 43}"
    for name, letter in (("one", "A"), ("two", "B"), ("three", "C"))
}


def seen(
    scan: int,
    address: str,
    key: str = "one",
    uuid: str = UUID,
    serial: str = "5RB5MT2",
    cards: tuple[str, ...] = ("00:1a:2b:00:00:01",),
    container: str = "none",
) -> list[ScanRecord]:
    """Return what a login to a machine at an address showed."""
    interfaces = "\n".join(
        f"{number}: eth{number}: <UP> mtu 1500\\    link/ether {mac} brd ff:ff:ff:ff:ff:ff"
        for number, mac in enumerate(cards, 2)
    )
    virtual = f"container={container}"
    at = NOW + timedelta(days=scan)
    login: dict[str, Json] = {
        "host_key": KEYS[key],
        "sections": {"kernel": "system=Linux", "virtual": virtual, "interfaces": interfaces},
    }
    become: dict[str, Json] = {
        "sections": {"virtual": virtual, "serial": f"product_serial={serial}\nproduct_uuid={uuid.upper()}"}
    }
    name = f"2026112{scan}T100000Z"
    return [
        Observation(scan=name, address=address, probe="ssh_login", at=at, port=22, raw=login),
        Observation(scan=name, address=address, probe="ssh_become", at=at, port=22, raw=become),
    ]


def scanned(scan: int, **keys: str) -> list[ScanRecord]:
    """Return a scan that saw hosts at 192.0.2.x: x → the key it showed."""
    name = f"2026112{scan}T090000Z"
    at = NOW + timedelta(days=scan)
    found: list[ScanRecord] = [ScanStarted(scan=name, started_at=at, networks=("192.0.2.0/24",), ports=(22,))]
    for last, key in keys.items():
        raw: dict[str, Json] = {"banner": "SSH-2.0-x", "host_key": KEYS[key]}
        address = f"192.0.2.{last[1:]}"
        found.append(Observation(scan=name, address=address, probe="ssh", at=at, port=22, raw=raw))
    return [*found, ScanEnded(scan=name, ended_at=at, addresses_probed=254)]


def machines(*records: list[ScanRecord], client: ClientFile | None = None) -> list[Asset]:
    log = [record for part in records for record in part]
    found = merge(log, client or client_file(), OverridesFile())
    again = merge(list(reversed(log)), client or client_file(), OverridesFile())
    assert found == again  # the order in which it is told does not matter
    return [each for each in found if isinstance(each, Asset)]


def two_networks() -> ClientFile:
    sites = (
        Site(
            name="main",
            networks=(
                Network(name="office", cidr="192.0.2.0/24"),
                Network(name="wifi", cidr="198.51.100.0/24"),
            ),
        ),
    )
    return ClientFile(title="Acme", authorisation=client_file().authorisation, sites=sites)


def test_one_machine_at_two_addresses_is_one_by_its_uuid() -> None:
    cards = ("00:1a:2b:00:00:01", "00:1a:2b:00:00:02")
    found = machines(
        seen(1, "192.0.2.5", "one", cards=cards), seen(1, "198.51.100.5", "two", cards=cards),
        client=two_networks(),
    )  # fmt: skip
    (asset,) = found
    assert asset.addresses == ("192.0.2.5", "198.51.100.5")
    kinds = {mark.kind for mark in asset.identities}
    assert kinds >= {IdentityKind.SERIAL, IdentityKind.SYSTEM_UUID, IdentityKind.SSH_HOST_KEY}


def test_a_machine_that_moved_and_was_installed_anew_is_the_same_hardware() -> None:
    found = machines(
        scanned(1, h5="one"), seen(1, "192.0.2.5", "one"),
        scanned(2, h9="two"), seen(2, "192.0.2.9", "two"),
    )  # fmt: skip
    assert [asset.addresses for asset in found if not asset.gone_since] == [("192.0.2.9",)]
    assert len({asset.id for asset in found}) == 1


@pytest.mark.parametrize("order", list(permutations(("one", "two", "three"))))
def test_cloned_virtual_machines_stay_three(order: tuple[str, ...]) -> None:
    """All have the UUID and the serial number of their template; each has its own card and host key."""
    looks = [
        seen(1, f"192.0.2.{place}", key, cards=(f"52:54:00:00:00:0{place}",))
        for place, key in enumerate(("one", "two", "three"), 1)
    ]
    by_key = dict(zip(("one", "two", "three"), looks, strict=True))
    found = machines(scanned(1, h1="one", h2="two", h3="three"), *(by_key[key] for key in order))
    assert [asset.addresses for asset in found] == [("192.0.2.1",), ("192.0.2.2",), ("192.0.2.3",)]


def test_clones_that_were_never_looked_at_together_stay_apart() -> None:
    found = machines(
        scanned(1, h1="one", h2="two"),
        seen(1, "192.0.2.1", "one", cards=("52:54:00:00:00:01",)),
        seen(2, "192.0.2.2", "two", cards=("52:54:00:00:00:02",)),
    )
    assert [asset.addresses for asset in found] == [("192.0.2.1",), ("192.0.2.2",)]


def test_clones_whose_cards_nobody_saw_stay_apart_by_their_keys() -> None:
    found = machines(
        scanned(1, h1="one", h2="two"),
        seen(1, "192.0.2.1", "one", cards=()),
        seen(2, "192.0.2.2", "two", cards=()),
    )
    assert [asset.addresses for asset in found] == [("192.0.2.1",), ("192.0.2.2",)]


def test_clones_are_told_to_the_engineer() -> None:
    log = [
        *seen(1, "192.0.2.1", "one", cards=("52:54:00:00:00:01",)),
        *seen(1, "192.0.2.2", "two", cards=("52:54:00:00:00:02",)),
    ]
    doubts = [each for each in merge(log, client_file(), OverridesFile()) if isinstance(each, Ambiguous)]
    assert [each.detail for each in doubts] == [
        f"system UUID {UUID} is shown by different machines: 192.0.2.1, 192.0.2.2"
    ]


def test_containers_show_their_host_s_hardware_and_none_of_it_is_theirs() -> None:
    found = machines(
        seen(1, "192.0.2.1", "one", container="podman", cards=()),
        seen(1, "192.0.2.2", "two", container="lxc", cards=()),
    )
    assert len(found) == 2
    for asset in found:
        assert not {IdentityKind.SERIAL, IdentityKind.SYSTEM_UUID} & {mark.kind for mark in asset.identities}
        assert not asset.get("serial") and asset.get("kind") != "virtual-machine"


@pytest.mark.parametrize(
    ("uuid", "serial"),
    [
        ("00000000-0000-0000-0000-000000000000", "0"),
        ("ffffffff-ffff-ffff-ffff-ffffffffffff", "To be filled by O.E.M."),
        ("03000200-0400-0500-0006-000700080009", "Default string"),
        ("00020003-0004-0005-0006-000700080009", "System Serial Number"),
        ("12345678-1234-5678-90ab-cddeefaabbcc", "123456789"),
        ("fefefefe-fefe-fefe-fefe-fefefefefefe", "Not Specified"),
        ("4c4c4544-0000-2010-8020-80c04f202020", "None"),
        ("no uuid at all", "INVALID"),
    ],
)
def test_what_a_builder_left_there_is_no_mark_and_no_value(uuid: str, serial: str) -> None:
    found = machines(
        seen(1, "192.0.2.1", "one", uuid, serial), seen(1, "192.0.2.2", "two", uuid, serial),
    )  # fmt: skip
    assert len(found) == 2
    for asset in found:
        assert not {IdentityKind.SERIAL, IdentityKind.SYSTEM_UUID} & {mark.kind for mark in asset.identities}
        assert not asset.get("serial")


def test_a_serial_number_of_snmp_says_nothing_against_that_of_the_firmware() -> None:
    """OpenManage tells a chassis' number under its maker's, SMBIOS under none."""
    raw: dict[str, Json] = {
        "values": {"1.3.6.1.2.1.1.2.0": "1.3.6.1.4.1.674.10892.1", "1.3.6.1.2.1.47.1.1.1.1.11.1": "CHASSIS77"}
    }
    at = NOW + timedelta(days=1)
    snmp = Observation(scan="20261121T090000Z", address="192.0.2.5", probe="snmp", at=at, raw=raw)
    (asset,) = machines(scanned(1, h5="one"), [snmp], seen(1, "192.0.2.5", "one"), scanned(2, h5="one"))
    assert {mark.value for mark in asset.identities if mark.kind is IdentityKind.SERIAL} == {
        *("674:CHASSIS77", "smbios:5RB5MT2"),
    }


def test_a_look_says_nothing_of_who_it_did_not_look_at() -> None:
    found = machines(scanned(1, h1="one", h2="two"), seen(2, "192.0.2.1", "one"))
    assert [asset.gone_since for asset in found] == ["", ""]
