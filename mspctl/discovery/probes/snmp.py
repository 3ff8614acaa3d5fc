"""SNMP version 2c: the system group, and what tells a printer, a UPS or a chassis more exactly.

The library stands behind `_Agent` alone: it is young and its import path has moved before. A community is
a secret; it is neither part of what is returned nor of any message.
"""

import asyncio
from collections.abc import Iterable

from gufo.snmp import SnmpError
from gufo.snmp.aio import SnmpSession

from mspctl.facts.snmp import DETAILS, OBJECTS, SYSTEM
from mspctl.records import Json

PORT = 161
_TEXT_CHARACTERS = 512
_BINARY_BYTES = 32  # the longest engine id: https://www.rfc-editor.org/rfc/rfc3411#section-5
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
    """Return the values a device answers with under the first community it knows; None for silence.

    All communities are tried at once: most machines speak no SNMP, and each silence costs its time.
    """
    answers = await asyncio.gather(*(_greeted(address, port, each, seconds) for each in communities))
    agent, values = next((answer for answer in answers if answer[1]), (None, {}))
    if agent is None:
        return None
    for group in DETAILS:
        values |= await agent.get(group.values())
    return {"values": values}


async def _greeted(
    address: str, port: int, community: str, seconds: float
) -> tuple[_Agent | None, dict[str, Json]]:
    """Return a device under one community, and its system group; {} for silence."""
    try:
        agent = _Agent(address, port, community, seconds)
    except _SILENT:
        return None, {}
    return agent, await agent.get(SYSTEM.values(), tries=_TRIES)


def decode(oid: str, value: object) -> Json:
    """Return a value as text, integer, or hex after 0x where it is binary by definition."""
    if isinstance(value, bool | int):
        return int(value)
    if not isinstance(value, bytes):
        return str(value)[:_TEXT_CHARACTERS]
    if oid in _BINARY:
        return "0x" + value[:_BINARY_BYTES].hex()
    head = value[: _TEXT_CHARACTERS * 4].rstrip(b"\0")
    try:
        return head.decode("utf-8")[:_TEXT_CHARACTERS]
    except UnicodeDecodeError:
        return head.decode("latin-1")[:_TEXT_CHARACTERS]
