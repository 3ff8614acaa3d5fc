"""Drills of the monitoring: what is said to a host, and what came of it as a proof; pure.

A unit of our own is stopped, which stands in for a service of the client's, and started again. The host
starts it by itself when nobody comes back: whoever drills may be killed, or cut off.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from mspctl.records import Drill, Proof

CHECK = "drill"
UNIT = "mspctl-drill.service"
_RETURN = "mspctl-drill-return"
_STOP = (
    f"systemctl --quiet is-active {UNIT} || exit 3; "
    f"systemctl --quiet stop {_RETURN}.timer >/dev/null 2>&1; "
    f"systemd-run --quiet --collect --unit={_RETURN} --on-active={{seconds}} systemctl start {UNIT} && "
    f"systemctl stop {UNIT}"
)
_START = f"systemctl --quiet stop {_RETURN}.timer >/dev/null 2>&1; systemctl start {UNIT}"
_SH = """exec /bin/sh -c 'if [ "$(id -u)" = 0 ]; then exec /bin/sh -c "{script}"; """
_SH += """else exec sudo {how} /bin/sh -c "{script}"; fi'"""
NOT_THERE = 3  # the exit status of a stop where the unit does not run


def stop(seconds: int, *, with_password: bool) -> str:
    """Return the command that stops the unit, and has the host start it after `seconds` if nobody else does.

    The password for sudo comes by standard input; the script has no character that a shell would expand.
    """
    return _command(_STOP.format(seconds=seconds), with_password)


def start(*, with_password: bool) -> str:
    """Return the command that starts the unit again."""
    return _command(_START, with_password)


def _command(script: str, with_password: bool) -> str:
    return _SH.format(script=script, how='-S -p ""' if with_password else "-n")


def is_proof(drill: Drill) -> bool:
    """Return whether an alert fired and cleared."""
    return drill.fired_seconds is not None and drill.cleared_seconds is not None


def proofs(drills: Iterable[Drill], now: datetime, valid_days: int) -> dict[tuple[str, str], Proof]:
    """Return what drills prove, by host and service; an old one proves nothing and spoils nothing."""
    return {(each.host, each.service): _proof(each, now, valid_days) for each in drills}


def _proof(drill: Drill, now: datetime, valid_days: int) -> Proof:
    day = drill.at.date().isoformat()
    is_old = now - drill.at > timedelta(days=valid_days)
    came = (
        f"An alert fired after {drill.fired_seconds} s and cleared after {drill.cleared_seconds} s, {day}"
        if is_proof(drill)
        else f"An alert fires and clears, drilled {day}"
    )
    detail = "" if is_proof(drill) else drill.reason
    if is_old:
        detail = f"more than {valid_days} days ago: drill again" + (f"; {detail}" if detail else "")
    ok = is_proof(drill) and not is_old
    return Proof(check=CHECK, title=came, source="drill", ok=ok, optional=is_old, detail=detail)


def kept(
    before: Iterable[Drill], new: Iterable[Drill], members: Mapping[str, Iterable[str]]
) -> tuple[Drill, ...]:
    """Return the newest drill of each host that is still to have its service; `members` by service."""
    newest = {(each.host, each.service): each for each in (*before, *new)}
    there = {(host, service) for service, hosts in members.items() for host in hosts}
    return tuple(each for where, each in sorted(newest.items()) if where in there)
