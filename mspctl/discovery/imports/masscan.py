"""What masscan writes: -oJ (with the comma after its last record), -oD (a record a line), -oL.

https://github.com/robertdavidgraham/masscan
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from mspctl.discovery.imports.lines import LONGEST, lines
from mspctl.discovery.imports.row import Asked, Row, Skipped, address_of, time_of
from mspctl.records import Json

_TEXT_CHARACTERS = 512
_MOST = 1_000_000  # ports; what comes after them is left out


def read(chunks: Iterable[bytes], asked: Asked) -> Iterator[Row | Skipped]:
    """Yield each open TCP port once, with the banner where masscan took it, as soon as the file is read."""
    found: dict[tuple[str, int], tuple[datetime, dict[str, Json]]] = {}
    for item in _records(chunks):
        if isinstance(item, Skipped):
            yield item
            continue
        number, record = item
        address = address_of(record.get("ip"))
        if not address:
            yield Skipped(number, "a record without an address; left out")
            continue
        at = time_of(record.get("timestamp"), asked.now)
        for port, raw in _ports(record):
            known = found.get((address, port))
            if known or len(found) < _MOST:
                found[address, port] = (at, (known[1] if known else {}) | raw)
    for (address, port), (at, raw) in found.items():
        yield Row("masscan", (address,), raw, at, port)


def _records(chunks: Iterable[bytes]) -> Iterator[tuple[int, Mapping[str, Json]] | Skipped]:
    """Yield each record with its line; one may be spread over several lines."""
    begun, depth, length = 0, 0, 0
    pending: list[str] = []
    for number, text in lines(chunks):
        if text is None:
            yield Skipped(number, "a line too long for a record; left out")
            continue
        bare = text.strip()
        if not pending and not bare.startswith(("{", "[")):
            if record := _listed(bare):
                yield number, record
            elif bare and bare not in ("]", ",") and not bare.startswith("#"):
                yield Skipped(number, "no record of masscan; left out")
            continue
        begun = begun if pending else number
        pending.append(bare)
        depth += bare.count("{") - bare.count("}")
        length += len(bare)
        if depth <= 0 or length > LONGEST:
            yield from _parsed(begun, "".join(pending))
            pending, depth, length = [], 0, 0
    if pending:
        yield Skipped(begun, "the file ends within a record; what stands before it counts")


def _parsed(number: int, text: str) -> Iterator[tuple[int, Mapping[str, Json]] | Skipped]:
    """Yield the records in a text whose braces are closed, whatever brackets and commas stand around it."""
    inner = text.strip().removeprefix("[").removesuffix("]").strip(", ")
    try:
        found = json.loads(f"[{inner}]")
    except (ValueError, RecursionError):
        if inner != "{finished: 1}":  # how old versions end
            yield Skipped(number, "no record of masscan; left out")
        return
    yield from ((number, each) for each in found if isinstance(each, dict) and "finished" not in each)


def _listed(text: str) -> dict[str, Json]:
    """Return a line of -oL as a record: `open tcp 22 192.0.2.1 1700000000`; {} for any other."""
    words = text.split(None, 6)
    if len(words) < 5 or words[0] not in ("open", "banner"):
        return {}
    port: dict[str, Json] = {"port": words[2], "proto": words[1], "status": "open"}
    if words[0] == "banner" and len(words) > 6:
        port["service"] = {"name": words[5], "banner": words[6]}
    return {"ip": words[3], "timestamp": words[4], "ports": [port]}


def _ports(record: Mapping[str, Json]) -> Iterator[tuple[int, dict[str, Json]]]:
    """Yield the open TCP ports of a record, and what was seen there."""
    ports, data = record.get("ports"), record.get("data")
    if isinstance(data, dict):  # -oD holds one port a record
        service: Json = {"name": data.get("service_name"), "banner": data.get("banner")}
        status = "open" if record.get("rec_type") == "banner" else data.get("status")
        ports = [{**record, "status": status, "ttl": data.get("ttl"), "service": service}]
    for port in ports if isinstance(ports, list) else ():
        if not isinstance(port, dict) or port.get("proto") != "tcp" or port.get("status", "open") != "open":
            continue
        number = str(port.get("port"))
        if number.isascii() and number.isdigit() and 0 < int(number[:6]) < 65_536:
            yield int(number), {"state": "open"} | _ttl(port.get("ttl")) | _banner(port.get("service"))


def _ttl(value: Json) -> dict[str, Json]:
    return {"ttl": value} if isinstance(value, int) and 0 < value < 256 else {}


def _banner(service: Json) -> dict[str, Json]:
    said = service if isinstance(service, dict) else {}
    name, text = said.get("name"), said.get("banner")
    if not isinstance(name, str) or not isinstance(text, str):
        return {}
    return {"banner": {"service": name[:32], "text": text[:_TEXT_CHARACTERS]}}
