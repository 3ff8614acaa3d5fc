"""Which products of a provider's trade are on a machine, by the names they go by; pure."""

import re
from collections.abc import Iterable, Sequence
from fnmatch import translate
from functools import cache
from importlib.resources import files
from typing import Literal

import msgspec
import yaml

from mspctl.errors import BadInput
from mspctl.records import Agent, Record

_FILE = "agents.yml"
_SHOWN = 4
Kind = Literal["rmm", "remote-access", "monitoring", "antivirus", "backup"]


class Signs(Record, frozen=True, kw_only=True):
    """How one product is known; names in lower case, * for anything."""

    product: str
    kind: Kind
    services: tuple[str, ...] = ()
    processes: tuple[str, ...] = ()
    software: tuple[str, ...] = ()


class _File(Record, frozen=True, kw_only=True):
    agents: tuple[Signs, ...]


@cache
def shipped() -> tuple[Signs, ...]:
    """Return the products that mspctl knows. Raise BadInput for a mistake in the file."""
    text = (files("mspctl") / "data" / "inspect" / _FILE).read_text("utf-8")
    try:
        return msgspec.convert(yaml.safe_load(text), _File).agents
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise BadInput(f"{_FILE}: {error}") from error


def found(
    services: Iterable[str],
    processes: Iterable[str],
    software: Iterable[str],
    known: Sequence[Signs] | None = None,
) -> tuple[Agent, ...]:
    """Return the products that something on a machine is named after, each with what shows it."""
    named = {"service": tuple(services), "process": tuple(processes), "software": tuple(software)}
    agents = []
    for signs in shipped() if known is None else known:
        wanted = {"service": signs.services, "process": signs.processes, "software": signs.software}
        artefacts = {
            f"{kind} {name}"
            for kind, patterns in wanted.items()
            if patterns
            for name in named[kind]
            if _compiled(patterns).match(name.lower())
        }
        if artefacts:
            agents.append(
                Agent(product=signs.product, kind=signs.kind, artefacts=tuple(sorted(artefacts)[:_SHOWN]))
            )
    return tuple(sorted(agents))


@cache
def _compiled(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(translate(pattern) for pattern in patterns))
