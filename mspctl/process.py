"""The only place that starts another program: argv tuples, a time limit, secrets masked."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mspctl.errors import MspctlError


@dataclass(frozen=True)
class Finished:
    """How a program ended."""

    returncode: int
    stdout: str
    stderr: str


def run(
    argv: Sequence[str],
    *,
    timeout_seconds: float,
    cwd: Path | None = None,
    text: str = "",
    environment: Mapping[str, str] | None = None,
    check: bool = False,
) -> Finished:
    """Return how the program `argv` ended; `text` is its standard input, `environment` is added to ours.

    Raise MspctlError when the program is missing, outlives `timeout_seconds` or, with `check`, fails.
    Secrets go in by `text` or `environment`, never by `argv`, which every user of the machine can read.
    """
    try:
        done = subprocess.run(
            list(argv),
            cwd=cwd,
            input=text,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_seconds,
            env={**os.environ, **environment} if environment else None,
            check=False,
        )
    except FileNotFoundError:
        raise MspctlError(f"{argv[0]}: not installed; `mspctl doctor` says what this machine lacks") from None
    except subprocess.TimeoutExpired:
        raise MspctlError(f"{argv[0]}: no answer within {timeout_seconds:g} s") from None
    if check and done.returncode:
        said = " ".join((done.stderr or done.stdout).split())[:300]
        raise MspctlError(
            f"{argv[0]} {argv[1] if len(argv) > 1 else ''}: failed with {done.returncode}: {said}"
        )
    return Finished(done.returncode, done.stdout, done.stderr)


def is_installed(program: str) -> bool:
    """Return whether `program` is found on the PATH."""
    return shutil.which(program) is not None
