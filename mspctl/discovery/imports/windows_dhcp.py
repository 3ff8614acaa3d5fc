"""Windows' DHCP server: `Export-DhcpServer -Leases` (XML), `Get-DhcpServerv4Lease | Export-Csv`.

https://learn.microsoft.com/powershell/module/dhcpserver/
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import chain, islice

from mspctl.discovery.imports.leases import lease, moment
from mspctl.discovery.imports.row import Asked, Row, Skipped, address_of
from mspctl.discovery.imports.tables import rows
from mspctl.discovery.imports.trees import trees

_BAD = "bad_address"  # what the server calls an address that something strange answers at


def read(chunks: Iterable[bytes], asked: Asked) -> Iterator[Row | Skipped]:
    """Yield leases and reservations; of an address that has both, the lease knows the machine's own name."""
    rest = iter(chunks)
    head = list(islice(rest, 1))
    is_xml = b"<" in head[0][:16].replace(b"\0", b"") if head else False
    said = _elements(chain(head, rest)) if is_xml else _cells(chain(head, rest))
    found: dict[str, Row] = {}
    for item in said:
        if isinstance(item, Skipped):
            yield item
            continue
        number, each = item
        address = address_of(each.get("ipaddress"))
        name = each.get("hostname") or each.get("name", "")
        if not address:
            yield Skipped(number, "a lease without an address; left out")
        elif name.lower() != _BAD and (address not in found or "hostname" in each):
            ends = _time(each.get("leaseexpirytime", ""))
            state = _state(each, ends, asked.now)
            found[address] = lease(address, mac=each.get("clientid", ""), name=name, state=state, ends=ends)
    yield from found.values()


def _elements(chunks: Iterable[bytes]) -> Iterator[tuple[int, Mapping[str, str]] | Skipped]:
    for item in trees(chunks, "Lease", "Reservation"):
        if isinstance(item, Skipped):
            yield item
        else:
            said = {child.tag.lower(): (child.text or "").strip() for child in item.element}
            kept = {"addressstate": "Reservation"} if item.element.tag == "Reservation" else {}
            yield item.line, kept | {name: text for name, text in said.items() if text}


def _cells(chunks: Iterable[bytes]) -> Iterator[tuple[int, Mapping[str, str]] | Skipped]:
    for row in rows(chunks):
        if isinstance(row, Skipped):
            yield row
        else:
            yield row.line, {name.lower(): text for name, text in row.cells.items() if text}


def _state(said: Mapping[str, str], ends: datetime | None, now: datetime) -> str:
    state = said.get("addressstate", "").lower()
    if "reservation" in state:
        return "reserved"
    return "ended" if (ends and ends < now) or (state and not state.startswith("active")) else "active"


def _time(text: str) -> datetime | None:
    """Return a time as the XML has it; PowerShell writes it as the country does: there the state counts."""
    return moment(text.rstrip("Z")[:19], "%Y-%m-%d %H:%M:%S")
