"""References to secrets: what they look like, and where the hand-written files hold them; pure."""

import re
from collections.abc import Iterator, Mapping

import msgspec

from mspctl.records import Json, Record

_REFERENCE = re.compile("vault:([a-z][a-z0-9_]{0,60})")  # as records/base.py has it
VARIABLE_PREFIX = "vault_"


def variable(reference: str) -> str:
    """Return the Ansible variable that holds the secret of a reference such as vault:psk."""
    return VARIABLE_PREFIX + reference.removeprefix("vault:")


def variable_template(reference: str | None) -> str | None:
    """Return what Ansible renders to the secret of a reference; None of none."""
    return f"{{{{ {variable(reference)} }}}}" if reference else None


def generated_name(service: str, secret: str, asset: str) -> str:
    """Return the name in the client's vault of a secret generated for one asset, by the asset's id."""
    return f"{service}_{secret}_{asset.replace('-', '_')}"


def generated_template(service: str, secret: str) -> str:
    """Return what Ansible renders to the secret of the host at hand, and of no other."""
    prefix = f"{VARIABLE_PREFIX}{service}_{secret}_"
    return f"{{{{ lookup('ansible.builtin.vars', '{prefix}' ~ mspctl_asset | replace('-', '_')) }}}}"


def references(records: Mapping[str, Record]) -> dict[str, tuple[str, ...]]:
    """Return the secrets that records refer to: name → the places, each `file: path inside it`.

    `records` maps the name of a file to what it holds.
    """
    found: dict[str, list[str]] = {}
    for file, record in records.items():
        for place, text in _texts(msgspec.to_builtins(record), ""):
            if reference := _REFERENCE.fullmatch(text):
                found.setdefault(reference[1], []).append(f"{file}: {place}")
    return {name: tuple(places) for name, places in sorted(found.items())}


def _texts(node: Json, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _texts(value, f"{place}.{key}" if place else str(key))
    elif isinstance(node, list | tuple):
        for index, value in enumerate(node):
            yield from _texts(value, f"{place}[{index}]")
    elif isinstance(node, str):
        yield place, node
