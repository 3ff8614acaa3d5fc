"""Greetings of services that speak first. They are read; nothing is sent."""

import asyncio

from mspctl.discovery.probes.reading import FAILURES, connection, read_until
from mspctl.facts.banner import text_of
from mspctl.records import Json

PORTS = {21: "ftp", 23: "telnet", 25: "smtp", 587: "smtp", 110: "pop3", 143: "imap"}
_BANNER_BYTES = 1_024


async def collect(address: str, port: int, seconds: float, service: str) -> dict[str, Json] | None:
    """Return the greeting; None for silence. A telnet's ends when it pauses, others' with the line."""
    try:
        async with asyncio.timeout(seconds * 3), connection(address, port) as (reader, _):
            data = await read_until(
                reader, lambda d: service != "telnet" and b"\n" in d, _BANNER_BYTES, seconds * 2
            )
    except FAILURES:
        return None
    text = text_of(service, data)
    return {"service": service, "text": text} if text or (data and service == "telnet") else None
