"""Files of each format and what is read out of them: files/<format>/<name> beside <name>.expected.json.

A new file is picked up by itself. `python -m tests.discovery.imports` rewrites what is expected; the
difference in git shows what a change of the readers means.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from mspctl.discovery.imports import FORMATS, Asked, Row, Skipped
from mspctl.facts import facts
from mspctl.records import Listing

FOLDER = Path(__file__).parent / "files"
NOW = datetime(2026, 12, 1, tzinfo=UTC)


def samples() -> Iterator[Path]:
    """Yield each file."""
    for path in sorted(FOLDER.glob("*/*")):
        if not path.name.endswith(".expected.json"):
            yield path


def expected_of(path: Path) -> Path:
    """Return the file that says what is to be read out of another."""
    return path.with_name(f"{path.name}.expected.json")


def read(form: str, *chunks: bytes, **columns: str) -> list[Row | Skipped]:
    """Return what the reader of a format makes of a file that comes in such chunks."""
    return list(FORMATS[form](chunks, Asked(NOW, columns)))


def told(path: Path) -> list[object]:
    """Return what is read out of a file and what it means, as JSON."""
    found = []
    for item in read(path.parent.name, path.read_bytes()):
        if isinstance(item, Skipped):
            found.append({"line": item.line, "what": item.what})
        else:
            meaning = facts(Listing(scan="golden", probe=item.probe, at=NOW, raw=item.raw))
            shown = {"port": item.port, "at": item.at.isoformat() if item.at else None}
            known = {name: value for name, value in shown.items() if value is not None}
            row: dict[str, object] = {
                "probe": item.probe,
                "addresses": list(item.addresses),
                "raw": item.raw,
                "facts": meaning,
            }
            found.append(row | known)
    return list(msgspec.json.decode(json.dumps(found)))
