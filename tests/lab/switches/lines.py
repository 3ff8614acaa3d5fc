"""A configuration of indented lines, as IOS, EOS and AOS-S keep it."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.lab.switches.grammar import Match, Rule

_ROOT = Rule((), (), -1, -1)


@dataclass(eq=False)
class Line:
    """One line with the lines below it; a banner's text, with what encloses it, is its body."""

    rule: Rule = _ROOT
    words: tuple[str, ...] = ()
    key_length: int = 0
    negated: bool = False
    body: str | None = None
    below: list["Line"] = field(default_factory=list)

    @property
    def key(self) -> tuple[str, ...]:
        return self.words[: self.key_length]

    @property
    def value(self) -> tuple[str, ...]:
        return self.words[self.key_length :]

    @property
    def text(self) -> str:
        return ("no " if self.negated else "") + " ".join(self.words)

    def copy(self) -> "Line":
        """Return the same lines, changeable on their own."""
        below = [line.copy() for line in self.below]
        return Line(self.rule, self.words, self.key_length, self.negated, self.body, below)

    def find(self, *words: str) -> "Line | None":
        """Return the first line below that begins with these words and is not negated."""
        return next(self.all(*words), None)

    def all(self, *words: str) -> Iterator["Line"]:
        """Yield the lines below that begin with these words and are not negated."""
        return (line for line in self.below if not line.negated and line.words[: len(words)] == words)

    def says_no(self, *words: str) -> bool:
        """Return whether the line is there in its negated form."""
        return any(line.negated and line.words == words for line in self.below)

    def put(
        self, match: Match, words: tuple[str, ...] | None = None, body: str | None = None
    ) -> "Line | None":
        """Set a line in place of the one of the same name; return it, or None where a default is not shown.

        `words` are kept where that is not what was typed. A line that opens a mode keeps what is below it.
        """
        words = match.words if words is None else words
        old = self._named(match)
        if match.rule.default == "+" and not match.value:
            if old:
                self.below.remove(old)
            return None
        if old:
            old.words, old.negated, old.body = words, False, body
            old.key_length = match.key_length
            return old
        line = Line(match.rule, words, match.key_length, body=body)
        self._insert(line)
        return line

    def drop(self, match: Match) -> bool:
        """Negate a line; return whether that changed anything."""
        old = self._named(match)
        if match.rule.default in ("+", "*"):
            if old and old.negated:
                return False
            if old:
                self.below.remove(old)
            self._insert(Line(match.rule, match.key, match.key_length, negated=True))
            return True
        if not old or not all(word in old.value for word in match.value):
            return False
        self.below.remove(old)
        return True

    def _named(self, match: Match) -> "Line | None":
        return next(
            (line for line in self.below if line.rule is match.rule and line.key == match.key),
            None,
        )

    def _insert(self, line: "Line") -> None:
        """Add a line where the system shows it, whenever it was typed."""
        place = _place(line)
        at = next((at for at, other in enumerate(self.below) if _place(other) > place), len(self.below))
        self.below.insert(at, line)

    def render(self, indent: str, separator: str | None, closing: str | None) -> Iterator[str]:
        """Yield the lines below as the system shows them.

        `separator` stands between groups and blocks, `closing` is the last line of each block.
        """
        group = None
        for line in self.below:
            if line.rule.default == "-":
                continue
            if separator is not None and group not in (None, line.rule.group if not line.rule.mode else -1):
                yield separator
            group = line.rule.group if not line.rule.mode else -2
            gap = "" if line.body is None or line.body.startswith("\n") else " "
            yield from f"{line.text}{gap}{line.body or ''}".split("\n")
            for each in line.render(indent, None, closing):
                yield indent + each
            if line.rule.mode and closing:
                yield indent + closing


def everything(root: Line) -> Iterator[Line]:
    """Yield all lines below a line, however deep."""
    for line in root.below:
        yield line
        yield from everything(line)


def _place(line: Line) -> tuple[int, int]:
    number = int(line.words[0]) if line.words and line.words[0].isdecimal() else 0
    return line.rule.order, number
