"""Rebuild mspctl/data/oui/makers.txt from the listings of Debian's package ieee-data.

    apt-get install ieee-data && python .config/oui.py /usr/share/ieee-data

One organisation a line, then the beginnings of its hardware addresses in hex: 24, 28 or 36 bits.
"""

import csv
import re
import sys
from collections import defaultdict
from pathlib import Path

LISTINGS = ("oui.csv", "mam.csv", "oui36.csv")
TARGET = Path(__file__).resolve().parent.parent / "mspctl" / "data" / "oui" / "makers.txt"
_FORM = re.compile(
    r"[ ,]+(?:inc|incorporated|corp|corporation|co|company|ltd|limited|llc|l\.l\.c|gmbh|ag|s\.?a|s\.?p\.?a|"
    r"s\.?r\.?l|b\.?v|a/?s|ab|oy|kg|plc|pty|pte|pvt|s\.?a\.?s|k\.?k|technologies|technology)\.?$",
    re.IGNORECASE,
)
_NOBODY = frozenset({"private", "ieee registration authority"})


def name(organisation: str) -> str:
    """Return an organisation's name without its legal form, in ASCII."""
    text = " ".join(organisation.replace("\t", " ").split()).encode("ascii", "ignore").decode()
    while (shorter := _FORM.sub("", text).strip(" ,.")) != text:
        text = shorter
    return text[:40].strip()


def main(folder: Path) -> None:
    """Write the table."""
    found: dict[str, set[str]] = defaultdict(set)
    for listing in LISTINGS:
        with (folder / listing).open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                who = name(row["Organization Name"])
                if who and who.lower() not in _NOBODY:
                    found[who].add(row["Assignment"].lower())
    lines = [f"{who}\t{' '.join(sorted(prefixes))}\n" for who, prefixes in sorted(found.items())]
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text("".join(lines), encoding="ascii")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
