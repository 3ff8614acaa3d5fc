"""Numbers, days and lists from machines, kept within bounds and free of what differs at every look."""

from collections.abc import Callable, Hashable, Iterable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from mspctl.records.inspection import Age

MOST = 64  # of what a machine has a few of
T = TypeVar("T")


def gibibytes(size: int) -> int:
    """Return a size in bytes in GiB: memory and disks differ by a little from one start to the next."""
    return min(round(size / (1 << 30)), 1 << 40)


def day(seconds: object) -> str:
    """Return the day, UTC, of seconds since 1970 in words or as a number; "" for what is none."""
    text = str(seconds).strip()
    if not text.isdecimal() or not 0 < len(text) < 11:
        return ""
    return datetime.fromtimestamp(int(text), UTC).strftime("%Y-%m-%d")


def age(seconds: float, at: datetime, days: int) -> Age:
    """Return whether something of `seconds` since 1970 was at most so many days old at a time."""
    return "current" if at.timestamp() - seconds <= timedelta(days=days).total_seconds() else "old"


def unique(items: Iterable[T], key: Callable[[T], Hashable], most: int = MOST * 2) -> tuple[T, ...]:
    """Return the first item of each key, in the order of the keys, at most so many."""
    found: dict[Hashable, T] = {}
    for item in items:
        found.setdefault(key(item), item)
    return tuple(found[each] for each in sorted(found, key=str)[:most])
