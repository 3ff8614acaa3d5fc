"""What tells a device by what it says: the rules and tables under data/fingerprints, checked and compiled.

A rule reads facts (mspctl/facts), open ports and what stricter rules concluded before it, and sets fields
of a profile. `{name}` in a value stands for the text a named group matched.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from typing import Annotated

import msgspec
import yaml
from msgspec import Meta, field

from mspctl.errors import BadInput
from mspctl.records import Record

Confidence = Annotated[float, Meta(gt=0, le=1)]
Pattern = str  # a regular expression, searched for; ignores case

FIELDS = (
    *("os", "os_version", "vendor", "model", "serial", "hostname", "domain", "location", "contact"),
    *("role", "kind"),
)
"""The fields of a profile in the order they are concluded: a rule's `given` may name earlier ones only."""


class Rule(Record, frozen=True, kw_only=True):
    """If this is seen, that is concluded."""

    id: Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9.-]*$")]
    sets: Annotated[dict[str, str], Meta(min_length=1)]
    confidence: Confidence
    source: str = ""  # where the fact can be looked up
    when: dict[str, Pattern] = field(default_factory=dict)  # fact: all of them must match
    given: dict[str, Pattern] = field(default_factory=dict)  # field concluded before: must match as a whole
    ports: tuple[int, ...] = ()  # one of them is open
    all_ports: tuple[int, ...] = ()  # each of them is open
    fallback: bool = False  # counts only for a field no other rule says anything of


class Table(Record, frozen=True, kw_only=True):
    """A fact that is looked up."""

    id: str
    fact: str
    field: str
    confidence: Confidence
    values: dict[str, str]
    source: str = ""


class Tree(Record, frozen=True, kw_only=True):
    """Numbers with dots, looked up part by part: the deepest entry that names a field counts for it."""

    id: str
    fact: str
    under: str  # what stands before every entry
    confidence: dict[str, Confidence]  # by field
    values: dict[str, dict[str, str]]
    source: str = ""
    fallback: bool = False  # as in a rule

    def found(self, text: str) -> dict[str, str]:
        """Return what is said of a number, field by field."""
        parts = text.removeprefix(self.under + ".").split(".")
        if len(parts) == text.count(".") + 1:
            return {}  # stands elsewhere
        said: dict[str, str] = {}
        for length in range(1, len(parts) + 1):
            said |= self.values.get(".".join(parts[:length]), {})
        return said


class Ladder(Record, frozen=True, kw_only=True):
    """Rules on one fact, of which the first that matches counts: from the particular to the general."""

    id: str
    fact: str
    rules: tuple[Rule, ...]  # each with `when` on the fact alone
    without: Pattern = ""  # is cut off the fact before the rules see it


class Fingerprints(Record, frozen=True, kw_only=True):
    """One file of data/fingerprints, or all of them."""

    rules: tuple[Rule, ...] = ()
    tables: tuple[Table, ...] = ()
    trees: tuple[Tree, ...] = ()
    ladders: tuple[Ladder, ...] = ()
    aliases: dict[str, dict[str, Pattern]] = field(default_factory=dict)  # field: its one name: spellings
    broader: dict[str, tuple[str, ...]] = field(default_factory=dict)  # kind: kinds it contradicts in nothing
    services: dict[int, str] = field(default_factory=dict)  # TCP port: what listens there as a rule


@cache
def shipped() -> Fingerprints:
    """Return all fingerprints that come with mspctl. Raise BadInput for a mistake in them."""
    folder = files("mspctl") / "data" / "fingerprints"
    texts = {item.name: item.read_text("utf-8") for item in folder.iterdir() if item.name.endswith(".yml")}
    return joined(read(name, texts[name]) for name in sorted(texts))


def read(name: str, text: str) -> Fingerprints:
    """Return the fingerprints in a file's text. Raise BadInput naming the file for a mistake."""
    try:
        found = msgspec.convert(yaml.safe_load(text) or {}, Fingerprints)
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise BadInput(f"{name}: {error}") from error
    mistakes = [f"{name}: {rule.id}: {mistake}" for rule in found.rules for mistake in _mistakes(rule)]
    mistakes += [f"{name}: {tree.id}: {mistake}" for tree in found.trees for mistake in _wrong_fields(tree)]
    if mistakes:
        raise BadInput(mistakes)
    return found


def joined(parts: Iterable[Fingerprints]) -> Fingerprints:
    """Return several files' fingerprints as one. Raise BadInput for two rules of one id."""
    every = tuple(parts)
    names = Counter(rule.id for part in every for rule in part.rules)
    names.update(table.id for part in every for table in part.tables)
    names.update(tree.id for part in every for tree in part.trees)
    if twice := sorted(name for name, count in names.items() if count > 1):
        raise BadInput(f"fingerprints: {name}: defined twice" for name in twice)
    return Fingerprints(
        rules=tuple(rule for part in every for rule in part.rules),
        tables=tuple(table for part in every for table in part.tables),
        trees=tuple(tree for part in every for tree in part.trees),
        ladders=tuple(ladder for part in every for ladder in part.ladders),
        broader={name: kinds for part in every for name, kinds in part.broader.items()},
        services={port: name for part in every for port, name in part.services.items()},
        aliases={name: spellings for part in every for name, spellings in part.aliases.items()},
    )


def _mistakes(rule: Rule) -> Iterator[str]:
    """Yield what msgspec cannot check: patterns, field names, and conclusions drawn before their grounds."""
    for pattern in (*rule.when.values(), *rule.given.values()):
        try:
            re.compile(pattern)
        except re.error as error:
            yield f"{pattern!r} is no regular expression: {error}"
    unknown = [name for name in (*rule.sets, *rule.given) if name not in FIELDS]
    yield from (f"{name}: no such field" for name in unknown)
    if not unknown and rule.given:
        latest = max(map(FIELDS.index, rule.given))
        yield from (
            f"sets {name} before what it is given" for name in rule.sets if FIELDS.index(name) <= latest
        )
    if not (rule.when or rule.ports or rule.all_ports or rule.given):
        yield "has no condition"


def _wrong_fields(tree: Tree) -> Iterator[str]:
    """Yield the fields of a tree that are none, or that it gives no confidence for."""
    used = {field for entry in tree.values.values() for field in entry}
    yield from (f"{name}: no such field" for name in sorted({*used, *tree.confidence} - set(FIELDS)))
    yield from (f"{name}: no confidence" for name in sorted(used - set(tree.confidence)))
