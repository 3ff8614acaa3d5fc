"""One GET of / and what the answer's head and title say; nothing is followed."""

import asyncio
import html
import re
import ssl

from mspctl.discovery.probes.reading import FAILURES, connection, read_until
from mspctl.records import Json

ANSWER_BYTES = 32_768
_STATUS = re.compile(rb"HTTP/\d(?:\.\d)? (\d{3})")
_TITLE = re.compile(rb"<title[^>]{0,200}>([^<]{1,1024})", re.IGNORECASE)
_REALM = re.compile(r'realm="?([^",]{1,200})', re.IGNORECASE)
_KEPT = {"server": "server", "x-powered-by": "powered_by", "location": "location"}


async def collect(
    address: str, port: int, seconds: float, context: ssl.SSLContext | None = None
) -> dict[str, Json] | None:
    """Return status, server, title and the like of a web server; None where no HTTP is spoken."""
    try:
        async with asyncio.timeout(seconds * 4), connection(address, port, context) as (reader, writer):
            writer.write(request(address))
            return decode(await read_until(reader, _is_enough, ANSWER_BYTES, seconds * 2))
    except FAILURES:
        return None


def request(address: str) -> bytes:
    """Return the question."""
    return f"GET / HTTP/1.1\r\nHost: {address}\r\nUser-Agent: mspctl\r\nConnection: close\r\n\r\n".encode()


def decode(data: bytes) -> dict[str, Json] | None:
    """Return what an answer says, None for one that is not HTTP."""
    status = _STATUS.match(data)
    if not status:
        return None
    head, _, body = data[:ANSWER_BYTES].partition(b"\r\n\r\n")
    raw: dict[str, Json] = {"status": int(status[1])}
    for line in head.decode("utf-8", "replace").split("\r\n")[1:64]:
        name, _, value = line.partition(":")
        if field := _KEPT.get(name.strip().lower()):
            raw.setdefault(field, value.strip()[:256])
        elif name.strip().lower() == "www-authenticate" and (realm := _REALM.search(value)):
            raw.setdefault("realm", realm[1])
    if title := _TITLE.search(body):
        raw["title"] = " ".join(html.unescape(title[1].decode("utf-8", "replace")).split())[:256]
    return raw


def _is_enough(data: bytes) -> bool:
    return b"</title" in data or b"</TITLE" in data
