"""What the host of the repositories runs, as root: look at one client's host's repository, or thin it.

It comes by standard input, with the repository's password; restic gets that by standard input as well, and
runs as the owner of the repository, so that what it writes belongs to whom it belonged before.
"""

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

_LINE = 300
_DAYS_OF_MINUTES = 1_500  # no calendar elapses more often in a day


class Refused(Exception):
    """Why nothing came of it, in a line."""


def main(order: dict[str, Any]) -> None:
    """Print what came of an order, as one line of JSON."""
    folder = Path(order["folder"])
    try:
        if not folder.is_dir():
            raise Refused(f"{folder}: no such folder on the host of the repositories")
        repository = folder / order["user"]
        if not (repository / "config").exists():
            answer: dict[str, Any] = {"answer": "Nothing", "nothing": "no backup of it came yet"}
        elif order["step"] == "look":
            answer = look(repository, order)
        else:
            answer = thin(repository, order)
    except Refused as error:
        answer = {"answer": "Refused", "refused": str(error)}
    except OSError as error:
        answer = {"answer": "Refused", "refused": f"{error.filename or folder}: {error.strerror}"}
    sys.stdout.write(json.dumps(answer) + "\n")


def look(repository: Path, order: dict[str, Any]) -> dict[str, Any]:
    """Return which snapshots there are, when each came, and how many a day the calendar makes."""
    arrived = {file.name: file.stat().st_mtime for file in (repository / "snapshots").iterdir()}
    if strange := [name for name in arrived if not re.fullmatch("[0-9a-f]{64}", name)]:
        raise Refused(f"among the snapshots lies what is none: {min(strange)[:64]!r}")
    listed = json.loads(restic(repository, order, "snapshots", "--no-lock", "--json") or "null") or []
    return {
        "answer": "Look",
        "now": time.time(),
        "arrived": arrived,
        "dated": {each["id"]: each["time"] for each in listed},
        "scheduled_a_day": scheduled_a_day(order["calendar"]),
    }


def scheduled_a_day(calendar: str) -> int:
    """Return how often a calendar of systemd's elapses on the day it does so most."""
    command = ("systemd-analyze", "calendar", f"--iterations={_DAYS_OF_MINUTES}", calendar)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    days = re.findall(r"^ *(?:Next elapse|Iter\. #\d+): \w+ ([\d-]+)", done.stdout, re.MULTILINE)
    if done.returncode or not days:
        raise Refused(f"systemd-analyze calendar: {telling(done.stderr)}")
    return max(map(days.count, set(days)))


def thin(repository: Path, order: dict[str, Any]) -> dict[str, Any]:
    """Check the repository, forget the snapshots that were named and no others, and free their room."""
    before = size(repository)
    restic(repository, order, "unlock")  # what somebody who was killed left behind, and nothing else
    restic(repository, order, "check", *(("--read-data",) if order["reads_data"] else ()))
    if order["snapshots"]:
        restic(repository, order, "forget", "--", *order["snapshots"])
    restic(repository, order, "prune")
    return {"answer": "Thinned", "freed_bytes": before - size(repository)}


def size(folder: Path) -> int:
    """Return how many bytes lie in a folder; what goes away meanwhile counts for nothing."""
    found = 0
    for file in folder.rglob("*"):
        try:
            found += file.lstat().st_size if file.is_file() else 0
        except FileNotFoundError:
            continue
    return found


def restic(repository: Path, order: dict[str, Any], *arguments: str) -> str:
    """Return what restic said. Raise Refused with its own words where it failed."""
    owner = repository.stat()
    command: tuple[str, ...] = ("restic", "--repo", str(repository), "--no-cache", "--quiet", *arguments)
    try:
        done = subprocess.run(
            command,
            input=order["password"] + "\n",
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            cwd="/",
            env={"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/nonexistent"},
            user=owner.st_uid,
            group=owner.st_gid,
            extra_groups=(),
            umask=0o077,
        )
    except FileNotFoundError:
        raise Refused("restic is not installed there: `mspctl provider-side up` brings it") from None
    if done.returncode:
        raise Refused(f"restic {arguments[0]}: {telling(done.stderr)}")
    return str(done.stdout)


def telling(text: str) -> str:
    """Return the line that says why: the first that is an error, else what it ended with."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"(error|Pack|pack|Fatal: wrong|unable)", line)]
    fatal = [line for line in lines if line.startswith("Fatal: ")]
    return (errors + fatal + lines[-1:] + ["said nothing"])[0][:_LINE]
