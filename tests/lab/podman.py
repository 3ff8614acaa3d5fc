"""Talk to podman with the options this machine needs."""

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

from tests.lab import machine
from tests.lab.description import PREFIX
from tests.lab.process import attempt, run

SPECIFICATION_LABEL = "mspctl-lab.specification"


@cache
def _podman() -> tuple[str, ...]:
    return ("podman", *machine.podman_options())


def podman(*arguments: str, text_input: str | None = None, timeout_seconds: float = 900) -> str:
    """Return what a podman command prints. Raise LabError when it fails."""
    return run([*_podman(), *arguments], text_input=text_input, timeout_seconds=timeout_seconds)


def exists(kind: str, name: str) -> bool:
    """Return whether a container, network or image of this name exists."""
    return attempt([*_podman(), kind, "exists", name]).returncode == 0


@dataclass(frozen=True)
class Container:
    """What podman says of one container: `running`, `exited` or `created`, and what it was made from."""

    state: str
    label: str


def containers() -> dict[str, Container]:
    """Return the lab's containers by name."""
    rows = json.loads(podman("ps", "--all", "--filter", f"name=^{PREFIX}", "--format", "json") or "[]")
    return {
        row["Names"][0]: Container(row["State"], (row["Labels"] or {}).get(SPECIFICATION_LABEL, ""))
        for row in rows
    }


def inspect(kind: str, name: str) -> dict[str, Any]:
    """Return what podman records about one object."""
    record: dict[str, Any] = json.loads(podman(kind, "inspect", name))[0]
    return record


def argv_of_exec(container: str, command: list[str], *, is_terminal: bool) -> list[str]:
    """Return the command line that runs a command inside a container."""
    options = ["--interactive", *(["--tty"] if is_terminal else [])]
    return [*_podman(), "exec", *options, container, *command]
