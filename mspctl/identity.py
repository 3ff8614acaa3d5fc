"""Sightings → machines: whose evidence is whose; pure.

Marks join sightings, strongest kind first (IdentityKind). A mark that machines share which are shown to be
different (a cloned host key, a wildcard certificate, a router that answers ARP for others) joins nothing.
What is left is joined by address, scan after scan, unless a strong mark says that another machine lives
there now. A firmware's number is a strong mark and no proof: virtual machines are cloned with it and
containers show their host's, so whoever was seen from inside with other network cards is another machine.
The outcome depends on what was seen, not on the order in which it is told.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence, Set
from itertools import combinations, pairwise
from typing import NamedTuple

from mspctl.records import IdentityKind as Kind
from mspctl.sightings import History, Sighting

_HARDWARE = (Kind.SERIAL, Kind.SYSTEM_UUID)
_STRONG = (*_HARDWARE, Kind.SSH_HOST_KEY, Kind.SNMP_ENGINE)
_JOINING = tuple(kind for kind in Kind if kind is not Kind.ADDRESS)
_NONE: frozenset[str] = frozenset()
_ADDRESSES_OF_ONE_CARD = 8  # more, in one scan, is a router that answers for others (proxy ARP)

Mark = tuple[Kind, str]


class Machines(NamedTuple):
    """Who is who."""

    groups: tuple[tuple[Sighting, ...], ...]  # each one machine, oldest sighting first
    shared: dict[Mark, tuple[Sighting, ...]]  # marks that join nothing, and where they were seen


def machines(history: History) -> Machines:
    """Return the sightings grouped by machine, in a fixed order."""
    sightings = history.sightings
    groups = _Groups(sightings)
    shared: dict[Mark, tuple[Sighting, ...]] = {}
    for kind in _JOINING:
        bearers: dict[str, list[int]] = defaultdict(list)
        for index, sighting in enumerate(sightings):
            for value in sighting.marks.get(kind, ()):
                bearers[value].append(index)
        for value, indices in sorted(bearers.items()):
            found = [sightings[index] for index in indices]
            if _is_shared(kind, found):
                shared[kind, value] = tuple(found)
            else:
                groups.join(kind, indices)
    groups.join_by_address()
    return Machines(groups.all(), shared)


def _is_shared(kind: Kind, bearers: Sequence[Sighting]) -> bool:
    """Return whether a mark is borne by machines that something else shows to be different."""
    if kind not in _HARDWARE and any(_disjoint(bearers, hardware) for hardware in _HARDWARE):
        return True
    if kind in _HARDWARE and any(_are_clones(*pair) for pair in combinations(_looks(bearers), 2)):
        return True
    by_scan: dict[str, list[Sighting]] = defaultdict(list)
    for sighting in bearers:
        by_scan[sighting.scan].append(sighting)
    for together in by_scan.values():
        if kind is Kind.MAC and len(together) > _ADDRESSES_OF_ONE_CARD:
            return True
        is_router = any(sighting.is_gateway for sighting in together)
        if any(_contradict(kind, one, other, is_router) for one, other in combinations(together, 2)):
            return True
    return False


def _disjoint(bearers: Iterable[Sighting], kind: Kind) -> bool:
    """Return whether some sightings bear marks of a kind that have nothing in common."""
    told: dict[str, list[frozenset[str]]] = defaultdict(list)
    for sighting in bearers:
        for space, values in by_space(kind, sighting.marks.get(kind, _NONE)).items():
            told[space].append(values)
    return any(not frozenset.intersection(*values) for values in told.values())


def by_space(kind: Kind, values: frozenset[str]) -> dict[str, frozenset[str]]:
    """Return marks by what gave them out: a serial number of a maker's SNMP says nothing against SMBIOS's."""
    if kind is not Kind.SERIAL:
        return {"": values} if values else {}
    found: dict[str, set[str]] = defaultdict(set)
    for value in values:
        found[value.partition(":")[0]].add(value)
    return {space: frozenset(together) for space, together in found.items()}


def _are_apart(kind: Kind, mine: Set[str], others: Set[str]) -> bool:
    """Return whether marks of one kind that can be compared have nothing in common."""
    if kind is not Kind.SERIAL or not (mine and others):
        return bool(mine and others) and not mine & others
    ours, theirs = by_space(kind, frozenset(mine)), by_space(kind, frozenset(others))
    return any(ours[space].isdisjoint(theirs[space]) for space in ours.keys() & theirs.keys())


def _looks(bearers: Iterable[Sighting]) -> list[Sighting]:
    """Return one sighting for each look of those that were seen from inside."""
    found: dict[tuple[object, object], Sighting] = {}
    for each in bearers:
        if each.cards or Kind.SYSTEM_UUID in each.marks:
            found.setdefault((each.cards, each.marks.get(Kind.SSH_HOST_KEY)), each)
    return list(found.values())


def _are_clones(one: Sighting, other: Sighting) -> bool:
    """Return whether two sightings that share a firmware's number are two machines after all."""
    if one.cards and other.cards:
        ours, theirs = (_universal(each.cards) for each in (one, other))
        return ours.isdisjoint(theirs) if ours and theirs else one.cards.isdisjoint(other.cards)
    is_inside = Kind.SYSTEM_UUID in one.marks and Kind.SYSTEM_UUID in other.marks
    return is_inside and _differ(one, other, Kind.SSH_HOST_KEY)


def _universal(macs: Iterable[str]) -> frozenset[str]:
    """Return the hardware addresses that a maker gave out; of others a machine may make up new ones."""
    return frozenset(mac for mac in macs if not int(mac[:2], 16) & 2)


def _contradict(kind: Kind, one: Sighting, other: Sighting, is_router: bool) -> bool:
    """Return whether two sightings of one scan that share a mark of `kind` are two machines after all."""
    if one.address == other.address:
        return False
    if kind in _HARDWARE:
        return _are_clones(one, other)
    if any(_differ(one, other, strong) for strong in _STRONG if strong is not kind):
        return True
    is_one_network = one.network == other.network
    if kind is not Kind.MAC and is_one_network and one.macs and other.macs and not one.macs & other.macs:
        return True  # two cards in one network at one time
    if kind is Kind.HOSTNAME:
        return is_one_network  # a stale name in the DNS, rather than two addresses of one machine
    return kind is not Kind.MAC and not is_router and not _are_named_alike(one, other)


def _differ(one: Sighting, other: Sighting, kind: Kind) -> bool:
    return _are_apart(kind, one.marks.get(kind, _NONE), other.marks.get(kind, _NONE))


def _are_named_alike(one: Sighting, other: Sighting) -> bool:
    """Return whether names allow that two sightings are one machine: files and files-backup do."""
    if not one.labels or not other.labels:
        return True
    return any(
        mine == others or mine.startswith(f"{others}-") or others.startswith(f"{mine}-")
        for mine in one.labels
        for others in other.labels
    )


class _Groups:
    """Union-find over sightings, which knows what each group has shown."""

    def __init__(self, sightings: Sequence[Sighting]) -> None:
        self._sightings = sightings
        self._parents = list(range(len(sightings)))
        self._members = {index: [index] for index in range(len(sightings))}
        self._marks = {
            index: {kind: set(values) for kind, values in each.marks.items()}
            for index, each in enumerate(sightings)
        }
        self._scans: dict[int, dict[str, list[Sighting]]] = {
            index: {each.scan: [each]} for index, each in enumerate(sightings)
        }

    def all(self) -> tuple[tuple[Sighting, ...], ...]:
        """Return the groups, each sorted by scan and address, in the order of their first members."""
        return tuple(
            tuple(self._sightings[index] for index in sorted(members))
            for members in sorted(self._members.values(), key=min)
        )

    def join(self, kind: Kind, indices: Sequence[int]) -> None:
        """Join sightings that bear one mark, except where their groups contradict each other."""
        roots: list[int] = []
        for index in indices:
            root = self._root(index)
            fitting = [r for r in roots if r == root or self._fit(kind, r, root)]
            if not fitting:
                roots.append(root)
                continue
            address = self._sightings[index].address
            best = next((r for r in fitting if r == root or self._is_at(r, address)), fitting[0])
            if best != root:
                self._unite(best, root)
            # Each keeps its place: who is asked first must not depend on how many scans there were.
            roots = list(dict.fromkeys(self._root(r) for r in roots))

    def _is_at(self, root: int, address: str) -> bool:
        return any(self._sightings[index].address == address for index in self._members[root])

    def join_by_address(self) -> None:
        """Join what was seen at one address, scan after scan, unless another machine moved in."""
        by_address: dict[str, list[int]] = defaultdict(list)
        for index, sighting in enumerate(self._sightings):  # sorted by scan
            by_address[sighting.address].append(index)
        for _, indices in sorted(by_address.items()):
            for before, now in pairwise(indices):
                old, new = self._root(before), self._root(now)
                if old != new and is_same_machine(self._known(old, now), self._sightings[now]):
                    self._unite(old, new)

    def _known(self, root: int, before: int) -> dict[Kind, frozenset[str]]:
        """Return a group's newest marks of each kind from before a sighting."""
        known: dict[Kind, frozenset[str]] = {}
        scan = self._sightings[before].scan
        for index in sorted(self._members[root]):
            if self._sightings[index].scan < scan:
                known.update(self._sightings[index].marks)
        return known

    def _fit(self, kind: Kind, one: int, other: int) -> bool:
        """Return whether two groups that share a mark may be one machine."""
        stronger = _STRONG[: _STRONG.index(kind)] if kind in _STRONG else (*_HARDWARE, Kind.SSH_HOST_KEY)
        for strong in stronger:
            mine, others = self._marks[one].get(strong), self._marks[other].get(strong)
            if mine and others and _are_apart(strong, mine, others):
                return False
        for scan in self._scans[one].keys() & self._scans[other].keys():
            ours, theirs = self._scans[one][scan], self._scans[other][scan]
            is_router = any(sighting.is_gateway for sighting in (*ours, *theirs))
            if any(_contradict(kind, our, their, is_router) for our in ours for their in theirs):
                return False
        return True

    def _root(self, index: int) -> int:
        while self._parents[index] != index:
            self._parents[index] = self._parents[self._parents[index]]
            index = self._parents[index]
        return index

    def _unite(self, one: int, other: int) -> None:
        kept, gone = sorted((one, other), key=lambda root: (-len(self._members[root]), root))
        self._parents[gone] = kept
        self._members[kept] += self._members.pop(gone)
        for kind, values in self._marks.pop(gone).items():
            self._marks[kept].setdefault(kind, set()).update(values)
        for scan, sightings in self._scans.pop(gone).items():
            self._scans[kept].setdefault(scan, []).extend(sightings)


def is_same_machine(known: dict[Kind, frozenset[str]], now: Sighting) -> bool:
    """Return whether the machine at an address is still the one known there.

    A changed SSH host key alone does not make another machine: it is told as a doubt instead.
    """
    both = [kind for kind in known if kind in now.marks]
    equal = {kind for kind in both if known[kind] & now.marks[kind]}
    different = {kind for kind in both if not known[kind] & now.marks[kind]}
    if any(_are_apart(kind, known[kind], now.marks[kind]) for kind in different & {*_HARDWARE}):
        return False
    if equal & {*_HARDWARE, Kind.SSH_HOST_KEY}:
        return True
    if equal & {Kind.SNMP_ENGINE, Kind.DEVICE_UUID, Kind.MAC}:
        return True
    different -= {*_HARDWARE}  # cannot be compared
    if Kind.SSH_HOST_KEY in different:
        return not different & {Kind.SNMP_ENGINE, Kind.MAC, Kind.HOSTNAME}
    return Kind.MAC not in different
