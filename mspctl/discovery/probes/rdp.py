"""Remote desktop: the security it asks for, its certificate, the names told before a login; none is tried.

https://learn.microsoft.com/openspecs/windows_protocols/ms-rdpbcgr/db6713ee-1c0e-4064-a3b3-0fac30b4037b
"""

import asyncio
import ssl

from mspctl.discovery.probes import tls
from mspctl.discovery.probes.reading import FAILURES, connection, read_until
from mspctl.facts import ntlm
from mspctl.facts.rdp import MOST_BYTES, selected
from mspctl.facts.wire import ber
from mspctl.records import Json

PORT = 3389
_ANSWER_BYTES = 4_096
QUESTION = bytes.fromhex("03000013 0ee0 0000 0000 00 01000800 0b000000")  # TLS, NLA and NLA's younger form


async def collect(address: str, port: int, seconds: float, context: ssl.SSLContext) -> dict[str, Json] | None:
    """Return what a remote desktop says before a login; None where there is none."""
    raw: dict[str, Json] = {}
    try:
        async with asyncio.timeout(seconds * 4), connection(address, port) as (reader, writer):
            writer.write(QUESTION)
            answer = await read_until(reader, _is_whole, MOST_BYTES, seconds)
            security = selected(answer)
            if not security:
                return None
            raw["answer"] = answer.hex()
            if answer[11:12] != b"\2" or security == "rdp":
                return raw
            await writer.start_tls(context)
            shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
            if certificate := tls.decode(shown or b""):
                raw["certificate"] = certificate
            if security == "nla":
                writer.write(request(ntlm.negotiate()))
                token = ntlm.challenge(await read_until(reader, _is_told, _ANSWER_BYTES, seconds))
                if token:
                    raw["challenge"] = token.hex()
    except FAILURES:
        pass
    return raw or None


def request(token: bytes) -> bytes:
    """Return a token as CredSSP carries it (TSRequest, MS-CSSP 2.2.1)."""
    tokens = ber(0x30, ber(0x30, ber(0xA0, ber(4, token))))
    return ber(0x30, ber(0xA0, ber(2, b"\6")), ber(0xA1, tokens))


def _is_whole(data: bytes) -> bool:
    return len(data) >= 4 and len(data) >= int.from_bytes(data[2:4], "big")


def _is_told(data: bytes) -> bool:
    """Return whether a CredSSP message is whole; it is one BER element."""
    if len(data) < 4:
        return False
    size = data[1] if data[1] < 0x80 else int.from_bytes(data[2 : 2 + (data[1] & 0x7F)], "big")
    return len(data) >= 2 + (data[1] & 0x7F if data[1] >= 0x80 else 0) + size
