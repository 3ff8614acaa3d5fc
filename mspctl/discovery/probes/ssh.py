"""The banner of an SSH server and the host key it proves to hold; no login is tried.

https://www.rfc-editor.org/rfc/rfc4253#section-4.2
"""

import asyncio
from contextlib import suppress

import asyncssh

from mspctl.discovery.probes.reading import FAILURES, connection, read_until
from mspctl.facts.ssh import fingerprint, public_key
from mspctl.records import Json

BANNER_BYTES = 255
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
    """Return banner, key and fingerprint; without a key where the server proved none; None for silence."""
    text = await _banner(address, port, seconds)
    if not text:
        return None
    raw: dict[str, Json] = {"banner": text}
    if text.startswith("SSH-") and (key := await _host_key(address, port, seconds)):
        raw |= {"host_key": key, "fingerprint": fingerprint(key)}
    return raw


def decode(data: bytes) -> str:
    """Return the identification line among the first bytes of a server, else its first line."""
    lines = data[:BANNER_BYTES].decode("utf-8", "replace").splitlines()
    named = [text for text in lines if text.startswith("SSH-")]
    return (named or lines or [""])[0].strip()


async def _banner(address: str, port: int, seconds: float) -> str:
    # A busy machine takes the connection long before it speaks, and without its banner it is not managed.
    try:
        async with asyncio.timeout(seconds * 4), connection(address, port) as (reader, _):
            return decode(await read_until(reader, lambda data: b"\n" in data, BANNER_BYTES, seconds * 3))
    except FAILURES:
        return ""


async def _host_key(address: str, port: int, seconds: float) -> str:
    """Return the server's public key in OpenSSH's form once it has signed with it, else ""."""
    with suppress(*FAILURES, asyncssh.Error):
        async with asyncio.timeout(seconds * 4):  # old devices compute long
            key = await asyncssh.get_server_host_key(
                address, port, server_host_key_algs=_KEY_TYPES, config=None
            )
            return public_key(key.export_public_key("openssh").decode()) if key else ""
    return ""
