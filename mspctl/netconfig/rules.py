"""Rules on a configuration: what is wrong, and which lines would put it right; pure.

A baseline lies over a configuration: only lines that a rule names are added, replaced or taken away.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from ipaddress import ip_network
from typing import NamedTuple
from zoneinfo import ZoneInfo

from mspctl.errors import BadInput
from mspctl.netconfig.redact import MASK, bare
from mspctl.netconfig.trees import Change, Node, sections
from mspctl.records import (
    BaselineRule,
    Forbid,
    NetworkDevice,
    OnPlatform,
    Parameters,
    Platform,
    SetLine,
    Verdict,
    VerdictState,
    Waiver,
)

Values = Mapping[str, str | Sequence[Mapping[str, str]]]
"""What stands for a {name}: text, or for `each` the items of a list."""

_PLACE = re.compile(r"\{([a-z_]+(?:\.[a-z_]+)?)\}")
_MOST_LINES = 20  # of what is wrong, told in a verdict


class MissingParameter(Exception):
    """A rule wants what the client did not say."""


class Judged(NamedTuple):
    """One rule on one configuration."""

    wrong: tuple[str, ...]
    changes: tuple[Change, ...]
    by_hand: tuple[str, ...]  # what only a person can put right
    missing: tuple[str, ...]  # parameters


class Seen(NamedTuple):
    """What a device showed."""

    tree: tuple[Node, ...]
    is_saved: bool | None = None  # None: not known


def values(parameters: Parameters, device: NetworkDevice, secrets: Mapping[str, str], today: date) -> Values:
    """Return what rules are filled with. `secrets` are by reference; one not given is shown as the mask."""
    found: dict[str, str | Sequence[Mapping[str, str]]] = {
        "idle_minutes": str(parameters.idle_minutes),
        "idle_seconds": str(parameters.idle_minutes * 60),
        "login_attempts": str(parameters.login_attempts),
        "login_block_seconds": str(parameters.login_block_seconds),
        "ntp_servers": _items(parameters.ntp_servers),
        "syslog_servers": _items(parameters.syslog_servers),
        "management_networks": [
            _network(each, number) for number, each in enumerate(parameters.management_networks, 1)
        ],
        "management_list": ",".join(parameters.management_networks),
        "ntp_list": ",".join(parameters.ntp_servers),
        "syslog_first": next(iter(parameters.syslog_servers), ""),
        "outside": _items(device.outside),
        "admins": "|".join(map(re.escape, parameters.admins)),
        "domain": parameters.domain or "",
        "hostname": device.hostname or "",
        "banner": parameters.banner or "",
        **_clock(parameters.timezone, today),
    }
    if (user := parameters.snmp_user) and user.authentication and user.privacy:
        found |= {
            "snmp_user": user.name,
            "snmp_authentication": secrets.get(user.authentication, MASK),
            "snmp_privacy": secrets.get(user.privacy, MASK),
        }
    if aaa := parameters.aaa:
        found |= {
            "aaa_protocol": aaa.protocol,
            "aaa_group": {"tacacs": "tacacs+", "radius": "radius"}[aaa.protocol],
            "aaa_servers": _items(aaa.servers),
            "aaa_key": secrets.get(aaa.key, MASK),
        }
    for name, value in found.items():  # a line break would be a command of its own
        if isinstance(value, str) and (not value.isprintable() or ("?" in value and name in _SECRET_NAMES)):
            raise BadInput(f"network.parameters: {name}: holds a character that cannot be typed on a device")
    return {name: value for name, value in found.items() if value}


def _items(given: Sequence[str]) -> list[Mapping[str, str]]:
    return [{"": text, "number": str(number)} for number, text in enumerate(given, 1)]


def _network(cidr: str, number: int) -> Mapping[str, str]:
    network = ip_network(cidr, strict=False)
    return {
        "": str(network),
        "number": str(number),
        "address": str(network.network_address),
        "mask": str(network.netmask),
        "wildcard": str(network.hostmask),
        "prefix": str(network.prefixlen),
    }


def _clock(timezone: str | None, today: date) -> dict[str, str]:
    """Return the zone's name and its standard offset from UTC: few devices know more."""
    if not timezone:
        return {}
    zone = ZoneInfo(timezone)
    days = (datetime(today.year, month, 1, tzinfo=zone) for month in (1, 7))
    winter = min(days, key=lambda day: day.utcoffset() or day.replace(tzinfo=None) - day.replace(tzinfo=None))
    minutes = int((winter.utcoffset() or winter - winter).total_seconds()) // 60
    hours, rest = divmod(abs(minutes), 60)
    name = re.sub("[^A-Z]", "", winter.tzname() or "") or "LOCAL"
    sign = "-" if minutes < 0 else ""
    return {
        "timezone": timezone,
        "timezone_name": name[:7],
        "timezone_hours": f"{sign}{hours}",
        "timezone_minutes": str(rest),
        "timezone_offset": str(minutes),
    }


def judge(spec: OnPlatform, rule: str, seen: Seen, given: Values, platform: Platform) -> Judged:
    """Return what a configuration lacks to fulfil a rule, and what of that may be typed."""
    wrong: list[str] = []
    changes: list[Change] = []
    by_hand: list[str] = []
    missing: list[str] = []
    for item in spec.set:
        try:
            found = list(_lacking(item, rule, seen.tree, given, platform))
        except MissingParameter as error:
            if not item.optional:
                missing.append(str(error))
            continue
        wrong += (line for line, _ in found)
        changes += (change for _, typed in found for change in typed)
    for each in spec.forbid:
        try:
            for line, change in _forbidden(each, rule, seen.tree, given, platform):
                wrong.append(line)
                if change:
                    changes.append(change)
                else:
                    (shown,) = bare([line], platform)
                    by_hand.append(f"{shown}: {each.advice}" if each.advice else shown)
        except MissingParameter as error:
            missing.append(str(error))
    if spec.saved and seen.is_saved is False:
        wrong.append("what runs is not what is saved")
    return Judged(
        tuple(dict.fromkeys(bare(wrong, platform))),
        tuple(dict.fromkeys(changes)),
        tuple(dict.fromkeys(by_hand)),
        tuple(dict.fromkeys(missing)),
    )


def _lacking(
    item: SetLine, rule: str, tree: Sequence[Node], given: Values, platform: Platform
) -> Iterator[tuple[str, list[Change]]]:
    """Yield each place where a line is not as it has to be, with what is typed there."""
    for local in _each(item.each, given):
        line = _filled(item.line, local, MASK)
        typed = tuple(_filled(text, local) for text in item.typed or (item.line,))
        wanted = re.compile(_filled(item.matches, local, quote=True)) if item.matches else None
        key = re.compile(_filled(item.key, local, quote=True)) if item.key else None
        for path, below in sections(
            tree, [_filled(name, local, quote=name[:1] == "~") for name in item.under]
        ):
            if item.where and not any(re.fullmatch(item.where, node.line) for node in below):
                continue
            there = below
            if item.shown_under:
                shown = [_filled(name, local, quote=name[:1] == "~") for name in item.shown_under]
                there = tuple(node for _, nodes in sections(tree, shown) for node in nodes)
            if any(node.line == line or (wanted and wanted.fullmatch(node.line)) for node in there):
                continue
            old = [node.line for node in below if key and key.match(node.line)]
            if not old and item.default and _filled(item.default, local) == line:
                continue
            undone = [_undone(each, path, rule, platform, item.last) for each in old] if item.replace else []
            is_secret = (
                MASK in line or any(MASK in text for text in typed) or typed != _shown_typed(item, local)
            )
            change = Change(path, line, rule, () if typed == (line,) else typed, item.last, secret=is_secret)
            told = " / ".join((*path, ", ".join(old) if old else f"missing: {line}"))
            yield told.replace("\n", " "), [*undone, change]


_SECRET_NAMES = ("snmp_authentication", "snmp_privacy", "aaa_key")


def _shown_typed(item: SetLine, local: Values) -> tuple[str, ...]:
    return tuple(_filled(text, local, MASK) for text in item.typed or (item.line,))


def _forbidden(
    each: Forbid, rule: str, tree: Sequence[Node], given: Values, platform: Platform
) -> Iterator[tuple[str, Change | None]]:
    pattern = re.compile(_filled(each.match, given, raw=("admins",), quote=True))
    for path, below in sections(tree, each.under):
        for node in below:
            found = pattern.fullmatch(node.line)
            if not found or (
                each.where and not any(re.fullmatch(each.where, below.line) for below in node.below)
            ):
                continue
            told = " / ".join((*path, node.line)).replace("\n", " ")
            if each.undo == "":
                yield told, None
            elif each.undo is None:
                yield told, _undone(node.line, path, rule, platform)
            else:
                undo = " ".join(found.expand(each.undo).split())
                yield told, Change(path, undo, rule, undoes=True, old=node.line)


def _undone(line: str, path: tuple[str, ...], rule: str, platform: Platform, last: bool = False) -> Change:
    words = [*line.split("\n")[0].split(), ""]
    key = words[1]
    text = line.removeprefix("no ") if line.startswith("no ") else platform.undo.format(line=line, key=key)
    return Change(path, text, rule, last=last, undoes=True, old=line)


def _each(name: str, given: Values) -> Iterator[Values]:
    if not name:
        yield given
        return
    items = given.get(name)
    if items is None or isinstance(items, str):
        raise MissingParameter(name)
    for item in items:
        yield {**given, **{f"each.{key}" if key else "each": value for key, value in item.items()}}


def _filled(
    text: str, given: Values, secret: str = "", *, quote: bool = False, raw: Sequence[str] = ()
) -> str:
    """Return a template with its parameters; `secret` in place of what is one, `quote` for a pattern."""

    def fill(place: re.Match[str]) -> str:
        name = place[1]
        value = given.get(name)
        if not isinstance(value, str):
            raise MissingParameter(name.partition(".")[0])
        if secret and name in _SECRET_NAMES:
            return secret
        return re.escape(value) if quote and name not in raw else value

    return _PLACE.sub(fill, text)


def applicable(rule: BaselineRule, platform: Platform, device: NetworkDevice, chosen: Iterable[str]) -> str:
    """Return why a rule is not judged on a device, "" where it is."""
    spec = rule.platforms.get(platform.name)
    if rule.opt_in and rule.id not in chosen:
        return "not chosen for this client"
    if spec is None:
        return f"not for {platform.title}"
    if spec.needs_outside and not device.outside:
        return "no interface of it is named as facing the internet"
    return ""


def waiver_of(waivers: Iterable[Waiver], rule: str, device: str, today: date) -> Waiver | None:
    """Return the waiver that lets a device off a rule today."""
    return next(
        (
            each
            for each in waivers
            if each.rule == rule
            and (not each.devices or device in each.devices)
            and date.fromisoformat(each.expires) >= today
        ),
        None,
    )


def verdict(name: str, rule: str, judged: Judged, waiver: Waiver | None) -> Verdict:
    """Return how a device stands to a rule that is judged on it."""
    if waiver:
        reason = f"{waiver.reason} ({waiver.owner}, until {waiver.expires})"
        return Verdict(device=name, rule=rule, state=VerdictState.WAIVED, reason=reason)
    if judged.wrong:
        more = len(judged.wrong) - _MOST_LINES
        lines = (*judged.wrong[:_MOST_LINES], *((f"and {more} more",) if more > 0 else ()))
        return Verdict(device=name, rule=rule, state=VerdictState.FAIL, lines=lines)
    if judged.missing:
        reason = f"client.yml does not say: {', '.join(judged.missing)}"
        return Verdict(device=name, rule=rule, state=VerdictState.UNDETERMINED, reason=reason)
    return Verdict(device=name, rule=rule, state=VerdictState.PASS)
