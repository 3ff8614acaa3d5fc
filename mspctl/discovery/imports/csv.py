"""Somebody's list of machines: any table with a column of addresses, MACs, names or serial numbers."""

import re
from collections.abc import Iterable, Iterator, Mapping

from mspctl.discovery.imports.row import Asked, Row, Skipped, address_of
from mspctl.discovery.imports.tables import TableRow, rows
from mspctl.facts.csv import FIELDS
from mspctl.records import Json

_KNOWN = {
    "address": "ip, ip address, ipaddress, ipv4, ipv4 address, ip addr, address, management ip, ip-adresse",
    "mac": "mac, mac address, macaddress, physical address, ethernet address, hardware address, mac-adresse",
    "name": "name, hostname, host name, host, computer, computer name, computername, device, device name,"
    " system name, fqdn, dns name, asset name, hostname/fqdn",
    "domain": "domain, dns domain, ad domain, dns suffix",
    "vendor": "vendor, manufacturer, make, brand, maker, hersteller",
    "model": "model, product, model name, product name, modell",
    "serial": "serial, serial number, serialnumber, serial no, s/n, sn, service tag, seriennummer",
    "os": "os, operating system, operatingsystem, os name, platform, betriebssystem",
    "os_version": "os version, operating system version, operatingsystemversion, os_version, os build",
    "role": "role, function, purpose",
    "kind": "kind, type, device type, category, class, asset type, typ",
    "location": "location, site, room, building, place, standort",
    "contact": "contact, owner, user, assigned to, responsible, assigned user",
}
_COLUMNS = {word.strip(): field for field, words in _KNOWN.items() for word in words.split(",")}
_TELLING = ("address", "mac", "name", "serial")
_ADDRESSES = 16


def read(chunks: Iterable[bytes], asked: Asked) -> Iterator[Row | Skipped]:
    """Yield the rows that name a machine. Without columns given, those are taken whose names are known."""
    columns: dict[str, str] = {}
    for row in rows(chunks):
        if isinstance(row, Skipped):
            yield row
            continue
        columns = columns or mapped(row.cells, asked.columns)
        missing = [column for column in columns.values() if column not in row.cells]
        if not any(field in columns for field in _TELLING) or missing == list(columns.values()):
            shown = ", ".join(name for name in row.cells if name)[:200]
            yield Skipped(1, f"no column tells a machine; name them with --column address=… (found: {shown})")
            return
        yield _row(row, columns)


def mapped(header: Iterable[str], given: Mapping[str, str]) -> dict[str, str]:
    """Return the column of each field: those given, else those whose names people use for it."""
    found = dict(given)
    for name in header:
        field = _COLUMNS.get(" ".join(name.lower().replace("_", " ").split()), "")
        if field and field not in found and name not in found.values():
            found[field] = name
    return found


def _row(row: TableRow, columns: Mapping[str, str]) -> Row | Skipped:
    texts = {field: row.cells.get(columns[field], "") for field in FIELDS if field in columns}
    addresses, wrong = [], ""
    for part in re.split(r"[\s,;]+", texts.pop("address", ""))[:_ADDRESSES]:
        if address := address_of(part.partition("/")[0]):
            addresses.append(address)
        elif part:
            wrong = wrong or part
    raw: dict[str, Json] = {field: text for field, text in texts.items() if text}
    if wrong and not addresses:
        return Skipped(row.line, f"not an address: {wrong[:40]!r}; correct it, or map --column address=…")
    if not addresses and not any(field in raw for field in _TELLING):
        return Skipped(row.line, "names no machine: no address, MAC, name or serial number")
    return Row("csv", tuple(dict.fromkeys(addresses)), raw)
