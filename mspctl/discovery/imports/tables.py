"""Tables as text: the delimiter is found out, the columns go by their names."""

import csv
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from mspctl.discovery.imports.lines import lines
from mspctl.discovery.imports.row import Skipped

_DELIMITERS = ",;\t|"
_CELL_CHARACTERS = 4_096
_COLUMNS = 1_024


class TableRow(NamedTuple):
    """One row: the line it ends on, and its cells by the names of their columns, as the file spells those."""

    line: int
    cells: dict[str, str]


def rows(chunks: Iterable[bytes]) -> Iterator[TableRow | Skipped]:
    """Yield the rows below the header. PowerShell's first line, `#TYPE …`, is none of them."""
    source = _Source(chunks)
    first = next((text for text in source if text.strip() and not text.startswith("#TYPE")), "")
    header, delimiter = header_of(first), delimiter_of(first)
    reader = csv.reader(source, delimiter=delimiter)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            yield Skipped(source.line, f"not a row: {error}; left out")
            continue
        if source.too_long:
            yield from (Skipped(line, "a line too long for a row; left out") for line in source.too_long)
            source.too_long.clear()
        if any(cell.strip() for cell in cells):
            named = zip(header, cells, strict=False)
            yield TableRow(source.line, {name: cell.strip()[:_CELL_CHARACTERS] for name, cell in named})


def header_of(line: str) -> list[str]:
    """Return the names of the columns in a header."""
    cells = next(csv.reader([line[:65_536]], delimiter=delimiter_of(line)), [])
    return [cell.strip() for cell in cells[:_COLUMNS]]


def delimiter_of(line: str) -> str:
    """Return what stands most often between the cells of a header."""
    return max(_DELIMITERS, key=lambda mark: (line.count(mark), -_DELIMITERS.index(mark)))


class _Source:
    """The lines of a file for the reader of tables, which asks for one after the other."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self.line = 0
        self.too_long: list[int] = []
        self._lines = lines(chunks)

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        self.line, text = next(self._lines)
        if text is None:
            self.too_long.append(self.line)
            return "\n"
        return text + "\n"
