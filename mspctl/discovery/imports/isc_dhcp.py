"""The leases of ISC's DHCP server, usually /var/lib/dhcp/dhcpd.leases; also the hosts of its dhcpd.conf.

https://kb.isc.org/docs/isc-dhcp-44-manual-pages-dhcpdleases
"""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from mspctl.discovery.imports.leases import lease, moment
from mspctl.discovery.imports.lines import lines
from mspctl.discovery.imports.row import Asked, Row, Skipped, address_of

_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"?|([{};,=])|(#.*)|([^\s{};,="#]+)')
_ESCAPE = re.compile(r"\\([0-7]{1,3}|.)")
_WORDS = 64  # of one statement
_STATEMENTS = 256  # of one lease

Statement = list[str]


def read(chunks: Iterable[bytes], asked: Asked) -> Iterator[Row | Skipped]:
    """Yield the last lease of each address, and the addresses kept for hosts.

    The server appends; what stands last is what holds. An address nobody holds, because something strange
    answers there (abandoned), is no machine's.
    """
    last: dict[str, Row] = {}
    for block in _blocks(chunks):
        if isinstance(block, Skipped):
            yield block
            continue
        number, (kind, name), statements = block
        said = {each[0]: each[1:] for each in statements if each}
        said |= {each[1]: each[3:] for each in statements if each[:1] == ["set"] and each[2:3] == ["="]}
        if kind == "host":
            for address in filter(None, map(address_of, said.get("fixed-address", ()))):
                named = (said.get("option host-name") or [name])[0]
                yield lease(address, mac=_mac(said), name=named, state="reserved")
        elif address := address_of(name):
            last.pop(address, None)
            if row := _lease(address, said, asked.now):
                last[address] = row
        else:
            yield Skipped(number, "a lease without an address; left out")
    yield from last.values()


def _lease(address: str, said: dict[str, Statement], now: datetime) -> Row | None:
    state = (said.get("binding") or ["state", "active"])[-1]
    if state == "abandoned":
        return None
    ends = _time(said.get("ends", []))
    over = state != "active" or (ends is not None and ends < now)
    return lease(
        address,
        mac=_mac(said),
        name=(said.get("client-hostname") or [""])[0],
        state="ended" if over else "active",
        ends=ends,
        vendor_class=(said.get("vendor-class-identifier") or [""])[0],
    )


def _mac(said: dict[str, Statement]) -> str:
    hardware = said.get("hardware", [])
    return hardware[1] if len(hardware) > 1 and hardware[0] == "ethernet" else ""


def _time(words: Statement) -> datetime | None:
    """Return the time in `4 2026/11/19 10:00:00` or `epoch 1795082400`; None for `never`."""
    if words[:1] == ["epoch"] and len(words) > 1 and words[1].isdecimal():
        return moment("1970", "%Y") if len(words[1]) > 11 else datetime.fromtimestamp(int(words[1]), UTC)
    return moment(" ".join(words[1:3]), "%Y/%m/%d %H:%M:%S") if len(words) > 2 else None


def _blocks(chunks: Iterable[bytes]) -> Iterator[tuple[int, tuple[str, str], list[Statement]] | Skipped]:
    """Yield each lease and host with its line, its name and its statements; other blocks are passed over."""
    begun, head, depth, inner = 0, ("", ""), 0, 0
    statement: Statement = []
    statements: list[Statement] = []
    for number, text in lines(chunks):
        if text is None:
            yield Skipped(number, "a line too long; left out")
            continue
        for mark in _tokens(text):
            if mark == "{":
                depth += 1
                if not head[0] and statement[:1] in (["lease"], ["host"]) and len(statement) > 1:
                    head, begun, inner, statements = (statement[0], statement[1]), number, depth, []
                statement = []
            elif mark == "}":
                if head[0] and depth == inner:
                    yield begun, head, statements
                    head = ("", "")
                depth, statement = max(0, depth - 1), []
            elif mark == ";":
                if head[0] and depth == inner and len(statements) < _STATEMENTS:
                    statements.append(_named(statement))
                statement = []
            elif mark != "," and len(statement) < _WORDS:
                statement.append(mark[1:] if mark.startswith('"') else mark)
    if head[0]:
        yield Skipped(begun, f"the file ends within a {head[0]}; what stands before it counts")


def _named(statement: Statement) -> Statement:
    """Return a statement with its name in one word: `option host-name "x"` has two."""
    return [" ".join(statement[:2]), *statement[2:]] if statement[:1] == ["option"] else statement


def _tokens(text: str) -> Iterator[str]:
    """Yield the tokens of a line; a text in quotes keeps the first one as its mark."""
    for match in _TOKEN.finditer(text):
        quoted, mark, comment, word = match.groups()
        if comment:
            return
        yield mark or word or '"' + _ESCAPE.sub(_unescaped, quoted or "")


def _unescaped(match: re.Match[str]) -> str:
    return chr(int(match[1], 8) & 0xFF) if match[1].isdecimal() else match[1]
