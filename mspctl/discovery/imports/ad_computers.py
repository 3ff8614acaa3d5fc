"""Active Directory's computers, exported: `Get-ADComputer -Filter * -Properties * | Export-Csv`, or LDIF."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import chain, islice

from mspctl.discovery.imports.ldif import entries
from mspctl.discovery.imports.lines import decoded
from mspctl.discovery.imports.row import Asked, Row, Skipped, address_of
from mspctl.discovery.imports.tables import rows
from mspctl.facts.directory import ASKED
from mspctl.records import Json

_COLUMNS = {name.lower(): name.lower() for name in ASKED} | {
    "name": "cn",
    "created": "whencreated",
    "serviceprincipalnames": "serviceprincipalname",
}
_COLLECTION = "Microsoft.ActiveDirectory.Management."  # what Export-Csv writes in place of several values
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
_DATES = (  # PowerShell writes them as the country does; month and day are told apart by what stands around
    (re.compile(r"\d{4}-\d\d-\d\d"), "%Y-%m-%d"),
    (re.compile(r"\d{1,2}\.\d{1,2}\.\d{4}"), "%d.%m.%Y"),
    (re.compile(r"\d{1,2}/\d{1,2}/\d{4}(?=.*[AP]M)"), "%m/%d/%Y"),
)
_VALUES = 64


def read(chunks: Iterable[bytes], _asked: Asked) -> Iterator[Row | Skipped]:
    """Yield the computers' accounts, whichever of the two forms the file has."""
    rest = iter(chunks)
    head = list(islice(rest, 1))
    is_ldif = bool(head) and re.search(r"^(?:dn:|version: ?1)", decoded(head[0]), re.MULTILINE)
    yield from _from_ldif(chain(head, rest)) if is_ldif else _from_table(chain(head, rest))


def computer(attributes: Mapping[str, Iterable[str]], addresses: Iterable[str] = ()) -> Row:
    """Return one account, given its attributes by their names in lower case."""
    raw: dict[str, Json] = {
        name: list(islice(attributes[name], _VALUES))
        for name in (each.lower() for each in ASKED)
        if any(attributes.get(name, ()))
    }
    if short := next(iter(attributes.get("netbios_domain", ())), ""):
        raw["netbios_domain"] = short
    return Row("directory", tuple(addresses), raw)


def _from_ldif(chunks: Iterable[bytes]) -> Iterator[Row | Skipped]:
    for item in entries(chunks):
        if isinstance(item, Skipped):
            yield item
            continue
        number, entry = item
        classes = [value.lower() for value in entry.get("objectclass", ())]
        change = entry.get("changetype", ["add"])[0].lower()
        if change == "add" and "dn" in entry and ("computer" in classes or not classes):
            yield computer({"distinguishedname": entry["dn"]} | entry)
        elif change != "add":
            yield Skipped(number, f"changetype {change[:20]!r} is no export; left out")


def _from_table(chunks: Iterable[bytes]) -> Iterator[Row | Skipped]:
    for row in rows(chunks):
        if isinstance(row, Skipped):
            yield row
            continue
        cells = {name.lower(): text for name, text in row.cells.items()}
        found = {
            name: [] if cells[column].startswith(_COLLECTION) else [cells[column]]
            for column, name in _COLUMNS.items()
            if column in cells
        }
        found |= _control(cells) | _last_logon(cells)
        if not any(found.get("samaccountname", found.get("cn", ()))):
            yield Skipped(row.line, "no account: neither SamAccountName nor Name; left out")
            continue
        address = address_of(cells.get("ipv4address"))
        yield computer(found, [address] if address else [])


def _control(cells: Mapping[str, str]) -> dict[str, list[str]]:
    """Return userAccountControl, made of the column Enabled where only that was exported."""
    if cells.get("useraccountcontrol"):
        return {"useraccountcontrol": [cells["useraccountcontrol"]]}
    states = {"true": "4096", "false": "4098"}
    state = states.get(cells.get("enabled", "").lower())
    return {"useraccountcontrol": [state]} if state else {}


def _last_logon(cells: Mapping[str, str]) -> dict[str, list[str]]:
    """Return lastLogonTimestamp: 0 where the export says there was none, nothing where it says nothing."""
    if ticks := cells.get("lastlogontimestamp"):
        return {"lastlogontimestamp": [ticks]}
    date = cells.get("lastlogondate", "")
    for pattern, form in _DATES:
        if match := pattern.match(date):
            try:
                day = datetime.strptime(match[0], form).replace(tzinfo=UTC)
            except ValueError:
                return {}
            return {"lastlogontimestamp": [str((day - _EPOCH).days * 864_000_000_000)]}
    is_told = "lastlogontimestamp" in cells or ("lastlogondate" in cells and not date)
    return {"lastlogontimestamp": ["0"]} if is_told else {}
