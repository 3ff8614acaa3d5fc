"""LDIF, as ldifde, ldapsearch and ldbsearch write it. https://www.rfc-editor.org/rfc/rfc2849"""

import base64
import binascii
from collections.abc import Iterable, Iterator

from mspctl.discovery.imports.lines import lines
from mspctl.discovery.imports.row import Skipped

_VALUES = 256  # of one attribute
_ATTRIBUTES = 512
_VALUE_CHARACTERS = 4_096

Attributes = dict[str, list[str]]


def entries(chunks: Iterable[bytes]) -> Iterator[tuple[int, Attributes] | Skipped]:
    """Yield each entry with the line it begins on: its attributes by their names in lower case."""
    begun, entry = 0, Attributes()
    for item in _whole_lines(chunks):
        if isinstance(item, Skipped):
            yield item
            continue
        number, text = item
        if not text:
            if entry:
                yield begun, entry
            entry = {}
            continue
        name, separator, rest = text.partition(":")
        if not separator:
            yield Skipped(number, "no attribute: a colon is missing; left out")
            continue
        begun = begun if entry else number
        value = _value(rest)
        if value is None:
            yield Skipped(number, "a value that is kept elsewhere, or not in base64; left out")
            continue
        values = (
            entry.setdefault(name.partition(";")[0].strip().lower()[:64], [])
            if len(entry) < _ATTRIBUTES
            else []
        )
        if len(values) < _VALUES:
            values.append(value)
    if entry:
        yield begun, entry


def _whole_lines(chunks: Iterable[bytes]) -> Iterator[tuple[int, str] | Skipped]:
    """Yield lines with those joined that were folded, without comments; last an empty one."""
    begun, held = 0, ""
    for number, text in lines(chunks):
        if text is None:
            yield Skipped(number, "a line too long; left out")
            continue
        if text.startswith(" ") and held:
            held += text[1:] if len(held) < _VALUE_CHARACTERS * 2 else ""
            continue
        if held and not held.startswith("#"):
            yield begun, held
        begun, held = number, text
        if not text.strip():
            yield number, ""
            held = ""
    if held and not held.startswith("#"):
        yield begun, held


def _value(rest: str) -> str | None:
    """Return a value; one in base64 as text, or in hex digits where it is none; None for what is no value."""
    if rest.startswith("<"):
        return None
    if not rest.startswith(":"):
        return rest.strip()[:_VALUE_CHARACTERS]
    try:
        data = base64.b64decode(rest[1:].strip()[: _VALUE_CHARACTERS * 2], validate=True)
    except (binascii.Error, ValueError):
        return None
    try:
        return data.decode()[:_VALUE_CHARACTERS]
    except UnicodeDecodeError:
        return data.hex()[:_VALUE_CHARACTERS]
