"""A configuration of tables and objects, as FortiOS keeps it, and what each may hold."""

import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from ipaddress import AddressValueError, IPv4Address, IPv4Network
from pathlib import Path

_RANGE = re.compile(r"<(\d+)-(\d+)>$")
_INDENT = "    "


class BadValue(Exception):
    """A value that an attribute does not take; the text is the word that is wrong."""


@dataclass(frozen=True)
class Attribute:
    """One `set`: what it takes, and what it is from the start."""

    name: str
    kind: str
    default: tuple[str, ...]

    @property
    def is_secret(self) -> bool:
        return self.kind == "<secret>"

    def taken(self, words: Sequence[str]) -> tuple[str, ...]:
        """Return the value that words stand for. Raise BadValue."""
        if not words:
            raise BadValue("")
        if self.kind == "<secret>":
            return tuple(words)
        if self.kind in ("<text>", "<open>", "<names>"):
            return tuple(words if self.kind == "<names>" else words[:1])
        if self.kind == "<subnet>":
            return _subnet(words)
        return tuple(self._checked(word) for word in (words if self.kind[0] == "[" else words[:1]))

    def _checked(self, word: str) -> str:
        if self.kind == "<ip>":
            _address(word)
        elif span := _RANGE.match(self.kind):
            if not word.isdecimal() or not int(span[1]) <= int(word) <= int(span[2]):
                raise BadValue(word)
        elif word not in re.split(r"[| ]", self.kind.strip("[]")):
            raise BadValue(word)
        return word

    def shown(self, value: tuple[str, ...], encrypt: Callable[[str], str]) -> str:
        """Return a value as it is shown."""
        if self.is_secret:
            return f"ENC {encrypt(value[-1])}"
        if self.kind in ("<text>", "<names>", "<open>"):
            return " ".join(
                '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"' for word in value or ("",)
            )
        return " ".join(value)


@dataclass(frozen=True)
class Schema:
    """What an object may hold, or the objects of a table."""

    name: str
    keys: str = ""  # "{}" a table of names, "{#}" of numbers
    attributes: dict[str, Attribute] = field(default_factory=dict)
    inner: dict[str, "Schema"] = field(default_factory=dict)


@dataclass
class Object:
    """Values that were set; objects of a table; tables and objects within."""

    schema: Schema
    values: dict[str, tuple[str, ...]] = field(default_factory=dict)
    entries: dict[str, "Object"] = field(default_factory=dict)
    inner: dict[str, "Object"] = field(default_factory=dict)

    def copy(self) -> "Object":
        """Return the same, changeable on its own."""
        return Object(
            self.schema,
            dict(self.values),
            {key: entry.copy() for key, entry in self.entries.items()},
            {name: each.copy() for name, each in self.inner.items()},
        )

    def value(self, name: str) -> tuple[str, ...]:
        """Return what an attribute is, set or from the start."""
        return self.values.get(name, self.schema.attributes[name].default)

    def set(self, name: str, words: Sequence[str]) -> None:
        """Set an attribute. Raise KeyError for one there is none of, BadValue."""
        attribute = self.schema.attributes[name]
        value = attribute.taken(words)
        if value == attribute.default:
            self.values.pop(name, None)
        else:
            self.values[name] = value

    def into(self, name: str) -> "Object":
        """Return an object within. Raise KeyError where there is none."""
        return self.inner.setdefault(name, Object(self.schema.inner[name]))

    def is_plain(self) -> bool:
        """Return whether there is nothing to show."""
        return not (self.values or self.entries or any(not each.is_plain() for each in self.inner.values()))

    def lines(self, encrypt: Callable[[str], str], *, full: bool = False, depth: int = 1) -> Iterator[str]:
        """Yield what stands between `config` and `end`; with `full`, also what is so from the start."""
        for key, entry in self.entries.items():
            name = key if self.schema.keys == "{#}" else f'"{key}"'
            yield _INDENT * depth + f"edit {name}"
            yield from entry.own_lines(encrypt, full=full, depth=depth + 1)
            yield _INDENT * depth + "next"
        if not self.schema.keys:
            yield from self.own_lines(encrypt, full=full, depth=depth)

    def own_lines(self, encrypt: Callable[[str], str], *, full: bool, depth: int) -> Iterator[str]:
        """Yield an object's own values, and what is within it."""
        for name, attribute in self.schema.attributes.items():
            if name in self.values or (full and (attribute.default or not attribute.is_secret)):
                yield _INDENT * depth + f"set {name} {attribute.shown(self.value(name), encrypt)}"
        for name, each in self.inner.items():
            if not each.is_plain() or full:
                yield _INDENT * depth + f"config {name}"
                yield from each.lines(encrypt, full=full, depth=depth + 1)
                yield _INDENT * depth + "end"


def words_of(line: str) -> list[str] | None:
    """Return the words of a line, quotes understood; None while a quote is open."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=False)
    lexer.whitespace_split, lexer.commenters, lexer.escapedquotes = True, "", '"'
    try:
        return list(lexer)
    except ValueError:
        return None


def joined(text: str) -> Iterator[str]:
    """Yield the lines of a configuration, those in which a quote stays open with the ones that close it."""
    waiting: list[str] = []
    for line in text.splitlines():
        if not waiting and (not line.strip() or line.startswith("#")):
            continue
        waiting.append(line)
        if words_of("\n".join(waiting)) is not None:
            yield "\n".join(waiting)
            waiting.clear()


@cache
def read(file: Path) -> Schema:
    """Return the whole of a grammar's file as one object that holds all others."""
    root = Schema("")
    levels: list[tuple[int, Schema]] = [(-1, root)]
    for line in file.read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        indent = len(line) - len(line.lstrip())
        while levels[-1][0] >= indent:
            levels.pop()
        above, text = levels[-1][1], line.strip()
        if text.startswith("config "):
            path, _, keys = text.removeprefix("config ").partition(" {")
            schema = Schema(path, "{" + keys if keys else "")
            above.inner[path] = schema
            levels.append((indent, schema))
        else:
            declared, _, default = text.partition(" =")
            name, _, kind = declared.partition(" ")
            value = default.strip()
            is_list = kind in ("<subnet>", "<names>") or kind.startswith("[")
            above.attributes[name] = Attribute(
                name, kind, tuple(value.split()) if is_list else (value,) if value else ()
            )
    return root


def _address(word: str) -> None:
    try:
        IPv4Address(word)
    except AddressValueError:
        raise BadValue(word) from None


def _subnet(words: Sequence[str]) -> tuple[str, ...]:
    """Return address and mask for `192.0.2.1 255.255.255.0` and for `192.0.2.1/24`."""
    address, _, length = words[0].partition("/")
    _address(address)
    mask = words[1] if len(words) > 1 else length
    try:
        return address, str(IPv4Network(f"0.0.0.0/{mask}").netmask) if mask else "255.255.255.255"
    except ValueError:
        raise BadValue(words[-1]) from None
