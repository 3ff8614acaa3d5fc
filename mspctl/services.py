"""Which product a service is on which systems: the client's choices over the provider's defaults; pure."""

from collections.abc import Collection, Iterable, Mapping, Set
from typing import TypeVar

import msgspec

from mspctl.records import ClientFile, Json, OptIn, Product, SystemChoice, SystemFamily, WorkspaceFile
from mspctl.records.client import SYSTEMS
from mspctl.references import generated_template, variable_template

LINUX = frozenset({"debian", "ubuntu"})  # families whose roles exist and are tested
WINDOWS = "windows"
GoesOn = Mapping[tuple[str, str], Collection[SystemFamily]]
"""By service and provider: the systems that a product has a part for."""
_Choice = TypeVar("_Choice", OptIn, SystemChoice)


def chosen_services(client: ClientFile, settings: WorkspaceFile) -> dict[str, OptIn]:
    """Return the services the client opted into, each over the provider's defaults for it."""
    merged = {}
    for service, choice in sorted(client.services.items()):
        default = settings.services.get(service)
        known = default.products() if default else ()
        parts = choice.parts()
        rest = frozenset(SYSTEMS) - set(parts)
        merged[service] = msgspec.structs.replace(
            _over(choice, known, rest),
            **{system: _over(part, known, {system}) for system, part in parts.items()},
        )
    return merged


def _over(choice: _Choice, defaults: Iterable[Product], systems: Set[SystemFamily]) -> _Choice:
    """Return a choice over our own default for that product, if that one is for all of its systems."""
    for default in defaults:
        if default.provider == choice.provider and systems <= set(default.systems):
            return msgspec.structs.replace(
                choice,
                settings={**default.settings, **choice.settings},
                secrets={**default.secrets, **choice.secrets},
                version=choice.version or default.version,
            )
    return choice


def system_of(name: str) -> SystemFamily | None:
    """Return the family of a system, by discovery's name for it; None where there are no agents for it."""
    return "windows" if name == WINDOWS else "linux" if name in LINUX else None


def product_group(service: str, product: Product) -> str:
    """Return the group of the hosts that get a product: the service's own where it is the one for all."""
    return service if len(product.systems) == len(SYSTEMS) else f"{service}_{product.systems[0]}"


def products_on(services: Mapping[str, OptIn], system: SystemFamily) -> dict[str, Product]:
    """Return the product of each service that hosts of a system get."""
    found = {service: choice.product(system) for service, choice in services.items()}
    return {service: product for service, product in found.items() if product}


def elsewhere(services: Mapping[str, OptIn], system: SystemFamily, goes_on: GoesOn) -> dict[str, str]:
    """Return the services that hosts of a system cannot have, each with the reason."""
    found = {}
    for service, choice in services.items():
        product = choice.product(system)
        if product is None:
            found[service] = f"not chosen by the client for {system.capitalize()}"
        elif system not in goes_on.get((service, product.provider), ("linux",)):
            found[service] = f"{product.provider} has no agent for {system.capitalize()}"
    return found


def product_variables(service: str, product: Product, generated: Iterable[str]) -> dict[str, Json]:
    """Return what says to Ansible which product a service is, and how it is set; secrets as references."""
    return {
        f"{service}_provider": product.provider,
        f"{service}_settings": dict(product.settings),
        **({f"{service}_version": product.version} if product.version else {}),
        **({f"{service}_replace": True} if product.replace else {}),
        f"{service}_secrets": {
            **{key: variable_template(value) for key, value in sorted(product.secrets.items())},
            **{key: generated_template(service, key) for key in sorted(generated)},
        },
    }
