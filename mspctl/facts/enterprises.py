"""Who owns a private enterprise number, by the name it was registered under: IANA's listing.

Source: https://www.iana.org/assignments/enterprise-numbers/; .config/enterprises.py rebuilds the table.
"""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files


def owner(number: str) -> str:
    """Return who a number belongs to, "" where nobody is listed or that tells nothing of a device's maker."""
    return _owners().get(number, "")


@cache
def _owners() -> Mapping[str, str]:
    """Return each number's owner; read once, in some 40 ms."""
    text = (files("mspctl") / "data" / "snmp" / "enterprises.txt").read_text("ascii")
    rows = (line.split("\t") for line in text.splitlines())
    return {number: who for who, numbers in rows for number in numbers.split()}
