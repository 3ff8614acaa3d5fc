"""XML from strangers: no document type, no entities of its own making, bounded in size and depth."""

from contextlib import suppress
from xml.parsers import expat

MOST_BYTES = 65_536
_ELEMENTS = 2_000
_DEPTH = 32
_TEXT_CHARACTERS = 1_024

Path = tuple[str, ...]


class _Refused(Exception):
    """The document is not one we read further."""


class _Reader:
    """Collects the text of each element under its path of names without prefixes."""

    def __init__(self) -> None:
        self.found: list[tuple[Path, str]] = []
        self._path: list[str] = []
        self._text: list[str] = []

    def start(self, name: str, _attributes: dict[str, str]) -> None:
        self._path.append(name.rpartition(":")[2][:64])
        self._text = []
        if len(self._path) > _DEPTH or len(self.found) > _ELEMENTS:
            raise _Refused

    def end(self, _name: str) -> None:
        text = "".join(self._text).strip()[:_TEXT_CHARACTERS]
        if text:
            self.found.append((tuple(self._path), text))
        self._path.pop()
        self._text = []

    def text(self, data: str) -> None:
        if len(self._text) < _TEXT_CHARACTERS:
            self._text.append(data[:_TEXT_CHARACTERS])

    def refuse(self, *_: object) -> None:
        raise _Refused


def elements(document: bytes) -> list[tuple[Path, str]]:
    """Return path and text of each element that has text; what was read before a mistake counts.

    A document type ends the reading, and with it entities and whatever else XML can be made to do.
    """
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = reader.refuse
    parser.EntityDeclHandler = reader.refuse
    with suppress(expat.ExpatError, _Refused, ValueError, LookupError):  # the last two: unknown encodings
        parser.Parse(document[:MOST_BYTES], True)
    return reader.found
