"""Who is logged in to, with what: never whom nobody understood, and the nearest word wins."""

import msgspec
import pytest

from mspctl.logins import NEVER_PINNED, LeftOut, Login, logins, secrets_of
from mspctl.records import (
    Asset,
    ClientFile,
    Connection,
    Exclusion,
    Override,
    OverridesFile,
    Service,
)
from tests.samples import TODAY, asset, client_file

KEY = f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{'A' * 43}"
PINS = f"# by mspctl\n192.0.2.10 {KEY}\n[192.0.2.10]:2222 {KEY}\n"


def planned(
    found: Asset, client: ClientFile | None = None, override: Override | None = None, pins: str = PINS
) -> Login | LeftOut:
    mine = client or msgspec.structs.replace(
        client_file(), connection=Connection(user="tech", key="vault:key", become_password="vault:sudo")
    )
    overrides = OverridesFile(assets=(override,) if override else ())
    (each,) = logins(mine, [found], overrides, pins, TODAY)
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
    found = logins(client_file(), [asset("b"), gone, asset("a")], OverridesFile(), "", TODAY)
    assert [each.name for each in found] == ["a", "b"]
    only = logins(client_file(), [asset("b"), asset("a")], OverridesFile(), "", TODAY, frozenset({"b"}))
    assert [each.name for each in only] == ["b"]
