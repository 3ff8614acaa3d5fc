"""What a command line may say: patterns written as the vendor's reference does, and abbreviations understood.

    hostname : <word>
    ip access-list (standard|extended) <word>  -> config-nacl
      [<1-4294967294>] (permit|deny) <line>

Words are keywords, `<…>` a value, `[…]` may be left out, `(a|b)` is a choice. Before ` : ` stands what says
which line it is, after it the value that a second such line replaces. `->` names the mode that a line opens;
indented below it stands what is understood there. A mark before the line says how its negation is kept: `+`
on unless told otherwise, only `no …` is shown; `*` either is shown; `-` the line is kept and never shown.
`@name` hands the line to the device. A line of `!` begins a new group; a `%` in a mode's
name is the last word of what opens it.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

_TOKEN = re.compile(r'"[^"]*"\S*|\S+')
_PIECE = re.compile(r"<[^>]+>|[][()|]|[^][()|<\s]+")
_ADDRESS = re.compile(r"(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$")
_INTERFACE = re.compile(r"([A-Za-z][A-Za-z-]*)(\d[\d/.]*)?$")
_RANGE = re.compile(r"(\d+)-(\d+)$")


@dataclass(frozen=True)
class Slot:
    """A place for a value: a word, a number in a range, an address, an interface, the rest of the line."""

    kind: str


@dataclass(frozen=True)
class Choice:
    """One of several sequences; the empty one where it may be left out."""

    ways: tuple["Sequence_", ...]


Element = str | Slot | Choice
Sequence_ = tuple[Element, ...]


@dataclass(frozen=True, eq=False)
class Rule:
    """One kind of line: how it reads, what of it is its name, and what it opens."""

    key: Sequence_
    value: Sequence_
    order: int
    group: int
    default: str = ""  # "+": on and not shown; "*": shown either way; "-": never shown
    mode: str = ""
    hook: str = ""
    rules: list["Rule"] = field(default_factory=list)


@dataclass(frozen=True)
class Match:
    """A line as understood: every word written out, and how many of them name it."""

    rule: Rule
    words: tuple[str, ...]
    key_length: int
    guesses: int = 0  # keywords that were abbreviated

    @property
    def key(self) -> tuple[str, ...]:
        return self.words[: self.key_length]

    @property
    def value(self) -> tuple[str, ...]:
        return self.words[self.key_length :]


class NotUnderstood(Exception):
    """A line no rule takes: where, in characters of the line, and why (invalid, incomplete, ambiguous)."""

    def __init__(self, reason: str, column: int) -> None:
        super().__init__(reason)
        self.reason, self.column = reason, column


class Grammar:
    """The lines of one mode."""

    def __init__(self, rules: Sequence[Rule], interfaces: Sequence[str] = ()) -> None:
        self.rules = rules
        self._interfaces = interfaces

    def within(self, rule: Rule) -> "Grammar":
        """Return what is understood in the mode that a rule opens."""
        return Grammar(rule.rules, self._interfaces)

    def match(self, line: str, *, skip: int = 0, only_key: bool = False) -> Match:
        """Return how a line is understood from its word `skip` on; with `only_key` the value may be left out.

        Raise NotUnderstood with the column of the first word that fits nowhere.
        """
        found = list(_TOKEN.finditer(line))[skip:]
        walk = _Walk(line, found, self._interfaces)
        matches: dict[tuple[str, ...], Match] = {}
        for rule in self.rules:
            for match in walk.matches(rule, only_key=only_key):
                known = matches.get(match.words)
                if known is None or match.guesses < known.guesses:
                    matches[match.words] = match
        if not matches:
            raise walk.failure()
        fewest = min(match.guesses for match in matches.values())
        best = [match for match in matches.values() if match.guesses == fewest]
        if fewest and len({match.rule for match in best}) > 1:
            raise NotUnderstood("ambiguous", found[0].start())
        return best[0]


class _Walk:
    """One line held against rules; remembers how far the best of them went."""

    def __init__(self, line: str, tokens: Sequence[re.Match[str]], interfaces: Sequence[str]) -> None:
        self._line, self._interfaces = line, interfaces
        self._words = [token.group() for token in tokens]
        self._columns = [token.start() for token in tokens]
        self._furthest = 0

    def matches(self, rule: Rule, *, only_key: bool) -> Iterator[Match]:
        for at, key, guesses in self._follow(rule.key, 0, (), 0):
            if only_key and at == len(self._words):
                yield Match(rule, key, len(key), guesses)
            for end, words, total in self._follow(rule.value, at, key, guesses):
                if end == len(self._words):
                    yield Match(rule, words, len(key), total)

    def failure(self) -> NotUnderstood:
        if self._furthest >= len(self._words):
            return NotUnderstood("incomplete", len(self._line))
        return NotUnderstood("invalid", self._columns[self._furthest])

    def _follow(
        self, sequence: Sequence_, at: int, said: tuple[str, ...], guesses: int
    ) -> Iterator[tuple[int, tuple[str, ...], int]]:
        """Yield (words taken, what they say in full, abbreviations) for each way through a sequence."""
        self._furthest = max(self._furthest, at)
        if not sequence:
            yield at, said, guesses
            return
        first, rest = sequence[0], sequence[1:]
        if isinstance(first, Choice):
            for way in first.ways:
                yield from self._follow(way + rest, at, said, guesses)
        elif at < len(self._words):
            taken = self._keyword(first, at) if isinstance(first, str) else self._value(first.kind, at)
            if taken is not None:
                count, text = taken
                guess = int(isinstance(first, str) and text != self._words[at].lower())
                yield from self._follow(rest, at + count, (*said, text), guesses + guess)

    def _keyword(self, keyword: str, at: int) -> tuple[int, str] | None:
        return (1, keyword) if keyword.lower().startswith(self._words[at].lower()) else None

    def _value(self, kind: str, at: int) -> tuple[int, str] | None:
        word = self._words[at]
        if kind == "line":
            return len(self._words) - at, self._line[self._columns[at] :].rstrip()
        if kind == "string":
            return (1, '"' + word.strip('"') + '"')
        if kind == "ip":
            match = _ADDRESS.match(word)
            return (1, word) if match and all(int(part) < 256 for part in match.groups()) else None
        if kind == "interface":
            return self._interface(at)
        if span := _RANGE.match(kind):
            low, high = (int(part) for part in span.groups())
            return (1, str(int(word))) if word.isdecimal() and low <= int(word) <= high else None
        return 1, word

    def _interface(self, at: int) -> tuple[int, str] | None:
        """Return `GigabitEthernet0/1` for `gi0/1` and for `gigabit 0/1`."""
        match = _INTERFACE.match(self._words[at])
        if not match:
            return None
        kind, number, count = match.group(1).lower(), match.group(2), 1
        if number is None and at + 1 < len(self._words):
            number, count = self._words[at + 1], 2
        names = [name for name in self._interfaces if name.lower().startswith(kind)]
        if not names or number is None or not number[0].isdigit():
            return None
        return count, names[0] + number


def pattern(text: str) -> Sequence_:
    """Return what a pattern's text means. Raise ValueError when its brackets do not close."""
    pieces = _PIECE.findall(text)
    ways, rest = _ways(pieces)
    if rest or len(ways) != 1:
        raise ValueError(f"pattern: {text!r}")
    return ways[0]


def _ways(pieces: list[str]) -> tuple[list[Sequence_], list[str]]:
    """Return the sequences up to the bracket that closes this one, and what follows."""
    ways: list[list[Element]] = [[]]
    while pieces and pieces[0] not in ("]", ")"):
        piece, *pieces = pieces
        if piece == "|":
            ways.append([])
        elif piece in ("[", "("):
            inner, pieces = _ways(pieces)
            if not pieces:
                raise ValueError("a bracket does not close")
            pieces = pieces[1:]
            ways[-1].append(Choice((*inner, ()) if piece == "[" else tuple(inner)))
        else:
            ways[-1].append(Slot(piece[1:-1]) if piece.startswith("<") else piece)
    return [tuple(way) for way in ways], pieces


@cache
def read(file: Path) -> tuple[Rule, ...]:
    """Return the rules of a grammar's file; they are the same objects at every call."""
    top: list[Rule] = []
    levels = [(-1, top)]
    group = 0
    for order, line in enumerate(file.read_text().splitlines()):
        text = line.split(" #")[0].strip()
        if text == "!":
            group += 1
        if text.startswith(("!", "#")) or not text:
            continue
        indent = len(line) - len(line.lstrip())
        while levels[-1][0] >= indent:
            levels.pop()
        rule = _rule(text, order, group)
        levels[-1][1].append(rule)
        levels.append((indent, rule.rules))
    return tuple(top)


def _rule(text: str, order: int, group: int) -> Rule:
    default = text[0] if text[:2] in ("+ ", "* ", "- ") else ""
    text = text[2:] if default else text
    text, _, hook = text.partition(" @")
    text, _, mode = text.partition(" -> ")
    key, _, value = text.partition(" : ")
    return Rule(pattern(key), pattern(value), order, group, default, mode.strip(), hook.strip())
