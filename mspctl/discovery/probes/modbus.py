"""Modbus: a controller is asked for its name and nothing else; no register is read or written.

Only where the client's file or the scan's profile allows industrial questions.
"""

import asyncio

from mspctl.discovery.probes.reading import FAILURES, connection, read_until
from mspctl.discovery.profiles import MODBUS_PORT
from mspctl.facts.modbus import MOST_BYTES, is_answer, is_whole, question
from mspctl.records import Json

PORT = MODBUS_PORT


async def collect(address: str, port: int, seconds: float) -> dict[str, Json] | None:
    """Return the controller's answer; None where no Modbus is spoken."""
    try:
        async with asyncio.timeout(seconds * 3), connection(address, port) as (reader, writer):
            writer.write(question())
            data = await read_until(reader, is_whole, MOST_BYTES, seconds * 2)
    except FAILURES:
        return None
    return {"answer": data.hex()} if is_answer(data) else None
