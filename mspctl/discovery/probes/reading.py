"""Read from a connection without trusting the other side: bounded in bytes, and in time as a whole."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

FAILURES = (OSError, TimeoutError, ssl.SSLError, EOFError, ValueError)
"""What a connection to a strange machine may end with; all of them mean no answer."""


@asynccontextmanager
async def connection(
    address: str, port: int, context: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Yield a connection that is dropped, not drained, at the end. Raise one of FAILURES."""
    reader, writer = await asyncio.open_connection(address, port, ssl=context, limit=1 << 16)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def read_until(
    reader: asyncio.StreamReader, is_enough: Callable[[bytes], bool], most: int, seconds: float
) -> bytes:
    """Return what arrives until it is enough, too much, over or too late; a slow drip counts as a whole."""
    data = b""
    with suppress(*FAILURES):
        async with asyncio.timeout(seconds):
            while len(data) < most and not is_enough(data):
                chunk = await reader.read(most - len(data))
                if not chunk:
                    break
                data += chunk
    return data


def unverified_context() -> ssl.SSLContext:
    """Return a TLS context that meets any server, old ones too: it looks at certificates, it trusts none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    return context
