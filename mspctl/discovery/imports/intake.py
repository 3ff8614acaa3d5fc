"""Rows → what of them concerns the client, counted and bounded; and the one place that opens a file."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import ip_address, ip_network
from pathlib import Path

from mspctl.discovery.imports.lines import HEAD_BYTES
from mspctl.discovery.imports.row import Row, Skipped
from mspctl.errors import BadInput
from mspctl.records import ClientFile, ImportStarted, Listing, Observation, ScanEnded, ScanRecord
from mspctl.sightings import Places

MOST_BYTES = 1024**3
_MOST_ROWS = 200_000
_SHOWN = 10


@dataclass
class Intake:
    """What came out of one source."""

    observations: list[Row] = field(default_factory=list)
    listings: list[Row] = field(default_factory=list)
    outside: int = 0  # rows whose addresses all lie outside the client's networks
    ended: int = 0  # leases that are over
    left_out: int = 0  # rows beyond what one import takes
    skipped: int = 0
    mistakes: list[Skipped] = field(default_factory=list)  # the first of those skipped

    @property
    def machines(self) -> int:
        """How many machines other scanners saw."""
        return len({row.addresses for row in self.observations})

    def records(self, scan: str, source: str, now: datetime) -> Iterator[ScanRecord]:
        """Yield the log of this import, read at `now`."""
        seen = [row.at for row in self.observations if row.at]
        yield ImportStarted(scan=scan, started_at=max(seen, default=now), source=source)
        for row in self.observations:
            (address,) = row.addresses
            yield Observation(
                scan=scan, address=address, probe=row.probe, at=row.at or now, port=row.port, raw=row.raw
            )
        for row in self.listings:
            yield Listing(scan=scan, probe=row.probe, at=now, addresses=row.addresses, raw=row.raw)
        yield ScanEnded(scan=scan, ended_at=now, addresses_probed=0)


def take(rows: Iterable[Row | Skipped], is_inside: Callable[[str], bool]) -> Intake:
    """Return what concerns the client.

    What was seen, leased or listed at addresses outside its networks is counted and forgotten. A directory's
    account is kept wherever it is said to be: it is the client's machine, in a network nobody told of.
    """
    intake = Intake()
    taken: set[str] = set()
    for row in rows:
        if isinstance(row, Skipped):
            intake.skipped += 1
            if len(intake.mistakes) < _SHOWN:
                intake.mistakes.append(row)
            continue
        inside = tuple(address for address in row.addresses if is_inside(address))
        is_outside = bool(row.addresses) and not inside
        intake.outside += is_outside
        if is_outside and row.probe != "directory":
            continue
        kept = row if is_outside else row._replace(addresses=inside)
        key = repr((kept.probe, kept.addresses, kept.port, sorted(kept.raw.items())))
        if key in taken:
            continue
        if len(taken) >= _MOST_ROWS:
            intake.left_out += 1
            continue
        taken.add(key)
        intake.ended += row.raw.get("state") == "ended"
        (intake.listings if row.at is None else intake.observations).append(kept)
    return intake


def inside(client: ClientFile) -> Callable[[str], bool]:
    """Return what tells whether an address is one of the client's that may be looked at.

    Numbers are compared first: a file of millions of foreign addresses leaves nothing behind.
    """
    places = Places(client)
    networks = [ip_network(network.cidr) for site in client.sites for network in site.networks]
    spans = [(each.version, int(each[0]), int(each[-1])) for each in networks]

    def is_inside(text: str) -> bool:
        address = ip_address(text)
        version, number = address.version, int(address)
        is_near = any(kind == version and first <= number <= last for kind, first, last in spans)
        return is_near and places.of(text) is not None

    return is_inside


def chunks_of(path: Path) -> Iterator[bytes]:
    """Yield a file's bytes piece by piece. Raise BadInput: absent, no file, empty, too large."""
    shown = str(path)
    if not path.exists():
        raise BadInput(f"{shown}: no such file")
    if not path.is_file():
        raise BadInput(f"{shown}: not a file")
    if path.stat().st_size > MOST_BYTES:
        raise BadInput(f"{shown}: larger than {MOST_BYTES // 1024**3} GiB; split it, and import the parts")
    with path.open("rb") as stream:
        while chunk := stream.read(HEAD_BYTES):
            yield chunk
