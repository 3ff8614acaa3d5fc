"""Make logs of scans in few words."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from mspctl.records import (
    ClientFile,
    Json,
    Observation,
    OverridesFile,
    ScanEnded,
    ScanRecord,
    ScanStarted,
)

KEYS = tuple(
    f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{letter * 43}"  # right in form, nobody's key
    for letter in "ABCDEFGH"
)
UNIVERSAL = tuple(f"3c:52:82:00:00:{number:02x}" for number in range(1, 64))
OFFICE, SERVERS = "192.0.2.0/24", "198.51.100.0/24"
NETWORKS = (OFFICE, SERVERS)
PORTS = (22, 80, 445, 5432)

Machine = Mapping[str, Any]  # arp, ping, ptr, key, banner, ports, snmp, gateway, …


def client(**changes: Any) -> ClientFile:
    """Return a client with an office and a server network."""
    networks = [
        {"name": "office", "cidr": OFFICE, "holds": "workstation"},
        {"name": "servers", "cidr": SERVERS, "holds": "server"},
    ]
    content = {
        "title": "Example",
        "authorisation": {"by": "A. Person", "date": "2026-01-01"},
        "sites": [{"name": "main", "networks": networks}],
    }
    return msgspec.convert(content | changes, ClientFile)


def overrides(**values: Any) -> OverridesFile:
    """Return an overrides file with one entry."""
    return msgspec.convert({"assets": [values]}, OverridesFile)


def scan(
    number: int,
    seen: Mapping[str, Machine],
    *,
    networks: Sequence[str] = NETWORKS,
    excluded: Sequence[str] = (),
    ends: str = "complete",
    unreachable: Sequence[str] = (),
) -> list[ScanRecord]:
    """Return the log of one scan, hours apart from the next; `ends` is complete, interrupted or killed."""
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=number)
    name = at.strftime("%Y%m%dT%H%M%SZ")
    log: list[ScanRecord] = [
        ScanStarted(scan=name, started_at=at, networks=tuple(networks), ports=PORTS, excluded=tuple(excluded))
    ]
    for address, machine in seen.items():
        log += [
            Observation(scan=name, address=address, probe=probe, at=at, port=port, raw=raw)
            for probe, port, raw in answers(machine)
        ]
    if ends != "killed":
        log.append(
            ScanEnded(
                scan=name,
                ended_at=at + timedelta(minutes=1),
                addresses_probed=508,
                interrupted=ends == "interrupted",
                unreachable=tuple(unreachable),
            )
        )
    return log


def answers(machine: Machine) -> list[tuple[str, int | None, dict[str, Json]]]:
    """Return the raw answers of one machine."""
    macs = [machine["arp"]] if isinstance(machine.get("arp"), str) else machine.get("arp", [])
    found: list[tuple[str, int | None, dict[str, Json]]] = [("arp", None, {"mac": mac}) for mac in macs]
    if machine.get("ping", True):
        found.append(("ping", None, {"ttl": 64}))
    if "ptr" in machine:
        found.append(("ptr", None, {"names": [machine["ptr"]]}))
    if "gateway" in machine:
        found.append(("route", None, {"network": machine["gateway"]}))
    ports = {*machine.get("ports", ()), *([22] if "key" in machine or "banner" in machine else [])}
    found += [("tcp", port, {"state": "open"}) for port in sorted(ports)]
    if 22 in ports:
        raw: dict[str, Json] = {"banner": machine.get("banner", "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3")}
        if "key" in machine:
            raw["host_key"] = machine["key"]
        found.append(("ssh", 22, raw))
    if "snmp" in machine:
        found.append(("snmp", None, {"values": machine["snmp"]}))
    if "tls" in machine:
        found += [("tcp", 443, {"state": "open"}), ("tls", 443, {"spki_sha256": machine["tls"]})]
    return found
