"""The inventory plugin: Ansible reads a client of the workspace itself, without generated files."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleParserError
from ansible.inventory.data import InventoryData
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.inventory import BaseInventoryPlugin, Constructable
from ansible.template import trust_as_template

from mspctl.errors import MspctlError
from mspctl.inventory import Host, build
from mspctl.records import Asset, Json
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
        try:
            folder = Path(path).absolute().parent
            client = Workspace.find(folder, no_password).client(folder.name)
            built = build(
                client.name,
                client.file(),
                client.workspace.settings(),
                [asset for asset in client.assets() if isinstance(asset, Asset)],
                client.overrides(),
                date.today(),
            )
        except MspctlError as error:
            raise AnsibleParserError(str(error)) from None
        for group, values in built.group_variables.items():
            self.inventory.add_group(group)
            for key, value in values.items():
                self.inventory.set_variable(group, key, _trusted(value))
        for host in built.hosts:
            self._add(host)

    def _add(self, host: Host) -> None:
        self.inventory.add_host(host.name)
        for group in host.groups:
            self.inventory.add_group(group)
            self.inventory.add_host(host.name, group=group)
        for key, value in {**host.connection, **host.overrides}.items():
            self.inventory.set_variable(host.name, key, _trusted(value))
        self.inventory.set_variable(host.name, "mspctl_discovered", dict(host.discovered))
        values = self.inventory.get_host(host.name).get_vars()
        strict = self.get_option("strict")
        self._set_composite_vars(self.get_option("compose"), values, host.name, strict=strict)
        self._add_host_to_composed_groups(self.get_option("groups"), values, host.name, strict=strict)
        self._add_host_to_keyed_groups(self.get_option("keyed_groups"), values, host.name, strict=strict)


def _trusted(value: Json) -> Any:
    """Return what people wrote marked so that Ansible may template it; core 2.19 trusts nothing else."""
    if isinstance(value, str):
        return trust_as_template(value)
    if isinstance(value, dict):
        return {key: _trusted(each) for key, each in value.items()}
    return [_trusted(each) for each in value] if isinstance(value, list) else value
