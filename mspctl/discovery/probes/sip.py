"""SIP: ask what the other side can do; no call is made and nobody's telephone rings."""

import asyncio
import secrets

from mspctl.discovery.datagrams import Datagrams
from mspctl.discovery.probes.reading import FAILURES, connection, read_until
from mspctl.facts.sip import answer
from mspctl.records import Json

PORT = 5060
_ANSWER_BYTES = 4_096


async def collect(post: Datagrams, address: str, port: int = PORT) -> dict[str, Json] | None:
    """Return what the other side says over UDP; None for silence."""
    answers = await post.ask(address, port, options(address, port, "UDP"), linger=0.05)
    return next(filter(None, map(answer, reversed(answers))), None)  # the last one: 100 Trying may precede


async def collect_tcp(address: str, port: int, seconds: float) -> dict[str, Json] | None:
    """Return what the other side says over TCP; None where no SIP is spoken."""
    try:
        async with asyncio.timeout(seconds * 3), connection(address, port) as (reader, writer):
            writer.write(options(address, port, "TCP"))
            return answer(await read_until(reader, lambda d: b"\r\n\r\n" in d, _ANSWER_BYTES, seconds * 2))
    except FAILURES:
        return None


def options(address: str, port: int, transport: str) -> bytes:
    """Return the question."""
    token = secrets.token_hex(8)
    lines = [
        f"OPTIONS sip:{address}:{port} SIP/2.0",
        f"Via: SIP/2.0/{transport} mspctl.invalid:5060;branch=z9hG4bK{token};rport",
        "Max-Forwards: 70",
        f"From: <sip:mspctl@mspctl.invalid>;tag={token}",
        f"To: <sip:{address}:{port}>",
        f"Call-ID: {token}@mspctl.invalid",
        "CSeq: 1 OPTIONS",
        "Contact: <sip:mspctl@mspctl.invalid>",
        "Accept: application/sdp",
        "User-Agent: mspctl",
        "Content-Length: 0",
    ]
    return "\r\n".join([*lines, "", ""]).encode()
