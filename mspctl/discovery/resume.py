"""What the log of an unfinished scan says of how far it came."""

from collections.abc import Iterable

from mspctl.discovery.scope import as_number
from mspctl.discovery.target import Known
from mspctl.facts import HEARSAY
from mspctl.records import Observation, ScanReached, ScanRecord, ScanStarted


class Earlier:
    """The part of a scan that is done."""

    def __init__(self, scan: str, log: Iterable[ScanRecord]) -> None:
        """Take the id of a scan and a log that may hold others too."""
        self.is_begun = False
        self.routes: set[str] = set()  # networks whose gateway is told already
        self._reached = -1
        ports: dict[str, dict[int, bool]] = {}
        macs: dict[str, set[str]] = {}
        probes: dict[str, set[tuple[str, int | None]]] = {}
        for record in log:
            if record.scan != scan:
                continue
            if isinstance(record, ScanStarted):
                self.is_begun = True
            elif isinstance(record, ScanReached):
                self._reached = max(self._reached, as_number(record.address))
            elif isinstance(record, Observation) and record.probe == "route":
                self.routes.add(str(record.raw.get("network")))
            elif isinstance(record, Observation) and record.probe not in HEARSAY:
                probes.setdefault(record.address, set()).add((record.probe, record.port))
                if record.probe == "arp":
                    macs.setdefault(record.address, set()).add(str(record.raw.get("mac")))
                if record.probe == "tcp" and record.port:
                    ports.setdefault(record.address, {})[record.port] = record.raw.get("state") == "open"
        self.known = {
            address: Known(ports.get(address, {}), frozenset(macs.get(address, ())), frozenset(answered))
            for address, answered in probes.items()
        }

    def is_done(self, address: str) -> bool:
        """Return whether an address was looked at from beginning to end, whether or not it answered."""
        return as_number(address) <= self._reached

    def answered(self, address: str) -> frozenset[tuple[str, int | None]]:
        """Return the probes, with their ports, that an address has answered."""
        known = self.known.get(address)
        return known.probes if known else frozenset()
