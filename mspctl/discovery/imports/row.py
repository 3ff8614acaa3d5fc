"""What a reader of files yields."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import NamedTuple, Protocol

from mspctl.records import Json

_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)


class Row(NamedTuple):
    """One thing a file says: what another scanner saw at an address, or a register's entry of one machine."""

    probe: str
    addresses: tuple[str, ...]
    raw: dict[str, Json]  # as mspctl/facts/<probe>.py reads it
    at: datetime | None = None  # when it was seen; None where a register says it, today
    port: int | None = None


class Skipped(NamedTuple):
    """A part of a file that was not understood."""

    line: int
    what: str  # and what to do, where there is something to do


class Asked(NamedTuple):
    """What reading depends on besides the file."""

    now: datetime
    columns: Mapping[str, str] = {}  # field: the column of a CSV file that holds it


class Reader(Protocol):
    """Reads one format; what is wrong with a part of the file is yielded, never raised."""

    def __call__(self, chunks: Iterable[bytes], asked: Asked, /) -> Iterator[Row | Skipped]:
        """Yield what the file says, in its order."""


def address_of(text: object) -> str:
    """Return an IP address in its usual form, "" for a text that is none."""
    try:
        return str(ip_address(text.strip())) if isinstance(text, str) and len(text) < 64 else ""
    except ValueError:
        return ""


def time_of(seconds: object, now: datetime) -> datetime:
    """Return a time given in seconds since 1970, be it as text; `now` for none, or one that cannot be.

    What was seen in the future would be the newest for years.
    """
    try:
        at = datetime.fromtimestamp(int(str(seconds)[:20]), UTC)
    except (ValueError, OverflowError, OSError):
        return now
    return at if _EARLIEST <= at <= now else now
