"""SMB: which versions, whether packets must be signed, and the names told before a login; none is tried.

https://learn.microsoft.com/openspecs/windows_protocols/ms-smb2/e14db7ff-763a-4263-8b10-0c3944f52fc5
"""

import asyncio
import struct

from mspctl.discovery.probes.reading import FAILURES, connection, read_until
from mspctl.facts import ntlm
from mspctl.facts.smb import HEAD_BYTES
from mspctl.records import Json

PORT = 445
_ANSWER_BYTES = 4_096
_NEGOTIATE, _SESSION_SETUP = 0, 1
_DIALECTS = (0x202, 0x210, 0x300, 0x302, 0x311)
_BODY = 64 + 24  # where the buffer of a session setup begins


async def collect(address: str, port: int, seconds: float) -> dict[str, Json] | None:
    """Return how a server speaks SMB; None where it does not."""
    raw, version1 = await asyncio.gather(
        _version2(address, port, seconds), _speaks_version1(address, port, seconds)
    )
    if not raw and not version1:
        return None
    return raw | {"version1": version1}


async def _version2(address: str, port: int, seconds: float) -> dict[str, Json]:
    """Return the answers to a negotiation and to the first step of a login; {} for other protocols."""
    raw: dict[str, Json] = {}
    try:
        async with asyncio.timeout(seconds * 3), connection(address, port) as (reader, writer):
            writer.write(framed(negotiate()))
            head = (await read_until(reader, is_whole, _ANSWER_BYTES, seconds))[4:]
            if not head.startswith(b"\xfeSMB"):
                return {}
            raw["negotiate"] = head[:HEAD_BYTES].hex()
            writer.write(framed(session_setup(ntlm.negotiate())))
            answer = await read_until(reader, is_whole, _ANSWER_BYTES, seconds)
            if told := ntlm.challenge(answer):
                raw["challenge"] = told.hex()
    except FAILURES:
        pass
    return raw


async def _speaks_version1(address: str, port: int, seconds: float) -> bool:
    """Return whether the server still takes the old protocol, which has no place in a network today."""
    try:
        async with asyncio.timeout(seconds * 2), connection(address, port) as (reader, writer):
            writer.write(framed(negotiate_version1()))
            answer = (await read_until(reader, is_whole, 512, seconds))[4:]
    except FAILURES:
        return False
    return answer.startswith(b"\xffSMB\x72\0\0\0\0") and answer[33:35] == b"\0\0"  # the first dialect


def framed(message: bytes) -> bytes:
    """Return a message with its length, as it goes over TCP."""
    return struct.pack(">I", len(message)) + message


def is_whole(data: bytes) -> bool:
    """Return whether a message is there as long as it says."""
    return len(data) >= 4 and len(data) >= 4 + int.from_bytes(data[1:4], "big")


def negotiate() -> bytes:
    """Return the question which of the dialects the server likes best."""
    dialects = struct.pack(f"<{len(_DIALECTS)}H", *_DIALECTS)
    integrity = struct.pack("<HHIHHH32s", 1, 38, 0, 1, 32, 1, bytes(range(32)))
    ciphers = struct.pack("<HHIHHH", 2, 6, 0, 2, 2, 1)
    filler = bytes(-(64 + 36 + len(dialects)) % 8)
    place = 64 + 36 + len(dialects) + len(filler)
    body = struct.pack("<HHHHI16sIHH", 36, len(_DIALECTS), 1, 0, 0, bytes(range(16)), place, 2, 0)
    return _header(_NEGOTIATE, 0) + body + dialects + filler + integrity + bytes(2) + ciphers


def session_setup(token: bytes) -> bytes:
    """Return the first step of a login."""
    body = struct.pack("<HBBIIHHQ", 25, 0, 1, 0, 0, _BODY, len(token), 0)
    return _header(_SESSION_SETUP, 1) + body + token


def negotiate_version1() -> bytes:
    """Return the negotiation of SMB version 1 with its last dialect only."""
    header = b"\xffSMB\x72" + bytes(4) + b"\x18" + struct.pack("<H", 0x4801) + bytes(20)
    dialects = b"\x02NT LM 0.12\0"
    return header + b"\0" + struct.pack("<H", len(dialects)) + dialects


def _header(command: int, message: int) -> bytes:
    fields = (64, 0, 0, command, 31, 0, 0, message, 0, 0, 0, bytes(16))
    return b"\xfeSMB" + struct.pack("<HHIHHIIQIIQ16s", *fields)
