"""What a rollout left on a host, and whether it is still so; pure.

The questions go to a host as one script and come back as one line, which is a host's word and bounded.
A thing that cannot be observed proves nothing, and neither does one that is not as the role leaves it.
"""

import hmac
import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Annotated

import msgspec
from msgspec import Meta

from mspctl.records import Json, Record, Resource
from mspctl.records.receipt import ResourceKind

_PYTHON = 'python3 -I -S -c "import sys; _, sys.argv[1], run = sys.stdin.read().partition(sys.argv[1])[2]'
_PYTHON += '.split(chr(10), 2); exec(run)" {mark}'
_SH = """exec /bin/sh -c 'if [ "$(id -u)" = 0 ]; then exec {python}; else exec sudo {how} {python}; fi'"""
_MOST_THINGS = 2_000
_MOST_TEXT = 1 << 20  # characters of the questions
_SHORT = Annotated[str, Meta(max_length=4_096)]
_STATE = dict[_SHORT, _SHORT]


class Managed(Record, frozen=True, kw_only=True):
    """One thing that a role manages, as the role itself reports it."""

    kind: ResourceKind
    name: str
    expected: dict[str, tuple[str, ...]]  # how the role leaves it: the values allowed
    command: tuple[str, ...] = ()


class Report(Record, frozen=True, kw_only=True):
    """What a role says at its end."""

    capability: str
    provider: str
    resources: Annotated[tuple[Managed, ...], Meta(max_length=_MOST_THINGS)]


class Thing(Record, frozen=True, kw_only=True):
    """What is asked of a host."""

    kind: ResourceKind
    name: str
    command: tuple[str, ...] = ()


def fresh_key() -> str:
    """Return a key for digests; it is a secret, so that nobody can guess what they are of."""
    return secrets.token_hex(32)


def keyed(key: str, digest: str) -> str:
    """Return a digest of no use to whoever lacks the key and guesses at a secret."""
    return hmac.new(key.encode(), digest.encode(), "sha256").hexdigest()


def reported(raw: Mapping[str, Json]) -> Report | None:
    """Return what a role reported, None where it is not what roles report."""
    try:
        return msgspec.convert(raw, Report)
    except msgspec.ValidationError:
        return None


@cache
def program() -> str:
    """Return the program that observes a host."""
    return (files("mspctl") / "data" / "gate" / "observe.py").read_text("utf-8")


def fresh_mark() -> str:
    """Return what begins the answer: nothing that a login prints by itself begins so."""
    return f"@{secrets.token_hex(12)}"


def things(found: Iterable[Resource | Managed]) -> tuple[Thing, ...]:
    """Return what to ask about, each thing once, in a fixed order."""
    asked = {Thing(kind=each.kind, name=each.name, command=each.command) for each in found}
    return tuple(sorted(asked, key=lambda each: (each.kind, each.name, each.command)))


def command(mark: str, *, with_password: bool) -> str:
    """Return what is run on a host. It goes through whatever login shell the user has.

    Everything comes by standard input: the password for sudo, which may not be asked for, then, from the mark
    on, the questions and the program, so that no log of sudo's holds more than one line.
    """
    how = '-S -p ""' if with_password else "-n"
    return _SH.format(python=_PYTHON.format(mark=mark), how=how)


def question(mark: str, asked: Sequence[Thing], become_password: str) -> bytes | None:
    """Return what a host is sent, None where that is more than may be asked, or the password is no line."""
    rows = [[each.kind, each.name, list(each.command)] for each in asked]
    line = json.dumps({"mark": mark, "things": rows})
    if len(line) > _MOST_TEXT or len(rows) > _MOST_THINGS or {"\n", "\0"} & set(become_password):
        return None
    first = f"{become_password}\n" if become_password else ""
    return f"{first}{mark}\n{line}\n{program()}".encode()


def answer(output: bytes, mark: str, asked: Sequence[Thing], key: str) -> dict[Thing, dict[str, str]] | None:
    """Return the state of each thing that was observed; None where it is no answer to the question.

    Digests of contents come back keyed.
    """
    _, found, line = output.decode("utf-8", "replace").rpartition(f"\n{mark} ")
    try:
        states = msgspec.json.decode(line, type=list[_STATE | None]) if found else []
    except msgspec.DecodeError:
        return None
    if not found or len(states) != len(asked):
        return None
    return {
        thing: {name: keyed(key, value) if name == "content" else value for name, value in state.items()}
        for thing, state in zip(asked, states, strict=True)
        if state is not None
    }


def resources(managed: Sequence[Managed], seen: Mapping[Thing, dict[str, str]]) -> tuple[Resource, ...] | str:
    """Return what a role manages as it was seen, or in words what is not as the role leaves it."""
    found = []
    for each in managed:
        state = seen.get(thing := Thing(kind=each.kind, name=each.name, command=each.command))
        if state is None:
            return f"{each.kind} {each.name}: cannot be observed"
        for name, allowed in sorted(each.expected.items()):
            if state.get(name) not in allowed:
                return f"{each.kind} {each.name}: {name} is {_shown(name, state)}, not as the role leaves it"
        found.append(Resource(kind=thing.kind, name=thing.name, state=state, command=thing.command))
    return tuple(sorted(found, key=lambda each: (each.kind, each.name, each.command)))


def difference(before: Iterable[Resource], seen: Mapping[Thing, dict[str, str]]) -> str:
    """Return in words the first thing that is not as it was, "" where all is."""
    for each in before:
        state = seen.get(Thing(kind=each.kind, name=each.name, command=each.command))
        if state is None:
            return f"{each.kind} {each.name}: cannot be observed"
        for name in sorted(each.state.keys() | state.keys()):
            if each.state.get(name) != state.get(name):
                was = "" if name == "content" else f", was {_shown(name, each.state)}"
                return f"{each.kind} {each.name}: {name} is {_shown(name, state)}{was}"
    return ""


def _shown(name: str, state: Mapping[str, str]) -> str:
    return "another" if name == "content" else state.get(name, "") or "none"
