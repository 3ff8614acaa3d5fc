"""When hosts may be changed: maintenance windows in the time of the place; pure.

A window is told by the clock on the wall there, so it keeps its hours when summer time begins and ends.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from mspctl.records import ClientFile, Maintenance, Window

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAYS_AHEAD = 8  # a window comes again within a week


def of_sites(client: ClientFile) -> dict[str, Maintenance]:
    """Return each site's windows: its own, or the client's."""
    return {site.name: site.maintenance or client.maintenance for site in client.sites}


def closes_at(maintenance: Maintenance, now: datetime) -> datetime | None:
    """Return when the window that is open now closes, in UTC; None while none is.

    Without any window it is always open, and never closes.
    """
    if not maintenance.windows:
        return datetime.max.replace(tzinfo=UTC)
    return max((end for start, end in _around(maintenance, now) if start <= now < end), default=None)


def opens_at(maintenance: Maintenance, now: datetime) -> datetime | None:
    """Return when the next window opens, in UTC; None where one is open already or there are none."""
    if not maintenance.windows or closes_at(maintenance, now):
        return None
    return min((start for start, _ in _around(maintenance, now) if start > now), default=None)


def local(moment: datetime, maintenance: Maintenance) -> str:
    """Return a moment as a person at the site writes it."""
    return f"{moment.astimezone(ZoneInfo(maintenance.timezone)):%a %Y-%m-%d %H:%M} {maintenance.timezone}"


def late(deadlines: Mapping[str, datetime], hosts: Iterable[str], now: datetime, seconds: float) -> list[str]:
    """Return the hosts on which work of so many seconds would not end before their deadline."""
    end = now + timedelta(seconds=seconds)
    return [host for host in hosts if host in deadlines and deadlines[host] < end]


def _around(maintenance: Maintenance, now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield the windows from yesterday, which may last past midnight, until a week from now."""
    zone = ZoneInfo(maintenance.timezone)
    today = now.astimezone(zone).date()
    for window in maintenance.windows:
        for ahead in range(-1, _DAYS_AHEAD):
            day = today + timedelta(days=ahead)
            if WEEKDAYS[day.weekday()] in window.days:
                yield _at(day, window.start, zone), _end(day, window, zone)


def _end(day: date, window: Window, zone: ZoneInfo) -> datetime:
    """Return when a window of that day ends: at the same day, or past midnight."""
    return _at(day if window.end > window.start else day + timedelta(days=1), window.end, zone)


def _at(day: date, clock: str, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.fromisoformat(clock), zone).astimezone(UTC)
