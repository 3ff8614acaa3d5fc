"""What a printer says of itself. Raw: {"server": …, "status": 0, "attributes": {name: text}}.

https://www.rfc-editor.org/rfc/rfc8011#section-4.2.5
"""

import re
import struct

from mspctl.facts.text import Facts, Raw, given, line
from mspctl.facts.wire import number, text
from mspctl.records import Json

ASKED = (
    *("printer-make-and-model", "printer-name", "printer-info", "printer-location", "printer-uuid"),
    *("printer-device-id", "printer-firmware-string-version", "printer-serial-number", "printer-more-info"),
)
_GET_PRINTER_ATTRIBUTES = 0x000B
_OPERATION, _END, _LAST_DELIMITER = 0x01, 0x03, 0x0F
_CHARSET, _LANGUAGE, _URI, _KEYWORD = 0x47, 0x48, 0x45, 0x44
_ATTRIBUTES = 64
_DEVICE_ID = {"MFG": "maker", "MANUFACTURER": "maker", "MDL": "model", "MODEL": "model", "SN": "serial"}


def question(uri: str) -> bytes:
    """Return the question for a printer's attributes."""
    first, *others = ASKED
    return (
        struct.pack(">BBHIB", 1, 1, _GET_PRINTER_ATTRIBUTES, 1, _OPERATION)
        + _attribute(_CHARSET, "attributes-charset", "utf-8")
        + _attribute(_LANGUAGE, "attributes-natural-language", "en")
        + _attribute(_URI, "printer-uri", uri)
        + _attribute(_KEYWORD, "requested-attributes", first)
        + b"".join(_attribute(_KEYWORD, "", name) for name in others)
        + bytes((_END,))
    )


def answer(data: bytes) -> dict[str, Json] | None:
    """Return status and attributes of an answer; None for what is no IPP."""
    status = number(data, 2, 2)
    if data[:1] not in (b"\1", b"\2") or status < 0:
        return None
    found: dict[str, Json] = {}
    place = 8
    while 0 < (tag := number(data, place, 1)) != _END and len(found) < _ATTRIBUTES:
        place += 1
        if tag <= _LAST_DELIMITER:
            continue
        size = number(data, place, 2)
        name = text(data[place + 2 : place + 2 + max(0, size)], limit=64)
        place += 2 + max(0, size)
        length = number(data, place, 2)
        if size < 0 or length < 0:
            break
        if name in ASKED:
            found.setdefault(name, text(data[place + 2 : place + 2 + length], limit=512))
        place += 2 + length
    return {"status": status, "attributes": found}


def parse(raw: Raw) -> Facts:
    """Return ipp.server, and of a printer ipp.model, .maker, .serial, .uuid, .name, .location, .firmware."""
    said = raw.get("attributes")
    texts = (
        {name: line(said.get(name)) for name in ASKED} if isinstance(said, dict) else dict.fromkeys(ASKED, "")
    )
    identity = _device_id(texts["printer-device-id"])
    uuid = texts["printer-uuid"].lower().removeprefix("urn:uuid:")
    model = texts["printer-make-and-model"]
    return given(
        {
            "ipp.server": line(raw.get("server"), 120),
            "ipp.printer": "yes" if model or identity else "",
            "ipp.make_and_model": model,
            "ipp.maker": identity.get("maker", ""),
            "ipp.model": identity.get("model", ""),
            "ipp.serial": texts["printer-serial-number"] or identity.get("serial", ""),
            "ipp.uuid": uuid if re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", uuid) else "",
            "ipp.name": texts["printer-name"],
            "ipp.location": texts["printer-location"],
            "ipp.firmware": texts["printer-firmware-string-version"],
        }
    )


def _device_id(value: str) -> dict[str, str]:
    """Return maker, model and serial of an IEEE 1284 device id: MFG:HP;MDL:…;"""
    pairs = (part.partition(":") for part in value.split(";"))
    return {
        field: content.strip()[:120]
        for key, _, content in pairs
        if (field := _DEVICE_ID.get(key.strip().upper())) and content.strip()
    }


def _attribute(tag: int, name: str, value: str) -> bytes:
    names, values = name.encode(), value.encode()
    return struct.pack(f">BH{len(names)}sH{len(values)}s", tag, len(names), names, len(values), values)
