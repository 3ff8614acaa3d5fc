"""What a device showed of itself: judged, compared, written down without secrets; pure."""

import re
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import NamedTuple

from mspctl.netconfig import trees
from mspctl.netconfig.redact import bare, redact, suspicious
from mspctl.netconfig.rules import Seen
from mspctl.netconfig.text import SALTED, without
from mspctl.netconfig.trees import Change, Node
from mspctl.records import Platform

EXTRA = "= "  # before a command, as the name of the section that holds its answer


class Copy(NamedTuple):
    """A device's configuration as it showed it, cleaned, with its secrets: in memory only."""

    running: str
    startup: str = ""  # "": the platform keeps none of its own
    extras: Mapping[str, str] = {}  # by command
    is_rehashed: bool = False  # two looks in a row showed other hashes

    def __repr__(self) -> str:
        return "Copy(…)"


class Written(NamedTuple):
    """What of a copy may lie in git."""

    files: Mapping[str, str]  # name: text
    doubts: Mapping[str, tuple[int, ...]]  # name: lines that may hold a secret; any, and nothing is written


def written(copy: Copy, platform: Platform, cleared: Iterable[str] = ()) -> Written:
    """Return a copy without secrets and without what differs at every look, and what is doubtful of it."""
    files, doubts = {}, {}
    cleared = tuple(cleared)
    for name, text in (("running.conf", copy.running), ("startup.conf", copy.startup)):
        if not text:
            continue
        masked = redact(text, platform)
        if lines := suspicious(masked, platform, cleared):
            doubts[name] = lines
        files[name] = without(masked, platform.volatile)
    return Written(files, doubts)


def essence(text: str, platform: Platform, *, exact: bool = False) -> str:
    """Return what two looks at an unchanged device have in common: its timer's lines and salted hashes go.

    With `exact`, hashes stay, unless the platform is known to show them anew each time.
    """
    kept = platform.watchdog.keeps if platform.watchdog else ()
    plain = without(text, (*platform.volatile, *kept))
    return plain if exact and not platform.rehashed else SALTED.sub("$", plain)


def is_same(one: str, other: str, platform: Platform, *, exact: bool = False) -> bool:
    """Return whether two texts are the same configuration."""
    texts = [essence(text, platform, exact=exact) for text in (one, other)]
    if texts[0] == texts[1]:
        return True
    left, right = (trees.parse(text, platform.syntax) for text in texts)
    deep = platform.syntax == "fortios"
    return _in_order(left, deep=deep) == _in_order(right, deep=deep)


_MEANT = re.compile(r"access-list .*|config firewall .*policy.*|config router .*")
"""Where the order of lines means something: the first that fits counts."""


def _in_order(tree: Iterable[Node], *, deep: bool) -> list[Node]:
    """Return lines sorted where their order means nothing: one that went and came back stands at the end."""
    nodes = (
        Node(node.line, tuple(_in_order(node.below, deep=True)))
        if deep and not _MEANT.fullmatch(node.line)
        else node
        for node in tree
    )
    return sorted(
        nodes, key=lambda node: "access-list" if node.line.startswith("access-list ") else node.line
    )


def is_doubtful(before: Copy, now: Copy, platform: Platform) -> bool:
    """Return whether two copies differ in hashes only: passwords were changed, or hashes salted anew."""
    return is_same(before.running, now.running, platform) and not is_same(
        before.running, now.running, platform, exact=True
    )


def seen(copy: Copy, platform: Platform) -> Seen:
    """Return what rules are judged on."""
    tree = trees.parse(without(copy.running, platform.volatile), platform.syntax)
    extras = tuple(
        Node(EXTRA + command, tuple(Node(line.strip()) for line in said.split("\n") if line.strip()))
        for command, said in copy.extras.items()
    )
    saved = is_same(copy.running, copy.startup, platform) if copy.startup else None
    return Seen((*tree, *extras), saved)


def difference(changes: Iterable[Change], platform: Platform) -> str:
    """Return changes as the lines of a diff, without secrets."""
    lines = []
    for path, group in groupby(changes, key=lambda change: change.path):
        lines += [f"  {'  ' * depth}{name}" for depth, name in enumerate(path)]
        for change in group:
            sign = "-" if change.undoes else "+"
            lines += [f"{sign} {'  ' * len(path)}{line}" for line in bare(change.line.split("\n"), platform)]
    return "".join(f"{line}\n" for line in lines)
