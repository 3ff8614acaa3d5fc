"""The root of a directory, which every LDAP server shows to everyone."""

import asyncio

from mspctl.discovery.probes.reading import FAILURES, connection, read_until
from mspctl.facts.ldap import MOST_BYTES, attributes, is_whole, question
from mspctl.records import Json

PORT = 389


async def collect(address: str, port: int, seconds: float) -> dict[str, Json] | None:
    """Return the attributes of the root; None where no LDAP is spoken."""
    try:
        async with asyncio.timeout(seconds * 3), connection(address, port) as (reader, writer):
            writer.write(question())
            found = attributes(await read_until(reader, is_whole, MOST_BYTES, seconds * 2))
    except FAILURES:
        return None
    return None if found is None else {"attributes": found}
