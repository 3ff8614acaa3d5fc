"""What a machine announces by multicast DNS, answered to it alone. Raw: {"packets": [hex, …]}.

https://www.rfc-editor.org/rfc/rfc6762 https://www.rfc-editor.org/rfc/rfc6763
"""

import re
from collections.abc import Iterable, Sequence

from mspctl.facts.dns_message import DOT, PTR, SRV, TXT, Record, question, records
from mspctl.facts.text import Facts, Raw, given, host_name, line, mac_address
from mspctl.facts.wire import text, unhex

PACKET_BYTES = 4_096
PACKETS = 16
_SERVICES = "_services._dns-sd._udp.local"
_TELLING = ("_ipp", "_printer", "_airplay", "_googlecast")  # asked for at once: not all list their services
_UNICAST_PLEASE = 0x8001  # class IN, and the bit that asks for an answer to us alone: RFC 6762, section 5.4
_TYPE = re.compile(r"(?P<instance>.+)\.(?P<type>_[A-Za-z0-9-]{1,15}\._(?:tcp|udp))\.local", re.IGNORECASE)
_WORKSTATION = re.compile(r"(?P<name>.+) \[(?P<mac>[0-9a-f:]{17})\]", re.IGNORECASE)
_MORE = 12

# keys of TXT records: what they tell, best first
_MODEL = ("ty", "model", "md", "am", "usb_mdl", "product")
_MAKER = ("manufacturer", "usb_mfg", "mfg", "vendor")
_FRIENDLY = ("fn", "note")


def first_questions(address: str) -> tuple[bytes, ...]:
    """Return the questions for a machine's name and for the types of its services.

    Several small ones: who is asked like this may answer each with 512 bytes at most (RFC 6762, section 6.7).
    """
    reverse = ".".join(reversed(address.split("."))) + ".in-addr.arpa"
    wanted = [[reverse], [_SERVICES], [f"{kind}._tcp.local" for kind in _TELLING]]
    return tuple(question(*((name, PTR) for name in names), klass=_UNICAST_PLEASE) for names in wanted)


def next_questions(packets: Iterable[bytes]) -> tuple[bytes, ...]:
    """Return the questions for what the answers so far only hinted at; () where they told all."""
    found = [record for packet in packets for record in records(packet)]
    known = {(record.name, record.kind) for record in found}
    wanted: list[tuple[str, int]] = []
    for record in found:
        if record.kind != PTR:
            continue
        if record.name.lower() == _SERVICES:
            wanted.append((record.target, PTR))
        elif match := _TYPE.fullmatch(record.target):
            missing = [kind for kind in (SRV, TXT) if (record.target, kind) not in known]
            instance = match["instance"].replace(".", DOT) + f".{match['type']}.local"
            wanted += [(instance, kind) for kind in missing]
    if wanted and (host := _host(found)):
        wanted.append((f"{host}._device-info._tcp.local", TXT))  # shown to those who ask only
    missing_ones = [item for item in dict.fromkeys(wanted) if item not in known][:_MORE]
    return tuple(question(item, klass=_UNICAST_PLEASE) for item in missing_ones)


def parse(raw: Raw) -> Facts:
    """Return mdns.name, .services, .model, .maker, .friendly, .serial, .uuid, .device and .mac."""
    packets = raw.get("packets")
    listed = packets[:PACKETS] if isinstance(packets, list) else []
    found = [record for packet in listed for record in records(unhex(packet, PACKET_BYTES))]
    found.sort()
    texts = _texts(found)
    machine = {"mdns.name": _host(found), "mdns.services": " ".join(_types(found))}
    device = {value for record, key, value in texts if key == "model" and "_device-info" in record}
    printed = [(key, value) for record, key, value in texts if re.search("_ipps?|_printer|_pdl", record)]
    others = [(key, value) for record, key, value in texts if "_device-info" not in record]
    return given(
        machine
        | {
            "mdns.device": min(device, default=""),
            "mdns.model": _first(printed, _MODEL).strip("()") or _first(others, _MODEL).strip("()"),
            "mdns.maker": _first(printed, _MAKER) or _first(others, _MAKER),
            "mdns.friendly": _first(others, _FRIENDLY),
            "mdns.printer": "yes" if _first(printed, ("ty", "product", "pdl", "usb_mdl")) else "",
            "mdns.uuid": _uuid(printed),
            "mdns.mac": _mac(found, others),
        }
    )


def _host(found: Sequence[Record]) -> str:
    """Return the first label of the machine's own name, from its reverse name or where services run."""
    reverse = [r.target for r in found if r.kind == PTR and r.name.lower().endswith(".in-addr.arpa")]
    names = [host_name(name) for name in (*reverse, *(r.target for r in found if r.kind == SRV))]
    return min((name.removesuffix(".local") for name in names if name.endswith(".local")), default="")


def _types(found: Iterable[Record]) -> list[str]:
    """Return the types of the services announced, without the protocol, each once."""
    names = [r.target for r in found if r.kind == PTR and r.name.lower() == _SERVICES]
    names += [r.name for r in found if r.kind == PTR and r.name.lower() != _SERVICES]
    kinds = (re.match(r"_([a-z0-9-]{1,15})\._(?:tcp|udp)\.local$", name.lower()) for name in names)
    return sorted({kind[1] for kind in kinds if kind})


def _texts(found: Iterable[Record]) -> list[tuple[str, str, str]]:
    """Return record, key in lower case and value of each TXT string."""
    pairs = [
        (record.name.lower(), *string.partition(b"=")[::2])
        for record in found
        if record.kind == TXT
        for string in record.strings
    ]
    return [
        (name, text(key, limit=32).lower(), text(value, limit=120)) for name, key, value in pairs if value
    ]


def _first(pairs: Iterable[tuple[str, ...]], keys: Sequence[str]) -> str:
    """Return the value of the first key that has one."""
    listed = [pair[-2:] for pair in pairs]
    for wanted in keys:
        values = sorted(value for key, value in listed if key == wanted)
        if values:
            return values[0]
    return ""


def _uuid(printed: Iterable[tuple[str, str]]) -> str:
    value = _first(printed, ("uuid",)).lower()
    return value if re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", value) else ""


def _mac(found: Iterable[Record], others: Iterable[tuple[str, ...]]) -> str:
    """Return the hardware address a workstation or a player announces."""
    types = (_TYPE.fullmatch(record.target) for record in found if record.kind == PTR)
    instances = [match["instance"] for match in types if match and match["type"] == "_workstation._tcp"]
    names = map(_WORKSTATION.fullmatch, instances)
    macs = [mac_address(name["mac"]) for name in names if name]
    return next(filter(None, macs), "") or mac_address(line(_first(others, ("deviceid",)), 17))
