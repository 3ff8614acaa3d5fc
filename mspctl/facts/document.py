"""The JSON document a Windows machine answers with: {"document": "{\\"computer\\": {…}, …}"}."""

from functools import lru_cache
from typing import Any

import msgspec

from mspctl.facts.text import Raw, line

MOST_CHARACTERS = 2 << 20
_MOST_ROWS = 20_000


def document(raw: Raw) -> dict[str, Any]:
    """Return the document, {} where it is none."""
    text = raw.get("document")
    return _decoded(text) if isinstance(text, str) and len(text) <= MOST_CHARACTERS else {}


@lru_cache(maxsize=8)  # one answer is read by facts and by the inspection
def _decoded(text: str) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def rows(found: dict[str, Any], part: str) -> list[dict[str, Any]]:
    """Return a part's rows: PowerShell makes one row of a list of one, and null of none."""
    value = found.get(part)
    items = value if isinstance(value, list) else [value]
    return [item for item in items[:_MOST_ROWS] if isinstance(item, dict)]


def row(found: dict[str, Any], part: str) -> dict[str, Any]:
    """Return a part that is one row, {} where there is none."""
    return next(iter(rows(found, part)), {})


def number(value: object) -> int | None:
    """Return a whole number that JSON's other readers take too, also one in words; None for what is none."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 19:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value < 1 << 63 else None


def words(value: object, most: int = 64) -> list[str]:
    """Return the texts of a list, or of a single one."""
    items = value if isinstance(value, list) else [value]
    return [text for item in items[:most] if (text := line(item))]
