"""MQTT: whether a broker lets everyone in; nothing is subscribed to, nothing published."""

import asyncio

from mspctl.discovery.probes.reading import FAILURES, connection, read_until
from mspctl.facts.mqtt import DISCONNECT, is_answer, question
from mspctl.records import Json

PORT = 1883


async def collect(address: str, port: int, seconds: float) -> dict[str, Json] | None:
    """Return the broker's answer; None where no MQTT is spoken."""
    try:
        async with asyncio.timeout(seconds * 3), connection(address, port) as (reader, writer):
            writer.write(question())
            data = await read_until(reader, lambda data: len(data) >= 4, 4, seconds)
            if is_answer(data):
                writer.write(DISCONNECT)
                await writer.drain()
                return {"answer": data[:4].hex()}
    except FAILURES:
        return None
    return None
