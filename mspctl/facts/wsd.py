"""What Windows, printers and cameras tell over WS-Discovery.

Raw: {"endpoint", "types", "scopes", "places": of the match, "device": {element of its metadata: text}}.
https://docs.oasis-open.org/ws-dd/discovery/1.1/os/wsdd-discovery-1.1-spec-os.html
"""

import re
from urllib.parse import unquote
from uuid import UUID

from mspctl.facts.markup import elements
from mspctl.facts.text import Facts, Raw, given, line
from mspctl.records import Json

_MATCH = {"Address": "endpoint", "Types": "types", "Scopes": "scopes", "XAddrs": "places"}
_DEVICE = ("Manufacturer", "ModelName", "FriendlyName", "FirmwareVersion", "SerialNumber", "Computer")
_SOAP = (  # with the prefixes everybody uses: some devices know no others
    '<?xml version="1.0" encoding="utf-8"?>'
    '<soap:Envelope xmlns:soap="http://www.w3.org/2003/05/soap-envelope" '
    'xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/08/addressing" '
    'xmlns:wsd="http://schemas.xmlsoap.org/ws/2005/04/discovery" '
    'xmlns:wsdp="http://schemas.xmlsoap.org/ws/2006/02/devprof"><soap:Header><wsa:To>{to}</wsa:To>'
    "<wsa:Action>{action}</wsa:Action><wsa:MessageID>urn:uuid:{message}</wsa:MessageID>{reply}</soap:Header>"
    "<soap:Body>{body}</soap:Body></soap:Envelope>"
)
DEVICE = "<wsd:Types>wsdp:Device</wsd:Types>"
"""What Windows and printers call themselves; cameras do not, so both questions are put."""
_ANONYMOUS = "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous"


def probe(message: UUID, types: str = "") -> bytes:
    """Return the question whether a device is there, of whatever kind or of one."""
    return _SOAP.format(
        to="urn:schemas-xmlsoap-org:ws:2005:04:discovery",
        action="http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe",
        message=message,
        reply="",
        body=f"<wsd:Probe>{types}</wsd:Probe>" if types else "<wsd:Probe/>",
    ).encode()


def get(endpoint: str, message: UUID) -> bytes:
    """Return the question for a device's metadata: https://www.w3.org/Submission/WS-Transfer/"""
    return _SOAP.format(
        to=endpoint,
        action="http://schemas.xmlsoap.org/ws/2004/09/transfer/Get",
        message=message,
        reply=f"<wsa:ReplyTo><wsa:Address>{_ANONYMOUS}</wsa:Address></wsa:ReplyTo>",
        body="",
    ).encode()


def match(answer: bytes) -> dict[str, Json]:
    """Return what the first match in an answer says; {} for what is no match."""
    found: dict[str, Json] = {}
    for path, text in elements(answer):
        if "ProbeMatch" in path and path[-1] in _MATCH:
            found.setdefault(_MATCH[path[-1]], text)
    return found


def device(document: bytes) -> dict[str, Json]:
    """Return what metadata says of a device."""
    found: dict[str, Json] = {}
    for path, text in elements(document):
        if path[-1] in _DEVICE:
            found.setdefault(path[-1], text[:256])
    return found


def parse(raw: Raw) -> Facts:
    """Return wsd.types, .uuid, .name, .domain, .maker, .model, .firmware, .serial and .hardware."""
    said = raw.get("device")
    texts = {name: line(said.get(name), 120) for name in _DEVICE} if isinstance(said, dict) else {}
    types = sorted({word.rpartition(":")[2] for word in line(raw.get("types")).split()})
    scopes = line(raw.get("scopes"), 512).split()
    computer = re.fullmatch(
        r"(?P<name>[^/\\]+)[/\\](?:Domain|Workgroup):(?P<domain>.+)", texts.get("Computer", "")
    )
    uuid = re.search(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", line(raw.get("endpoint")).lower())
    return given(
        {
            "wsd.types": line(" ".join(types), 200),
            "wsd.uuid": uuid[0] if uuid else "",
            "wsd.name": computer["name"] if computer else texts.get("FriendlyName", ""),
            "wsd.computer": computer["name"] if computer else "",
            "wsd.domain": computer["domain"] if computer else "",
            "wsd.maker": texts.get("Manufacturer", ""),
            "wsd.model": texts.get("ModelName", ""),
            "wsd.firmware": texts.get("FirmwareVersion", ""),
            "wsd.serial": texts.get("SerialNumber", ""),
            "wsd.onvif_name": _onvif(scopes, "name"),
            "wsd.hardware": _onvif(scopes, "hardware"),
        }
    )


def _onvif(scopes: list[str], key: str) -> str:
    """Return a scope of a camera: https://www.onvif.org/specs/core/ONVIF-Core-Specification.pdf 7.3.2.2"""
    lead = f"onvif://www.onvif.org/{key}/"
    found = (scope for scope in scopes if scope.lower().startswith(lead))
    return next((line(unquote(scope[len(lead) :]).replace("_", " "), 120) for scope in found), "")
