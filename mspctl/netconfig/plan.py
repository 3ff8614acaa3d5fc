"""From a device's configuration to what is typed on it, and what is refused; pure.

The order is: settings, lists and access lists, then what binds them, then logins. A rule that could shut the
manager out is refused unless its own address stays permitted, a local account stays as a way in, and the
device can undo the change by itself.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from ipaddress import ip_address, ip_network
from typing import NamedTuple

from mspctl.netconfig import rules
from mspctl.netconfig.rules import Judged, Seen, Values
from mspctl.netconfig.trees import Change, after, sections
from mspctl.records import BaselineRule, NetworkChoices, NetworkDevice, Platform, Verdict, VerdictState


class Plan(NamedTuple):
    """What the baseline means for one device."""

    verdicts: tuple[Verdict, ...]
    first: tuple[Change, ...]  # typed before the device's own timer is set
    changes: tuple[Change, ...]
    refused: Mapping[str, str]  # rule: why
    by_hand: tuple[str, ...]


class Task(NamedTuple):
    """What is asked of one device."""

    name: str
    platform: Platform
    device: NetworkDevice
    choices: NetworkChoices
    baseline: Sequence[BaselineRule]
    given: Values
    today: date
    accept_risk: bool = False


def plan(task: Task, seen: Seen, source: str = "") -> Plan:
    """Return how a device stands, and what would be typed; `source` is the manager's address there."""
    verdicts: list[Verdict] = []
    first: list[Change] = []
    changes: list[Change] = []
    refused: dict[str, str] = {}
    by_hand: list[str] = []
    left = seen
    for rule in task.baseline:
        if reason := rules.applicable(rule, task.platform, task.device, task.choices.rules):
            state = VerdictState.NOT_APPLICABLE
            verdicts.append(Verdict(device=task.name, rule=rule.id, state=state, reason=reason))
            continue
        spec = rule.platforms[task.platform.name]
        judged = rules.judge(spec, rule.id, seen, task.given, task.platform)
        waiver = rules.waiver_of(task.choices.waivers, rule.id, task.name, task.today)
        verdicts.append(rules.verdict(task.name, rule.id, judged, waiver))
        if left.tree != seen.tree:  # two rules may want something of one line
            judged = rules.judge(spec, rule.id, left, task.given, task.platform)
        if waiver or not judged.changes:
            by_hand += () if waiver else judged.by_hand
            continue
        by_hand += judged.by_hand
        if spec.lockout and (why := _dangers(task, spec.lockout, judged, seen, source)):
            refused[rule.id] = why
        else:
            (first if rule.first else changes).extend(judged.changes)
            left = left._replace(tree=after(left.tree, judged.changes))
    return Plan(tuple(verdicts), tuple(first), ordered(changes), refused, tuple(by_hand))


def ordered(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Return changes in the order in which they are typed, those of a section together."""
    unique = list(dict.fromkeys(changes))
    early = [change for change in unique if not change.last]
    late = [change for change in unique if change.last]
    return tuple(
        change
        for part in (early, late)
        for path in dict.fromkeys(change.path for change in part)
        for change in part
        if change.path == path
    )


def _dangers(task: Task, kind: str, judged: Judged, seen: Seen, source: str) -> str:
    """Return why a rule could lock the manager out, "" where it cannot or the risk is accepted."""
    if kind == "source" and (why := _shut_out(task, judged, seen, source)):
        return why
    if kind == "login" and (why := _no_way_back(task, judged, seen)):
        return why
    if not task.platform.watchdog and not task.accept_risk:
        return f"{task.platform.title} cannot undo a change by itself; --accept-risk does it all the same"
    return ""


def _shut_out(task: Task, judged: Judged, seen: Seen, source: str) -> str:
    networks = task.choices.parameters.management_networks
    if not source:
        return "not known from which address the device is managed"
    address = ip_address(source)
    if not any(address in ip_network(each, strict=False) for each in networks):
        return f"management_networks does not hold {source}, the address this comes from"
    for path in dict.fromkeys(change.path for change in judged.changes):
        if len(path) == 1 and (found := _ACCESS_LIST.fullmatch(path[0])):
            there = [node.line for _, below in sections(seen.tree, path) for node in below]
            added = [change.line for change in judged.changes if change.path == path]
            if not permits([*there, *added], source):
                return f"access list {found[1]} would not permit {source}, the address this comes from"
    return ""


_ACCESS_LIST = re.compile(r"ip access-list (?:standard )?(\S+)")
_ENTRY = re.compile(
    r"(?:(\d+) )?(permit|deny) (?:host )?(any|[\d.]+)(?:[/ ,]+(?:wildcard bits )?([\d.]+))?.*"
)


def permits(entries: Sequence[str], source: str) -> bool:
    """Return whether a standard access list lets an address in; unnumbered entries come after the others."""
    found = [match for line in entries if (match := _ENTRY.fullmatch(line))]
    address = int(ip_address(source))
    for match in sorted(found, key=lambda match: int(match[1] or 1 << 32)):
        if match[3] == "any":
            return match[2] == "permit"
        wildcard = _wildcard(match[4])
        if (int(ip_address(match[3])) | wildcard) == (address | wildcard):
            return match[2] == "permit"
    return False


def _wildcard(text: str | None) -> int:
    if not text:
        return 0
    return int(ip_address(text)) if "." in text else (1 << (32 - min(32, int(text)))) - 1


def _no_way_back(task: Task, judged: Judged, seen: Seen) -> str:
    pattern = task.platform.local_users
    if not pattern or not any(re.fullmatch(pattern, node.line) for node in seen.tree):
        return "no local account with a hashed secret is left as a way in"
    methods = [change.line for change in judged.changes if change.line.startswith("aaa authentication login")]
    if any("local" not in line.split() for line in methods):
        return "the new way to log in has no local fallback"
    return ""
