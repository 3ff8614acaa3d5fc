"""What registers know of machines → which machine each entry means, and which machines no scan saw; pure.

A register is a directory, a DHCP server, somebody's list. Its word proves nothing about the network: an entry
never makes an asset, never joins two, never brings one back. It tells more of a machine that a scan saw,
where it is clear which one it means; else the engineer is told of a machine that is known and was not seen.
"""

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from ipaddress import ip_address
from typing import NamedTuple

from mspctl.facts import Facts, facts
from mspctl.facts.hardware import serial
from mspctl.fingerprints import Fingerprints
from mspctl.identify import identify
from mspctl.records import Asset, ImportStarted, Listing, ScanEnded, ScanRecord, Unseen
from mspctl.records import IdentityKind as Kind
from mspctl.sightings import Places, Scan, Sighting, own_label

STALE_DAYS = 90
"""A computer in use logs on far more often; the directory itself notes it every 14 days at most
(https://learn.microsoft.com/windows/win32/adschema/a-lastlogontimestamp)."""

Mark = tuple[Kind, str]
_ORDER = (Kind.SERIAL, Kind.MAC, Kind.NETBIOS, Kind.HOSTNAME)  # strongest first; then address, then bare name


class Entry(NamedTuple):
    """What one import of a register says of one machine."""

    source: str
    listing: Listing
    said: Facts
    addresses: tuple[str, ...]  # those in the client's networks
    elsewhere: tuple[str, ...]  # the others
    marks: frozenset[Mark]
    name: str
    label: str  # the name, where it is one machine's own

    @property
    def is_current(self) -> bool:
        """Return whether the register still holds it for valid: a lease that ended only says what was."""
        return self.said.get("dhcp.state") != "ended"


class Import(NamedTuple):
    """One complete reading of a register."""

    scan: str
    source: str
    entries: tuple[Entry, ...]


class Hearsay(NamedTuple):
    """What registers say."""

    sources: Mapping[str, str]  # by the import that read it
    told: Mapping[str, Mapping[str, Sequence[Entry]]]  # by machine, then by import
    unowned: tuple[Entry, ...]  # said today of machines that no scan saw


def imports(log: Iterable[ScanRecord], places: Places) -> tuple[Import, ...]:
    """Return all readings of registers, oldest first; one that was killed half way is passed over."""
    started: dict[str, ImportStarted] = {}
    ended: set[str] = set()
    listed: dict[str, dict[str, Listing]] = defaultdict(dict)
    for record in log:
        if isinstance(record, ImportStarted):
            started[record.scan] = record
        elif isinstance(record, ScanEnded):
            ended.add(record.scan)
        elif isinstance(record, Listing):
            listed[record.scan][repr((record.probe, record.addresses, sorted(record.raw.items())))] = record
    found = []
    for scan in sorted(started.keys() & ended):
        source, listings = started[scan].source, listed[scan]
        entries = tuple(_entry(source, listings[key], places) for key in sorted(listings))
        found.append(Import(scan, source, entries))
    return tuple(found)


def hearsay(read: Sequence[Import], groups: Mapping[str, Sequence[Sighting]]) -> Hearsay:
    """Return what registers say of each machine, and what they say of machines that no scan saw."""
    entries = [entry for each in read for entry in each.entries]
    owned = _owners(entries, groups)
    told: dict[str, dict[str, list[Entry]]] = defaultdict(lambda: defaultdict(list))
    for place, id_ in owned.items():
        told[id_][entries[place].listing.scan].append(entries[place])
    newest = {each.source: each.scan for each in read}  # the newest reading is what a source says today
    valid = frozenset(newest.values())
    left = [
        entry
        for place, entry in enumerate(entries)
        if place not in owned and entry.is_current and entry.listing.scan in valid
    ]
    return Hearsay({each.scan: each.source for each in read}, told, tuple(left))


def unseen(
    entries: Iterable[Entry],
    assets: Iterable[Asset],
    scans: Iterable[Scan],
    places: Places,
    rules: Fingerprints,
) -> tuple[Unseen, ...]:
    """Return the machines that entries without an owner tell of, each with why it may not have been seen."""
    holders = {a: asset.name for asset in assets if not asset.gone_since for a in asset.addresses}
    looking = [scan for scan in scans if scan.networks]
    found = []
    for group in _together(entries):
        named = {address for entry in group for address in (*entry.addresses, *entry.elsewhere)}
        addresses = sorted(named, key=places.order)
        covered = {address for address in addresses if any(scan.covers(address) for scan in looking)}
        reasons = tuple(_reasons(group, addresses, holders, covered, places))
        found.append(_absent(group, tuple(addresses), reasons, rules))
    return tuple(sorted(found, key=lambda each: (each.name, each.addresses, each.mac)))


def _absent(
    group: Sequence[Entry], addresses: tuple[str, ...], reasons: tuple[str, ...], rules: Fingerprints
) -> Unseen:
    profile = identify([entry.listing for entry in group], fingerprints=rules)
    said = {name: profile[name].value for name in ("kind", "os", "os_version") if name in profile}
    mac = next((value for entry in group for kind, value in sorted(entry.marks) if kind is Kind.MAC), "")
    name = next((entry.label or entry.name for entry in group if entry.label or entry.name), "")
    return Unseen(
        name=name or mac or next(iter(addresses), "?"),
        known_to=tuple(sorted({f"{entry.listing.probe} {entry.source}" for entry in group})),
        reasons=reasons,
        addresses=addresses,
        mac=mac,
        kind=said.get("kind", ""),
        system=f"{said.get('os', '')} {said.get('os_version', '')}".strip(),
        last_active=max(_last_logon(entry) for entry in group),
    )


def _owners(entries: Sequence[Entry], groups: Mapping[str, Sequence[Sighting]]) -> dict[int, str]:
    """Return which machine an entry means, by the place of the entry; those that mean none are left out.

    What an entry adds to a machine (a name, a MAC) may tell whom the next one means, so it is gone through
    until nothing is added; all of one round are judged alike, whatever their order.
    """
    machines = {id_: _Known(group) for id_, group in groups.items()}
    holders = _holders(groups)
    found: dict[int, str] = {}
    while True:
        index = _Index(machines, holders)
        new = {
            place: id_
            for place, entry in enumerate(entries)
            if place not in found and (id_ := index.owner(entry))
        }
        if not new:
            return found
        for place, id_ in new.items():
            machines[id_].learn(entries[place])
        found |= new


def _together(entries: Iterable[Entry]) -> list[list[Entry]]:
    """Return entries that mean one machine, by its name, else by a mark, else by its addresses."""
    groups: dict[object, list[Entry]] = defaultdict(list)
    for entry in entries:
        groups[entry.label or min(entry.marks, default=None) or entry.listing.addresses].append(entry)
    return list(groups.values())


def _reasons(
    entries: Sequence[Entry],
    addresses: Sequence[str],
    holders: Mapping[str, str],
    covered: Container[str],
    places: Places,
) -> Iterator[str]:
    """Yield the reasons why no scan may have seen a machine; always at least one."""
    said = {name: text for entry in entries for name, text in entry.said.items()}
    if said.get("directory.enabled") == "no":
        yield "disabled"
    last = said.get("directory.last_logon", "")
    if last == "never":
        yield "never logged on"
    elif _days(last, entries) > STALE_DAYS:
        yield f"stale: last logon {last}"
    if not addresses:
        yield "has no address"
    for address in addresses:
        if places.of(address) is None:
            yield f"{address} lies in no network of client.yml"
        elif address in holders:
            yield f"{address} belongs to {holders[address]} now"
        else:
            yield (
                f"nothing answers at {address}" if address in covered else f"no scan has looked at {address}"
            )


def _last_logon(entry: Entry) -> str:
    last = entry.said.get("directory.last_logon", "")
    return "" if last == "never" else last


def _days(day: str, entries: Sequence[Entry]) -> int:
    """Return how many days before it was read a day lies."""
    read = max(entry.listing.at for entry in entries).date()
    try:
        return (read - date.fromisoformat(day)) // timedelta(days=1)
    except ValueError:
        return 0


def marks_of(said: Facts) -> frozenset[Mark]:
    """Return what tells a machine from others by what a register says of it."""
    each = {name.partition(".")[2]: text for name, text in said.items()}
    full, mac = each.get("dns_name", ""), each.get("universal_mac", "")
    domain, name = each.get("netbios_domain", "").lower(), each.get("name", "").lower()
    marks: set[Mark] = set()
    if number := serial(each.get("serial")):
        marks.add((Kind.SERIAL, f"?:{number}"))
    if mac:
        marks.add((Kind.MAC, mac))
    if "." in full and own_label(full, ""):
        marks.add((Kind.HOSTNAME, full))
    if domain and own_label(name, ""):
        marks.add((Kind.NETBIOS, f"{domain}\\{name}"))
    return frozenset(marks)


def _entry(source: str, listing: Listing, places: Places) -> Entry:
    said = facts(listing)
    each = {name.partition(".")[2]: text for name, text in said.items()}
    marks = {(kind, _comparable(kind, value)) for kind, value in marks_of(said)}
    if mac := each.get("mac", ""):  # one set by software is nobody's mark, and still the one that was seen
        marks.add((Kind.MAC, mac))
    return Entry(
        source=source,
        listing=listing,
        said=said,
        addresses=tuple(address for address in listing.addresses if places.of(address)),
        elsewhere=tuple(a for a in listing.addresses if _is_address(a) and not places.of(a)),
        marks=frozenset(marks),
        name=each.get("name", ""),
        label=own_label(each.get("dns_name", "") or each.get("name", ""), ""),
    )


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _comparable(kind: Kind, value: str) -> str:
    """Return a mark as registers and devices both write it: of a serial number without whose it is."""
    return value.partition(":")[2].lower() if kind is Kind.SERIAL else value


def _holders(groups: Mapping[str, Sequence[Sighting]]) -> dict[str, str]:
    """Return which machine was last seen at each address."""
    newest: dict[str, tuple[str, str]] = {}
    for id_, group in groups.items():
        for sighting in group:
            newest[sighting.address] = max(newest.get(sighting.address, ("", "")), (sighting.scan, id_))
    return {address: id_ for address, (_, id_) in newest.items()}


class _Known:
    """What tells one machine, from all that was seen of it and all that registers added."""

    def __init__(self, group: Sequence[Sighting]) -> None:
        self.macs = {mac for sighting in group for mac in sighting.macs}
        self.labels = {label for sighting in group for label in sighting.labels}
        self.marks: set[Mark] = {(Kind.MAC, mac) for mac in self.macs}
        for sighting in group:
            for kind, values in sighting.marks.items():
                self.marks |= {(kind, _comparable(kind, value)) for value in values}

    def learn(self, entry: Entry) -> None:
        self.marks |= entry.marks
        self.labels |= {entry.label} - {""}

    def contradicts(self, entry: Entry, *, by_address: bool) -> bool:
        """Return whether an entry cannot mean this machine; an address alone proves little."""
        serials = {value for kind, value in self.marks if kind is Kind.SERIAL}
        others = {value for kind, value in entry.marks if kind is Kind.SERIAL}
        if serials and others and serials.isdisjoint(others):
            return True
        macs = {value for kind, value in entry.marks if kind is Kind.MAC}
        if by_address and macs and self.macs and macs.isdisjoint(self.macs):
            return True
        return by_address and bool(entry.label and self.labels) and entry.label not in self.labels


class _Index:
    """Who bears what, in one round."""

    def __init__(self, machines: Mapping[str, _Known], holders: Mapping[str, str]) -> None:
        self._machines = machines
        self._holders = holders
        self._bearers: dict[Mark, set[str]] = defaultdict(set)
        self._named: dict[str, set[str]] = defaultdict(set)
        for id_, known in machines.items():
            for mark in known.marks:
                self._bearers[mark].add(id_)
            for label in known.labels:
                self._named[label].add(id_)

    def owner(self, entry: Entry) -> str:
        """Return the one machine an entry means, "" where it means none or several."""
        for kind in _ORDER:
            bearers = {id_ for mark in entry.marks if mark[0] is kind for id_ in self._bearers.get(mark, ())}
            if found := self._one(bearers, entry):
                return found
        at = {self._holders[address] for address in entry.addresses if address in self._holders}
        if entry.is_current and (found := self._one(at, entry, by_address=True)):
            return found
        return self._one(self._named.get(entry.label, set()) if entry.label else set(), entry)

    def _one(self, ids: set[str], entry: Entry, *, by_address: bool = False) -> str:
        fitting = {id_ for id_ in ids if not self._machines[id_].contradicts(entry, by_address=by_address)}
        return fitting.pop() if len(fitting) == 1 else ""
