"""Who may come to the provider's own hosts: a name and a hash for each of a client's hosts; pure."""

import base64
import hashlib
import hmac
from collections.abc import Mapping

import bcrypt

from mspctl.records import Json
from mspctl.records.provider import Enrolment

_COST = 6  # passwords are of 40 random characters, and the server hashes one at every request
_FROM = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_TO = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"  # bcrypt's own base 64


def users(enrolment: Enrolment, client: str, passwords: Mapping[str, str]) -> list[Json]:
    """Return the users of a client's hosts, given each asset's password by the asset's id; by name."""
    named = {user(enrolment, client, asset): password for asset, password in passwords.items()}
    return [
        {"name": name, "password_hash": password_hash(name, password)}
        for name, password in sorted(named.items())
    ]


def user(enrolment: Enrolment, client: str, asset: str) -> str:
    """Return what one of a client's hosts is called there, given the asset's id."""
    return enrolment.user.replace("{client}", client).replace("{asset}", asset)


def password_hash(user: str, password: str) -> str:
    """Return the bcrypt hash of a random password, the same at every call: a second run changes nothing.

    The salt is made of the password and the user, so no two users share one; that it tells nothing of the
    password rests on the password being too random to be guessed.
    """
    salt = hmac.digest(password.encode(), f"salt of {user}".encode(), hashlib.sha256)[:16]
    text = base64.b64encode(salt).rstrip(b"=").translate(bytes.maketrans(_FROM, _TO))
    return bcrypt.hashpw(password.encode(), b"$2b$%02d$%s" % (_COST, text)).decode()
