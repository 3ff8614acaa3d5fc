"""A name for a machine: safe for files, Ansible and eyes, whatever the machine calls itself; pure."""

import re
from collections.abc import Iterable, Mapping
from typing import get_args

from mspctl.facts import facts
from mspctl.records import Listing, Observation
from mspctl.records.client import Kind
from mspctl.records.provider import Capability
from mspctl.sightings import own_label

LONGEST = 63  # of a DNS label: https://www.rfc-editor.org/rfc/rfc1035#section-2.3.4
_ANSIBLE = ("all", "ungrouped", "localhost", "classified", "unclassified", "linux", "debian", "ubuntu")
_ORDINARY = re.compile(r"[A-Za-z0-9 ._-]{1,128}")
_SOURCES = (  # best first
    *("ptr.name", "snmp.name", "ldap.dns_name", "ntlm.computer", "netbios.name", "mdns.name"),
    "host.name",
    *("directory.name", "dhcp.name", "csv.name"),
)


def safe(text: str) -> str:
    """Return text as a name of lower-case letters, digits and dashes; "" where none is left of it."""
    head = text[: LONGEST * 4].lower()
    return re.sub("[^a-z0-9]+", "-", head).strip("-")[:LONGEST].rstrip("-")


def proposed(observations: Iterable[Observation | Listing], addresses: Iterable[str]) -> str:
    """Return the best name a machine's evidence gives, else one made of its first address.

    A name that does not look like one (a template, a path, control characters) is passed over, not repaired.
    """
    places = {address: place for place, address in enumerate(addresses)}
    candidates: list[tuple[int, int, str]] = []
    for seen in observations:
        said = facts(seen)
        address = seen.address if isinstance(seen, Observation) else ""
        for rank, source in enumerate(_SOURCES):
            label = own_label(said.get(source, ""), address)
            if label and _ORDINARY.fullmatch(label) and (name := safe(label)):
                candidates.append((rank, places.get(address, len(places)), name))
    if candidates:
        return min(candidates)[2]
    return safe("host-" + min(places, key=lambda address: places[address], default=""))


def unique(wanted: Mapping[str, str]) -> dict[str, str]:
    """Return a name for each id, the earlier ids first served; later ones get -2, -3 …

    Names of groups are taken from the start: to Ansible a host called `printer` is every printer.
    """
    names: dict[str, str] = {}
    taken: set[str] = {*get_args(Kind), *get_args(Capability), *_ANSIBLE}
    late: list[str] = []
    for id_, name in wanted.items():
        if name in taken:
            late.append(id_)
        else:
            names[id_] = name
            taken.add(name)
    for id_ in late:
        number = 2
        while (name := f"{wanted[id_][: LONGEST - 5].rstrip('-')}-{number}") in taken:
            number += 1
        names[id_] = name
        taken.add(name)
    return names
