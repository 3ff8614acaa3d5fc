"""Filling Ansible's objects directly gives what its public API gives: hosts, groups, variables and trust."""

from collections.abc import Sequence
from typing import Any

import pytest
from ansible.inventory.data import InventoryData
from ansible.release import __version__
from ansible.template import is_trusted_as_template

from mspctl.ansible.inventory.mspctl import FAST, InventoryModule
from mspctl.inventory import Host, build
from mspctl.records import Connection, Override, OverridesFile, WorkspaceFile
from tests.samples import TODAY, WRITABLE, asset, client_file, zabbix

SOURCE = "/tmp/inventories/acme/inventory.mspctl.yml"


def hosts() -> tuple[Host, ...]:
    """Return hosts of every kind, one of them named like this machine and one known before."""
    assets = [
        asset("web", "192.0.2.1", vendor=WRITABLE[0], hostname="{{ 1 }}"),
        asset("desk", "192.0.2.2", kind="workstation", os="ubuntu"),
        asset("laser", "192.0.2.3", kind="printer", os=""),
        asset("riddle", "192.0.2.4", kind="", os=""),
        asset("localhost", "192.0.2.5"),
        asset("known", "192.0.2.6"),
    ]
    own = Override(asset="a-web", connection=Connection(port=2222, password="vault:own"))
    client = client_file({"monitoring": zabbix()})
    settings = WorkspaceFile(provider="N")
    return build("acme", client, settings, assets, OverridesFile(assets=(own,)), TODAY).hosts


def filled(method: str, given: Sequence[Host], *, reversed_too: bool = False) -> InventoryData:
    """Return an inventory that held a host and nested groups before."""
    inventory = InventoryData()
    for group in ("country", "linux"):
        inventory.add_group(group)
    inventory.add_child("country", "linux")
    inventory.add_host("known", group="country")
    inventory.set_variable("known", "ansible_host", "198.51.100.1")
    inventory.current_source = SOURCE
    plugin = InventoryModule()
    plugin.inventory = inventory
    getattr(plugin, method)(given)
    if reversed_too:
        getattr(plugin, method)(given[::-1])
    inventory.reconcile_inventory()
    return inventory


def trusted(value: Any) -> Any:
    """Return where in a value Ansible would look for templates."""
    if isinstance(value, dict):
        return {key: trusted(each) for key, each in value.items()}
    return isinstance(value, str) and "{" in value and is_trusted_as_template(value)


@pytest.mark.parametrize("reversed_too", [False, True], ids=["once", "twice"])
def test_both_ways_fill_the_same_inventory(reversed_too: bool) -> None:
    slow, fast = (filled(way, hosts(), reversed_too=reversed_too) for way in ("_put", "_put_fast"))
    assert list(fast.hosts) == list(slow.hosts) and len(fast.hosts) == 6
    told = [{name: sorted(each) for name, each in of.get_groups_dict().items()} for of in (slow, fast)]
    assert told[0] == told[1]
    for name, host in slow.hosts.items():
        other = fast.hosts[name]
        assert {group.name for group in other.groups} == {group.name for group in host.groups}
        assert other.get_vars() == host.get_vars()
        assert trusted(other.vars) == trusted(host.vars)
    for name, group in slow.groups.items():
        assert {host.name for host in fast.groups[name].get_hosts()} == {
            host.name for host in group.get_hosts()
        }
        assert fast.groups[name].depth == group.depth


def test_what_was_discovered_is_never_trusted() -> None:
    found = trusted(filled("_put_fast", hosts()).hosts["web"].vars)
    assert not any(found["mspctl_discovered"].values())
    assert found["ansible_password"]


def test_the_installed_ansible_is_one_whose_objects_are_known() -> None:
    """Where this fails, read Host and Group of the new version, run the tests above and add it to FAST."""
    assert __version__.startswith(FAST)
