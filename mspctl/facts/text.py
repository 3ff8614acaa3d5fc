"""Foreign text made harmless: printable, one line, bounded."""

import re
from collections.abc import Mapping

from mspctl.records import Json

Facts = dict[str, str]
Raw = Mapping[str, Json]

FACT_CHARACTERS = 512
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")


def line(value: object, limit: int = FACT_CHARACTERS) -> str:
    """Return `value`, if it is text, as one printable line of at most `limit` characters, else ""."""
    if not isinstance(value, str):
        return ""
    if len(value) <= limit and value.isprintable() and "  " not in value:
        return value.strip()  # the usual case, and merging reads every answer ever given
    head = value[: limit * 4]  # a megabyte is not looked at twice
    return " ".join("".join(c if c.isprintable() else " " for c in head).split())[:limit]


def host_name(value: object) -> str:
    """Return a DNS name in lower case without its last dot, or "" for text that is none."""
    name = line(value, 254).rstrip(".").lower()
    return name if all(_LABEL.fullmatch(label) for label in name.split(".")) else ""


def mac_address(value: object) -> str:
    """Return a MAC address as 00:11:22:aa:bb:cc, or "" for what is none or belongs to nobody."""
    text = line(value, 17).lower().replace("-", ":")
    is_one = re.fullmatch(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}", text)
    return text if is_one and not text.startswith(("00:00:00:00", "ff:ff:ff:ff")) else ""


def strings(value: object, most: int = 16) -> tuple[str, ...]:
    """Return the first text items of a list, each made a line."""
    items = value[:most] if isinstance(value, list) else []
    return tuple(text for item in items if (text := line(item)))


def given(facts: Facts) -> Facts:
    """Return the facts that say something."""
    return {name: text for name, text in facts.items() if text}
