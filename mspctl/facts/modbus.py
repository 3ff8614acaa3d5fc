"""How a controller identifies itself. Raw: {"answer": hex of Read Device Identification}.

https://www.modbus.org/docs/Modbus_Application_Protocol_V1_1b3.pdf, section 6.21
"""

from mspctl.facts.text import Facts, Raw, given
from mspctl.facts.wire import number, text, unhex

MOST_BYTES = 260
_FUNCTION, _KIND, _BASIC = 0x2B, 0x0E, 0x01
_OBJECTS = {0: "modbus.vendor", 1: "modbus.product", 2: "modbus.version"}


def question() -> bytes:
    """Return Read Device Identification, basic; it reads three names and no register."""
    return bytes((0x6D, 0x73, 0, 0, 0, 5, 0xFF, _FUNCTION, _KIND, _BASIC, 0))


def is_whole(data: bytes) -> bool:
    """Return whether a message is there as long as it says."""
    return len(data) >= 6 and len(data) >= 6 + number(data, 4, 2)


def is_answer(data: bytes) -> bool:
    """Return whether this is Modbus, be it a refusal."""
    return data[:4] == question()[:4] and number(data, 7, 1) in (_FUNCTION, _FUNCTION | 0x80)


def parse(raw: Raw) -> Facts:
    """Return modbus.spoken ("yes"), and modbus.vendor, .product and .version where it tells them."""
    data = unhex(raw.get("answer"), MOST_BYTES)
    if not is_answer(data):
        return {}
    found = {"modbus.spoken": "yes"}
    place = 14
    for _ in range(max(0, number(data, 13, 1)) if data[7] == _FUNCTION else 0):
        name, size = number(data, place, 1), number(data, place + 1, 1)
        if size < 0:
            break
        if name in _OBJECTS:
            found[_OBJECTS[name]] = text(data[place + 2 : place + 2 + size], limit=120)
        place += 2 + size
    return given(found)
