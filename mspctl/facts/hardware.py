"""What the firmware of a computer says of it (SMBIOS), less what builders leave unsaid.

https://www.dmtf.org/standards/smbios
"""

import re

from mspctl.facts.text import line

DEFAULT_UUIDS = re.compile(  # left by whoever built the firmware, or shared by all machines of one make
    r"0{8}|^(.)\1{7}|^(..)\2{3}-|^12345678-|-0{4}-0{4}-|0{12}$|-0400-0500-0006-|-0004-0005-0006-|"
    r"^4c4c4544-0000-2010-8020-"
)
DEFAULT_SERIALS = re.compile(
    r"(?:(.)\1*|0?1234567890?|0?123456789(?:abcdef)?|to be filled.*|none|n/?a|unknown|empty|invalid|"
    r"not (?:specified|applicable|available|settable|defined).*|default.*|o\.?e\.?m\.?|"
    r"serial.*|(?:system|chassis|base ?board|product|board).*(?:serial|number|version|name).*)",
    re.IGNORECASE,
)
_DEFAULT_MAKES = re.compile(
    r"(?:system|base ?board|chassis) (?:manufacturer|product name|version)|to be filled.*|default string|"
    r"none|n/?a|unknown|not (?:specified|applicable|available).*|o\.?e\.?m\.?|empty|type1.*|\.+",
    re.IGNORECASE,
)
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_CHASSIS = {
    **dict.fromkeys(("3", "4", "5", "6", "7", "13", "15", "16", "24", "34", "35", "36"), "desktop"),
    **dict.fromkeys(("8", "9", "10", "11", "14", "30", "31", "32"), "laptop"),
    **dict.fromkeys(("17", "23", "25", "28", "29"), "server"),
}
"""Numbers of System Enclosure or Chassis Types, 7.4.1; tablets and what folds are carried about too."""


def serial(value: object) -> str:
    """Return a serial number, "" for none and for what a builder left there."""
    text = line(value, 64)
    return "" if len(text) < 4 or DEFAULT_SERIALS.fullmatch(text) else text


def system_uuid(value: object) -> str:
    """Return a system's UUID in lower case, "" for none and for what is not its own."""
    text = line(value, 64).strip("{}").lower()
    return text if _UUID.fullmatch(text) and not DEFAULT_UUIDS.search(text) else ""


def make(value: object) -> str:
    """Return a maker's or a model's name, "" where the builder filled in nothing."""
    text = line(value, 100)
    return "" if _DEFAULT_MAKES.fullmatch(text) else text


def chassis(value: object) -> str:
    """Return desktop, laptop or server for a number of SMBIOS's; "" for others."""
    return _CHASSIS.get(line(value, 8), "")
