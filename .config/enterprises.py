"""Rebuild mspctl/data/snmp/enterprises.txt from IANA's listing in Debian's package libwireshark-data.

    apt-get install libwireshark-data && python .config/enterprises.py /usr/share/wireshark/enterprises.tsv

One organisation a line, then its private enterprise numbers. Left out are those that the rules name by the
name on their devices (data/fingerprints/21-makers.yml), and those of AGENTS.
"""

import re
import sys
from collections import defaultdict
from pathlib import Path

import yaml
from oui import name

DATA = Path(__file__).resolve().parent.parent / "mspctl" / "data"
TARGET = DATA / "snmp" / "enterprises.txt"
NAMED = DATA / "fingerprints" / "21-makers.yml"
AGENTS = frozenset(
    {
        *(0, 3, 4, 12, 99, 731, 2021, 2076, 8072, 12325, 29601, 18868),  # makers of agents
        *(2238, 16394, 30155, 32388, 22576),  # systems everybody uses
        *(4413, 6603, 9442, 15789, 20495, 26696, 27282, 27975, 46033, 4900),  # makers of chips and their kits
        *(1217, 9839, 17409),  # cards that others build in, a standard of many makers
        *(32473, 50001),  # for documentation; taken by others than it was given to
    }
)
"""Numbers that tell nothing of who made a device."""
_NOBODY = re.compile(r"reserved|unassigned|.*\(expired\).*|.*@.*", re.IGNORECASE)


def main(listing: Path) -> None:
    """Write the table."""
    trees = yaml.safe_load(NAMED.read_text("utf-8"))["trees"]
    named = {int(number.partition(".")[0]) for tree in trees for number in tree["values"]} | AGENTS
    found: dict[str, list[str]] = defaultdict(list)
    for line in listing.read_text("utf-8").splitlines():
        number, _, organisation = line.strip().partition("\t")
        who = name(re.split(r" ?\((?:http|formerly|previous)|\t#", organisation)[0])
        is_somebody = len(who) > 1 and not _NOBODY.fullmatch(who)
        if number.isdigit() and int(number) not in named and is_somebody:
            found[who].append(number)
    lines = [f"{who}\t{' '.join(numbers)}\n" for who, numbers in sorted(found.items())]
    TARGET.write_text("".join(lines), encoding="ascii")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
