"""Read binary answers step by step; what is missing is an empty value, never an error."""

import re
from collections.abc import Iterator

from mspctl.facts.text import line

_HEX = re.compile(r"(?:[0-9a-f]{2})*")


def unhex(value: object, most: int) -> bytes:
    """Return the bytes of hex digits, at most so many; b"" for what is none."""
    if not isinstance(value, str) or len(value) > most * 2 or not _HEX.fullmatch(value):
        return b""
    return bytes.fromhex(value)


def number(data: bytes, offset: int, size: int, *, little: bool = False) -> int:
    """Return an unsigned integer of `size` bytes; -1 where the data ends before it."""
    part = data[offset : offset + size] if offset >= 0 else b""
    return int.from_bytes(part, "little" if little else "big") if len(part) == size else -1


def text(data: bytes, encoding: str = "utf-8", limit: int = 256) -> str:
    """Return bytes as one printable line of at most `limit` characters."""
    return line(data[: limit * 4].decode(encoding, "replace"), limit)


def ber(tag: int, *parts: bytes) -> bytes:
    """Return one BER element: https://www.itu.int/rec/T-REC-X.690"""
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def ber_items(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield tag and content of the BER elements in a row; the last may be cut off, and ends them."""
    while len(data) >= 2:
        tag, size, start = data[0], data[1], 2
        if size & 0x80:
            count = size & 0x7F
            start += count
            size = number(data, 2, count) if 0 < count <= 4 else -1
        if size < 0:
            return
        yield tag, data[start : start + size]
        data = data[start + size :]


def ber_path(data: bytes, *tags: int) -> bytes:
    """Return the content of the first element with the first tag, in it that with the second, and so on."""
    for tag in tags:
        data = next((content for found, content in ber_items(data) if found == tag), b"")
    return data
