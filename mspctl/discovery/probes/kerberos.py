"""Ask a key distribution centre for somebody who does not exist: its refusal shows what it is."""

import asyncio
import struct

from mspctl.discovery.probes.reading import FAILURES, connection, read_until
from mspctl.facts.kerberos import MOST_BYTES, question
from mspctl.records import Json

PORT = 88


async def collect(address: str, port: int, seconds: float) -> dict[str, Json] | None:
    """Return the refusal; None where no Kerberos is spoken."""
    asked = question()
    try:
        async with asyncio.timeout(seconds * 3), connection(address, port) as (reader, writer):
            writer.write(struct.pack(">I", len(asked)) + asked)
            answer = await read_until(reader, _is_whole, MOST_BYTES + 4, seconds * 2)
    except FAILURES:
        return None
    return {"answer": answer[4:].hex()} if answer[4:5] == b"\x7e" else None


def _is_whole(data: bytes) -> bool:
    return len(data) >= 4 and len(data) >= 4 + int.from_bytes(data[:4], "big")
