"""The banner of an SSH server, what it offers, and the host key it proves to hold; no login is tried.

https://www.rfc-editor.org/rfc/rfc4253#section-4.2
"""

import asyncio
from contextlib import suppress

import asyncssh

from mspctl.discovery.probes.reading import FAILURES, connection, read_until
from mspctl.facts.ssh import fingerprint, public_key
from mspctl.records import Json

BANNER_BYTES = 255
_OFFER_BYTES = 8_192  # of a packet that lists algorithms; OpenSSH's takes about 1,100
_OURS = b"SSH-2.0-mspctl\r\n"  # before it, some servers do not say what they offer
_KEXINIT, _COOKIE = 20, 16
_LISTS = ("kex", "host_key_types", "ciphers", "", "macs")  # in the order of RFC 4253, 7.1; both ways alike
_MOST_NAMES = 32
_KEY_TYPES = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
    "ssh-rsa",
)


async def collect(address: str, port: int, seconds: float) -> dict[str, Json] | None:
    """Return banner, offered algorithms, key and fingerprint, as far as they came; None for silence."""
    text, offer = await _greeted(address, port, seconds)
    if not text:
        return None
    raw: dict[str, Json] = {"banner": text, **decode_offer(offer)}
    if text.startswith("SSH-") and (key := await _host_key(address, port, seconds)):
        raw |= {"host_key": key, "fingerprint": fingerprint(key)}
    return raw


def decode(data: bytes) -> str:
    """Return the identification line among the first bytes of a server, else its first line."""
    lines = data[:BANNER_BYTES].decode("utf-8", "replace").splitlines()
    named = [text for text in lines if text.startswith("SSH-")]
    return (named or lines or [""])[0].strip()


def decode_offer(data: bytes) -> dict[str, Json]:
    """Return the algorithms that the first packet of a server lists; {} for another packet or a torn one.

    https://www.rfc-editor.org/rfc/rfc4253#section-7.1
    """
    length, padding = int.from_bytes(data[:4]), data[4] if len(data) > 4 else 0
    payload = data[5 : 4 + length - padding] if length <= len(data) - 4 else b""
    if len(payload) <= _COOKIE or payload[0] != _KEXINIT:
        return {}
    found: dict[str, Json] = {}
    place = 1 + _COOKIE
    for name in _LISTS:
        size = int.from_bytes(payload[place : place + 4])
        listed = payload[place + 4 : place + 4 + size].decode("ascii", "replace").split(",")
        place += 4 + size
        if name and any(listed):
            found[name] = list[Json](each[:64] for each in listed[:_MOST_NAMES])
    return found


async def _greeted(address: str, port: int, seconds: float) -> tuple[str, bytes]:
    """Return a server's identification, and the packet after it; "" where it says nothing."""
    text = ""
    # A busy machine takes the connection long before it speaks, and without its banner it is not managed.
    with suppress(*FAILURES):
        async with asyncio.timeout(seconds * 4), connection(address, port) as (reader, writer):
            data = await read_until(reader, lambda data: b"\n" in data, BANNER_BYTES, seconds * 3)
            text = decode(data)
            if text.startswith("SSH-") and data.rstrip(b"\r\n").endswith(text.encode()):
                writer.write(_OURS)
                return text, await read_until(reader, _is_whole, _OFFER_BYTES, seconds)
    return text, b""


def _is_whole(data: bytes) -> bool:
    return len(data) > 4 and len(data) >= 4 + int.from_bytes(data[:4])


async def _host_key(address: str, port: int, seconds: float) -> str:
    """Return the server's public key in OpenSSH's form once it has signed with it, else ""."""
    with suppress(*FAILURES, asyncssh.Error):
        async with asyncio.timeout(seconds * 4):  # old devices compute long
            key = await asyncssh.get_server_host_key(
                address, port, server_host_key_algs=_KEY_TYPES, config=None
            )
            return public_key(key.export_public_key("openssh").decode()) if key else ""
    return ""
