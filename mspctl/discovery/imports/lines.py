"""The lines of a text file, whatever program wrote it."""

import codecs
from collections.abc import Iterable, Iterator
from io import IncrementalNewlineDecoder
from itertools import chain, islice

LONGEST = 1_048_576  # characters of a line; a longer one is passed over
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
HEAD_BYTES = 65_536


def lines(chunks: Iterable[bytes]) -> Iterator[tuple[int, str | None]]:
    """Yield number and text of each line, without its end; None for one that is too long to be looked at."""
    number, rest, is_too_long = 1, "", False
    for text in _decoded(chunks):
        first, *others = (rest + text).split("\n")
        rest = first
        for other in others:
            yield number, None if is_too_long or len(rest) > LONGEST else rest
            number, rest, is_too_long = number + 1, other, False
        if len(rest) > LONGEST:
            rest, is_too_long = "", True
    if rest or is_too_long:
        yield number, None if is_too_long else rest


def decoded(head: bytes) -> str:
    """Return the beginning of a file as text."""
    return "".join(_decoded([head]))


def _decoded(chunks: Iterable[bytes]) -> Iterator[str]:
    """Yield a file's text: UTF-8 or UTF-16 by its mark, else UTF-8 where it is that, else Windows-1252."""
    rest = iter(chunks)
    head = b"".join(islice(rest, 1))
    encoding, start = next(
        ((name, len(mark)) for mark, name in _BOMS if head.startswith(mark)), (_guessed(head), 0)
    )
    decoder = IncrementalNewlineDecoder(codecs.getincrementaldecoder(encoding)("replace"), translate=True)
    for chunk in chain([head[start:]], rest):
        yield decoder.decode(chunk)
    yield decoder.decode(b"", True)


def _guessed(head: bytes) -> str:
    if len(head) > 3 and head[1::2][:8].count(0) == len(head[1::2][:8]):
        return "utf-16-le"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)  # whose last character may be cut in two
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"
