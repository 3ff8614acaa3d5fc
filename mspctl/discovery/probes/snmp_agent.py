"""One SNMP agent: GET and walks that end, whatever the other side does.

The library stands behind this module alone: it is young and its import path has moved before. Nothing a
device sends is trusted: rows, requests and silences are counted, objects that do not increase end a walk,
and the caller's deadline bounds the whole. A community or password is part of nothing that is returned.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from gufo.snmp import (
    Aes128Key,
    Aes192Key,
    Aes256Key,
    DesKey,
    Md5Key,
    Sha1Key,
    Sha224Key,
    Sha256Key,
    Sha384Key,
    Sha512Key,
    SnmpError,
    SnmpVersion,
    User,
)
from gufo.snmp.aio import SnmpSession

from mspctl.discovery.request import SnmpLogin
from mspctl.records import Json

SILENT = (OSError, TimeoutError, SnmpError, ValueError, RuntimeError)
"""Timeouts, refusals and what the library says of garbage; all mean that this question has no answer."""

_OBJECTS_AT_ONCE = 24  # what fits into 1,472 bytes both ways as a rule
_MOST_REQUESTS = 1_500  # to one device
_MOST_SILENCES = 3  # in a row: an agent that stopped answering is left alone
_ROWS_AT_ONCE = 25  # of a walk
_TEXT_CHARACTERS = 512
_BINARY_BYTES = 64
_AUTHENTICATION = {
    "md5": Md5Key,
    "sha": Sha1Key,
    "sha224": Sha224Key,
    "sha256": Sha256Key,
    "sha384": Sha384Key,
    "sha512": Sha512Key,
}
_PRIVACY = {"des": DesKey, "aes": Aes128Key, "aes192": Aes192Key, "aes256": Aes256Key}

Index = tuple[int, ...]


class GaveUp(Exception):
    """The agent stopped answering, or was asked enough."""


class Walk(NamedTuple):
    """What a walk brought: the values by what follows the walked object, and whether there was more."""

    rows: dict[Index, Json]
    is_cut: bool


class Agent:
    """One device under one community or user."""

    def __init__(
        self, address: str, port: int, login: SnmpLogin, seconds: float, *, is_old: bool = False
    ) -> None:
        """Open the socket; `is_old` speaks version 1. Raise one of SILENT."""
        self._is_old = is_old
        self.silences = 0  # in all
        self.was_late = False  # it answered only when asked again
        self._requests = 0
        self._silences = 0  # in a row
        self._is_fresh = not login.user
        version = SnmpVersion.v1 if is_old else SnmpVersion.v2c
        self._session = (
            SnmpSession(addr=address, port=port, timeout=seconds, user=_user(login), version=SnmpVersion.v3)
            if login.user
            else SnmpSession(
                addr=address, port=port, community=login.community, timeout=seconds, version=version
            )
        )

    async def greet(self, objects: Sequence[str]) -> dict[str, Json]:
        """Return the value of each object, asked once; {} for silence."""
        try:
            if not self._is_fresh:
                await self._session.refresh()
                self._is_fresh = True
            return await self._get(tuple(objects), frozenset())
        except (*SILENT, GaveUp):
            return {}

    async def get(self, objects: Iterable[str], binary: frozenset[str] = frozenset()) -> dict[str, Json]:
        """Return the value of each object that answers. Raise GaveUp."""
        asked = tuple(objects)
        found: dict[str, Json] = {}
        for start in range(0, len(asked), _OBJECTS_AT_ONCE):
            group, before = asked[start : start + _OBJECTS_AT_ONCE], self.silences
            answered = await self._get(group, binary)
            if not answered and self.silences > before:  # lost on the way, rather than refused
                answered = await self._get(group, binary)
            found |= answered
        return found

    async def _get(self, asked: tuple[str, ...], binary: frozenset[str]) -> dict[str, Json]:
        """Return what answers; a refused question is asked again in halves: version 1 refuses it whole."""
        self._count()
        try:
            values = await self._session.get_many(asked)
        except TimeoutError:
            self._was_silent()
            return {}
        except SILENT:
            values = {}
            is_refused = True
        else:
            is_refused = self._is_old and not values
        self._silences = 0
        if is_refused and len(asked) > 1:
            half = len(asked) // 2
            return await self._get(asked[:half], binary) | await self._get(asked[half:], binary)
        return {
            oid: decode(values[oid], is_binary=oid in binary) for oid in asked if values.get(oid) is not None
        }

    async def walk(self, base: str, most: int, *, is_binary: bool = False) -> Walk:
        """Return the values below an object, `most` at most, in order. Raise GaveUp."""
        rows: dict[Index, Json] = {}
        prefix = base + "."
        latest: Index = (-1,)
        is_single = self._is_old or most == 1
        iterator = aiter(
            self._session.getnext(base) if is_single else self._session.getbulk(base, _ROWS_AT_ONCE)
        )
        while len(rows) < most:
            if is_single or len(rows) % _ROWS_AT_ONCE == 0:
                self._count()
            try:
                oid, value = await anext(iterator)
            except StopAsyncIteration:
                return Walk(rows, is_cut=False)
            except TimeoutError:
                self._was_silent()
                if self._silences > 1:
                    return Walk(rows, is_cut=True)
                continue
            except SILENT:
                return Walk(rows, is_cut=bool(rows))
            self._silences = 0
            if not oid.startswith(prefix):
                return Walk(rows, is_cut=False)
            index = tuple(map(int, oid[len(prefix) :].split(".")))
            if index <= latest:
                return Walk(rows, is_cut=True)
            latest = index
            rows[index] = decode(value, is_binary=is_binary)
        return Walk(rows, is_cut=True)

    def _was_silent(self) -> None:
        self._silences += 1
        self.silences += 1

    def _count(self) -> None:
        """Count one request. Raise GaveUp where it would be one too many."""
        self._requests += 1
        if self._requests > _MOST_REQUESTS or self._silences >= _MOST_SILENCES:
            raise GaveUp


def decode(value: object, *, is_binary: bool = False) -> Json:
    """Return a value as text, integer, or hex after 0x where it is binary by definition."""
    if isinstance(value, bool | int):
        return int(value)
    if not isinstance(value, bytes):
        return str(value)[:_TEXT_CHARACTERS]
    if is_binary:
        return "0x" + value[:_BINARY_BYTES].hex()
    head = value[: _TEXT_CHARACTERS * 4].rstrip(b"\0")
    try:
        return head.decode("utf-8")[:_TEXT_CHARACTERS]
    except UnicodeDecodeError:
        return head.decode("latin-1")[:_TEXT_CHARACTERS]


def _user(login: SnmpLogin) -> User:
    """Return a login as the library wants it."""
    authentication = _AUTHENTICATION[login.authentication_protocol]
    privacy = _PRIVACY[login.privacy_protocol]
    return User(
        login.user,
        auth_key=authentication(login.authentication.encode()) if login.authentication else None,
        priv_key=privacy(login.privacy.encode()) if login.privacy else None,
    )
