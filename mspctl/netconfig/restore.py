"""From one configuration to another: every line that differs, also those that go; pure.

hier_config knows what each family negates and in which order. It is told the whole of both sides here, which
is what it is made for; a baseline, which is a part of a configuration only, goes by `rules`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from mspctl.netconfig import trees
from mspctl.netconfig.plan import ordered
from mspctl.netconfig.text import SALTED, without
from mspctl.netconfig.trees import Change, Node
from mspctl.records import Platform

if TYPE_CHECKING:
    from hier_config.child import HConfigChild

_FAMILIES = {
    "ios": "CISCO_IOS",
    "eos": "ARISTA_EOS",
    "aos-s": "HP_PROCURVE",
    "fortios": "FORTINET_FORTIOS",
    "frr": "CISCO_IOS",
}
_NEWLINE = "\u2424"  # in place of the one in a banner: hier_config reads line by line


def can_reverse(platform: Platform) -> bool:
    """Return whether the way from one configuration to another is known."""
    return platform.name in _FAMILIES


def reverse(now: str, wanted: str, platform: Platform) -> tuple[Change, ...]:
    """Return what has to be typed for a device that runs `now` to run `wanted`."""
    from hier_config import Platform as Family
    from hier_config import WorkflowRemediation, get_hconfig_fast_load

    family = Family[_FAMILIES[platform.name]]
    current, goal = (
        _plain(trees.parse(without(text, (*platform.volatile, *_kept(platform))), platform.syntax))
        for text in (now, wanted)
    )
    shown = {(path, _salted(line, platform)): line for path, line in _paths(goal)}
    current, goal = (_masked(tree, platform) for tree in (current, goal))
    if current == goal:
        return ()
    loaded = [get_hconfig_fast_load(family, tuple(_lines(tree, platform))) for tree in (current, goal)]
    found = WorkflowRemediation(loaded[0], loaded[1]).remediation_config
    changes = [change for child in found.all_children_sorted() if (change := _change(child, platform))]
    known = {change.line for change in changes}
    changes += [change for change in _overlooked(current, goal, platform) if change.line not in known]
    return ordered(_settled(change, shown) for change in changes)


_OVERLOOKED = re.compile(r"(banner \S+)\n.*|(snmp-server user \S+ \S+ v\S+) .*", re.DOTALL)
"""What hier_config leaves out of its comparison on some families, and how it is named to be taken away."""


def _overlooked(current: tuple[Node, ...], goal: tuple[Node, ...], platform: Platform) -> Iterator[Change]:
    """Yield the changes of top lines of that kind."""
    for node in current:
        if node not in goal and (found := _OVERLOOKED.fullmatch(node.line)):
            yield Change((), f"no {found[1] or found[2]}", "", undoes=True)
    for node in goal:
        if node not in current and _OVERLOOKED.fullmatch(node.line):
            yield Change((), node.line, "", _typed(node.line, platform))


def _typed(line: str, platform: Platform) -> tuple[str, ...]:
    """Return how a line is typed, where that is not the line itself: a banner with its end."""
    if not line.startswith("banner "):
        return ()
    head, _, text = line.partition("\n")
    return (head, text, "EOF") if platform.name == "eos" else (f"{head} ~", text, "~")


def _settled(change: Change, shown: Mapping[tuple[tuple[str, ...], str], str]) -> Change:
    """Return a change with its secret as the goal has it; an `edit` the goal lacks is taken away."""
    if change.line.startswith("edit ") and (change.path, change.line) not in shown:
        return change._replace(line=f"delete {change.line.removeprefix('edit ')}", undoes=True)
    return change._replace(line=shown.get((change.path, change.line), change.line))


def _salted(line: str, platform: Platform) -> str:
    """Return a line less what is another at each look: it tells no two configurations apart."""
    return SALTED.sub("$", line) if platform.rehashed else line


def _masked(tree: Iterable[Node], platform: Platform) -> tuple[Node, ...]:
    return tuple(Node(_salted(node.line, platform), _masked(node.below, platform)) for node in tree)


def _paths(tree: Iterable[Node], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    for node in tree:
        yield path, node.line
        yield from _paths(node.below, (*path, node.line))


def _change(child: "HConfigChild", platform: Platform) -> Change | None:
    """Return a leaf of the remediation as a change; a section's own line is the path of what is below it."""
    if child.text in ("next", "end") or (child.children and not child.text.startswith("no ")):
        return None
    path = tuple(parent.text for parent in child.lineage() if parent is not child)
    line = child.text.replace(_NEWLINE, "\n")
    undoes = line.startswith(("no ", "unset ", "delete "))
    if undoes and line.startswith("no banner "):
        line = line.partition("\n")[0]
    return Change(
        path,
        line,
        "",
        _typed(line, platform),
        last=path[:1] != () and path[0].startswith("line "),
        undoes=undoes,
    )


def _plain(tree: Iterable[Node]) -> tuple[Node, ...]:
    """Return a tree in which no line stands twice beside itself: FRR shows some once for each daemon."""
    found: dict[str, list[Node]] = {}
    for node in tree:
        found.setdefault(node.line, []).extend(node.below)
    return tuple(Node(line, _plain(below)) for line, below in found.items())


def _lines(tree: Iterable[Node], platform: Platform, depth: int = 0) -> Iterator[str]:
    for node in tree:
        yield f"{'  ' * depth}{node.line}".replace("\n", _NEWLINE)
        yield from _lines(node.below, platform, depth + 1)


def _kept(platform: Platform) -> tuple[str, ...]:
    """Return the lines that a device's own timer leaves while it runs."""
    return platform.watchdog.keeps if platform.watchdog else ()
