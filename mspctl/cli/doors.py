"""How to get into a client's hosts for a question that needs no Ansible: the same doors, the same secrets."""

from collections.abc import Container
from dataclasses import dataclass, field
from datetime import date

from mspctl import logins as planning
from mspctl.inventory import Inventory
from mspctl.logins import Login
from mspctl.records import Asset
from mspctl.sessions import Door
from mspctl.workspace import Client


@dataclass
class Doors:
    """The hosts of an inventory, as Ansible reaches them."""

    client: Client
    built: Inventory
    become_password: str = field(repr=False)  # where the client's file names none
    opened: dict[str, str] = field(default_factory=dict, repr=False)

    def logins(self, hosts: Container[str]) -> list[Login]:
        """Return how to log in to hosts: only where Ansible goes to the very same door."""
        assets = [each for each in self.client.assets() if isinstance(each, Asset)]
        known = {
            host.name: {"ansible_port": 22, **host.connection, **host.overrides} for host in self.built.hosts
        }
        planned = planning.logins(
            self.client.file(),
            assets,
            self.client.overrides(),
            planning.pins(self.client.known_hosts(), ()),
            date.today(),
            frozenset(name for name in known if name in hosts),
        )
        return [
            each
            for each in planned
            if isinstance(each, Login)
            and each.by == "ssh"
            and (each.address, each.port)
            == (known[each.name]["ansible_host"], known[each.name]["ansible_port"])
        ]

    def door(self, login: Login) -> tuple[Door, str]:
        """Return the door to a host, and the password of sudo there."""
        connection = login.connection
        door = Door(
            host=login.name,
            address=login.address,
            port=login.port,
            user=connection.user or "",
            host_key=login.pin,
            private_key=self._secret(connection.key),
            key_file=connection.key_file,
            password=self._secret(connection.password),
        )
        return door, self._secret(connection.become_password) or self.become_password

    def _secret(self, reference: str | None) -> str | None:
        """Return a secret of the client's, opened once: most hosts share theirs."""
        if reference and reference not in self.opened:
            self.opened[reference] = self.client.vault().get(reference)
        return self.opened[reference] if reference else None
