"""A configuration of menus and items, as RouterOS keeps it, and what each may hold."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from ipaddress import AddressValueError, IPv4Address, ip_network
from pathlib import Path

_RANGE = re.compile(r"<(\d+)-(\d+)>$")
_PAIR = re.compile(r'([\w.-]+)=("(?:\\.|[^"\\])*"|[^\s\]]*)')
_PLAIN = re.compile(r"[\w.,:/+@!-]+$")
_WIDTH = 78
_ESCAPES = {"r": "\r", "n": "\n", "t": "\t"}


class Unfit(Exception):
    """A value that is not taken; the text is the system's own."""


@dataclass(frozen=True)
class Field:
    """One value: what it takes, and what it is from the start."""

    name: str
    kind: str
    default: str

    @property
    def is_secret(self) -> bool:
        return self.kind == "<secret>"

    def check(self, value: str) -> None:
        """Raise Unfit unless this takes the value."""
        if self.kind in ("<text>", "<secret>"):
            return
        if span := _RANGE.match(self.kind):
            if not value.isdecimal():
                raise Unfit(f"invalid value for argument {self.name}")
            if not int(span[1]) <= int(value) <= int(span[2]):
                raise Unfit(f"value of {self.name} out of range ({span[1]}..{span[2]})")
        elif self.kind in ("<ip>", "<networks>"):
            self._check_addresses(value)
        elif value not in self.kind.split("|"):
            raise Unfit(f"input does not match any value of {self.name}")

    def _check_addresses(self, value: str) -> None:
        try:
            if self.kind == "<ip>":
                IPv4Address(value)
            else:
                for each in value.split(",") if value else ():
                    ip_network(each)
        except (AddressValueError, ValueError):
            raise Unfit(f"invalid value for argument {self.name}") from None


@dataclass(frozen=True)
class Kind:
    """What a menu holds."""

    path: str
    fields: dict[str, Field]
    built_in: list[dict[str, str]]
    handle: str = ""  # what export calls a built-in item by; nothing where the menu holds one set of values
    is_fixed: bool = False
    is_hidden: bool = False

    @property
    def holds_items(self) -> bool:
        return bool(self.handle)


@dataclass
class Item:
    """One set of values; `origin` is what a built-in one began as."""

    values: dict[str, str]
    origin: dict[str, str] | None = None

    def copy(self) -> "Item":
        """Return the same, changeable on its own."""
        return Item(dict(self.values), self.origin)


@dataclass
class Menu:
    """The items of one menu; where it holds one set of values, that is its only item."""

    kind: Kind
    items: list[Item] = field(default_factory=list)

    def copy(self) -> "Menu":
        """Return the same, changeable on its own."""
        return Menu(self.kind, [item.copy() for item in self.items])

    def value(self, item: Item, name: str) -> str:
        """Return a value, set or from the start."""
        return item.values.get(name, self.kind.fields[name].default)

    def export(self, *, sensitive: bool, verbose: bool, terse: bool, hidden: bool = False) -> Iterator[str]:
        """Yield what brings another device to this: what is not so from the start; with `verbose`, all."""
        lines = [
            line
            for each in self.items
            if (line := self._exported(each, sensitive=sensitive, verbose=verbose))
        ]
        if not lines or (self.kind.is_hidden and not hidden):
            return
        if terse:
            yield from (f"{self.kind.path} {' '.join(words)}" for words in lines)
            return
        yield self.kind.path
        for words in lines:
            yield from _wrapped(words)

    def _exported(self, item: Item, *, sensitive: bool, verbose: bool) -> list[str]:
        origin = item.origin or {}
        pairs = []
        for name in sorted(self.kind.fields):
            known, value = self.kind.fields[name], self.value(item, name)
            usual = origin.get(name, known.default)
            if (value == usual and not verbose) or (known.is_secret and not sensitive) or value == "":
                continue
            pairs.append(f"{name}={quoted(value)}")
        if item.origin is None:
            return ["add", *pairs]
        return ["set", *self._called(item), *pairs] if pairs else []

    def _called(self, item: Item) -> list[str]:
        handle = self.kind.handle
        if not handle:
            return []
        if handle == "number":
            return [str(self.items.index(item))]
        value = (item.origin or {}).get(handle, "")
        return [value] if handle == "name" else [f"[ find {handle}={value} ]"]


@cache
def read(file: Path) -> tuple[Kind, ...]:
    """Return what the menus of a grammar's file hold."""
    kinds: list[Kind] = []
    for line in file.read_text().splitlines():
        text = line.strip()
        if text.startswith("/"):
            path, _, rest = text.partition(" {")
            words = rest.rstrip("}").split()
            handle = words[0] if words else ""
            kinds.append(Kind(path, {}, [], handle, "fixed" in words, "hidden" in words))
        elif text.startswith("= "):
            kinds[-1].built_in.append(pairs(text))
        elif text and not text.startswith("#"):
            declared, _, default = text.partition(" = ")
            name, _, kind = declared.partition(" ")
            kinds[-1].fields[name] = Field(name, kind, default)
    return tuple(kinds)


def fresh(kinds: Sequence[Kind]) -> dict[str, Menu]:
    """Return the menus of a device nobody has configured."""
    menus = {}
    for kind in kinds:
        items = [Item(dict(values), values) for values in kind.built_in]
        menus[kind.path] = Menu(kind, items if kind.holds_items else [Item({}, {})])
    return menus


def pairs(text: str) -> dict[str, str]:
    """Return the `name=value` pairs of a text."""
    return {name: unquoted(value) for name, value in _PAIR.findall(text)}


def quoted(value: str) -> str:
    """Return a value as export writes it."""
    if _PLAIN.match(value):
        return value
    for plain, escaped in (
        ("\\", "\\\\"),
        ('"', '\\"'),
        ("$", "\\$"),
        ("\r", "\\r"),
        ("\n", "\\n"),
        ("\t", "\\t"),
    ):
        value = value.replace(plain, escaped)
    return f'"{value}"'


def unquoted(value: str) -> str:
    """Return what a value as typed stands for."""
    if not value.startswith('"'):
        return value
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), value[1:-1])


def _wrapped(words: Sequence[str]) -> Iterator[str]:
    """Yield a command's line, broken where it is too wide, as export breaks it."""
    line = ""
    for word in words:
        if line and len(line) + len(word) > _WIDTH:
            yield line + " \\"
            line = "   "
        line += (" " if line else "") + word
    yield line
