"""One HTTP exchange, bounded; other probes carry their protocols in it."""

import asyncio
import ssl
from collections.abc import Mapping
from typing import NamedTuple

from mspctl.discovery.probes.reading import FAILURES, connection, read_until

_HEAD_BYTES = 8_192
_HEADERS = 64


class Answer(NamedTuple):
    """What a web server said."""

    status: int
    headers: tuple[tuple[str, str], ...]  # names in lower case
    body: bytes

    def header(self, name: str) -> str:
        """Return the first value of a header; "" where it is missing."""
        return next((value for key, value in self.headers if key == name), "")


async def exchange(
    address: str,
    port: int,
    path: str,
    seconds: float,
    *,
    context: ssl.SSLContext | None = None,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    most: int = 32_768,
) -> Answer | None:
    """Return the answer to a GET, or to a POST of `body`; None where no HTTP is spoken."""
    try:
        async with asyncio.timeout(seconds * 4), connection(address, port, context) as (reader, writer):
            writer.write(request(f"{address}:{port}", path, headers or {}, body))
            return decode(await read_until(reader, _is_whole, _HEAD_BYTES + most, seconds * 2), most)
    except FAILURES:
        return None


def request(host: str, path: str, headers: Mapping[str, str], body: bytes | None) -> bytes:
    """Return the question."""
    lines = [
        f"{'GET' if body is None else 'POST'} {path} HTTP/1.1",
        f"Host: {host}",
        "User-Agent: mspctl",
        "Connection: close",
        *(f"{name}: {value}" for name, value in headers.items()),
        *([] if body is None else [f"Content-Length: {len(body)}"]),
    ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + (body or b"")


def decode(data: bytes, most: int) -> Answer | None:
    """Return an answer taken apart, the last one if interim ones precede it; None for what is no HTTP."""
    head, _, body = data.partition(b"\r\n\r\n")
    while head.startswith((b"HTTP/1.1 100", b"HTTP/1.0 100")):
        head, _, body = body.partition(b"\r\n\r\n")
    words = head[:64].split(None, 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1][:3].isdigit():
        return None
    lines = head[:_HEAD_BYTES].decode("utf-8", "replace").split("\r\n")[1 : _HEADERS + 1]
    pairs = [line.partition(":") for line in lines]
    headers = tuple((name.strip().lower(), value.strip()[:4096]) for name, _, value in pairs)
    if ("transfer-encoding", "chunked") in headers:
        body = unchunked(body)
    return Answer(int(words[1][:3]), headers, body[:most])


def unchunked(body: bytes) -> bytes:
    """Return a body of chunks as one: https://www.rfc-editor.org/rfc/rfc9112#section-7.1"""
    parts = []
    while body:
        size, _, rest = body.partition(b"\r\n")
        try:
            length = int(size.split(b";")[0], 16)
        except ValueError:
            break
        if length <= 0:
            break
        parts.append(rest[:length])
        body = rest[length + 2 :]
    return b"".join(parts)


def _is_whole(data: bytes) -> bool:
    head, end, body = data.partition(b"\r\n\r\n")
    if not end:
        return len(data) > _HEAD_BYTES or not b"HTTP/".startswith(data[:5])
    lowered = head.lower()
    _, found, rest = lowered.partition(b"\r\ncontent-length:")
    size = rest.split(b"\r\n")[0].strip()
    if found and size.isdigit():
        return len(body) >= int(size[:9])
    return b"transfer-encoding: chunked" in lowered and body.endswith(b"0\r\n\r\n")
