"""What Ansible reports while it runs → records; pure.

An event is the dictionary that ansible-runner hands over: `event`, `event_data` with `host`, `play`,
`task`, `res`, `duration`. Everything in `res` comes from a client's machine and is hostile: it is bounded,
stripped of control characters, and rid of secrets before it becomes a record.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from mspctl.records import HostOutcome, HostStatus, TaskResult

REPORT = "managed_agent_report"  # the variable with which a verify task reports
MASK = "********"
_DETAIL = 400
_DIFF = 20_000
_STATUS = {
    "runner_on_ok": HostStatus.OK,
    "runner_on_failed": HostStatus.FAILED,
    "runner_on_unreachable": HostStatus.UNREACHABLE,
    "runner_on_skipped": HostStatus.SKIPPED,
}
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def task_result(event: Mapping[str, Any], wave: int, secrets: Sequence[str]) -> TaskResult | None:
    """Return the result that `event` reports, None where it reports none."""
    status = _STATUS.get(str(event.get("event")))
    if status is None:
        return None
    data: dict[str, Any] = event.get("event_data") or {}
    found = data.get("res")
    result: dict[str, Any] = found if isinstance(found, dict) else {}
    if status is HostStatus.OK and result.get("changed"):
        status = HostStatus.CHANGED
    if status is HostStatus.FAILED and data.get("ignore_errors"):
        status = HostStatus.OK
    report = result.get(REPORT)
    return TaskResult(
        wave=wave,
        host=str(data.get("host", "")),
        play=plain(str(data.get("play", "")), 120),
        task=plain(str(data.get("task", "")), 200),
        status=status,
        seconds=round(float(data.get("duration") or 0), 3),
        detail=mask(plain(_detail(result), _DETAIL), secrets) if status in _TOLD else "",
        diff=mask(_diff(result), secrets),
        report=masked(report, secrets) if isinstance(report, dict) else {},
    )


_TOLD = frozenset({HostStatus.FAILED, HostStatus.UNREACHABLE})


def outcomes(
    stats: Mapping[str, Any], wave: int, hosts: Sequence[str], details: Mapping[str, str]
) -> tuple[HostOutcome, ...]:
    """Return how each of `hosts` came out of a wave, from Ansible's closing statistics.

    A host of the wave that Ansible never got to is unreachable: silence is not success.
    """
    return tuple(_outcome(stats, wave, host, details.get(host, "")) for host in hosts)


def plain(text: str, limit: int) -> str:
    """Return `text` as one line without control characters, at most `limit` characters long."""
    line = " ".join(_CONTROL.sub(" ", text[: limit * 4]).split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def mask(text: str, secrets: Sequence[str]) -> str:
    """Return `text` with every secret replaced; the longest first, as one may hold another."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= 4:
            text = text.replace(secret, MASK)
    return text


def masked(node: Any, secrets: Sequence[str]) -> Any:
    """Return JSON data with every string in it masked, plain and bounded."""
    if isinstance(node, dict):
        return {plain(str(key), 80): masked(value, secrets) for key, value in node.items()}
    if isinstance(node, list):
        return [masked(value, secrets) for value in node[:200]]
    return mask(plain(node, _DETAIL), secrets) if isinstance(node, str) else node


def _detail(result: Mapping[str, Any]) -> str:
    items = [item for item in result.get("results") or () if isinstance(item, dict)]
    failed = [item for item in items if item.get("failed") or item.get("unreachable")]
    for source in (*failed, result):
        for key in ("stderr", "msg", "reason", "module_stderr", "stdout", "censored"):
            if isinstance(source.get(key), str) and source[key].strip():
                return str(source[key]).strip()
    return ""


def _diff(result: Mapping[str, Any]) -> str:
    sources = (result, *(item for item in result.get("results") or () if isinstance(item, dict)))
    found = (source.get("diff") or () for source in sources)
    parts = chain.from_iterable(each if isinstance(each, list) else [each] for each in found)
    text = "".join(_one_diff(part) for part in parts if isinstance(part, dict))
    return text if len(text) <= _DIFF else f"{text[:_DIFF]}\n… cut\n"


def _one_diff(part: Mapping[str, Any]) -> str:
    if isinstance(part.get("prepared"), str):
        return _lines(part["prepared"])
    before, after = part.get("before"), part.get("after")
    if before == after:
        return ""
    head = f"--- {part.get('before_header') or 'before'}\n+++ {part.get('after_header') or 'after'}\n"
    return _lines(head) + _lines(str(before or ""), "-") + _lines(str(after or ""), "+")


def _lines(text: str, sign: str = "") -> str:
    return "".join(f"{sign}{_CONTROL.sub(' ', line)}\n" for line in text[:_DIFF].splitlines() if line.strip())


def _outcome(stats: Mapping[str, Any], wave: int, host: str, detail: str) -> HostOutcome:
    def count(kind: str) -> int:
        return int((stats.get(kind) or {}).get(host, 0))

    if count("dark"):
        status = HostStatus.UNREACHABLE
    elif count("failures"):
        status = HostStatus.FAILED
    elif host not in (stats.get("processed") or {}):
        status, detail = HostStatus.UNREACHABLE, detail or "Ansible ended before it came to this host"
    else:
        status = HostStatus.CHANGED if count("changed") else HostStatus.OK
    return HostOutcome(
        wave=wave,
        host=host,
        status=status,
        ok=count("ok"),
        changed=count("changed"),
        failed=count("failures"),
        detail=detail,
    )
