"""How a building's controller identifies itself. Raw: {"packets": [hex, …]}, one for each property.

ANSI/ASHRAE 135, clauses 15.5 and 20; device instance 4194303 stands for "whoever you are".
"""

import struct

from mspctl.facts.text import Facts, Raw, given, line
from mspctl.facts.wire import number, text, unhex

PACKET_BYTES = 512
PACKETS = 8
_PROPERTIES = {
    121: "bacnet.vendor",
    70: "bacnet.model",
    77: "bacnet.name",
    44: "bacnet.firmware",
    58: "bacnet.location",
}
_ANYONE = 8 << 22 | 0x3FFFFF  # object type device, the wildcard instance
_READ_PROPERTY, _COMPLEX_ACK, _ERROR = 12, 3, 5
_OPENING, _CLOSING, _STRING = 0x3E, 0x3F, 7


def questions() -> tuple[bytes, ...]:
    """Return Read Property for each name of the device."""
    return tuple(_question(place, number_) for place, number_ in enumerate(_PROPERTIES, start=1))


def _question(invoke: int, wanted: int) -> bytes:
    apdu = (
        bytes((0x00, 0x05, invoke, _READ_PROPERTY, 0x0C)) + struct.pack(">I", _ANYONE) + bytes((0x19, wanted))
    )
    npdu = b"\x01\x04" + apdu  # version 1, an answer is expected
    return b"\x81\x0a" + struct.pack(">H", 4 + len(npdu)) + npdu


def is_bacnet(packet: bytes) -> bool:
    """Return whether a packet answers one of our questions, be it with an error."""
    apdu = _apdu(packet)
    return number(apdu, 0, 1) >> 4 in (_COMPLEX_ACK, _ERROR) and number(apdu, 2, 1) == _READ_PROPERTY


def parse(raw: Raw) -> Facts:
    """Return bacnet.spoken ("yes"), and bacnet.vendor, .model, .name, .firmware, .location where told."""
    packets = raw.get("packets")
    listed = packets[:PACKETS] if isinstance(packets, list) else []
    answers = [data for packet in listed if is_bacnet(data := unhex(packet, PACKET_BYTES))]
    found: Facts = {"bacnet.spoken": "yes"} if answers else {}
    for packet in answers:
        name, value = _property(_apdu(packet))
        if name:
            found[name] = value
    return given(found)


def _apdu(packet: bytes) -> bytes:
    """Return what BACnet/IP carries; b"" for anything that came through a router or is none."""
    is_plain = packet[:1] == b"\x81" and number(packet, 4, 1) == 1 and not number(packet, 5, 1) & 0xA8
    return packet[6:] if is_plain else b""


def _property(apdu: bytes) -> tuple[str, str]:
    """Return the fact in an answer of one text property; ("", "") for any other answer."""
    if number(apdu, 0, 1) >> 4 != _COMPLEX_ACK or number(apdu, 3, 1) != 0x0C or number(apdu, 8, 1) != 0x19:
        return "", ""
    name = _PROPERTIES.get(number(apdu, 9, 1), "")
    tag = number(apdu, 11, 1)
    if number(apdu, 10, 1) != _OPENING or tag >> 4 != _STRING or tag & 0x08:
        return "", ""
    place, size = 12, tag & 7
    if size == 5:  # the length stands in the next byte
        place, size = 13, number(apdu, 12, 1)
    encoding, content = number(apdu, place, 1), apdu[place + 1 : place + max(0, size)]
    return name, line(text(content, {0: "utf-8", 4: "utf-16-be", 5: "latin-1"}.get(encoding, "latin-1"), 120))
