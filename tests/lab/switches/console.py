"""RouterOS' console: a line's path, its command, what it is about, and what it changes."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from tests.lab.switches.menus import Item, Menu, Unfit, unquoted

_TOKEN = re.compile(r'\[[^\]]*\]|(?:"(?:\\.|[^"\\])*"|[^\s\[\]"])+')
_PART = re.compile(r"[^/]+")
_CONDITION = re.compile(r'([\w.-]+)([=~])("(?:\\.|[^"\\])*"|\S+)')
CHANGES = ("set", "add", "remove", "enable", "disable", "comment")
_MENU_COMMANDS = (*CHANGES, "print", "export")


@dataclass(frozen=True)
class Token:
    """A piece of a line, and where it stands, counted from 1."""

    text: str
    column: int

    @property
    def place(self) -> str:
        return f"(line 1 column {self.column})"


@dataclass
class Command:
    """A line as understood: in which menu, to do what, to which items, with which values and words."""

    path: str
    verb: str
    targets: list[Token] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)
    columns: dict[str, Token] = field(default_factory=dict)

    @property
    def words(self) -> set[str]:
        return {token.text for token in self.targets}


def is_unfinished(line: str) -> bool:
    """Return whether a quote is open at the end of a line, or the line says that it goes on."""
    bare = re.sub(r'"(?:\\.|[^"\\])*"', "", line, flags=re.DOTALL)
    return '"' in bare or bare.endswith("\\")


class Console:
    """Where one session stands among the menus."""

    def __init__(self, menus: Callable[[], dict[str, Menu]], other: dict[str, Sequence[str]]) -> None:
        self._menus, self._other = menus, other  # other: commands of menus that hold nothing to configure
        self.path = ""

    def read(self, line: str) -> Command | None:
        """Return what a line says to do; None where it only goes to another menu. Raise Unfit."""
        tokens = [Token(found.group(), found.start() + 1) for found in _TOKEN.finditer(line)]
        path = "" if line.lstrip().startswith("/") else self.path
        for at, token in enumerate(tokens):
            for part in _PART.finditer(token.text):
                word = Token(part.group(), token.column + part.start())
                if word.text == "..":
                    path = path.rpartition("/" if path.count("/") == 1 else " ")[0]
                elif self._is_menu(deeper := f"{path} {word.text}" if path else f"/{word.text}"):
                    path = deeper
                elif word.text in self._commands(path):
                    return self._arguments(Command(path, word.text), tokens[at + 1 :])
                else:
                    raise Unfit(f"bad command name {word.text} {word.place}")
        self.path = path
        return None

    def _is_menu(self, path: str) -> bool:
        return any(each == path or each.startswith(path + " ") for each in (*self._menus(), *self._other))

    def _commands(self, path: str) -> Sequence[str]:
        menu = self._menus().get(path)
        if menu is None:
            return (*self._other.get(path, ()), *(("export",) if path or "" in self._other else ()))
        if not menu.kind.holds_items:
            return ("set", "print", "export")
        missing = ("add", "remove") if menu.kind.is_fixed else ()
        return [verb for verb in _MENU_COMMANDS if verb not in missing]

    def _arguments(self, command: Command, tokens: Sequence[Token]) -> Command:
        for token in tokens:
            name, is_pair, value = token.text.partition("=")
            if is_pair and not token.text.startswith("["):
                command.values[name] = unquoted(value)
                command.columns[name] = token
            else:
                command.targets.append(token)
        return command

    # What changes a menu.

    def change(self, command: Command) -> None:
        """Do what a command says to its menu. Raise Unfit."""
        menu = self._menus()[command.path]
        values = dict(command.values)
        if command.verb in ("enable", "disable"):
            values = {"disabled": "no" if command.verb == "enable" else "yes"}
        if command.verb == "add":
            self._add(menu, command)
            return
        items = list(self._meant(menu, command, values))
        if command.verb == "remove":
            if any(item.origin for item in items):
                raise Unfit("failure: can not remove a default item")
            menu.items = [item for item in menu.items if item not in items]
            return
        for name, value in values.items():
            self._check(menu, command, name, value)
        for item in items:
            item.values.update(values)

    def _add(self, menu: Menu, command: Command) -> None:
        for name, value in command.values.items():
            self._check(menu, command, name, value)
        if command.targets:
            raise Unfit(f"expected end of command {command.targets[0].place}")
        wanted = command.values.get("name")
        if wanted is not None and any(menu.value(item, "name") == wanted for item in menu.items):
            raise Unfit("failure: already have an item with such name")
        menu.items.append(Item(dict(command.values)))

    def _check(self, menu: Menu, command: Command, name: str, value: str) -> None:
        if name not in menu.kind.fields:
            raise Unfit(f"expected end of command {command.columns[name].place}")
        menu.kind.fields[name].check(value)

    def _meant(self, menu: Menu, command: Command, values: dict[str, str]) -> Iterator[Item]:
        """Yield the items that a command is about: by number, by name, or as found. Raise Unfit."""
        if not menu.kind.holds_items:
            if command.targets:
                raise Unfit(f"expected end of command {command.targets[0].place}")
            yield menu.items[0]
            return
        numbers = values.pop("numbers", "")
        targets = [*command.targets, *([Token(numbers, 1)] if numbers else [])]
        if not targets:
            raise Unfit("missing value(s) of argument(s) numbers")
        for token in targets:
            if token.text.startswith("["):
                yield from found(menu, token.text)
            else:
                for word in token.text.split(","):
                    yield _named(menu, unquoted(word))


def found(menu: Menu, text: str) -> list[Item]:
    """Return the items that `[ find name=x ]` finds. Raise Unfit."""
    words = text.strip("[] ").split(maxsplit=1)
    if words[:1] != ["find"]:
        raise Unfit(f"bad command name {words[0] if words else '['} (line 1 column 1)")
    conditions = _CONDITION.findall(words[1]) if len(words) > 1 else []
    for name, _, _ in conditions:
        if name not in menu.kind.fields:
            raise Unfit(f"syntax error (line 1 column {text.find(name) + 1})")
    return [item for item in menu.items if all(_holds(menu, item, *each) for each in conditions)]


def _holds(menu: Menu, item: Item, name: str, how: str, wanted: str) -> bool:
    value, wanted = menu.value(item, name), unquoted(wanted)
    return value == wanted if how == "=" else bool(re.search(wanted, value))


def _named(menu: Menu, word: str) -> Item:
    if word.isdecimal() and int(word) < len(menu.items):
        return menu.items[int(word)]
    for item in menu.items:
        if "name" in menu.kind.fields and menu.value(item, "name") == word:
            return item
    raise Unfit("no such item")
