"""All scans of a client → its assets; pure.

Whose evidence is whose stands in identity.py, what a machine is in identify.py. Here one machine's story
is told scan by scan: which addresses, ports and answers still hold, since when each value is known, and
whether the machine is gone. A scan that sees what was known changes nothing, to the byte.
"""

from base64 import b32encode
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import NamedTuple

import msgspec

from mspctl import doubts
from mspctl.facts import Facts, facts
from mspctl.fingerprints import Fingerprints, shipped
from mspctl.identify import candidates, identify
from mspctl.identity import Machines, Mark, by_space, machines
from mspctl.naming import proposed, safe, unique
from mspctl.records import (
    Asset,
    AssetRecord,
    Candidate,
    ClientFile,
    Identity,
    IdentityKind,
    Listing,
    Observation,
    Override,
    OverridesFile,
    ScanRecord,
    Service,
    Value,
)
from mspctl.registers import Hearsay, hearsay, imports, marks_of, unseen
from mspctl.sightings import History, Places, Scan, Sighting, read

_PORT_BOUND = frozenset(  # seen over TCP, so that a closed port ends it
    {
        "tcp",
        "ssh",
        "http",
        "tls",
        "banner",
        "ipp",
        "kerberos",
        "ldap",
        "masscan",
        "modbus",
        "mqtt",
        "nmap",
        "rdp",
        "smb",
        "winrm",
    }
)
_ID_CHARACTERS = 8

Evidence = dict[tuple[str, str, int], Observation | Listing]
"""By address, probe and port; what registers say by "", the register and a number."""
Group = tuple[Sighting, ...]  # one machine's, oldest first


class Story(NamedTuple):
    """One machine as it stands after the newest scan."""

    id: str
    sightings: Group
    addresses: tuple[str, ...]
    evidence: Evidence
    profile: dict[str, Value]
    gone_since: str
    joined_because: str  # the engineer's word that its sightings are one machine's; "" where marks say so


class Past(NamedTuple):
    """What all machines' stories are told from."""

    history: History
    occupied: set[tuple[str, str]]  # by whom ever: scan and address
    hearsay: Hearsay


def merge(
    log: Iterable[ScanRecord],
    client: ClientFile,
    overrides: OverridesFile,
    fingerprints: Fingerprints | None = None,
) -> tuple[AssetRecord, ...]:
    """Return the client's assets by name, every doubt, and who was not seen, from the records of all scans.

    The order of the log and repeated records do not matter. What lies in no network the client lists, or
    is excluded from scanning, is left out. `fingerprints` are the shipped ones unless given.
    """
    records, places, rules = tuple(log), Places(client), fingerprints or shipped()
    history = read(records, places)
    found = machines(history)
    groups = _identified(found)
    joined = _joined(groups, overrides)
    told = _told(records, joined, places)
    past = Past(history, {(sighting.scan, sighting.address) for sighting in history.sightings}, told)
    stories = [_story(id_, group, why, past, places, rules) for id_, (group, why) in joined.items()]
    corrections = {override.asset: override for override in overrides.assets}
    names = _names(stories, corrections)
    started = {scan.id: scan for scan in history.scans}
    assets = [
        _asset(story, names[story.id], places, corrections.get(story.id), set(found.shared), started, rules)
        for story in stories
    ]
    sightings = {story.id: story.sightings for story in stories}
    return (
        *sorted(assets, key=lambda asset: asset.name),
        *doubts.all_doubts(assets, sightings, history, found, overrides, set(groups)),
        *unseen(told.unowned, assets, history.scans, places, rules),
    )


def explain(
    log: Iterable[ScanRecord],
    client: ClientFile,
    overrides: OverridesFile,
    asset: str,
    fingerprints: Fingerprints | None = None,
) -> tuple[Candidate, ...]:
    """Return every value that anything the asset with this id showed spoke for: `identify.candidates`.

    Nothing for an id that no machine in the log has.
    """
    records, places, rules = tuple(log), Places(client), fingerprints or shipped()
    history = read(records, places)
    groups = _joined(_identified(machines(history)), overrides)
    if asset not in groups:
        return ()
    occupied = {(sighting.scan, sighting.address) for sighting in history.sightings}
    past = Past(history, occupied, _told(records, groups, places))
    story = _story(asset, *groups[asset], past, places, rules)
    return candidates(story.evidence.values(), *_surroundings(story.addresses, places), rules)


def _joined(groups: dict[str, Group], overrides: OverridesFile) -> dict[str, tuple[Group, str]]:
    """Return the machines by id with those that the engineer knows to be one made one, and why."""
    joined: dict[str, tuple[Group, str]] = {id_: (group, "") for id_, group in groups.items()}
    for each in overrides.joined:
        known = [id_ for id_ in each.assets if id_ in joined]
        if len(known) > 1:
            together = [sighting for id_ in known for sighting in joined.pop(id_)[0]]
            ordered = tuple(sorted(together, key=lambda sighting: (sighting.scan, sighting.address)))
            joined[known[0]] = (ordered, f"joined by hand: {each.note or 'without a note'}")
    return joined


def _told(records: Iterable[ScanRecord], joined: dict[str, tuple[Group, str]], places: Places) -> Hearsay:
    """Return what registers say of each machine, and of those that no scan saw."""
    return hearsay(imports(records, places), {id_: group for id_, (group, _) in joined.items()})


def _story(
    id_: str, group: Group, joined_because: str, past: Past, places: Places, rules: Fingerprints
) -> Story:
    """Return a machine's state after all scans, told in the order of the scans."""
    by_scan: dict[str, list[Sighting]] = {}
    for sighting in group:
        by_scan.setdefault(sighting.scan, []).append(sighting)
    addresses: set[str] = set()
    evidence: Evidence = {}
    profile: dict[str, Value] = {}
    judged: object = None
    missing: set[str] = set()  # addresses at which it was looked for in vain since it was last seen
    gone_since = ""
    for scan in past.history.scans:
        here = by_scan.get(scan.id, [])
        now = {sighting.address for sighting in here}
        missing |= {address for address in addresses - now if _is_lost(address, scan, past.occupied)}
        if here:
            addresses = now | addresses - missing
            missing, gone_since = set(), ""
            evidence = _updated(evidence, addresses, here, scan)
        elif addresses and addresses <= missing:
            gone_since = gone_since or scan.id
        if scan.id in past.hearsay.sources:
            evidence = _heard(evidence, past.hearsay, id_, scan.id)
        elif not here:
            continue
        if addresses and (said := _said(evidence)) != judged:
            judged, profile = said, _judged(evidence, addresses, profile, places, rules)
    left = sorted(
        addresses - missing or addresses, key=lambda a: (not _has_ssh(evidence, a), places.order(a))
    )
    return Story(id_, group, tuple(left), evidence, profile, gone_since, joined_because)


def _is_lost(address: str, scan: Scan, occupied: set[tuple[str, str]]) -> bool:
    """Return whether a scan that did not see a machine at an address shows that it is not there any more."""
    return scan.covers(address) or (scan.id, address) in occupied


def _updated(evidence: Evidence, addresses: set[str], here: Iterable[Sighting], scan: Scan) -> Evidence:
    """Return what is known after a scan: the newest answer of each probe, less what the scan found closed."""
    kept = {key: seen for key, seen in evidence.items() if not key[0] or key[0] in addresses}
    for sighting in here:
        new: Evidence = {
            (seen.address, seen.probe, seen.port or 0): seen
            for seen in sighting.observations
            if seen.probe != "tcp" or _is_open(seen)
        }
        open_ports = {port for (_, _, port), seen in new.items() if _is_open(seen)}
        closed = scan.ports - open_ports if scan.covers(sighting.address) else frozenset()
        kept = {
            (address, probe, port): seen
            for (address, probe, port), seen in kept.items()
            if not (address == sighting.address and probe in _PORT_BOUND and port in closed)
        } | new
    return kept


def _heard(evidence: Evidence, told: Hearsay, id_: str, scan: str) -> Evidence:
    """Return what is known after an import: what its source said before gives way to what it says now."""
    source = told.sources[scan]
    kept = {key: seen for key, seen in evidence.items() if key[0] or key[1] != f"register {source}"}
    entries = told.told.get(id_, {}).get(scan, ())
    return kept | {("", f"register {source}", n): entry.listing for n, entry in enumerate(entries)}


def _said(evidence: Evidence) -> frozenset[tuple[object, ...]]:
    """Return what the evidence says, without when it was said."""
    return frozenset((*key, tuple(sorted(facts(seen).items()))) for key, seen in evidence.items())


def _is_open(seen: Observation | Listing) -> bool:
    return facts(seen).get("tcp.state") == "open"


def _judged(
    evidence: Evidence,
    addresses: set[str],
    before: dict[str, Value],
    places: Places,
    rules: Fingerprints,
) -> dict[str, Value]:
    """Return the profile the evidence gives; a value that was known already keeps its `since`."""
    profile = identify(evidence.values(), *_surroundings(addresses, places), rules)
    return {
        field: msgspec.structs.replace(value, since=before[field].since)
        if field in before and before[field].value == value.value
        else value
        for field, value in profile.items()
    }


def _surroundings(addresses: Iterable[str], places: Places) -> tuple[str | None, int]:
    """Return what a computer in a machine's first network is, and in how many networks the machine is."""
    found = [place for address in sorted(addresses, key=places.order) if (place := places.of(address))]
    return found[0][1].holds if found else None, len({network.name for _, network in found})


def _has_ssh(evidence: Evidence, address: str) -> bool:
    return any(key[0] == address and key[1] == "ssh" for key in evidence)


def _identified(found: Machines) -> dict[str, Group]:
    """Return the machines by a stable id each: made of its strongest mark in the first scan that saw it.

    A mark that several machines bore in that scan is passed over; older machines choose first. What only
    a router answered for is no machine.
    """
    groups = [group for group in found.groups if not doubts.is_phantom(group, found)]
    candidates = [_first_marks(group) for group in groups]
    order = sorted(range(len(groups)), key=lambda place: (groups[place][0].scan, groups[place][0].address))
    bearers: dict[tuple[str, Mark], int] = {}
    for group, marks in zip(groups, candidates, strict=True):
        for mark in marks:
            key = (group[0].scan, mark)
            bearers[key] = bearers.get(key, 0) + 1
    ids: dict[int, str] = {}
    taken: set[str] = set()
    for place in order:
        first = groups[place][0]
        own = [id_of(mark) for mark in candidates[place] if bearers[first.scan, mark] == 1]
        last = id_of((IdentityKind.ADDRESS, f"{first.address} {first.scan}"))
        ids[place] = next(id_ for id_ in (*own, last) if id_ not in taken)
        taken.add(ids[place])
    return {ids[place]: group for place, group in enumerate(groups)}


def _first_marks(group: Group) -> list[Mark]:
    """Return what told a machine from others when it was first seen, strongest first, its addresses last."""
    first = [sighting for sighting in group if sighting.scan == group[0].scan]
    marks: list[Mark] = [
        (kind, value)
        for kind in IdentityKind
        for value in sorted({value for sighting in first for value in sighting.marks.get(kind, ())})
    ]
    return marks + [(IdentityKind.ADDRESS, address) for address in sorted(s.address for s in first)]


def id_of(mark: Mark) -> str:
    """Return the id of a machine known by a mark."""
    digest = sha256(f"{mark[0].value} {mark[1]}".encode()).digest()
    return "a-" + b32encode(digest).decode().lower()[:_ID_CHARACTERS]


def _names(stories: Sequence[Story], corrections: dict[str, Override]) -> dict[str, str]:
    """Return a unique name for each id: the engineer's first, then of what is there before what is gone."""
    wanted: list[tuple[tuple[object, ...], str, str]] = []
    for story in stories:
        override = corrections.get(story.id)
        given = safe(override.values.get("name", "")) if override else ""
        name = given or proposed(story.evidence.values(), story.addresses)
        rank = (not given, bool(story.gone_since), story.sightings[0].scan, story.id)
        wanted.append((rank, story.id, name))
    return unique({id_: name for _, id_, name in sorted(wanted)})


def _asset(
    story: Story,
    name: str,
    places: Places,
    override: Override | None,
    shared: set[Mark],
    scans: dict[str, Scan],
    rules: Fingerprints,
) -> Asset:
    first = story.sightings[0]
    place = places.of(story.addresses[0])
    profile = dict(story.profile)
    if override:
        since = scans[first.scan].started_at
        profile |= {
            field: Value(
                value=value,
                confidence=1,
                probe="override",
                rule="override",
                evidence=override.note,
                since=since,
            )
            for field, value in override.values.items()
            if field != "name"
        }
    return Asset(
        id=story.id,
        name=name,
        site=place[0].name if place else "",
        network=place[1].name if place else "",
        addresses=story.addresses,
        profile=dict(sorted(profile.items())),
        services=_services(story.evidence, rules),
        identities=_identities(story),
        merged_because=_reasons(story, shared),
        first_seen=first.scan,
        gone_since=story.gone_since,
    )


def _services(evidence: Evidence, rules: Fingerprints) -> tuple[Service, ...]:
    """Return the open ports and what was said on each; one for each port, whatever the address."""
    ports = sorted({port for (_, _, port), seen in evidence.items() if port and _is_open(seen)})
    said: dict[int, Facts] = {port: {} for port in ports}
    for (_, _, port), seen in sorted(evidence.items(), key=lambda item: item[0], reverse=True):
        if port in said:
            said[port] |= facts(seen)
    return tuple(
        Service(
            port=port,
            name="ssh" if "ssh.banner" in said[port] else _service_name(port, said[port], rules),
            product=_product(said[port]),
        )
        for port in ports
    )


def _service_name(port: int, said: Facts, rules: Fingerprints) -> str:
    return rules.services.get(port, "") or said.get("nmap.service", "")


def _product(said: Facts) -> str:
    """Return what a service says of itself, else what nmap took it for."""
    taken = f"{said.get('nmap.product', '')} {said.get('nmap.version', '')}".strip()
    return said.get("ssh.banner", "") or said.get("http.server", "") or taken


def _identities(story: Story) -> tuple[Identity, ...]:
    """Return the newest marks of a machine, strongest first; its addresses stand on their own."""
    newest: dict[IdentityKind, dict[tuple[str, str], frozenset[str]]] = {}
    for sighting in story.sightings:
        if sighting.address in story.addresses:
            for kind, values in sighting.marks.items():
                for space, together in by_space(kind, values).items():
                    newest.setdefault(kind, {})[sighting.address, space] = together
    for (_, register, _), seen in story.evidence.items():
        if isinstance(seen, Listing):
            for kind, value in marks_of(facts(seen)):
                known = newest.setdefault(kind, {})
                known[register, ""] = known.get((register, ""), frozenset()) | {value}
    return tuple(
        Identity(kind=kind, value=value)
        for kind in IdentityKind
        for value in sorted(frozenset().union(*newest.get(kind, {}).values()))
    )


def _reasons(story: Story, shared: set[Mark]) -> tuple[str, ...]:
    """Return for each address but the first why it is the same machine's."""
    marks: dict[str, set[Mark]] = {address: set() for address in story.addresses}
    for sighting in story.sightings:
        if sighting.address in marks:
            marks[sighting.address] |= {(k, v) for k, values in sighting.marks.items() for v in values}
    reasons = []
    for place, address in enumerate(story.addresses[1:], start=1):
        others = [*story.addresses[:place], *story.addresses[place + 1 :]]
        common = [
            (list(IdentityKind).index(mark[0]), others.index(other), mark[1], other)
            for other in others
            for mark in (marks[address] & marks[other]) - shared
        ]
        if common:
            rank, _, value, other = min(common)
            kind = list(IdentityKind)[rank].value.replace("_", " ")
            reasons.append(f"{address} and {other}: same {kind} {value}")
    return (*reasons, story.joined_because) if story.joined_because else tuple(reasons)
