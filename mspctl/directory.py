"""Who is meant by a hardware address, an address or a name in somebody's table; pure.

Assets come first. What no asset is known by belongs to a stranger: marks that were told together are one.
"""

from base64 import b32encode
from collections import defaultdict
from collections.abc import Iterable, Mapping
from hashlib import sha256

from mspctl.facts import facts
from mspctl.neighbours import Marks, Tables, own_mac
from mspctl.records import Asset, IdentityKind, Observation
from mspctl.sightings import own_label

Mark = tuple[str, str]

_KINDS = ("mac", "address", "name")  # most telling first


class Directory:
    """Marks → the node that bears them."""

    def __init__(
        self, assets: Iterable[Asset], tables: Mapping[str, Tables], seen: Mapping[str, list[Observation]]
    ) -> None:
        """Take the assets, their tables and their newest observations, both by asset."""
        self._tiers = [_only(tier) for tier in _tiers(assets, tables, seen)]
        self._strangers: dict[Mark, frozenset[Mark]] = {}

    def meet(self, met: Iterable[Marks]) -> None:
        """Take what is said of neighbours; those of no asset become strangers."""
        groups: dict[Mark, set[Mark]] = {}
        for marks in met:
            usable = {mark for mark in marks if _tells(mark)}
            if not usable or self.asset(frozenset(usable)):
                continue
            joined = usable.union(*(groups[mark] for mark in usable if mark in groups))
            for mark in joined:
                groups[mark] = joined
        self._strangers = {mark: frozenset(group) for mark, group in groups.items()}

    def asset(self, marks: Marks) -> str:
        """Return the id of the asset that bears one of the marks, the most telling first, else ""."""
        for kind in _KINDS:
            for tier in self._tiers:
                for mark in sorted(marks):
                    if mark[0] == kind and _tells(mark):
                        label = (kind, mark[1].split(".")[0] if kind == "name" else mark[1])
                        if found := tier.get(mark) or tier.get(label):
                            return found
        return ""

    def node(self, marks: Marks) -> str:
        """Return the id of the asset or stranger that bears one of the marks; "" where they tell nothing."""
        if found := self.asset(marks):
            return found
        usable = sorted((mark for mark in marks if _tells(mark)), key=_rank)
        group = next((self._strangers[mark] for mark in usable if mark in self._strangers), None)
        return _id(min(group, key=_rank)) if group else _id(usable[0]) if usable else ""

    def is_known(self, marks: Marks) -> bool:
        """Return whether marks are an asset's, or of a stranger somebody told of."""
        return bool(self.asset(marks)) or any(mark in self._strangers for mark in marks)

    def strangers(self) -> dict[str, frozenset[Mark]]:
        """Return the marks of each stranger, by its id."""
        return {
            _id(min(group, key=_rank)): group for group in sorted(set(self._strangers.values()), key=sorted)
        }


def _tiers(
    assets: Iterable[Asset], tables: Mapping[str, Tables], seen: Mapping[str, list[Observation]]
) -> tuple[list[tuple[Mark, str]], ...]:
    """Return who claims which mark: what a machine says of itself, what answered for it, what others say."""
    own: list[tuple[Mark, str]] = []
    answered: list[tuple[Mark, str]] = []
    for asset in assets:
        own += [(("address", address), asset.id) for address in asset.addresses]
        marks = [mark.value for mark in asset.identities if mark.kind is IdentityKind.MAC]
        names = {mark.value for mark in asset.identities if mark.kind is IdentityKind.HOSTNAME}
        names |= {asset.name, asset.get("hostname")}
        if asset.id in tables:
            marks += tables[asset.id].macs
            own += [(("address", address), asset.id) for address, _, _ in tables[asset.id].addresses]
        for observation in seen.get(asset.id, ()):
            said = facts(observation)
            names.add(said.get("snmp.name", ""))
            marks += [said.get("snmp.bridge", ""), said.get("snmp.lldp_chassis", "")]
            answered.append((("mac", said.get("arp.mac", "")), asset.id))
        own += [(("mac", mac), asset.id) for mark in marks if (mac := own_mac(mark))]
        own += [
            (("name", form), asset.id)
            for name in names
            for form in {name.lower(), name.lower().split(".")[0]}
        ]
    holder = {mark[1]: id_ for mark, id_ in own if mark[0] == "address"}
    heard = [
        (("mac", mac), holder[address])
        for device in tables.values()
        for address, mac in device.arp
        if address in holder
    ]
    return own, answered, heard


def _only(claims: Iterable[tuple[Mark, str]]) -> dict[Mark, str]:
    """Return whose each mark is, without those that several claim."""
    claimed: dict[Mark, set[str]] = defaultdict(set)
    for mark, id_ in claims:
        if mark[1]:
            claimed[mark].add(id_)
    return {mark: min(ids) for mark, ids in claimed.items() if len(ids) == 1}


def _tells(mark: Mark) -> bool:
    """Return whether a mark tells one machine from others; a factory's default name does not."""
    return bool(mark[1]) and (mark[0] != "name" or bool(own_label(mark[1], "")))


def _rank(mark: Mark) -> tuple[int, str]:
    return _KINDS.index(mark[0]), mark[1]


def _id(mark: Mark) -> str:
    digest = sha256(f"{mark[0]} {mark[1]}".encode("utf-8", "replace")).digest()
    return "n-" + b32encode(digest).decode().lower()[:8]
