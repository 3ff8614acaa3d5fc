"""XML files of any size, piece by piece: no entities, bounded in depth and in what one piece holds."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple
from xml.etree.ElementTree import Element
from xml.parsers import expat

from mspctl.discovery.imports.row import Skipped

_DEPTH = 32
_ELEMENTS = 400_000  # of one piece: a machine with every port open has some 200,000
_TEXT_CHARACTERS = 4_096
_PENDING_BYTES = 4 * 1024 * 1024  # that come without one tag being complete


class Piece(NamedTuple):
    """One element with all it holds, and the line it begins on."""

    line: int
    element: Element


class _Refused(Exception):
    """The file is not one we read further."""


class _Builder:
    """Builds the elements of some names, and forgets everything else."""

    def __init__(self, wanted: frozenset[str]) -> None:
        self.done: list[Piece] = []
        self.line: Callable[[], int] = lambda: 0
        self._wanted = wanted
        self._depth = 0
        self._path: list[Element] = []
        self._begun = 0
        self._count = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > _DEPTH:
            raise _Refused(f"elements nested more than {_DEPTH} deep")
        name = name.rpartition(":")[2]
        if not self._path and name not in self._wanted:
            return
        self._count = self._count + 1 if self._path else 1
        if self._count > _ELEMENTS:
            raise _Refused(f"more than {_ELEMENTS:,} elements of one machine")
        if not self._path:
            self._begun = self.line()
        element = Element(name, {key: value[:_TEXT_CHARACTERS] for key, value in attributes.items()})
        if self._path:
            self._path[-1].append(element)
        self._path.append(element)

    def end(self, _name: str) -> None:
        self._depth -= 1
        if self._path:
            element = self._path.pop()
            if not self._path:
                self.done.append(Piece(self._begun, element))

    def text(self, data: str) -> None:
        if self._path:
            known = self._path[-1].text or ""
            if len(known) < _TEXT_CHARACTERS:
                self._path[-1].text = known + data[:_TEXT_CHARACTERS]

    def refuse(self, *_: object) -> None:
        raise _Refused("it declares entities, which no scanner and no server writes")


def trees(chunks: Iterable[bytes], *wanted: str) -> Iterator[Piece | Skipped]:
    """Yield each element of a wanted name as it is complete; last, where the file ends too early, why."""
    builder = _Builder(frozenset(wanted))
    parser = expat.ParserCreate()
    parser.buffer_text = True
    builder.line = lambda: parser.CurrentLineNumber
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.text
    parser.EntityDeclHandler = builder.refuse
    fed = 0
    try:
        for chunk in chunks:
            fed += len(chunk)
            parser.Parse(chunk, False)
            yield from builder.done
            builder.done.clear()
            if fed - max(0, parser.CurrentByteIndex) > _PENDING_BYTES:
                raise _Refused("one tag of several megabytes")
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        what = f"not XML: {expat.ErrorString(error.code)}; what stands before it counts"
        yield from builder.done
        yield Skipped(error.lineno, what)
    except (_Refused, ValueError, LookupError) as error:  # the last two: unknown encodings
        yield from builder.done
        yield Skipped(parser.CurrentLineNumber, f"{error}; what stands before it counts")
