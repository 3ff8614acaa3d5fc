"""Run programs of the machine; the only module that spawns any."""

import subprocess
from collections.abc import Mapping, Sequence

from tests.lab.errors import LabError


def run(
    argv: Sequence[str],
    *,
    text_input: str | None = None,
    environment: Mapping[str, str] | None = None,
    timeout_seconds: float = 900,
) -> str:
    """Return the standard output of a program. Raise LabError when it is absent, fails or hangs."""
    result = attempt(argv, text_input=text_input, environment=environment, timeout_seconds=timeout_seconds)
    if result.returncode != 0:
        said = (result.stderr or result.stdout).strip().splitlines() or ["no message"]
        raise LabError(f"{' '.join(argv[:6])}: exit code {result.returncode}: {said[-1]}")
    return result.stdout


def attempt(
    argv: Sequence[str],
    *,
    text_input: str | None = None,
    environment: Mapping[str, str] | None = None,
    timeout_seconds: float = 900,
) -> subprocess.CompletedProcess[str]:
    """Return how a program ended, whatever its exit code. Raise LabError when it is absent or hangs."""
    try:
        return subprocess.run(
            list(argv),
            input=text_input,
            stdin=subprocess.DEVNULL if text_input is None else None,
            env=environment,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_seconds,
            check=False,
        )
    except FileNotFoundError as error:
        raise LabError(f"{argv[0]}: not installed; run: python -m tests.lab prepare") from error
    except subprocess.TimeoutExpired as error:
        raise LabError(f"{' '.join(argv[:6])}: no end after {timeout_seconds:.0f} s") from error
