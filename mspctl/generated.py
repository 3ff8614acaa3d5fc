"""Secrets that no person chooses: one for each host, made where it is missing, kept in the client's vault."""

import secrets
import string
from collections.abc import Mapping

from mspctl.inventory import Inventory
from mspctl.records import Record
from mspctl.records.provider import Generate
from mspctl.references import generated_name

_ALPHABETS = {"alphanumeric": string.ascii_letters + string.digits, "hexadecimal": "0123456789abcdef"}


class HostSecret(Record, frozen=True, kw_only=True):
    """A secret of one host: where it is kept, and how it is made."""

    name: str  # in the client's vault
    host: str
    service: str
    secret: str  # as the provider's record calls it
    how: Generate


def host_secrets(
    inventory: Inventory, generated: Mapping[tuple[str, str], Mapping[str, Generate]]
) -> tuple[HostSecret, ...]:
    """Return every generated secret of the hosts that are to have the products of `generated`, by name."""
    found = [
        HostSecret(
            name=generated_name(service, secret, str(host.connection["mspctl_asset"])),
            host=host.name,
            service=service,
            secret=secret,
            how=how,
        )
        for host in inventory.hosts
        for service, product in inventory.chosen_for(host).items()
        for secret, how in generated.get((service, product.provider), {}).items()
    ]
    return tuple(sorted(found, key=lambda each: each.name))


def fresh(how: Generate) -> str:
    """Return a new secret that nobody can guess."""
    return "".join(secrets.choice(_ALPHABETS[how.alphabet]) for _ in range(how.length))
