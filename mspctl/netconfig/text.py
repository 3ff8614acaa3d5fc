"""What a device said → plain, bounded lines; pure. A device is hostile until proven otherwise."""

import re
from collections.abc import Iterable

MOST_BYTES = 16 * 1024 * 1024  # the largest configurations known are some 5 MB
MOST_LINES = 300_000
LONGEST_LINE = 8_192

SALTED = re.compile(r"\$(?:\d{1,2}|sha1|y|2[aby])\$\S+|(?<=\bENC )\S+")
"""A hash that may be another at the next look, though the password is the same."""

_ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]{0,32}[ -/]{0,8}[@-~]|\][^\x07\x1b]{0,512}(?:\x07|\x1b\\)|[@-Z\\-_78=>])"
)
_PAGER = re.compile(r"-+ ?[Mm]ore ?-+[ ]*(?:\r[ ]*\r|\x08[\x08 ]*)")
_CONTROL = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)


def clean(text: str) -> str:
    """Return output as lines that do nothing to a terminal: no escapes, no controls, no carriage returns.

    Line numbers stay as the device showed them. A real ^C, which may end a banner, is written as IOS does.
    """
    plain = _PAGER.sub("", _ESCAPES.sub("", text[:MOST_BYTES])).replace("\x03", "^C")
    lines = plain.replace("\r\n", "\n").replace("\r", "").split("\n")[:MOST_LINES]
    return "\n".join(_CONTROL.sub("", line[:LONGEST_LINE]).rstrip() for line in lines).strip("\n") + "\n"


def without(text: str, volatile: Iterable[str]) -> str:
    """Return `text` less the lines that differ at every look."""
    patterns = [re.compile(pattern) for pattern in volatile]
    kept = (
        line for line in text.split("\n") if not any(pattern.fullmatch(line.strip()) for pattern in patterns)
    )
    return "\n".join(kept).strip("\n") + "\n"


def is_whole(text: str) -> bool:
    """Return whether nothing had to be cut off."""
    return len(text) < MOST_BYTES and text.count("\n") < MOST_LINES
