"""Who is logged in to, with what: never whom nobody understood, and the nearest word wins."""

from collections.abc import Sequence

import msgspec
import pytest

from mspctl.logins import NEVER_PINNED, LeftOut, Login, Pins, logins, secrets_of
from mspctl.logins import pins as pinned
from mspctl.records import (
    Asset,
    ClientFile,
    Connection,
    Exclusion,
    Observation,
    Override,
    OverridesFile,
    ScanRecord,
    Service,
    WindowsConnection,
)
from tests.samples import NOW, TODAY, asset, client_file

KEY = f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{'A' * 43}"
NOBODY = Pins({})
PINS = f"# by mspctl\n192.0.2.10 {KEY}\n[192.0.2.10]:2222 {KEY}\n"


def planned(
    found: Asset,
    client: ClientFile | None = None,
    override: Override | None = None,
    pins: str = PINS,
    log: Sequence[ScanRecord] = (),
) -> Login | LeftOut:
    mine = client or msgspec.structs.replace(
        client_file(), connection=Connection(user="tech", key="vault:key", become_password="vault:sudo")
    )
    overrides = OverridesFile(assets=(override,) if override else ())
    (each,) = logins(mine, [found], overrides, pinned(pins, log), TODAY)
    return each


def test_a_server_with_a_pinned_key_is_logged_in_to() -> None:
    found = planned(asset("web"))
    assert isinstance(found, Login)
    assert (found.address, found.port, found.pin, found.by) == ("192.0.2.10", 22, KEY, "ssh")
    assert secrets_of(found) == ("vault:key", "vault:sudo")


def test_the_nearest_word_wins_client_site_asset() -> None:
    client = client_file()
    (site,) = client.sites
    client = msgspec.structs.replace(
        client,
        connection=Connection(user="tech", key="vault:key", become_password="vault:sudo"),
        sites=(
            msgspec.structs.replace(site, connection=Connection(user="site-tech", key_file="~/.ssh/site")),
        ),
    )
    found = planned(asset("web"), client)
    assert isinstance(found, Login)
    said = found.connection
    assert (said.user, said.key, said.key_file, said.become_password) == (
        *("site-tech", None, "~/.ssh/site", "vault:sudo"),
    )
    override = Override(asset="a-web", connection=Connection(password="vault:own", port=2222))
    nearest = planned(asset("web"), client, override)
    assert isinstance(nearest, Login)
    assert (nearest.connection.user, nearest.connection.password, nearest.port) == (
        "site-tech",
        "vault:own",
        2222,
    )
    assert nearest.pin == KEY


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (asset("x", kind="", os="", os_version=""), "nobody knows what it is"),
        (asset("x", kind="printer", os="", os_version=""), "printer: not a computer to log in to"),
        (asset("x", kind="switch", os="ios", os_version=""), "no way to log in to ios yet"),
        (asset("x", kind="firewall", os="fortios", os_version=""), "no way to log in to fortios yet"),
        (msgspec.structs.replace(asset("x"), services=()), "does not answer on SSH"),
    ],
)
def test_a_password_is_not_tried_on_a_machine_because_it_answers(found: Asset, reason: str) -> None:
    assert planned(found) == LeftOut(asset="a-x", name="x", reason=reason)


def test_a_router_with_a_whole_system_is_a_machine() -> None:
    assert isinstance(planned(asset("rtr", kind="router")), Login)


def test_without_a_user_or_a_pin_nobody_is_logged_in_to() -> None:
    left = planned(asset("web"), client_file())
    assert isinstance(left, LeftOut) and "connection.user" in left.reason
    left = planned(asset("web"), pins=f"|1|hashed= {KEY}\n192.0.2.99 {KEY}\n")
    assert left == LeftOut(asset="a-web", name="web", reason=NEVER_PINNED)
    elsewhere = msgspec.structs.replace(asset("web"), services=(Service(port=2200, name="ssh"),))
    assert planned(elsewhere) == left  # what is pinned is a port's key


def test_an_exclusion_of_everything_until_its_day() -> None:
    def excluded(expires: str, services: tuple[str, ...] = ()) -> Login | LeftOut:
        entry = Exclusion(
            asset="192.0.2.10", reason="leased", owner="Jane", expires=expires, services=services
        )
        client = msgspec.structs.replace(
            client_file(), connection=Connection(user="tech"), exclusions=(entry,)
        )
        return planned(asset("web"), client)

    assert excluded("2027-01-01") == LeftOut(
        asset="a-web", name="web", reason="leased (Jane, until 2027-01-01)"
    )
    assert isinstance(excluded("2026-01-01"), Login)
    assert isinstance(excluded("2027-01-01", ("monitoring",)), Login)


def test_only_those_asked_for_and_nobody_who_is_gone() -> None:
    gone = msgspec.structs.replace(asset("old"), gone_since="20261121T093000Z")
    found = logins(client_file(), [asset("b"), gone, asset("a")], OverridesFile(), NOBODY, TODAY)
    assert [each.name for each in found] == ["a", "b"]
    only = logins(client_file(), [asset("b"), asset("a")], OverridesFile(), NOBODY, TODAY, frozenset({"b"}))
    assert [each.name for each in only] == ["b"]


# Windows

WINDOWS = WindowsConnection(user="HARBOUR\\tech", password="vault:windows")
CERTIFICATE = "a" * 64


def windows(*ports: int) -> Asset:
    found = asset(
        "ws1", os="windows", os_version="11", kind="workstation", hostname="ws1", domain="ad.example"
    )
    return msgspec.structs.replace(found, services=tuple(Service(port=port) for port in ports))


def allowed(**more: object) -> ClientFile:
    connection = Connection(user="tech", windows=msgspec.structs.replace(WINDOWS, **more))
    return msgspec.structs.replace(client_file(), connection=connection)


def scanned(scan: str, key: str, port: int = 5986) -> Observation:
    return Observation(
        scan=scan, address="192.0.2.10", probe="tls", at=NOW, port=port, raw={"spki_sha256": key}
    )


def test_windows_is_logged_in_to_with_the_certificate_first_seen() -> None:
    log = [scanned("2", "b" * 64), scanned("1", CERTIFICATE), scanned("1", "c" * 64, port=443)]
    found = planned(windows(135, 5986), allowed(), log=log)
    assert isinstance(found, Login)
    assert (found.by, found.port, found.pin) == ("winrm", 5986, CERTIFICATE)
    assert found.names == ("ws1", "ws1.ad.example")
    assert secrets_of(found) == ("vault:windows",)


def test_a_named_certificate_or_authority_comes_before_the_first_seen() -> None:
    log = [scanned("1", CERTIFICATE)]
    named = planned(windows(5986), allowed(certificate="d" * 64), log=log)
    signed = planned(windows(5986), allowed(ca_file="ca.pem"), log=log)
    assert isinstance(named, Login) and isinstance(signed, Login)
    assert (named.pin, signed.pin) == ("d" * 64, "")


def test_an_asset_s_own_word_on_windows_is_laid_over_the_client_s() -> None:
    override = Override(
        asset="a-ws1",
        connection=Connection(windows=WindowsConnection(certificate="e" * 64, transport="basic")),
    )
    found = planned(windows(5986), allowed(), override)
    assert isinstance(found, Login) and found.connection.windows
    assert (found.connection.windows.user, found.pin) == ("HARBOUR\\tech", "e" * 64)


@pytest.mark.parametrize(
    ("ports", "client", "words"),
    [
        ((5986,), client_file(), "no login for Windows"),
        ((5986,), allowed(), "never seen"),
        ((5985,), allowed(), "without TLS"),
        ((445,), allowed(), "does not answer to remote management"),
    ],
)
def test_windows_that_cannot_be_entered_safely_is_left_out(
    ports: tuple[int, ...], client: ClientFile, words: str
) -> None:
    found = planned(windows(*ports), client)
    assert isinstance(found, LeftOut) and words in found.reason


def test_messages_encrypted_by_ntlm_have_to_be_asked_for() -> None:
    found = planned(windows(5985), allowed(port=5985))
    assert isinstance(found, Login) and (found.port, found.pin) == (5985, "")


def test_what_answers_to_remote_management_and_says_nothing_else_is_windows() -> None:
    found = msgspec.structs.replace(windows(5986), profile={})
    assert isinstance(planned(found, allowed(certificate=CERTIFICATE)), Login)
