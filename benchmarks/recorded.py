"""Serve recorded SNMP devices: one address of 127.0.0.0/8 each, SNMP versions 1 and 2c, over UDP.

A recording is a text file of `OID|type|value` lines, the format of snmpsim
(https://docs.lextudio.com/snmpsim/documentation/managing-data-files.html). Only what a measurement needs
is here: GET, GETNEXT and GETBULK; every community is known.
"""

import selectors
import socket
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

MOST_BYTES = 8_192  # of one answer; devices differ between 484 and 65,507
_NULL, _SEQUENCE, _RESPONSE = 0x05, 0x30, 0xA2
_NO_SUCH_OBJECT, _END_OF_VIEW = b"\x80\x00", b"\x82\x00"
_MISSING = (_NO_SUCH_OBJECT, _END_OF_VIEW)
_NO_SUCH_NAME = 2  # version 1 refuses a question whole
_GETNEXT, _GETBULK = 0xA1, 0xA5
_NUMBERS = {"2": 0x02, "65": 0x41, "66": 0x42, "67": 0x43, "70": 0x46}

Oid = tuple[int, ...]


class Device(NamedTuple):
    """A recording: its objects in order, and the encoded object and value of each."""

    oids: list[Oid]
    encoded: list[bytes]
    places: dict[bytes, int]


def device(lines: Iterable[str]) -> Device:
    """Return a device given the lines of its recording; a line that cannot be read is left out."""
    found: dict[Oid, bytes] = {}
    for line in lines:
        try:
            oid, kind, value = line.rstrip("\r\n").split("|", 2)
            found[tuple(map(int, oid.strip(".").split(".")))] = _value(kind, value)
        except (ValueError, OSError):
            continue
    oids = sorted(oid for oid in found if len(oid) > 1)
    names = [_tlv(0x06, _oid(oid)) for oid in oids]
    encoded = [_tlv(_SEQUENCE, name + found[oid]) for name, oid in zip(names, oids, strict=True)]
    return Device(oids, encoded, {name: place for place, name in enumerate(names)})


def serve(devices: Mapping[str, Device], port: int) -> None:
    """Answer for each device at its address until killed."""
    with selectors.DefaultSelector() as selector:
        for address, each in devices.items():
            listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            listener.setblocking(False)
            listener.bind((address, port))
            selector.register(listener, selectors.EVENT_READ, each)
        while True:
            for key, _ in selector.select():
                assert isinstance(key.fileobj, socket.socket)
                data, asker = key.fileobj.recvfrom(65_535)
                key.fileobj.sendto(answer(key.data, data), asker)


def answer(of: Device, message: bytes) -> bytes:
    """Return the answer of a device to one request. Raise ValueError for what is none."""
    (_, version), (_, community), (kind, body) = _items(next(_items(message))[1])
    (_, request), (_, first), (_, second), (_, asked) = _items(body)
    names = [_tlv(0x06, next(_items(bind))[1]) for _, bind in _items(asked)]
    if kind == _GETBULK:
        once, repeat = int.from_bytes(first), min(int.from_bytes(second), 128)
        binds = list(_bulk(of, names, once, repeat))
    elif kind == _GETNEXT:
        binds = [_next(of, name)[0] for name in names]
    else:
        binds = [_exact(of, name) for name in names]
    place = (
        next((n for n, bind in enumerate(binds, 1) if bind.endswith(_MISSING)), 0) if version == b"\0" else 0
    )
    if place:
        binds = [_tlv(_SEQUENCE, name + bytes((_NULL, 0))) for name in names]
    pdu = (
        _tlv(0x02, request)
        + _tlv(0x02, bytes((_NO_SUCH_NAME if place else 0,)))
        + _tlv(0x02, bytes((place,)))
    )
    pdu += _tlv(_SEQUENCE, b"".join(binds))
    return _tlv(_SEQUENCE, _tlv(0x02, version) + _tlv(0x04, community) + _tlv(_RESPONSE, pdu))


def _exact(of: Device, name: bytes) -> bytes:
    place = of.places.get(name)
    return _tlv(_SEQUENCE, name + _NO_SUCH_OBJECT) if place is None else of.encoded[place]


def _next(of: Device, name: bytes) -> tuple[bytes, int]:
    """Return the object after a name, and its place; its place is past the last at the end."""
    known = of.places.get(name)
    place = bisect_right(of.oids, tuple(_parts(name[2:]))) if known is None else known + 1
    return (of.encoded[place] if place < len(of.oids) else _tlv(_SEQUENCE, name + _END_OF_VIEW)), place


def _bulk(of: Device, names: list[bytes], once: int, repeat: int) -> Iterator[bytes]:
    """Yield what a GETBULK asks for, as far as it fits into an answer."""
    for name in names[:once]:
        yield _next(of, name)[0]
    room = MOST_BYTES
    places = [_next(of, name)[1] for name in names[once:]]
    for _ in range(repeat):
        for column, name in enumerate(names[once:]):
            place = places[column]
            bind = of.encoded[place] if place < len(of.oids) else _tlv(_SEQUENCE, name + _END_OF_VIEW)
            room -= len(bind)
            if room < 0:
                return
            places[column] += 1
            yield bind


def _value(kind: str, value: str) -> bytes:
    """Return a recorded value in BER. Raise ValueError for one that cannot be read."""
    if kind in _NUMBERS:
        number = int(value)
        size = max(1, (number.bit_length() + 8) // 8)
        return _tlv(_NUMBERS[kind], number.to_bytes(size, signed=True))
    if kind in ("4x", "4xx", "64x"):
        return _tlv(0x40 if kind == "64x" else 0x04, bytes.fromhex(value))
    if kind == "4e":
        return _tlv(0x04, value.encode("latin-1").decode("unicode_escape").encode("latin-1"))
    if kind == "4":
        return _tlv(0x04, value.encode())
    if kind == "6":
        return _tlv(0x06, _oid(tuple(map(int, value.strip(".").split(".")))))
    if kind == "64":
        return _tlv(0x40, socket.inet_aton(value))
    return bytes((_NULL, 0))


def _oid(parts: Oid) -> bytes:
    if len(parts) < 2:
        parts = (*parts, 0)
    return b"".join(map(_base128, (parts[0] * 40 + parts[1], *parts[2:])))


def _base128(number: int) -> bytes:
    digits = [number & 0x7F]
    while number := number >> 7:
        digits.append(number & 0x7F | 0x80)
    return bytes(reversed(digits))


def _parts(content: bytes) -> Iterator[int]:
    number, is_first = 0, True
    for byte in content:
        number = number << 7 | byte & 0x7F
        if not byte & 0x80:
            if is_first:
                yield min(number // 40, 2)
                number -= 40 * min(number // 40, 2)
            yield number
            number, is_first = 0, False


def _tlv(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 128:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(length))) + length + content


def _items(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield tag and content of each item. Raise ValueError where one is cut off."""
    place = 0
    while place < len(content):
        tag, size = content[place], content[place + 1]
        place += 2
        if size & 0x80:
            count = size & 0x7F
            size = int.from_bytes(content[place : place + count])
            place += count
        yield tag, content[place : place + size]
        place += size


def load(path: Path) -> Device:
    """Return the device recorded in a file."""
    return device(path.read_text("utf-8", errors="replace").splitlines())
