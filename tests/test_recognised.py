"""What machines tell before a login → what they are: rules and probes taken together."""

import struct
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from mspctl.assets import merge
from mspctl.facts import facts
from mspctl.fingerprints import shipped
from mspctl.identify import identify
from mspctl.records import Asset, ClientFile, Observation, OverridesFile, ScanRecord

AT = datetime(2026, 1, 1, tzinfo=UTC)
AD = "1.2.840.113556.1.4.800"
ANSWERED_IPP = {"server": "HP HTTP Server", "status": 0}

Seen = tuple[str, int | None, dict[str, Any]]


def challenge(build: str, computer: str = "PC7", domain: str = "", dns_domain: str = "") -> str:
    """Return the NTLM message of a machine in hex, as MS-NLMP 2.2.1.2 lays it out."""
    names = {
        2: domain or computer,
        1: computer,
        4: dns_domain,
        3: f"{computer}.{dns_domain}".strip(".").lower(),
    }
    pairs = b"".join(
        struct.pack("<HH", kind, len(text := name.encode("utf-16-le"))) + text for kind, name in names.items()
    )
    pairs += bytes(4)
    major, minor, number = map(int, build.split("."))
    head = struct.pack(
        "<8sIHHIIQQHHI", b"NTLMSSP\0", 2, 0, 0, 56, 0xE2898215, 1, 0, len(pairs), len(pairs), 56
    )
    return (head + struct.pack("<BBHxxxB", major, minor, number, 15) + pairs).hex()


def profile(*seen: Seen, holds: str | None = None) -> dict[str, str]:
    """Return the values concluded from some answers."""
    found = identify(
        [
            Observation(scan="s", address="192.0.2.7", probe=p, port=port, at=AT, raw=raw)
            for p, port, raw in seen
        ],
        holds,
    )
    return {name: value.value for name, value in found.items()}


def smb(build: str, **names: str) -> Seen:
    """Return what SMB tells."""
    return "smb", 445, {"challenge": challenge(build, **names), "version1": False}


def directory(**attributes: list[str]) -> Seen:
    """Return what LDAP tells."""
    return "ldap", 389, {"attributes": attributes}


@pytest.mark.parametrize(
    ("build", "holds", "version", "kind"),
    [
        ("10.0.19045", None, "10", "workstation"),
        ("10.0.22631", None, "11", "workstation"),
        ("10.0.20348", None, "2022", "server"),
        ("10.0.26100", "server", "2025", "server"),
        ("10.0.26100", "workstation", "11", "workstation"),
        ("10.0.17763", "server", "2019", "server"),
        ("10.0.17763", None, None, None),  # Windows 10 and Server 2019 share it: left blank
        ("10.0.26100", None, None, None),
        ("6.3.9600", "server", "2012 R2", "server"),
    ],
)
def test_a_build_names_windows_where_only_one_has_it(
    build: str, holds: str | None, version: str | None, kind: str | None
) -> None:
    found = profile(smb(build), ("tcp", 445, {"state": "open"}), holds=holds)
    assert (found["os"], found.get("os_version"), found.get("kind")) == ("windows", version, kind)


def test_a_windows_domain_controller() -> None:
    found = profile(
        smb("10.0.17763", computer="DC1", domain="CORP", dns_domain="corp.example"),
        directory(supportedcapabilities=[AD], dnshostname=["DC1.corp.example"]),
        *(("tcp", port, {"state": "open"}) for port in (88, 135, 389, 445)),
    )
    assert (found["os"], found["os_version"]) == ("windows", "2019")
    assert (found["role"], found["kind"]) == ("domain-controller", "server")
    assert (found["hostname"], found["domain"]) == ("dc1", "corp.example")


def test_samba_as_domain_controller_is_not_windows() -> None:
    found = profile(
        smb("6.1.0", computer="DC1", domain="CORP", dns_domain="corp.example"),
        directory(supportedcapabilities=[AD], dnshostname=["dc1.corp.example"]),
        *(("tcp", port, {"state": "open"}) for port in (88, 135, 389, 445)),
    )
    assert (found.get("os"), found["role"]) == ("linux", "domain-controller")


def test_a_name_of_no_domain_is_no_domain() -> None:
    assert "ntlm.domain" not in facts(
        Observation(scan="s", address="192.0.2.7", probe="smb", at=AT, raw=smb("10.0.19045")[2])
    )


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (
            ("ipmi", 623, {"pong": "0600ff06000011be40010010000011be000000008100000000000000"}),
            {"kind": "management-card"},
        ),
        (
            ("sip", 5060, {"status": 200, "user_agent": "Yealink SIP-T46S 66.85.0.5"}),
            {"kind": "phone", "vendor": "Yealink", "model": "SIP-T46S"},
        ),
        (
            ("sip", 5060, {"status": 200, "user_agent": "snomD785/10.1.64"}),
            {"kind": "phone", "model": "D785"},
        ),
        (("sip", 5060, {"status": 200, "server": "Asterisk PBX 18.10"}), {"kind": "pbx"}),
        (("sip", 5060, {"status": 403, "server": ""}), {}),
        (
            (
                "wsd",
                3702,
                {"types": "dn:NetworkVideoTransmitter", "scopes": "onvif://www.onvif.org/hardware/LC-200"},
            ),
            {"kind": "camera", "model": "LC-200"},
        ),
        (("wsd", 3702, {"types": "wsdp:Device wprt:PrintDeviceType"}), {"kind": "printer"}),
        (
            ("ipp", 631, ANSWERED_IPP | {"attributes": {"printer-make-and-model": "HP LaserJet M404"}}),
            {"kind": "printer", "model": "HP LaserJet M404"},
        ),
        (
            (
                "ipp",
                631,
                {
                    "server": "CUPS/2.4 IPP/2.1",
                    "status": 0,
                    "attributes": {"printer-make-and-model": "HP LaserJet"},
                },
            ),
            {},
        ),
        (
            (
                "ssdp",
                1900,
                {
                    "device": {
                        "manufacturer": "Synology",
                        "modelName": "DS220+",
                        "deviceType": "urn:schemas-upnp-org:device:Basic:1",
                    }
                },
            ),
            {"kind": "nas", "vendor": "Synology", "model": "DS220+"},
        ),
        (
            ("winrm", 5985, {"status": 401, "server": "Microsoft-HTTPAPI/2.0", "schemes": ["Negotiate"]}),
            {"os": "windows"},
        ),
        (
            ("banner", 25, {"service": "smtp", "text": "220 mail.example ESMTP Postfix (Debian/GNU)"}),
            {"os": "debian"},
        ),
        (("mqtt", 1883, {"answer": "20020000"}), {}),
    ],
)
def test_devices_are_known_by_what_they_say(seen: Seen, expected: dict[str, str]) -> None:
    found = profile(seen)
    told = {name: found.get(name) for name in ("kind", "vendor", "model", "os") if name in found}
    assert told.items() >= expected.items()
    if not expected:
        assert "kind" not in told


def test_every_value_is_filled_from_the_first_condition() -> None:
    for rule in shipped().rules:
        first = next(iter(rule.when.values()), "")
        for value in rule.sets.values():
            for name in [part.split("}")[0] for part in value.split("{")[1:]]:
                assert f"(?P<{name}>" in first, rule.id


def assets(*machines: dict[str, Seen]) -> list[Asset]:
    """Return what the merge makes of scans: one address: answer each."""
    content = {
        "title": "Example",
        "authorisation": {"by": "A. Person", "date": "2026-01-01"},
        "sites": [
            {
                "name": "main",
                "networks": [{"name": "a", "cidr": "192.0.2.0/25"}, {"name": "b", "cidr": "192.0.2.128/25"}],
            }
        ],
    }
    log: list[ScanRecord] = [
        Observation(scan=f"2026010{day}T000000Z", address=address, probe=probe, port=port, at=AT, raw=raw)
        for day, seen in enumerate(machines, start=1)
        for address, (probe, port, raw) in seen.items()
    ]
    found = merge(log, msgspec.convert(content, ClientFile), OverridesFile())
    return [each for each in found if isinstance(each, Asset)]


UUID = "4d2c1a55-9b1f-4c3e-8f00-0123456789ab"


def test_a_name_within_a_domain_makes_two_addresses_one_machine() -> None:
    member = smb("10.0.20348", computer="FILES", domain="CORP", dns_domain="corp.example")
    (asset,) = assets({"192.0.2.7": member, "192.0.2.200": member})
    assert asset.addresses == ("192.0.2.7", "192.0.2.200") and "netbios" in " ".join(asset.merged_because)


def test_a_name_in_a_workgroup_of_everybodys_does_not() -> None:
    loose = smb("10.0.20348", computer="FILES")
    assert len(assets({"192.0.2.7": loose, "192.0.2.200": loose})) == 2


def test_a_device_is_known_again_by_its_uuid_at_another_address() -> None:
    printer: Seen = ("ipp", 631, {"attributes": {"printer-uuid": f"urn:uuid:{UUID}"}})
    assert len(assets({"192.0.2.7": printer}, {"192.0.2.9": printer})) == 1
    factory: Seen = (
        "ipp",
        631,
        {"attributes": {"printer-uuid": "urn:uuid:00000000-0000-0000-0000-000000000000"}},
    )
    assert len(assets({"192.0.2.7": factory}, {"192.0.2.9": factory})) == 2
