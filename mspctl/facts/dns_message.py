"""DNS messages as they stand on the wire, read leniently: for multicast DNS and for a server's own version.

https://www.rfc-editor.org/rfc/rfc1035#section-4
"""

import struct
from typing import NamedTuple

from mspctl.facts.wire import number, text

A, PTR, TXT, AAAA, SRV = 1, 12, 16, 28, 33
DOT = "\x1f"  # stands for a dot within a label, in a name to ask for
_RECORDS = 128
_LABELS = 32


class Record(NamedTuple):
    """One record; a TXT's strings and the name in a PTR or SRV, taken apart."""

    name: str
    kind: int
    target: str = ""
    strings: tuple[bytes, ...] = ()


def question(*names: tuple[str, int], klass: int, identifier: int = 0, flags: int = 0) -> bytes:
    """Return a message that asks for names and their types."""
    head = struct.pack(">HHHHHH", identifier, flags, len(names), 0, 0, 0)
    return head + b"".join(_name(name) + struct.pack(">HH", kind, klass) for name, kind in names)


def is_response(data: bytes) -> bool:
    """Return whether a message is an answer."""
    return len(data) >= 12 and data[2] >= 0x80


def records(data: bytes) -> list[Record]:
    """Return the records of an answer that can be read, in the order they stand in."""
    if not is_response(data):
        return []
    place = 12
    for _ in range(min(number(data, 4, 2), _RECORDS)):
        _, place = _read_name(data, place)
        place += 4
    found = []
    for _ in range(min(sum(number(data, offset, 2) for offset in (6, 8, 10)), _RECORDS)):
        name, place = _read_name(data, place)
        kind, size = number(data, place, 2), number(data, place + 8, 2)
        place += 10
        if size < 0 or place + size > len(data):
            break
        found.append(_record(data, name, kind, place, size))
        place += size
    return found


def _record(data: bytes, name: str, kind: int, place: int, size: int) -> Record:
    if kind == PTR:
        return Record(name, kind, _read_name(data, place)[0])
    if kind == SRV:
        return Record(name, kind, _read_name(data, place + 6)[0])
    if kind != TXT:
        return Record(name, kind)
    strings: list[bytes] = []
    rest = data[place : place + size]
    while rest and len(strings) < 64:
        strings.append(rest[1 : 1 + rest[0]])
        rest = rest[1 + rest[0] :]
    return Record(name, kind, strings=tuple(strings))


def _read_name(data: bytes, place: int) -> tuple[str, int]:
    """Return the name at a place, dots within labels kept as they are, and where it ends."""
    labels: list[str] = []
    end = 0
    for _ in range(_LABELS):
        size = number(data, place, 1)
        if size >= 0xC0:
            end = end or place + 2
            place = number(data, place, 2) & 0x3FFF
        elif size > 0x3F or size <= 0:
            return ".".join(labels), end or place + 1
        else:
            labels.append(text(data[place + 1 : place + 1 + size], limit=63))
            place += 1 + size
    return ".".join(labels), end or place


def _name(name: str) -> bytes:
    """Return a name in wire form."""
    parts = (part.replace(DOT, ".").encode()[:63] for part in name.split(".") if part)
    return b"".join(bytes((len(part),)) + part for part in parts) + b"\0"
