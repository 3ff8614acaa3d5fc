import json
import re
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from mspctl.errors import BadInput
from mspctl.inventory import Host, Inventory, build, files, group_name, names_of
from mspctl.records import (
    Asset,
    ClientFile,
    Connection,
    Exclusion,
    OptIn,
    Override,
    OverridesFile,
    Service,
    Site,
    WindowsConnection,
    WorkspaceFile,
)
from mspctl.services import GoesOn, chosen_services
from tests.samples import HOSTILE, TODAY, WRITABLE, asset, client_file, zabbix

CLAMAV = OptIn(provider="clamav")
BOTH = client_file({"monitoring": zabbix(), "antivirus": CLAMAV})


def built(*assets: Asset, client: ClientFile = BOTH, overrides: tuple[Override, ...] = ()) -> Inventory:
    return build("acme", client, WorkspaceFile(provider="N"), assets, OverridesFile(assets=overrides), TODAY)


def groups(found: Asset, client: ClientFile = BOTH) -> set[str]:
    return set(built(found, client=client).hosts[0].groups)


def hosts_json(inventory: Inventory) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(files(inventory)["hosts.json"])["all"]
    return found


def test_a_host_is_given_its_own_generated_secret_by_reference() -> None:
    backup = OptIn(provider="restic", settings={}, secrets={"shared": "vault:shared"})
    client = client_file({"backup": backup})
    found = build(
        "acme",
        client,
        WorkspaceFile(provider="N"),
        [asset("db")],
        OverridesFile(),
        TODAY,
        {("backup", "restic"): ["key"]},
    )
    assert found.group_variables["backup"]["backup_secrets"] == {
        "shared": "{{ vault_shared }}",
        "key": "{{ lookup('ansible.builtin.vars', 'vault_backup_key_' ~ mspctl_asset | replace('-', '_')) }}",
    }


# Groups


@given(st.text() | st.sampled_from(HOSTILE))
def test_any_text_makes_a_group_name_that_ansible_takes(text: str) -> None:
    """As ansible/inventory/group.py has it: a name is a valid variable name."""
    name = group_name(text)
    assert re.fullmatch("[a-z_][a-z0-9_]*", name)
    assert len(name) <= 65
    from ansible.inventory.group import Group

    assert Group(name).name == name
    assert group_name(name) in (name, name.strip("_"), f"_{name.strip('_')}")


def test_a_host_is_in_the_groups_of_what_it_is() -> None:
    assert groups(asset("files", role="file-server", os_version="12.4")) == {
        "site_main",
        "network_office",
        "server",
        "file_server",
        "debian",
        "debian_12_4",
        "linux",
        "classified",
        "monitoring",
        "antivirus",
    }


@pytest.mark.parametrize("key", ["kind", "role", "os"])
@pytest.mark.parametrize(
    "name", ["monitoring", "antivirus", "all", "ungrouped", "Unclassified", "classified"]
)
def test_no_host_gets_into_a_service_by_what_it_is_called(key: str, name: str) -> None:
    """A role called `monitoring` would put an agent on a host that was left out."""
    client = replace(
        BOTH, exclusions=(Exclusion(asset="noc", reason="ours", owner="sam", expires="2027-01-01"),)
    )
    found = built(asset("noc", **{key: name}), client=client)
    assert not set(found.hosts[0].groups) & {"monitoring", "antivirus", "all", "ungrouped"}
    assert ("unclassified" in found.hosts[0].groups) == ("classified" not in found.hosts[0].groups)


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (asset("web"), ""),
        (asset("web", os="ubuntu", os_version=""), ""),
        (asset("x", kind="", os=""), "unclassified: the scan saw too little to tell what it is"),
        (asset("x", os=""), "unclassified: the scan saw too little to tell what it is"),
        (asset("p", kind="printer", os=""), "takes no agent: printer"),
        (asset("p", kind="router", os="frr"), "takes no agent: router"),
        (asset("m", os="macos"), "no roles for macos yet"),
        (replace(asset("d"), services=()), "does not answer on SSH"),
    ],
)
def test_a_host_that_cannot_be_managed_is_left_alone_for_a_reason(found: Asset, reason: str) -> None:
    (host,) = built(found).hosts
    assert host.left_alone == reason
    assert ("monitoring" in host.groups) == ("antivirus" in host.groups) == (not reason)


WINDOWS = WindowsConnection(user="HARBOUR\\tech", password="vault:windows")
ZABBIX_EVERYWHERE: GoesOn = {("monitoring", "zabbix"): ("linux", "windows")}
PINNED = {("192.0.2.10", 5986): "a" * 64}


def windows_host(
    login: WindowsConnection | None = WINDOWS,
    pinned: dict[tuple[str, int], str] = PINNED,
    goes_on: GoesOn = ZABBIX_EVERYWHERE,
    **more: Any,
) -> Host:
    found = asset("pc", kind="workstation", os="windows", os_version="11", hostname="pc", domain="ad.example")
    found = replace(found, services=(Service(port=5986),), addresses=("192.0.2.10",))
    client = replace(BOTH, connection=Connection(user="tech", windows=login))
    overrides = OverridesFile(assets=(Override(asset=found.id, connection=Connection(**more)),))
    settings = WorkspaceFile(provider="N")
    (host,) = build("acme", client, settings, [found], overrides, TODAY, {}, goes_on, pinned).hosts
    return host


def test_a_windows_host_is_entered_by_remote_management_and_the_pinned_certificate() -> None:
    host = windows_host(port=2222)
    assert host.left_alone == "" and host.overrides == {}
    assert {"windows", "monitoring"} <= set(host.groups) and "antivirus" not in host.groups
    assert host.excluded == {"antivirus": "clamav has no agent for Windows"}
    assert host.connection == {
        "ansible_host": "192.0.2.10",
        "ansible_connection": "mspctl_winrm",
        "ansible_become": False,
        "ansible_port": 5986,
        "ansible_user": "HARBOUR\\tech",
        "ansible_password": "{{ vault_windows }}",
        "mspctl_winrm_certificate": "a" * 64,
        "mspctl_asset": "a-pc",
        "mspctl_site": "main",
    }


def test_an_authority_takes_the_place_of_a_pin_and_an_asset_s_own_key_of_both() -> None:
    signed = windows_host(replace(WINDOWS, ca_file="ca.pem", transport="basic"), pinned={}).connection
    assert signed["mspctl_winrm_ca_file"] == "{{ inventory_dir }}/../../ca.pem"
    assert signed["mspctl_winrm_names"] == ["pc", "pc.ad.example"]
    assert signed["mspctl_winrm_transport"] == "basic" and "mspctl_winrm_certificate" not in signed
    own = windows_host(replace(WINDOWS, ca_file="ca.pem"), windows=WindowsConnection(certificate="b" * 64))
    assert own.connection["mspctl_winrm_certificate"] == "b" * 64
    assert "mspctl_winrm_ca_file" not in own.connection


def test_a_windows_host_that_cannot_be_entered_safely_or_gets_nothing_is_left_alone() -> None:
    for host, reason in (
        (windows_host(None), "client.yml names no login for Windows (connection.windows: user, password)"),
        (windows_host(pinned={}), "its certificate was never seen: `mspctl discover` pins it"),
        (windows_host(goes_on={}), "clamav has no agent for Windows"),
    ):
        assert host.left_alone == reason and "monitoring" not in host.groups


def test_a_service_may_be_chosen_for_some_groups_only() -> None:
    client = client_file({"monitoring": zabbix(), "antivirus": replace(CLAMAV, groups=("workstation",))})
    found = built(asset("web"), asset("desk", kind="workstation"), client=client)
    assert found.members("monitoring") == ("desk", "web")
    assert found.members("antivirus") == ("desk",)


def test_an_exclusion_holds_until_it_expires() -> None:
    def left_out(expires: str, services: tuple[str, ...] = (), name: str = "web") -> Inventory:
        told = Exclusion(asset=name, reason="leased", owner="sam", expires=expires, services=services)
        return built(asset("web"), client=replace(BOTH, exclusions=(told,)))

    text = "leased (sam, until 2026-11-21)"
    (host,) = left_out(TODAY.isoformat()).hosts
    assert (host.excluded, host.left_alone) == ({"monitoring": text, "antivirus": text}, text)
    assert not {"monitoring", "antivirus"} & set(host.groups)
    (host,) = left_out((TODAY - timedelta(days=1)).isoformat()).hosts
    assert (host.excluded, host.left_alone) == ({}, "")
    (host,) = left_out("2027-01-01", ("antivirus",)).hosts
    assert ("monitoring" in host.groups, "antivirus" in host.groups, host.left_alone) == (True, False, "")
    for name in names_of(asset("web")):
        assert left_out("2027-01-01", name=name).hosts[0].left_alone


def test_an_asset_that_is_gone_is_no_host() -> None:
    assert built(replace(asset("web"), gone_since="scan")).hosts == ()


# Mistakes


def test_names_that_mean_nothing_are_told_all_at_once() -> None:
    client = client_file(
        {"antivirus": replace(CLAMAV, groups=("servers", "zzz")), "monitorin": OptIn(provider="zabbix")}
    )
    gone = Exclusion(asset="wep", reason="leased", owner="sam", expires="2027-01-01", services=("backup",))
    with pytest.raises(BadInput) as caught:
        built(asset("web"), client=replace(client, exclusions=(gone,)))
    where = "inventories/acme/client.yml"
    assert caught.value.lines == (
        f"{where}: services.antivirus.groups: no asset is in 'servers'; did you mean 'server'?",
        f"{where}: services.antivirus.groups: no asset is in 'zzz'; groups: debian, debian_12, linux,"
        " network_office, server, site_main",
        f"{where}: services.monitorin: no such service; did you mean 'monitoring'?",
        f"{where}: exclusions[0].services: 'backup' was not chosen by the client",
        f"{where}: exclusions[0].asset: no asset 'wep'; did you mean 'web'?",
    )


def test_assets_that_stand_in_for_one_another_are_hosts_by_name() -> None:
    client = replace(client_file({}), redundant=(("web", asset("db").addresses[0]),))
    assert built(asset("web"), asset("db"), client=client).redundant == (frozenset({"web", "db"}),)
    with pytest.raises(BadInput, match=r"redundant\[0\]: no asset 'db1'; did you mean 'db'"):
        built(asset("web"), asset("db"), client=replace(client, redundant=(("web", "db1"),)))


def test_before_the_first_scan_no_name_is_a_mistake() -> None:
    told = Exclusion(asset="web", reason="leased", owner="sam", expires="2027-01-01")
    client = replace(client_file({"antivirus": replace(CLAMAV, groups=("server",))}), exclusions=(told,))
    assert built(client=client).hosts == ()


# Variables


def test_services_come_with_the_provider_s_defaults_under_the_client_s_choice() -> None:
    client = client_file({"monitoring": OptIn(provider="zabbix", settings={"server": "192.0.2.9"})})
    ours = WorkspaceFile(provider="N", services={"monitoring": zabbix(), "antivirus": CLAMAV})
    chosen = chosen_services(client, ours)
    assert list(chosen) == ["monitoring"]  # a default is no choice
    assert chosen["monitoring"].settings == {"server": "192.0.2.9", "psk_identity": "northwind"}
    assert chosen["monitoring"].secrets == {"psk": "vault:psk"}
    other = client_file({"monitoring": OptIn(provider="checkmk")})
    assert chosen_services(other, ours)["monitoring"].settings == {}  # another product's settings


def test_an_agreed_version_reaches_the_role_and_the_client_s_own_wins() -> None:
    def written(own: str, default: str) -> object:
        client = client_file({"monitoring": replace(zabbix(), version=own)})
        ours = WorkspaceFile(provider="N", services={"monitoring": replace(zabbix(), version=default)})
        found = build("acme", client, ours, [], OverridesFile(), TODAY)
        return found.group_variables["monitoring"].get("monitoring_version")

    assert (written("1:6.0.14*", ""), written("", "1:6*")) == ("1:6.0.14*", "1:6*")
    assert written("1:7*", "1:6*") == "1:7*"
    assert written("", "") is None


def test_other_products_go_only_where_the_client_says_so() -> None:
    def written(is_wanted: bool) -> object:
        found = built(client=client_file({"monitoring": replace(zabbix(), replace=is_wanted)}))
        return found.group_variables["monitoring"].get("monitoring_replace")

    assert (written(True), written(False)) == (True, None)


def test_secrets_are_references_in_every_file() -> None:
    found = files(
        built(
            asset("web"),
            client=replace(
                BOTH, connection=Connection(user="technician", key="vault:key", become_password="vault:sudo")
            ),
            overrides=(Override(asset="a-web", connection=Connection(password="vault:own", port=2222)),),
        )
    )
    assert json.loads(found["group_vars/monitoring/mspctl.json"])["monitoring_secrets"] == {
        "psk": "{{ vault_psk }}"
    }
    host = hosts_json(built(asset("web"), client=BOTH))["hosts"]["web"]
    assert host["ansible_host"] == "192.0.2.10"
    assert host["mspctl_asset"] == "a-web"
    assert (
        json.loads(found["hosts.json"])["all"]["hosts"]["web"]["ansible_become_password"]
        == "{{ vault_sudo }}"
    )
    assert json.loads(found["host_vars/web/mspctl.json"]) == {
        "ansible_password": "{{ vault_own }}",
        "ansible_port": 2222,
    }


def test_the_nearest_connection_wins() -> None:
    client = replace(
        BOTH,
        connection=Connection(user="all", key="vault:all", become_password="vault:sudo"),
        sites=(
            Site(
                name="main",
                networks=BOTH.sites[0].networks,
                connection=Connection(user="main", key_file="~/.ssh/main"),
            ),
        ),
    )
    (host,) = built(asset("web"), client=client).hosts
    assert host.connection == {
        "ansible_host": "192.0.2.10",
        "ansible_port": 22,
        "ansible_connection": "ssh",
        "ansible_user": "main",
        "ansible_ssh_private_key_file": "~/.ssh/main",  # a file at the site replaces the client's key
        "ansible_become_password": "{{ vault_sudo }}",
        "mspctl_asset": "a-web",
        "mspctl_site": "main",
    }


def test_ssh_is_asked_where_it_was_seen() -> None:
    odd = replace(asset("web"), services=(Service(port=80, name="http"), Service(port=2222, name="ssh")))
    assert built(odd).hosts[0].connection["ansible_port"] == 2222


def test_host_keys_are_checked_against_the_client_s_own_file() -> None:
    found = json.loads(files(built(asset("web")))["group_vars/all/mspctl.json"])
    assert found["mspctl_client"] == "acme"
    assert "StrictHostKeyChecking=yes" in found["ansible_ssh_common_args"]
    assert "{{ inventory_dir }}/known_hosts" in found["ansible_ssh_common_args"]


@pytest.mark.parametrize("hostile", WRITABLE, ids=range(len(WRITABLE)))
def test_what_was_discovered_is_marked_unsafe_and_stands_nowhere_else(hostile: str) -> None:
    quiet = built(asset("web", vendor="quiet", hostname="quiet"))
    loud = built(asset("web", vendor=hostile, hostname=hostile))
    host = hosts_json(loud)["hosts"]["web"]
    assert host.pop("mspctl_discovered")["vendor"] == {"__ansible_unsafe": hostile}
    expected = hosts_json(quiet)
    del expected["hosts"]["web"]["mspctl_discovered"]
    assert {**hosts_json(loud), "hosts": {"web": host}} == expected
    apart = {name: text for name, text in files(loud).items() if name != "hosts.json"}
    assert apart == {name: text for name, text in files(quiet).items() if name != "hosts.json"}


@pytest.mark.parametrize("hostile", WRITABLE, ids=range(len(WRITABLE)))
@pytest.mark.parametrize("key", ["kind", "role", "os", "os_version"])
def test_what_makes_groups_makes_nothing_but_names(hostile: str, key: str) -> None:
    found = built(asset("web", **{key: hostile}))
    for name in found.hosts[0].groups:
        assert re.fullmatch("[a-z_][a-z0-9_]{0,70}", name)
    assert set(files(found)) == set(files(built(asset("web"))))


# Files


names = st.lists(st.from_regex("[a-z][a-z0-9-]{0,8}", fullmatch=True), unique=True, max_size=6)


@given(names, st.randoms(), st.data())
def test_the_files_do_not_depend_on_the_order_of_the_assets(
    wanted: list[str], chance: Any, data: st.DataObject
) -> None:
    kinds = st.sampled_from(["server", "workstation", "printer", ""])
    assets = [asset(name, f"192.0.2.{n}", kind=data.draw(kinds)) for n, name in enumerate(wanted, 1)]
    overrides = [Override(asset=each.id, connection=Connection(port=1000)) for each in assets[:3]]
    first = files(built(*assets, overrides=tuple(overrides)))
    chance.shuffle(assets)
    chance.shuffle(overrides)
    again = files(built(*assets, overrides=tuple(overrides)))
    assert again == first
    assert list(json.loads(again["hosts.json"])["all"]["hosts"]) == sorted(wanted)
    for text in first.values():
        assert text.endswith("\n")
        json.loads(text)


def test_an_empty_client_is_an_inventory_too() -> None:
    found = files(built(client=client_file()))
    assert json.loads(found["hosts.json"]) == {"all": {"hosts": {}, "children": {}}}
    assert set(found) == {"hosts.json", "group_vars/all/mspctl.json", "group_vars/linux/mspctl.json"}
