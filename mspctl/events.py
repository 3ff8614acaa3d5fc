"""What Ansible reports while it runs → records; pure.

An event is the dictionary that ansible-runner hands over: `event`, `event_data` with `host`, `play`,
`task`, `res`, `duration`. Everything in `res` comes from a client's machine and is hostile: it is bounded,
stripped of control characters, and rid of secrets before it becomes a record.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from mspctl.records import HostOutcome, HostStatus, TaskResult

REPORTS = ("managed_agent_report", "host_reboot_report")  # variables with which a role's task reports
RESOURCES = "managed_agent_resources"  # with which the role says what it manages
MASK = "********"
_TELLING = 4  # characters: a shorter secret would blacken every text
_DETAIL = 400
_DIFF = 20_000
_CHANGES = 50
_STATUS = {
    "runner_on_ok": HostStatus.OK,
    "runner_on_failed": HostStatus.FAILED,
    "runner_on_unreachable": HostStatus.UNREACHABLE,
    "runner_on_skipped": HostStatus.SKIPPED,
}
_CONTROL = re.compile(  # terminal, direction, width nought, half characters
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)
_WORD_BITS = 63  # what JSON's other readers take for a whole number


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
    report = next((result[name] for name in REPORTS if name in result), None)
    return TaskResult(
        wave=wave,
        host=str(data.get("host", "")),
        play=told(str(data.get("play", "")), 120, secrets),
        task=told(str(data.get("task", "")), 200, secrets),
        status=status,
        seconds=round(float(data.get("duration") or 0), 3),
        detail=told(_detail(result) if status in _TOLD else _changes(result), _DETAIL, secrets),
        diff=_diff(result, secrets),
        report=masked(report, secrets) if isinstance(report, dict) else {},
    )


def resources(event: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]] | None:
    """Return the host and what the role manages on it, None where `event` says nothing of it.

    The task runs here and renders our own records: what a module brings back from a host is never taken.
    """
    data: dict[str, Any] = event.get("event_data") or {}
    is_ours = event.get("event") == "runner_on_ok" and data.get("task_action") == "ansible.builtin.debug"
    result = data.get("res")
    found = result.get(RESOURCES) if is_ours and isinstance(result, dict) else None
    return (str(data.get("host", "")), found) if isinstance(found, dict) else None


def _changes(result: Mapping[str, Any]) -> str:
    """Return what a task that does several things says it did, each in words."""
    changes = result.get("changes")
    return "; ".join(map(str, changes[:_CHANGES])) if isinstance(changes, list) else ""


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


def escaped(text: str) -> str:
    """Return JSON with every character that does something to a terminal written as its escape."""
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def mask(text: str, secrets: Sequence[str]) -> str:
    """Return `text` with every secret replaced; the longest first, as one may hold another."""
    for form in sorted({form for secret in secrets for form in _forms(secret)}, key=len, reverse=True):
        text = text.replace(form, MASK)
    return text


def _forms(secret: str) -> Iterator[str]:
    """Yield how a secret may turn up: whole, a line of it, as JSON writes it; too short says nothing."""
    for part in (secret, *secret.splitlines()):
        for form in (part, json.dumps(part)[1:-1], json.dumps(part, ensure_ascii=False)[1:-1]):
            if len(form.strip()) >= _TELLING:
                yield form


def told(text: str, limit: int, secrets: Sequence[str]) -> str:
    """Return hostile text as one bounded line without secrets: rid of them before it is cut, as half of one
    would stay, and after, as closing up the blanks may make one."""
    return mask(plain(mask(text, secrets), limit), secrets)


def masked(node: Any, secrets: Sequence[str]) -> Any:
    """Return JSON data with every string in it masked, plain and bounded."""
    if isinstance(node, dict):
        return {told(str(key), 80, secrets): masked(value, secrets) for key, value in node.items()}
    if isinstance(node, list):
        return [masked(value, secrets) for value in node[:200]]
    if isinstance(node, int) and node.bit_length() > _WORD_BITS:
        return "a number too large"
    return told(node, _DETAIL, secrets) if isinstance(node, str) else node


def _detail(result: Mapping[str, Any]) -> str:
    items = [item for item in result.get("results") or () if isinstance(item, dict)]
    failed = [item for item in items if item.get("failed") or item.get("unreachable")]
    for source in (*failed, result):
        for key in ("stderr", "msg", "reason", "module_stderr", "stdout", "censored"):
            if isinstance(source.get(key), str) and source[key].strip():
                return _in_words(str(source[key]).strip())
    return ""


_SAID_SHORTER = {
    "REMOTE HOST IDENTIFICATION HAS CHANGED": "its SSH host key is not the pinned one: verify that it is the "
    "same machine, then accept the key with `mspctl assets trust`",
    "host key is known for": "its SSH host key was never pinned: `mspctl discover` pins it",
    "Permission denied (publickey": "it refused the login: check user and key in client.yml",
    "Incorrect sudo password": "it refused the password of sudo: check become_password in client.yml",
    "Missing sudo password": "sudo wants a password: set become_password in client.yml, or give -K",
}


def _in_words(text: str) -> str:
    """Return what Ansible said, or what it means where the engineer can act on it."""
    return next((meaning for phrase, meaning in _SAID_SHORTER.items() if phrase in text), text)


def _diff(result: Mapping[str, Any], secrets: Sequence[str]) -> str:
    sources = (result, *(item for item in result.get("results") or () if isinstance(item, dict)))
    found = (source.get("diff") or () for source in sources)
    parts = chain.from_iterable(each if isinstance(each, list) else [each] for each in found)
    text = "".join(_one_diff(part, secrets) for part in parts if isinstance(part, dict))
    return text if len(text) <= _DIFF else f"{text[:_DIFF]}\n… cut\n"


def _one_diff(part: Mapping[str, Any], secrets: Sequence[str]) -> str:
    if isinstance(part.get("prepared"), str):
        return _lines(part["prepared"], secrets)
    before, after = part.get("before"), part.get("after")
    if before == after:
        return ""
    head = f"--- {part.get('before_header') or 'before'}\n+++ {part.get('after_header') or 'after'}\n"
    return "".join(
        (
            _lines(head, secrets),
            _lines(str(before or ""), secrets, "-"),
            _lines(str(after or ""), secrets, "+"),
        )
    )


def _lines(text: str, secrets: Sequence[str], sign: str = "") -> str:
    shown = mask(text, secrets)[:_DIFF]
    return "".join(f"{sign}{_CONTROL.sub(' ', line)}\n" for line in shown.splitlines() if line.strip())


def _outcome(stats: Mapping[str, Any], wave: int, host: str, detail: str) -> HostOutcome:
    def count(kind: str) -> int:
        return int((stats.get(kind) or {}).get(host, 0))

    if count("dark"):
        status = HostStatus.UNREACHABLE
    elif count("failures"):
        status = HostStatus.FAILED
    elif host not in (stats.get("processed") or {}):
        status, detail = HostStatus.UNREACHABLE, detail or "Ansible ended before it was done"
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
