"""The names a machine holds in NetBIOS. Raw: {"answer": hex of the packet}.

https://www.rfc-editor.org/rfc/rfc1002#section-4.2.18
"""

from mspctl.facts.text import Facts, Raw, given, mac_address
from mspctl.facts.wire import number, text, unhex

MOST_BYTES = 1_024
_QUESTION = b"\x20CK" + b"A" * 30 + b"\0"  # the name "*", in the encoding of NetBIOS
_STATUS = 0x21
_GROUP = 0x8000
_WORKSTATION, _SERVER, _CONTROLLERS = 0x00, 0x20, 0x1C


def question() -> bytes:
    """Return the node status request."""
    return bytes.fromhex("6d73000000010000000000") + b"\0" + _QUESTION + b"\0\x21\0\1"


def parse(raw: Raw) -> Facts:
    """Return netbios.name, .domain, .server, .controller and .mac."""
    data = unhex(raw.get("answer"), MOST_BYTES)
    place = 12 + len(_QUESTION)
    if number(data, 2, 1) < 0x80 or number(data, place, 2) != _STATUS:
        return {}
    count = number(data, place + 10, 1)
    found: Facts = {}
    for index in range(max(0, count)):
        entry = data[place + 11 + index * 18 :][:18]
        if len(entry) < 18:
            break
        name, suffix, flags = text(entry[:15].rstrip(b" \0"), "cp850", 15), entry[15], number(entry, 16, 2)
        if suffix == _WORKSTATION and "__MSBROWSE__" not in name:
            found.setdefault("netbios.domain" if flags & _GROUP else "netbios.name", name)
        elif suffix == _SERVER and not flags & _GROUP:
            found["netbios.server"] = "yes"
        elif suffix == _CONTROLLERS and flags & _GROUP:
            found["netbios.controller"] = "yes"
    found["netbios.mac"] = mac_address(data[place + 11 + max(0, count) * 18 :][:6].hex(":"))
    return given(found)
