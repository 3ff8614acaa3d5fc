"""Configurations as trees of lines, and changes of them as what is typed; pure, one grammar a family.

A line is brought into one form, so that two spellings of one setting are equal: quotes that are not needed
go, a banner is one line with its text, RouterOS' `set` is one line for each of its values.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from mspctl.records.network import Syntax

_DEEPEST = 12
_BANNER = re.compile(r"banner (\S+)(?: (?!line |file |default)(\^C|\S)(.*))?")
_CLOSING = re.compile(r"exit(?:-\S+)?|end|quit|!.*|#.*|;.*")
_WORDS = re.compile(r'(?:[^\s"\[]|"(?:[^"\\]|\\.)*"|\[[^\]]*\])+')


class Node(NamedTuple):
    """A line and what stands below it."""

    line: str
    below: tuple["Node", ...] = ()


class Change(NamedTuple):
    """One line to type."""

    path: tuple[str, ...]
    line: str
    rule: str
    typed: tuple[str, ...] = ()  # where that is not the line itself
    last: bool = False
    undoes: bool = False
    secret: bool = False
    old: str = ""  # the line that this one takes away, or takes the place of

    @property
    def text(self) -> tuple[str, ...]:
        """What is typed, line by line."""
        return self.typed or (self.line,)


def parse(text: str, syntax: Syntax) -> tuple[Node, ...]:
    """Return the lines of a cleaned configuration as a tree; what is not understood is a line."""
    return _PARSERS[syntax](text.split("\n"))


def _indented(lines: Sequence[str]) -> tuple[Node, ...]:
    stack: list[tuple[int, str, list[Node]]] = [(-1, "", [])]

    def close(depth: int) -> None:
        while stack[-1][0] >= depth:
            _, line, below = stack.pop()
            stack[-1][2].append(Node(line, tuple(below)))

    left = iter(lines)
    for raw in left:
        body = raw.strip()
        if not body or _CLOSING.fullmatch(body):
            continue
        depth = min(len(raw) - len(raw.lstrip()), _DEEPEST)
        banner = _BANNER.fullmatch(body) if depth == 0 else None
        close(depth)
        stack.append((depth, _banner(banner, left) if banner else body, []))
    close(0)
    return tuple(stack[0][2])


def _banner(begun: re.Match[str], left: Iterator[str]) -> str:
    """Return a banner as one line: `banner login`, and its text below."""
    delimiter = begun[2] or "EOF"
    text, ended, _ = (begun[3] or "").partition(delimiter) if begun[2] else ("", "", "")
    said = [text] if text.strip() else []
    while not ended:
        line = next(left, None)
        if line is None:
            break
        text, ended, _ = line.partition(delimiter)
        if text or not ended:
            said.append(text)
    return f"banner {begun[1]}\n" + "\n".join(said).strip()


def _fortios(lines: Sequence[str]) -> tuple[Node, ...]:
    stack: list[tuple[str, list[Node]]] = [("", [])]
    left = iter(lines)

    def close() -> None:
        if len(stack) > 1:
            line, below = stack.pop()
            stack[-1][1].append(Node(line, tuple(below)))

    for raw in left:
        body = raw.strip()
        while body.count('"') % 2 and (more := next(left, None)) is not None:
            body += "\n" + more
        if not body or body.startswith("#"):
            continue
        word = body.split()[0]
        if word in ("config", "edit") and len(stack) <= _DEEPEST:
            stack.append((_unquoted(body), []))
        elif word in ("next", "end"):
            close()
        else:
            stack[-1][1].append(Node(_unquoted(body)))
    while len(stack) > 1:
        close()
    return tuple(stack[0][1])


def _unquoted(line: str) -> str:
    """Return a line without the quotes of words that need none."""
    return re.sub(r'"([^\s"\\]+)"', r"\1", line)


def _routeros(lines: Sequence[str]) -> tuple[Node, ...]:
    return tuple(Node(line) for line in _commands(lines))


def _commands(lines: Sequence[str]) -> Iterator[str]:
    section = ""
    left = iter(lines)
    for raw in left:
        body = raw.strip()
        while body.endswith("\\") and (more := next(left, None)) is not None:
            body = body[:-1] + more.strip()
        words = _WORDS.findall(_unquoted(body))
        if not words or body.startswith("#"):
            continue
        verb = next((index for index, word in enumerate(words) if word in ("set", "add", "remove")), None)
        if verb is None:
            section = " ".join(words) if body.startswith("/") else section
            if not body.startswith("/"):
                yield body
            continue
        where = " ".join(words[:verb]) if verb else section
        rest = words[verb + 1 :]
        if words[verb] != "set":
            yield " ".join((where, words[verb], *rest))
            continue
        target = [word for word in rest if "=" not in word or word.startswith("[")]
        for pair in (word for word in rest if word not in target):
            yield " ".join((where, "set", *target, pair))


def _flat(lines: Sequence[str]) -> tuple[Node, ...]:
    return tuple(Node(line.strip()) for line in lines if line.strip())


_PARSERS: Mapping[Syntax, Callable[[Sequence[str]], tuple[Node, ...]]] = {
    "indent": _indented,
    "fortios": _fortios,
    "routeros": _routeros,
    "lines": _flat,
}


def sections(
    tree: Sequence[Node], under: Sequence[str]
) -> Iterator[tuple[tuple[str, ...], tuple[Node, ...]]]:
    """Yield the sections that `under` names, each with its path; one that is no pattern need not be there."""
    if not under:
        yield (), tuple(tree)
        return
    name, rest = under[0], under[1:]
    if name.startswith("~"):
        pattern = re.compile(name[1:])
        found = [node for node in tree if pattern.fullmatch(node.line)]
    else:
        same = [node for node in tree if node.line == name]  # a section may be shown in parts
        found = [Node(name, tuple(below for node in same for below in node.below))]
    for node in found:
        for path, below in sections(node.below, rest):
            yield (node.line, *path), below


def after(tree: Sequence[Node], changes: Iterable[Change]) -> tuple[Node, ...]:
    """Return a configuration as it is once lines were taken away; what was added is not looked at again."""
    for change in changes:
        if change.old:
            tree = _without(tree, change.path, change.old, change.line)
    return tuple(tree)


def _without(tree: Sequence[Node], path: Sequence[str], old: str, new: str) -> tuple[Node, ...]:
    if not path:
        is_gone = new.startswith(("no ", "unset ", "delete ")) or new == old.removeprefix("no ")
        lines = (node if node.line != old else None if is_gone else Node(new, node.below) for node in tree)
        return tuple(node for node in lines if node)
    return tuple(
        Node(node.line, _without(node.below, path[1:], old, new)) if node.line == path[0] else node
        for node in tree
    )


def commands(changes: Iterable[Change], syntax: Syntax) -> tuple[str, ...]:
    """Return what is typed in a configuration mode to make `changes`, in their order."""
    typed: list[str] = []
    for path, group in groupby(changes, key=lambda change: change.path):
        typed += path
        typed += (line for change in group for line in change.text)
        if syntax == "fortios":
            typed += ("next" if name.startswith("edit ") else "end" for name in reversed(path))
        else:
            typed += ["exit"] * len(path)
    return tuple(typed)
