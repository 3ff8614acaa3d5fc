"""How vendors keep passwords: reversible, hashed with a salt, or encrypted anew at every look."""

import base64
import hashlib
import re
import secrets
from collections.abc import Callable
from functools import cache

_TYPE_7_KEY = "dsfd;kfoA,.iyewrkldJKDHSUBsgvca69834ncxv9873254k;fg87"
_CISCO64 = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_STANDARD64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_TO_CISCO = str.maketrans(_STANDARD64, _CISCO64)


def type_7(password: str, offset: int | None = None) -> str:
    """Return a password as `service password-encryption` shows it: hidden from a passer-by and no more."""
    offset = secrets.randbelow(16) if offset is None else offset
    mixed = bytes(
        byte ^ ord(_TYPE_7_KEY[(offset + at) % len(_TYPE_7_KEY)]) for at, byte in enumerate(password.encode())
    )
    return f"{offset:02}{mixed.hex().upper()}"


def type_7_matches(shown: str, password: str) -> bool:
    """Return whether this is the password."""
    return shown[:2].isdecimal() and type_7(password, int(shown[:2])) == shown


def type_8(password: str, salt: str | None = None) -> str:
    """Return a PBKDF2 hash as IOS shows it (`secret 8`)."""
    salt = salt or _salt()
    return f"$8${salt}${_cisco64(hashlib.pbkdf2_hmac('sha256', password.encode(), salt.encode(), 20_000))}"


@cache
def type_9(password: str, salt: str) -> str:
    """Return an scrypt hash as IOS shows it (`secret 9`); slow on purpose, so each is computed once."""
    made = hashlib.scrypt(password.encode(), salt=salt.encode(), n=16_384, r=1, p=1, dklen=32)
    return f"$9${salt}${_cisco64(made)}"


def new_type_9(password: str) -> str:
    """Return an scrypt hash with a new salt."""
    return type_9(password, _salt())


def sha512_like(password: str, salt: str | None = None) -> str:
    """Return a hash in the shape of crypt's SHA-512, as EOS shows it; it is not that function's value."""
    salt = salt or _salt()
    made = hashlib.pbkdf2_hmac("sha512", password.encode(), salt.encode(), 1_000, dklen=64)
    return f"$6${salt}${_cisco64(made)[:86]}"


def matches(shown: str, password: str) -> bool:
    """Return whether a salted hash is this password's."""
    parts = shown.split("$")
    if len(parts) != 4:
        return False
    makers: dict[str, Callable[[str, str], str]] = {"8": type_8, "9": type_9, "6": sha512_like}
    make = makers.get(parts[1])
    return make is not None and secrets.compare_digest(make(password, parts[2]), shown)


def sha1(password: str) -> str:
    """Return a hash as AOS-S shows it."""
    return hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest()


def salted_anew(text: str) -> str:
    """Return a configuration's text with other salts and other hashes, as if each had been set again."""
    return re.sub(r"\$([5689])\$[^$\s]+\$\S+", lambda old: f"${old[1]}${_salt()}${_salt()}{_salt()}", text)


def encrypted_anew(length: int = 48) -> str:
    """Return what stands behind FortiOS' `ENC`: never the same twice, whatever is hidden."""
    return base64.b64encode(secrets.token_bytes(length)).decode()


def _salt() -> str:
    return "".join(secrets.choice(_CISCO64[2:]) for _ in range(14))


def _cisco64(raw: bytes) -> str:
    return base64.b64encode(raw).decode().rstrip("=").translate(_TO_CISCO)
