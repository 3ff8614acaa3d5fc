"""Recorded answers and what they mean: <probe>/<name>.json holds {"raw": …, "expected": facts}.

A new file is picked up by itself. `python -m tests.golden` rewrites what is expected; the difference in
git shows what a change of the parsers means.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mspctl.facts import facts
from mspctl.records import Observation

FOLDER = Path(__file__).parent


def recorded() -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield each file and its content."""
    for path in sorted(FOLDER.glob("*/*.json")):
        yield path, json.loads(path.read_text(encoding="utf-8"))


def read(path: Path, content: dict[str, Any]) -> dict[str, str]:
    """Return what the parser of the file's probe makes of its raw answer."""
    return facts(
        Observation(
            scan="golden",
            address="192.0.2.1",
            probe=path.parent.name,
            at=datetime(2026, 1, 1, tzinfo=UTC),
            raw=content["raw"],
        )
    )
