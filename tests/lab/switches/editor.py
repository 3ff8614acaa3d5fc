"""Configuration mode of systems with indented lines: where one stands in it, and what a line does there."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from tests.lab.switches.grammar import Grammar, Match, NotUnderstood
from tests.lab.switches.lines import Line


class Refused(Exception):
    """A line the system understands and does not take; the text is the vendor's own."""


@dataclass
class Question:
    """What has to be answered by one key before anything happens."""

    text: str
    confirmed: Callable[[], None]


@dataclass
class Text:
    """Lines to come, up to an end: what a banner is made of."""

    hint: str
    end: str
    finished: Callable[[str], None]
    is_whole_line: bool = False  # the end stands alone on its line
    begun: str | None = None  # what stood behind the first delimiter


Pending = Question | Text | None
_Level = tuple[str, Grammar, list[Line]]  # the mode, what it understands, whose lines change


class Dialect(Protocol):
    """What a vendor's system does with a line it has understood."""

    def grammar(self) -> Grammar: ...

    def change(self, block: Line, match: Match, *, negated: bool) -> Pending:
        """Do what a line says to the lines of a block. Raise Refused."""
        ...

    def enter(self, block: Line, match: Match) -> list[Line]:
        """Return the blocks that a line of a block opens: most often the one it is."""
        ...


class Editor:
    """One person in configuration mode."""

    def __init__(self, dialect: Dialect, root: Line) -> None:
        self._dialect, self._root = dialect, root
        self._pending: Pending = None
        self._collected: list[str] = []
        self.top()

    def top(self) -> None:
        """Stand outside all blocks."""
        self._levels: list[_Level] = [("", self._dialect.grammar(), [self._root])]

    @property
    def mode(self) -> str:
        """The mode one stands in, or nothing outside all blocks."""
        return self._levels[-1][0]

    @property
    def question(self) -> str | None:
        """What waits to be answered by a key."""
        return self._pending.text if isinstance(self._pending, Question) else None

    @property
    def is_collecting(self) -> bool:
        """Whether lines are a banner's."""
        return isinstance(self._pending, Text)

    def up(self) -> bool:
        """Leave the innermost block; return False where there is none."""
        if len(self._levels) == 1:
            return False
        self._levels.pop()
        return True

    def answer(self, key: str) -> None:
        """Answer the question: only Return and `y` confirm."""
        question, self._pending = self._pending, None
        if isinstance(question, Question) and key in ("\r", "\n", "y", "Y"):
            question.confirmed()

    def feed(self, line: str) -> str:
        """Take a line; return what is said to it. Raise NotUnderstood or Refused."""
        if isinstance(self._pending, Text):
            self._collect(self._pending, line)
            return ""
        first = line.split()[0].lower()
        negated = first in ("no", "default")
        at, match = self._understood(line, negated=negated)
        del self._levels[at + 1 :]
        blocks = self._levels[-1][2]
        for block in blocks:
            self._pending = self._dialect.change(block, match, negated=negated)
        if isinstance(self._pending, Text) and self._pending.begun is not None:
            self._collect(self._pending, self._pending.begun)
        if match.rule.mode and not negated:
            self._enter(match, blocks)
        # A banner of one line is over already.
        return self._pending.hint if isinstance(self._pending, Text) else ""

    def load(self, text: str, comments: str = "!") -> None:
        """Take a whole configuration. Raise ValueError naming the line that is not understood."""
        for line in text.splitlines():
            if not self.is_collecting and (not line.strip() or line.startswith(comments)):
                continue
            try:
                if self.is_collecting or line.strip() != "exit":
                    self.feed(line if self.is_collecting else line.strip())
                else:
                    self.up()
            except (NotUnderstood, Refused) as error:
                raise ValueError(f"start configuration: {line!r}: {error}") from error
            if self.question:
                self.answer("y")
        self.top()

    def _understood(self, line: str, *, negated: bool) -> tuple[int, Match]:
        """Return the level that understands a line best: in full before abbreviated, inside before around."""
        failure: NotUnderstood | None = None
        found: list[tuple[int, int, Match]] = []
        for at, (_, grammar, _) in enumerate(reversed(self._levels)):
            try:
                match = grammar.match(line, skip=int(negated), only_key=negated)
                found.append((match.guesses, at, match))
            except NotUnderstood as error:
                failure = failure or error
        if not found:
            raise failure or NotUnderstood("invalid", 0)
        _, at, match = min(found, key=lambda each: each[:2])
        return len(self._levels) - 1 - at, match

    def _enter(self, match: Match, blocks: list[Line]) -> None:
        opened = [line for block in blocks for line in self._dialect.enter(block, match)]
        mode = match.rule.mode.replace("%", match.words[-1])
        self._levels.append((mode, self._dialect.grammar().within(match.rule), opened))

    def _collect(self, text: Text, line: str) -> None:
        if text.is_whole_line:
            ended = line.strip() == text.end
        else:
            line, end, _ = line.partition(text.end)
            ended = bool(end)
        if not (text.is_whole_line and ended):
            self._collected.append(line)
        if ended:
            collected, self._collected, self._pending = self._collected, [], None
            text.finished("\n".join(collected))
