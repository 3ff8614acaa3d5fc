"""What a device tells over UPnP.

Raw: {"server", "usn", "st": of its answer to a search, "device": {element of its description: text}}.
https://openconnectivity.org/upnp-specs/UPnP-arch-DeviceArchitecture-v2.0-20200417.pdf
"""

import re

from mspctl.facts.markup import elements
from mspctl.facts.text import Facts, Raw, given, line
from mspctl.records import Json

KEPT = ("server", "usn", "st", "location")
_ELEMENTS = (
    *("deviceType", "friendlyName", "manufacturer", "modelName", "modelNumber", "modelDescription"),
    *("serialNumber", "UDN"),
)
_UUID = re.compile(r"uuid:(?P<uuid>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.IGNORECASE)
_TYPE = re.compile(r"urn:[\w.-]+:device:(?P<type>\w+):\d+")


def headers(answer: bytes) -> dict[str, Json]:
    """Return the headers of an answer to a search that are kept; {} for what is none."""
    lines = answer[:4_096].decode("utf-8", "replace").split("\n")
    if not re.match(r"HTTP/1\.\d 200", lines[0]):
        return {}
    pairs = (text.partition(":") for text in lines[1:32])
    found = {name.strip().lower(): value.strip()[:512] for name, _, value in pairs}
    return {name: found[name] for name in KEPT if found.get(name)}


def device(document: bytes) -> dict[str, Json]:
    """Return what a description says of its root device."""
    found: dict[str, Json] = {}
    for path, text in elements(document):
        if len(path) == 3 and path[:2] == ("root", "device") and path[2] in _ELEMENTS:
            found.setdefault(path[2], text[:256])
    return found


def parse(raw: Raw) -> Facts:
    """Return upnp.server, .type, .name, .maker, .model, .serial and .uuid."""
    said = raw.get("device")
    texts = {name: line(said.get(name), 120) for name in _ELEMENTS} if isinstance(said, dict) else {}
    kind = _TYPE.search(texts.get("deviceType", "")) or _TYPE.search(line(raw.get("st")))
    uuid = _UUID.search(texts.get("UDN", "")) or _UUID.search(line(raw.get("usn")))
    model, number = texts.get("modelName", ""), texts.get("modelNumber", "")
    return given(
        {
            "upnp.server": line(raw.get("server"), 200),
            "upnp.type": kind["type"] if kind else "",
            "upnp.name": texts.get("friendlyName", ""),
            "upnp.maker": texts.get("manufacturer", ""),
            "upnp.model": model,
            "upnp.model_number": number,
            "upnp.serial": texts.get("serialNumber", ""),
            "upnp.uuid": uuid["uuid"].lower() if uuid else "",
        }
    )
