"""A pytest plugin: the fixture `lab`, for tests against real hosts."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
LAB_FILE = ROOT / "build" / "lab" / "lab.json"


@pytest.fixture(scope="session")
def lab() -> dict[str, Any]:
    """Return lab.json of a lab that is up; brought up when it is not, and left up."""
    if os.geteuid() != 0:
        pytest.skip("the lab makes networks and containers: run as root")
    if not LAB_FILE.exists() or _command("status").returncode != 0:
        came_up = _command("up")
        assert came_up.returncode == 0, came_up.stderr
    content: dict[str, Any] = json.loads(LAB_FILE.read_text())
    return content


def _command(*arguments: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "tests.lab", *arguments]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
