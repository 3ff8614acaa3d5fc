"""Pinned SSH host keys: the first one seen at an address stays until the engineer accepts another; pure."""

import re
from collections.abc import Iterable
from ipaddress import ip_address

from mspctl.facts import facts
from mspctl.facts.ssh import fingerprint, public_key
from mspctl.records import Ambiguous, Asset, AssetRecord, Observation, OverridesFile, ScanRecord
from mspctl.sightings import changed_host_key, host_port

_PIN = re.compile(r"(?P<host>\[?[0-9a-fA-F.:]+\]?(?::\d+)?) (?P<key>\S+ \S+)\s*")


def pin(
    known_hosts: str, records: Iterable[ScanRecord | AssetRecord], overrides: OverridesFile
) -> tuple[str, tuple[Ambiguous, ...]]:
    """Return known_hosts with each host key first seen added, and a doubt for each key that changed.

    `records` are the log of all scans and the assets made of it: an accepted key (`trusted_host_key`)
    replaces the pins of that asset's addresses and no others. Lines that are no plain pin are kept, first.
    """
    shown, trusted = _shown_and_trusted(records, overrides)
    pins, others = _read(known_hosts)
    doubts = []
    for host, keys in shown.items():
        newest = keys[-1]
        accepted = trusted.get(host.strip("[]").split("]")[0])
        pinned = pins.setdefault(host, keys[0])
        if accepted and accepted == newest:
            pins[host] = accepted
        elif newest != pinned:
            doubts.append(changed_host_key(host, _shown(pinned), _shown(newest)))
    lines = [*others, *(f"{host} {pins[host]}" for host in sorted(pins, key=_order))]
    text = "".join(f"{line}\n" for line in lines)
    return text, tuple(sorted(doubts, key=lambda doubt: doubt.subject))


def _shown_and_trusted(
    records: Iterable[ScanRecord | AssetRecord], overrides: OverridesFile
) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Return the keys each host showed, oldest first, and the accepted key of each address."""
    accepted = {each.asset: public_key(each.trusted_host_key) for each in overrides.assets}
    seen: list[tuple[str, Observation]] = []
    trusted: dict[str, str] = {}
    for record in records:
        if isinstance(record, Asset):
            if (key := accepted.get(record.id, "")) and not record.gone_since:
                trusted.update(dict.fromkeys(record.addresses, key))
        elif isinstance(record, Observation) and (key := facts(record).get("ssh.key", "")):
            seen.append((key, record))
    shown: dict[str, list[str]] = {}
    for key, record in sorted(seen, key=lambda pair: (pair[1].scan, pair[1].at, pair[0])):
        shown.setdefault(host_port(record), []).append(key)
    return shown, trusted


def _read(known_hosts: str) -> tuple[dict[str, str], list[str]]:
    """Return the pins of a known_hosts file, and every other line as it stands."""
    pins: dict[str, str] = {}
    others: list[str] = []
    for line in known_hosts.splitlines():
        match = _PIN.fullmatch(line)
        if match and public_key(match["key"]) and match["host"] not in pins:
            pins[match["host"]] = match["key"]
        elif line.strip() and not (match and pins.get(match["host"]) == match["key"]):
            others.append(line)
    return pins, others


def _order(host: str) -> tuple[int, int, str]:
    address = host.strip("[]").split("]")[0]
    try:
        number = ip_address(address)
    except ValueError:
        return 0, 0, host
    return number.version, int(number), host


def _shown(key: str) -> str:
    return fingerprint(key)
