"""The inventory plugin: Ansible reads a client of the workspace itself, without generated files."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

from ansible.constants import LOCALHOST
from ansible.errors import AnsibleParserError
from ansible.inventory.data import InventoryData
from ansible.inventory.group import Group
from ansible.inventory.host import Host as AnsibleHost
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.inventory import BaseInventoryPlugin, Constructable
from ansible.release import __version__
from ansible.template import trust_as_template
from ansible.utils.path import basedir

from mspctl import catalog
from mspctl.errors import MspctlError
from mspctl.inventory import Host, Inventory, build
from mspctl.logins import certificates
from mspctl.netconfig.field import choices
from mspctl.netconfig.variables import with_devices
from mspctl.records import Asset, Json
from mspctl.services import chosen_services
from mspctl.vault import no_password
from mspctl.workspace import Workspace

DOCUMENTATION = """
    name: mspctl
    short_description: the hosts of a client, from mspctl's workspace
    description:
      - Reads client.yml, overrides.yml and assets.jsonl of the folder the file lies in.
      - What was discovered is data and is never templated; what the engineer wrote is.
      - It yields what C(mspctl inventory) writes, and the groups of C(keyed_groups).
    extends_documentation_fragment:
      - constructed
    options:
      plugin:
        description: always C(mspctl)
        required: true
        choices: [mspctl]
"""

EXAMPLES = """
# inventories/acme/inventory.mspctl.yml
plugin: mspctl
"""


FAST = ("2.19.",)  # the versions of ansible-core whose objects are filled directly; others by the API
_CONSTRUCTED = ("compose", "groups", "keyed_groups")


class InventoryModule(BaseInventoryPlugin, Constructable):  # type: ignore[misc]  # ansible ships no types
    """Reads the client whose folder holds the inventory file."""

    NAME = "mspctl"

    def verify_file(self, path: str) -> bool:
        """Return whether `path` is meant for this plugin: it ends with .mspctl.yml."""
        return bool(super().verify_file(path)) and path.endswith((".mspctl.yml", ".mspctl.yaml"))

    def parse(self, inventory: InventoryData, loader: DataLoader, path: str, cache: bool = True) -> None:
        """Put the client's hosts into `inventory`. Raise AnsibleParserError with what is wrong."""
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        with _no_garbage():
            built = self._built(Path(path).absolute().parent)
            for group, values in built.group_variables.items():
                self.inventory.add_group(group)
                for key, value in values.items():
                    self.inventory.set_variable(group, key, _trusted(value))
            (self._put_fast if __version__.startswith(FAST) else self._put)(built.hosts)
        if any(self.get_option(option) for option in _CONSTRUCTED):
            for host in built.hosts:
                self._construct(host.name)

    def _built(self, folder: Path) -> Inventory:
        try:
            client = Workspace.find(folder, no_password).client(folder.name)
            file, settings = client.file(), client.workspace.settings()
            found = [asset for asset in client.assets() if isinstance(asset, Asset)]
            services, own = chosen_services(file, settings), client.workspace.own_providers
            built = build(
                client.name,
                file,
                settings,
                found,
                client.overrides(),
                date.today(),
                catalog.generated(services, own),
                catalog.goes_on(services, own),
                certificates(found, client.scans),
            )
            if not (devices := client.devices()):  # reading how platforms are spoken to takes longer
                return built
            return with_devices(built, choices(file.network, settings.network), devices, catalog.platforms())
        except MspctlError as error:
            raise AnsibleParserError(str(error)) from None

    def _put(self, hosts: Iterable[Host]) -> None:
        """Add hosts by Ansible's public API."""
        for host in hosts:
            self.inventory.add_host(host.name)
            for group in host.groups:
                self.inventory.add_group(group)
                self.inventory.add_host(host.name, group=group)
            for key, value in _values(host).items():
                self.inventory.set_variable(host.name, key, value)

    def _put_fast(self, hosts: Iterable[Host]) -> None:
        """Add hosts to Ansible's own objects, without a copy and a check of each value.

        The API visits every value to tag it with where it came from, and asks the file system for the
        source's folder at every host. Hosts that are known already, or may stand for this machine itself,
        go the long way.
        """
        inventory = self.inventory
        source = inventory.current_source
        origin = {"inventory_file": source, "inventory_dir": basedir(source) if source else None}
        members: dict[str, list[AnsibleHost]] = {}
        lineages: dict[tuple[str, ...], list[Group]] = {}  # many hosts are in the same groups
        for host in hosts:
            if host.name in inventory.hosts or host.name in LOCALHOST:
                self._put([host])
                continue
            added = inventory.hosts[host.name] = AnsibleHost(host.name)
            added.vars = {**origin, **_values(host)}
            if host.groups not in lineages:
                lineages[host.groups] = self._lineage(host.groups)
            added.groups = list(lineages[host.groups])
            for group in host.groups:
                members.setdefault(group, []).append(added)
        for name, each in members.items():
            group = inventory.groups[name]
            group.host_names.update([host.name for host in each])
            group.hosts.extend(each)
            group.clear_hosts_cache()

    def _lineage(self, names: Iterable[str]) -> list[Group]:
        """Return groups, made where they are not there yet, with all that they are in."""
        found: dict[Group, None] = {}
        for name in names:
            group = self.inventory.groups[self.inventory.add_group(name)]
            if not group.parent_groups:
                self.inventory.add_child("all", name)
            found.update(dict.fromkeys((*group.get_ancestors(), group)))
        return list(found)

    def _construct(self, name: str) -> None:
        values = self.inventory.get_host(name).get_vars()
        strict = self.get_option("strict")
        self._set_composite_vars(self.get_option("compose"), values, name, strict=strict)
        self._add_host_to_composed_groups(self.get_option("groups"), values, name, strict=strict)
        self._add_host_to_keyed_groups(self.get_option("keyed_groups"), values, name, strict=strict)


def _values(host: Host) -> dict[str, Any]:
    """Return the variables of a host: what people wrote is templated, what was discovered is not."""
    values = {key: _trusted(value) for key, value in host.connection.items()}
    values.update((key, _trusted(value)) for key, value in host.overrides.items())
    values["mspctl_discovered"] = host.discovered
    return values


@contextmanager
def _no_garbage() -> Iterator[None]:
    """Keep the collector from looking through the inventory again and again: none of it is garbage."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        if was_enabled:
            gc.enable()


def _trusted(value: Json) -> Any:
    """Return what people wrote marked so that Ansible may template it; core 2.19 trusts nothing else."""
    if isinstance(value, str):
        return _trusted_text(value)
    if isinstance(value, dict):
        return {key: _trusted(each) for key, each in value.items()}
    return [_trusted(each) for each in value] if isinstance(value, list) else value


_trusted_text = lru_cache(maxsize=1024)(trust_as_template)  # most hosts share theirs
