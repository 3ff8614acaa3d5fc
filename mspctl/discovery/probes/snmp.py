"""SNMP version 2c: the system group, and what tells a printer, a UPS or a chassis more exactly.

The library stands behind `_Agent` alone: it is young and its import path has moved before. A community is
a secret; it is neither part of what is returned nor of any message.
"""

from collections.abc import Iterable

from gufo.snmp import SnmpError
from gufo.snmp.aio import SnmpSession

from mspctl.facts.snmp import DETAILS, OBJECTS, SYSTEM
from mspctl.records import Json

PORT = 161
_TEXT_CHARACTERS = 512
_BINARY = frozenset({OBJECTS["snmp.engine"], OBJECTS["snmp.bridge"]})
_TRIES = 2
_SILENT = (OSError, TimeoutError, SnmpError, ValueError, RuntimeError)
"""Timeouts, refusals and what the library says of garbage; all mean that this question has no answer."""


class _Agent:
    """One device under one community."""

    def __init__(self, address: str, port: int, community: str, seconds: float) -> None:
        self._session = SnmpSession(addr=address, port=port, community=community, timeout=seconds)

    async def get(self, objects: Iterable[str], tries: int = 1) -> dict[str, Json]:
        """Return the value of each object that answers; {} for silence."""
        asked = tuple(objects)
        for _ in range(tries):
            try:
                values = await self._session.get_many(asked)
            except TimeoutError:
                continue
            except _SILENT:
                return {}
            return {oid: decode(oid, values[oid]) for oid in asked if values.get(oid) is not None}
        return {}


async def collect(
    address: str, communities: Iterable[str], seconds: float, port: int = PORT
) -> dict[str, Json] | None:
    """Return the values a device answers with under the first community it knows; None for silence."""
    for community in communities:
        try:
            agent = _Agent(address, port, community, seconds)
        except _SILENT:
            continue
        values = await agent.get(SYSTEM.values(), tries=_TRIES)
        if values:
            for group in DETAILS:
                values |= await agent.get(group.values())
            return {"values": values}
    return None


def decode(oid: str, value: object) -> Json:
    """Return a value as text, integer, or hex after 0x where its bytes are no text."""
    if isinstance(value, bool | int):
        return int(value)
    if isinstance(value, bytes):
        if oid not in _BINARY and (text := _as_text(value)) is not None:
            return text
        return "0x" + value[: _TEXT_CHARACTERS // 2].hex()
    return str(value)[:_TEXT_CHARACTERS]


def _as_text(value: bytes) -> str | None:
    try:
        text = value.rstrip(b"\0").decode("utf-8")
    except UnicodeDecodeError:
        return None
    return text[:_TEXT_CHARACTERS] if all(c.isprintable() or c.isspace() for c in text) else None
