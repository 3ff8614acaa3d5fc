"""Who may log in to a Unix machine, and who may do everything on it; pure."""

import re
from datetime import UTC, datetime, timedelta

from mspctl.facts.sections import lines, section
from mspctl.facts.text import Raw, line
from mspctl.inspection.bounds import MOST
from mspctl.records import Account
from mspctl.records.inspection import Age

LOGIN_DAYS = 45
_ADMINISTRATORS = ("root", "sudo", "wheel", "admin")
_NO_SHELL = ("nologin", "false", "sync", "shutdown", "halt")
_PEOPLE = 1_000  # the first number of a person's account: login.defs(5), UID_MIN
_PEOPLE_ON_A_MAC = 501
_NEVER_EXPIRES = 99_999


def accounts_of(raw: Raw, at: datetime) -> tuple[Account, ...]:
    """Return the accounts somebody can log in with, and root."""
    people = _people(raw)
    administrators = set(administrators_of(raw))
    passwords = dict(_passwords(raw))
    logins = dict(_logins(raw, at))
    found = []
    for name, number in sorted(people.items()):
        state, days = passwords.get(name, ("", ""))
        found.append(
            Account(
                name=name,
                can_log_in=True,
                is_administrator=number == 0 or name in administrators,
                password=state,
                password_expires=(int(days) < _NEVER_EXPIRES if days else False) if state == "set" else None,
                last_login=logins.get(name),
            )
        )
    return tuple(found)[: MOST * 8]


def administrators_of(raw: Raw) -> tuple[str, ...]:
    """Return who may do everything: number 0, members of the groups for it, whom the rules of sudo name."""
    named = {match[1] for rule in sudo_rules_of(raw) if (match := re.match(r"([\w.@\\+-]+) +ALL *=", rule))}
    named |= {f"%{match[1]}" for rule in sudo_rules_of(raw) if (match := re.match(r"%(\S+) +ALL *=", rule))}
    groups = {f"%{name}" for name in _ADMINISTRATORS}
    roots = {name for name, number in _people(raw).items() if number == 0}
    return tuple(sorted({*_members(raw), *roots, *(named - groups)}))[: MOST * 4]


def sudo_rules_of(raw: Raw) -> tuple[str, ...]:
    """Return the rules of sudo, less its settings."""
    rules = (" ".join(each.split()) for each in lines(section(raw, "sudoers"), 1_000))
    kept = {line(each, 200) for each in rules if not each.startswith(("Defaults", "@include", "#include"))}
    return tuple(sorted(kept))[: MOST * 2]


def _people(raw: Raw) -> dict[str, int]:
    """Return the accounts with a shell, less those of services: name → number."""
    found = {}
    is_mac = "system=Darwin" in section(raw, "kernel")
    least = _PEOPLE_ON_A_MAC if is_mac else _PEOPLE
    for each in lines(section(raw, "accounts"), 4_000):
        parts = each.split(":")
        if len(parts) != 7 or not parts[2].isdecimal() or len(parts[2]) > 10:
            continue
        number = int(parts[2])
        has_shell = not parts[6].endswith(_NO_SHELL) and parts[6] != ""
        if number == 0 or (has_shell and number >= least and number < 65_534) or number > 65_535:
            found[line(parts[0], 60)] = number
    return found


def _members(raw: Raw) -> list[str]:
    """Return the members of the groups that may do everything, also those whose first group it is."""
    numbers, found = set(), []
    for each in lines(section(raw, "groups"), 4_000):
        parts = each.split(":")
        if len(parts) == 4 and parts[0] in _ADMINISTRATORS and parts[0] != "root":
            numbers.add(parts[2])
            found += [line(name, 60) for name in parts[3].split(",") if name.strip()]
    for each in lines(section(raw, "accounts"), 4_000):
        parts = each.split(":")
        if len(parts) == 7 and parts[3] in numbers and not parts[6].endswith(_NO_SHELL):
            found.append(line(parts[0], 60))
    return found


def _passwords(raw: Raw) -> list[tuple[str, tuple[str, str]]]:
    found = []
    for each in lines(section(raw, "passwords"), 4_000):
        parts = each.split(":")
        if len(parts) == 3 and parts[1] in ("set", "none", "locked"):
            days = parts[2] if parts[2].isdecimal() and len(parts[2]) < 7 else ""
            found.append((line(parts[0], 60), (parts[1], days)))
    return found


def _logins(raw: Raw, at: datetime) -> list[tuple[str, Age]]:
    """Return when each account last logged in, as lastlog(8) tells it."""
    found: list[tuple[str, Age]] = []
    for each in lines(section(raw, "logins"), 4_000):
        name = each.split()[0]
        if "**Never logged in**" in each:
            found.append((name, "never"))
        elif stamp := re.search(r"(\w{3}) +(\d{1,2}) \d\d:\d\d:\d\d [+-]\d{4} (\d{4})$", each):
            try:
                then = datetime.strptime(f"{stamp[1]} {stamp[2]} {stamp[3]}", "%b %d %Y").replace(tzinfo=UTC)
            except ValueError:
                continue
            found.append((name, "current" if at - then <= timedelta(days=LOGIN_DAYS + 1) else "old"))
    return found
