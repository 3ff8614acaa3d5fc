"""What an SSH server says before login.

Raw: {"banner": "SSH-2.0-…", "host_key": "ssh-ed25519 AAAA…", "fingerprint": "SHA256:…", "kex": […],
"host_key_types": […], "ciphers": […], "macs": […]}; without the key and its fingerprint where the server did
not prove that it holds one, without the algorithms where it did not say them.
"""

import base64
import binascii
import hashlib
import struct

from mspctl.facts.text import Facts, Raw, given, line, strings

OFFERED = ("kex", "host_key_types", "ciphers", "macs")
_NAMES = 32
_KEY_CHARACTERS = 4096  # an RSA key of 16,384 bits has about 2,800


def parse(raw: Raw) -> Facts:
    """Return ssh.banner, ssh.key with ssh.fingerprint for a well-formed public key, and what is offered.

    That is ssh.kex, ssh.host_key_types, ssh.ciphers and ssh.macs: names with spaces between.
    """
    key = public_key(raw.get("host_key"))
    return given(
        {
            **{
                f"ssh.{name}": line(" ".join(strings(raw.get(name), _NAMES)), _NAMES * 64) for name in OFFERED
            },
            "ssh.banner": line(raw.get("banner"), 255),
            "ssh.key": key,
            "ssh.fingerprint": fingerprint(key) if key else "",
        }
    )


def public_key(value: object) -> str:
    """Return an OpenSSH public key as "type base64", or "" for text that is none."""
    if not isinstance(value, str) or len(value) > _KEY_CHARACTERS:
        return ""
    words = value.split()
    if len(words) < 2:
        return ""
    try:
        blob = base64.b64decode(words[1].encode("ascii"), validate=True)
        (length,) = struct.unpack_from(">I", blob)
    except (UnicodeEncodeError, binascii.Error, struct.error):
        return ""
    named = blob[
        4 : 4 + length
    ]  # the type stands in the blob again: https://www.rfc-editor.org/rfc/rfc4253#section-6.6
    return f"{words[0]} {words[1]}" if words[0].isascii() and named == words[0].encode() else ""


def fingerprint(key: str) -> str:
    """Return the fingerprint of a public key as ssh-keygen shows it: SHA256:…"""
    digest = hashlib.sha256(base64.b64decode(key.split()[1])).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")
