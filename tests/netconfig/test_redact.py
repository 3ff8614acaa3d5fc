"""What is written down holds no secret, and what might hold one is told by its number alone."""

import base64
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mspctl import catalog
from mspctl.netconfig.redact import MASK, bare, redact, suspicious
from mspctl.netconfig.text import clean, is_whole, without
from mspctl.records import Platform
from tests.samples import HOSTILE

SECRET = "Zq7-Planted.Secret"
HASH = "$9$dsYGNam3K1SIJO$7nv/35M/qr6t.dVc7UY9zrJDWRVqncHub1PE9UlMQFs"
LINES = {
    "ios": [
        f"enable secret 9 {HASH}",
        f"enable password 7 {SECRET}",
        f"username a privilege 15 secret 0 {SECRET}",
        f"username a password {SECRET}",
        f"snmp-server community {SECRET} RO 10",
        f"snmp-server host 192.0.2.1 version 2c {SECRET}",
        f"snmp-server host 192.0.2.1 vrf mgmt version 3 priv {SECRET}",
        f"snmp-server user u g v3 auth sha {SECRET} priv aes 128 {SECRET}",
        f"tacacs-server host 192.0.2.1 key {SECRET}",
        f"radius-server key 7 {SECRET}",
        f" key 7 {SECRET}",
        f"  key-string {SECRET}",
        f" neighbor 192.0.2.1 password 7 {SECRET}",
        f" ip ospf message-digest-key 1 md5 {SECRET}",
        f" standby 1 authentication md5 key-string {SECRET}",
        f" ppp chap password 0 {SECRET}",
        f"crypto isakmp key {SECRET} address 192.0.2.1",
        f" pre-shared-key local {SECRET}",
        f" wpa-psk ascii 0 {SECRET}",
        f"ntp authentication-key 1 md5 {SECRET} 7",
        f"ip ftp password {SECRET}",
        f"archive path ftp://user:{SECRET}@192.0.2.1/x",
        f" server-private 192.0.2.1 key {SECRET}",
        f"isis password {SECRET}",
    ],
    "eos": [
        f"username a privilege 15 role network-admin secret sha512 {HASH}",
        f"enable password sha512 {HASH}",
        f"snmp-server community {SECRET} ro",
        f"snmp-server user u g v3 auth sha {SECRET} priv aes {SECRET}",
        f"radius-server host 192.0.2.1 key 7 {SECRET}",
        f"   neighbor 192.0.2.1 password 7 {SECRET}",
        f"   ip ospf message-digest-key 1 md5 7 {SECRET}",
        f"ntp authentication-key 1 md5 7 {SECRET}",
    ],
    "frr": [
        f"password {SECRET}",
        f"enable password 8 {SECRET}",
        f" neighbor 192.0.2.1 password {SECRET}",
        f" ip ospf message-digest-key 1 md5 {SECRET}",
        f" key-string {SECRET}",
        f" ip nhrp authentication {SECRET}",
    ],
    "aos-cx": [
        f"user admin group administrators password ciphertext {SECRET}",
        f"snmp-server community {SECRET}",
    ],
    "junos": [
        f'set system root-authentication encrypted-password "{HASH}"',
        f'set security ike policy p pre-shared-key ascii-text "{SECRET}"',
    ],
    "huawei-vrp": [
        f"local-user a password irreversible-cipher {SECRET}",
        f"snmp-agent community read {SECRET}",
    ],
}


@pytest.mark.parametrize(("name", "line"), [(name, line) for name in LINES for line in LINES[name]])
def test_a_secret_is_masked_or_stops_the_backup(name: str, line: str) -> None:
    platform = catalog.platforms()[name]
    found = redact(line, platform)
    is_told = bool(suspicious(found, platform))
    assert (SECRET not in found and HASH not in found) or is_told
    if platform.configured:
        assert (SECRET not in found and HASH not in found) and not is_told, found
    (shown,) = bare([line], platform)
    assert SECRET not in shown
    assert HASH not in shown


@pytest.mark.parametrize(
    "line",
    [
        "interface TenGigabitEthernet1/0/24",
        "service password-encryption",
        "security passwords min-length 10",
        "aaa authentication login default group tacacs+ local",
        "ip ssh version 2",
        "key chain OSPF",
        "description uplink to building 4, room 12",
        "access-class MSPCTL-MGMT in",
        "ntp trusted-key 1",
    ],
)
def test_what_is_no_secret_stays(line: str) -> None:
    platform = catalog.platforms()["ios"]
    assert redact(line, platform) == line
    assert suspicious(line, platform) == ()


def test_a_key_is_masked_to_its_end_and_lines_keep_their_numbers() -> None:
    text = "a\n-----BEGIN RSA PRIVATE KEY-----\nMIIBOgIBAAJBAK\nqwer\n-----END RSA PRIVATE KEY-----\nb\n"
    found = redact(text, catalog.platforms()["ios"])
    assert found.count("\n") == text.count("\n")
    assert "MIIB" not in found
    assert found.startswith("a\n")
    assert found.endswith("\nb\n")
    certificate = (
        "crypto pki certificate chain X\n certificate ca 01\n  30820122 30820100 A0030201\n  \tquit\nend\n"
    )
    assert "30820122" not in redact(certificate, catalog.platforms()["ios"])


@given(st.text(alphabet=string.ascii_letters + string.digits, min_size=24, max_size=80))
def test_what_looks_random_is_never_silent(token: str) -> None:
    token = base64.b64encode(token.encode()).decode()
    platform = catalog.platforms()["ios"]
    assert suspicious(f"something unheard of {token}", platform) == (1,)


@given(st.sampled_from(sorted(catalog.platforms())), st.text(max_size=300))
def test_any_text_is_taken_and_masking_twice_is_masking_once(name: str, text: str) -> None:
    platform: Platform = catalog.platforms()[name]
    once = redact(clean(text), platform)
    assert once.count("\n") == clean(text).count("\n")
    assert redact(once, platform).count(MASK) >= once.count(MASK)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_output_does_nothing_to_a_terminal(hostile: str) -> None:
    found = clean(f"hostname {hostile}\r\nend\r\n")
    assert not any(ord(each) < 32 and each != "\n" for each in found)
    assert "\x1b" not in found
    assert "\x9b" not in found
    assert max(map(len, found.split("\n"))) <= 8_192


def test_more_than_a_configuration_can_hold_is_told() -> None:
    assert is_whole("x\n" * 1000)
    assert not is_whole("x" * (17 * 1024 * 1024))


def test_lines_that_differ_at_every_look_go() -> None:
    platform = catalog.platforms()["ios"]
    text = (
        "Building configuration...\n\nCurrent configuration : 4231 bytes\n!\nntp clock-period 17179424\nend\n"
    )
    assert without(text, platform.volatile) == "!\nend\n"
