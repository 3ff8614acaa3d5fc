"""One GET of /, what the answer's head and title say, and the site's icon; nothing is followed."""

import asyncio
import hashlib
import html
import re
import ssl

from mspctl.discovery.probes.reading import FAILURES, connection, read_until
from mspctl.discovery.probes.web import exchange
from mspctl.records import Json

ANSWER_BYTES = 32_768
ICON_BYTES = 131_072
_ICONS = (b"\0\0\1\0", b"\x89PNG", b"GIF8", b"\xff\xd8\xff", b"<svg")  # not a page that says "not found"
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
            raw = decode(await read_until(reader, _is_enough, ANSWER_BYTES, seconds * 2))
    except FAILURES:
        return None
    if raw and (icon := await _icon(address, port, seconds, context)):
        raw["favicon"] = icon
    return raw


async def _icon(address: str, port: int, seconds: float, context: ssl.SSLContext | None) -> str:
    """Return the MD5 of the icon, by which devices of one make look alike; "" where there is none.

    Collections of known icons are kept by this sum.
    """
    answer = await exchange(address, port, "/favicon.ico", seconds, context=context, most=ICON_BYTES)
    if not answer or answer.status != 200 or not answer.body.startswith(_ICONS):
        return ""
    return hashlib.md5(answer.body, usedforsecurity=False).hexdigest()


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
