"""The log of all scans → sightings: one machine seen at one address in one scan, and its marks; pure.

Negative rules stand here: what looks like a mark of one machine and is none, as factories, images and
protocols give it to many.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import NamedTuple

from mspctl.facts import HEARSAY, facts
from mspctl.facts.hardware import DEFAULT_UUIDS, serial
from mspctl.records import (
    Ambiguous,
    ClientFile,
    IdentityKind,
    ImportStarted,
    Network,
    Observation,
    ScanEnded,
    ScanRecord,
    ScanStarted,
    Site,
)

Marks = Mapping[IdentityKind, frozenset[str]]

_DEFAULT_NAMES = frozenset(
    {
        *("localhost", "debian", "ubuntu", "raspberrypi", "kali", "fedora", "centos", "linux", "openwrt"),
        *("router", "switch", "gateway", "firewall", "printer", "server", "host", "unknown", "none"),
        *("default", "changeme", "new-host", "dhcp", "mikrotik", "ubnt", "unifi", "localdomain", "all"),
        *("ungrouped", "desktop", "workstation", "ups", "apc", "nas", "synology", "qnap"),
    }
)
_NAMES = (
    "ptr.name",
    "snmp.name",
    "ntlm.dns_name",
    "ntlm.computer",
    "netbios.name",
    "ldap.dns_name",
    "mdns.name",
)
_DEFAULT_WORKGROUPS = frozenset({"workgroup", "mshome", "arbeitsgruppe", "msheimnetz", "home", "samba"})


class Scan(NamedTuple):
    """One scan: what it covered, and whether its silence means anything."""

    id: str
    started_at: datetime
    networks: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    ports: frozenset[int] = frozenset()
    is_complete: bool = False

    def covers(self, address: str) -> bool:
        """Return whether an address that this scan did not see was not there."""
        return self.is_complete and _within(address, self.networks) and not _within(address, self.excluded)


class Sighting(NamedTuple):
    """One machine at one address in one scan."""

    scan: str
    address: str
    network: str
    observations: tuple[Observation, ...]
    marks: Marks
    macs: frozenset[str]  # every one, also those that are no mark
    cards: frozenset[str]  # what the machine itself calls its own, seen from inside
    labels: frozenset[str]  # first labels of its names
    is_gateway: bool

    def __hash__(self) -> int:
        """Return a hash of what is unique about a sighting."""
        return hash((self.scan, self.address))


class History(NamedTuple):
    """All that was ever seen in the client's networks.

    Scans stand in the order of what they tell: the results of another scanner belong where that was at work,
    not where they were imported. Sightings stand in the order of the logs, so that an import of old results
    changes nobody's id.
    """

    scans: tuple[Scan, ...]
    sightings: tuple[Sighting, ...]


class Places:
    """Which site and network an address lies in."""

    def __init__(self, client: ClientFile) -> None:
        """Take the networks as the client lists them today."""
        listed = [(site, network) for site in client.sites for network in site.networks]
        self._listed = sorted(listed, key=lambda item: -ip_network(item[1].cidr).prefixlen)
        self._order = {network.name: place for place, (_, network) in enumerate(listed)}
        self._found: dict[str, tuple[Site, Network] | None] = {}

    def of(self, address: str) -> tuple[Site, Network] | None:
        """Return the narrowest network of an address; None where the client lists none or excludes it."""
        if address not in self._found:
            self._found[address] = next(
                (
                    (site, network)
                    for site, network in self._listed
                    if _within(address, (network.cidr,)) and not _within(address, network.exclude)
                ),
                None,
            )
        return self._found[address]

    def order(self, address: str) -> tuple[int, int]:
        """Return where an address stands: networks as listed, addresses by number."""
        place = self.of(address)
        return self._order[place[1].name] if place else len(self._order), int(ip_address(address))


def read(log: Iterable[ScanRecord], places: Places) -> History:
    """Return the history of the client's networks; the order of the log and repeated lines do not matter."""
    started: dict[str, ScanStarted | ImportStarted] = {}
    ended: dict[str, ScanEnded] = {}
    seen: dict[tuple[str, str], set[tuple[object, ...]]] = defaultdict(set)
    observations: dict[tuple[str, str], list[Observation]] = defaultdict(list)
    for record in log:
        if isinstance(record, ScanStarted | ImportStarted):
            started[record.scan] = record
        elif isinstance(record, ScanEnded):
            ended[record.scan] = record
        elif isinstance(record, Observation) and places.of(record.address):
            key = (record.scan, record.address)
            line = (record.probe, record.port, record.at, repr(sorted(record.raw.items())))
            if line not in seen[key]:
                seen[key].add(line)
                observations[key].append(record)
    sightings = [
        _sighting(scan, address, found, places)
        for (scan, address), found in sorted(observations.items())
        if any(seen.probe not in HEARSAY for seen in found)
    ]
    scans = {scan: _scan(start, ended.get(scan)) for scan, start in started.items()}
    for (scan, _), found in observations.items():
        scans.setdefault(scan, Scan(scan, min(seen.at for seen in found)))
    return History(tuple(sorted(scans.values(), key=lambda s: (s.started_at, s.id))), tuple(sightings))


def _scan(start: ScanStarted | ImportStarted, end: ScanEnded | None) -> Scan:
    if isinstance(start, ImportStarted):
        return Scan(start.scan, start.started_at)
    return Scan(
        id=start.scan,
        started_at=start.started_at,
        networks=start.networks,
        excluded=(*start.excluded, *(end.unreachable if end else ())),
        ports=frozenset(start.ports),
        is_complete=end is not None and not end.interrupted,
    )


def _sighting(scan: str, address: str, found: list[Observation], places: Places) -> Sighting:
    ordered = sorted(found, key=lambda seen: (seen.at, seen.probe, seen.port or 0, repr(seen.raw)))
    said = [(seen, facts(seen)) for seen in ordered]
    place = places.of(address)
    return Sighting(
        scan=scan,
        address=address,
        network=place[1].name if place else "",
        observations=tuple(ordered),
        marks=_marks([each for _, each in said]),
        macs=frozenset(each["arp.mac"] for _, each in said if "arp.mac" in each),
        cards=frozenset(card for _, each in said for card in each.get("host.cards", "").split()),
        labels=frozenset(
            label for _, each in said for name in _NAMES if (label := own_label(each.get(name, ""), address))
        ),
        is_gateway=any("route.gateway_to" in each for _, each in said),
    )


def _marks(said: Iterable[Mapping[str, str]]) -> Marks:
    """Return what tells the machine from others, by kind."""
    marks: dict[IdentityKind, set[str]] = defaultdict(set)
    for each in said:
        for name in ("snmp.entity_serial", "snmp.printer_serial", "snmp.vendor_serial"):
            if number := serial(each.get(name)):
                marks[IdentityKind.SERIAL].add(f"{each.get('snmp.enterprise', '?')}:{number}")
        for name, kind, prefix in (
            ("host.serial", IdentityKind.SERIAL, "smbios:"),
            ("host.uuid", IdentityKind.SYSTEM_UUID, ""),
            ("ssh.fingerprint", IdentityKind.SSH_HOST_KEY, ""),
            ("tls.key", IdentityKind.TLS_KEY, ""),
            ("rdp.key", IdentityKind.TLS_KEY, ""),
            ("snmp.engine", IdentityKind.SNMP_ENGINE, ""),
            ("snmp.bridge", IdentityKind.SNMP_ENGINE, "bridge "),
            ("arp.universal_mac", IdentityKind.MAC, ""),
        ):
            if value := each.get(name):
                marks[kind].add(prefix + value)
        for name in ("upnp.uuid", "wsd.uuid", "ipp.uuid", "mdns.uuid"):
            if (uuid := each.get(name, "")) and not DEFAULT_UUIDS.search(uuid):
                marks[IdentityKind.DEVICE_UUID].add(uuid)
        for name, domain in (("ntlm.computer", "ntlm.domain"), ("netbios.name", "netbios.domain")):
            own, shared = each.get(name, "").lower(), each.get(domain, "").lower()
            if own_label(own, "") and shared and shared not in _DEFAULT_WORKGROUPS:
                marks[IdentityKind.NETBIOS].add(f"{shared}\\{own}")
        for name in ("ptr.name", "snmp.name", "ntlm.dns_name", "ldap.dns_name"):
            full = each.get(name, "").lower()
            if "." in full and own_label(full, ""):  # a bare name is too often a factory's
                marks[IdentityKind.HOSTNAME].add(full)
    return {kind: frozenset(values) for kind, values in marks.items()}


def own_label(name: str, address: str) -> str:
    """Return the first label of a host's name; "" for a factory's default or one made of its address."""
    label = name.split(".")[0].strip().lower()
    digits = re.findall(r"\d+", label)
    octets = [str(int(octet)) for octet in address.split(".")] if address.count(".") == 3 else []
    numbers = [str(int(number)) for number in digits if len(number) <= 3]
    is_made = len(numbers) >= 2 and bool(octets) and set(octets[-2:]) <= set(numbers)
    return "" if label in _DEFAULT_NAMES or is_made or not label.strip("0123456789-_") else label


def host_port(seen: Observation) -> str:
    """Return where an SSH server was seen, as known_hosts writes it."""
    return seen.address if seen.port in (22, None) else f"[{seen.address}]:{seen.port}"


def changed_host_key(address: str, before: str, now: str) -> Ambiguous:
    """Return what is told of an address whose SSH host key is not the one it was first seen with."""
    return Ambiguous(
        subject=address,
        detail=f"SSH host key changed from {before} to {now}",
        advice="verify on site that it is the same machine, then accept it with `mspctl assets trust`",
    )


def _within(address: str, networks: Iterable[str]) -> bool:
    return any(_contains(network, address) for network in networks)


@lru_cache(maxsize=1 << 16)
def _contains(network: str, address: str) -> bool:
    try:
        return ip_address(address) in ip_network(network, strict=False)
    except ValueError:
        return False
