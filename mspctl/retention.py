"""Which old snapshots of a host go, and whether the rest may be trusted for that; pure.

Hosts can only add to their repositories, so what is old is thinned beside the server. Whoever owns a host
can add snapshots as well, and date them as it pleases. So a snapshot counts for the day on which the server
got it, which no host can forge, and a repository in which something looks wrong is left as it is.
"""

import json
import shlex
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Annotated

import msgspec
from msgspec import Meta

from mspctl.errors import BadInput
from mspctl.records import Json, Record

ROLE = "backup_repository"
PASSWORD = "encryption_password"  # noqa: S105 what the secret is called in the provider's record
_SLACK = timedelta(hours=1)  # two clocks may differ by this
_READ = "import json, sys; order = json.loads(sys.stdin.read().partition(sys.argv[1])[2]); "
_RUN = _READ + 'here = {"__name__": "repository"}; exec(order["script"], here); here["main"](order)'
_SH = 'if [ "$(id -u)" = 0 ]; then exec python3 -c "$1" "$2"; else exec sudo {how} python3 -c "$1" "$2"; fi'

Id = Annotated[str, Meta(pattern="^[0-9a-f]{64}$(?!\n)")]


class Policy(Record, frozen=True, kw_only=True):
    """The settings of a backup service that say what stays."""

    keep_last: int
    keep_daily: int
    keep_weekly: int
    keep_monthly: int
    snapshots_by_hand: int
    prune_reads_data: bool
    calendar: str


class Look(Record, frozen=True, kw_only=True, tag=True, tag_field="answer"):
    """What the host of the repositories said of one of them."""

    now: float
    arrived: dict[Id, float]  # when the server got each snapshot
    dated: dict[Id, datetime]  # what each says itself, of those that can be read
    scheduled_a_day: int


class Thinned(Record, frozen=True, kw_only=True, tag=True, tag_field="answer"):
    """What came of it."""

    freed_bytes: int


class Nothing(Record, frozen=True, kw_only=True, tag=True, tag_field="answer"):
    """Why there is nothing to thin."""

    nothing: str


class Refused(Record, frozen=True, kw_only=True, tag=True, tag_field="answer"):
    """Why it could not be done."""

    refused: str


Answer = Look | Thinned | Nothing | Refused
_DECODER: msgspec.json.Decoder[Answer] = msgspec.json.Decoder(Answer)


def policy(settings: Mapping[str, Json]) -> Policy:
    """Return the policy in a service's settings. Raise BadInput where its provider knows no such setting."""
    if missing := [name for name in Policy.__struct_fields__ if name not in settings]:
        raise BadInput(f"the provider of the backup has no settings {', '.join(missing)}: see that of restic")
    return msgspec.convert({name: settings[name] for name in Policy.__struct_fields__}, Policy)


def doubt(look: Look, policy: Policy) -> str:
    """Return why the snapshots are no basis for forgetting any, "" where they are one."""
    arrived = _by_arrival(look)
    if unread := set(look.arrived) - set(look.dated):
        return f"{len(unread)} of {len(look.arrived)} snapshots cannot be read, such as {min(unread)[:8]}"
    now = datetime.fromtimestamp(look.now, UTC)
    for snapshot, at in arrived:
        dated = look.dated[snapshot]
        if dated > now + _SLACK or dated > at + _SLACK:
            return (
                f"snapshot {snapshot[:8]} is dated {_shown(dated)}, which was yet to come when the server "
                f"got it at {_shown(at)}"
            )
    most = look.scheduled_a_day + policy.snapshots_by_hand
    days = Counter(at.date() for _, at in arrived)
    day = max(days, key=lambda each: (days[each] > most, each), default=None)
    if day and days[day] > most:
        return (
            f"{days[day]} snapshots came on {day.isoformat()}, and the schedule makes {look.scheduled_a_day} "
            f"a day, people {policy.snapshots_by_hand} more at most"
        )
    return ""


def forgotten(look: Look, policy: Policy) -> tuple[str, ...]:
    """Return the snapshots that go, oldest first: all but the last, and the newest of each day, week, month.

    As `restic forget` counts: periods without a snapshot are none, so a host that was off loses nothing.
    """
    newest_first = [*reversed(_by_arrival(look))]
    kept = {snapshot for snapshot, _ in newest_first[: policy.keep_last]}
    periods: tuple[tuple[int, Callable[[datetime], Hashable]], ...] = (
        (policy.keep_daily, lambda at: at.date()),
        (policy.keep_weekly, lambda at: at.isocalendar()[:2]),
        (policy.keep_monthly, lambda at: (at.year, at.month)),
    )
    for most, period in periods:
        newest: dict[Hashable, str] = {}
        for snapshot, at in newest_first:
            newest.setdefault(period(at), snapshot)
        kept |= set(list(newest.values())[:most])
    return tuple(snapshot for snapshot, _ in reversed(newest_first) if snapshot not in kept)


def _by_arrival(look: Look) -> Sequence[tuple[str, datetime]]:
    """Return the snapshots with when the server got each, oldest first."""
    came = {snapshot: datetime.fromtimestamp(at, UTC) for snapshot, at in look.arrived.items()}
    return sorted(came.items(), key=lambda each: (each[1], each[0]))


def _shown(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


@cache
def script() -> str:
    """Return what the host of the repositories runs."""
    return (files("mspctl") / "data" / "retention" / "repository.py").read_text("utf-8")


def command(mark: str, *, with_password: bool) -> str:
    """Return the command line that takes an order from standard input; nothing in it is a secret.

    `mark` begins the order: whether sudo has read the line before it or not, nothing of that is mistaken.
    """
    how = "-S -p ''" if with_password else "-n"
    return shlex.join(("/bin/sh", "-c", _SH.format(how=how), "sh", _RUN, mark))


def text(
    mark: str,
    become_password: str,
    repository: tuple[str, str],
    password: str,
    policy: Policy,
    forget: Iterable[str] | None = None,
) -> bytes:
    """Return what it is told by standard input: to look at a repository or, with `forget`, to thin it.

    A repository is the folder of all of them, and the user whose it is.
    """
    order: dict[str, Json] = {
        "script": script(),
        "step": "look" if forget is None else "thin",
        "folder": repository[0],
        "user": repository[1],
        "password": password,
        "calendar": policy.calendar,
        "reads_data": policy.prune_reads_data,
        "snapshots": list[Json](forget or ()),
    }
    return f"{become_password}\n{mark}{json.dumps(order)}\n".encode()


def answer(output: bytes) -> Answer | None:
    """Return what it answered, None where that is no answer; what a login prints before is passed over."""
    line = output.decode("utf-8", "replace").rstrip("\n").rpartition("\n")[2]
    try:
        return _DECODER.decode(line)
    except msgspec.DecodeError:
        return None


def in_words(size: int) -> str:
    """Return a number of bytes as a person reads it."""
    amount, unit = float(max(size, 0)), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if amount < 1024:
            break
        amount, unit = amount / 1024, larger
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
