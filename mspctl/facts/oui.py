"""Who made a network card, by the beginning of its address: the IEEE's listing, shipped as a compact table.

Source: https://standards-oui.ieee.org/; .config/oui.py rebuilds the table.
"""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

_DIGITS = (9, 7, 6)  # of 36, 28 and 24 bits; the longest tells most


def maker(mac: str) -> str:
    """Return the maker of a card given its address as 00:11:22:aa:bb:cc, "" where nobody is listed."""
    digits = mac.replace(":", "")
    return next((who for length in _DIGITS if (who := _makers().get(digits[:length]))), "")


@cache
def _makers() -> Mapping[str, str]:
    """Return each beginning's maker; read once, in some 20 ms."""
    text = (files("mspctl") / "data" / "oui" / "makers.txt").read_text("ascii")
    rows = (line.split("\t") for line in text.splitlines())
    return {prefix: who for who, prefixes in rows for prefix in prefixes.split()}
