"""Which way a packet to an address would take, asked of the kernel; nothing is sent.

Netlink's RTM_GETROUTE (https://man7.org/linux/man-pages/man7/rtnetlink.7.html) tells on-link from routed,
names the interface and the gateway, and knows the machine's own addresses.
"""

import socket
import struct
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import NamedTuple

_NLMSG_ERROR, _RTM_NEWROUTE, _RTM_GETROUTE, _NLM_F_REQUEST = 2, 24, 26, 1
_RTA_DST, _RTA_OIF, _RTA_GATEWAY, _RTA_PREFSRC = 1, 4, 5, 7
_RTN_UNICAST, _RTN_LOCAL = 1, 2
_HEADER = struct.Struct("=IHHII")
_ROUTE = struct.Struct("=BBBBBBBBI")
_ATTRIBUTE = struct.Struct("=HH")


class Way(Enum):
    """How an address is reached."""

    ON_LINK = "on-link"
    ROUTED = "routed"
    OWN = "own"  # this machine's: no asset of the client's
    NONE = "none"


class Route(NamedTuple):
    """The way to one address."""

    way: Way
    interface: str = ""
    source: str = ""  # the address this machine would use
    gateway: str = ""


class Routes:
    """The kernel's routing table."""

    def __init__(self) -> None:
        """Open the channel to the kernel."""
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self._names: dict[int, str] = {}

    def close(self) -> None:
        """Close the channel."""
        self._socket.close()

    def to(self, address: str) -> Route:
        """Return the way to an IPv4 address."""
        self._socket.send(question(address))
        kind, attributes = answer(self._socket.recv(8192))
        if kind == _RTN_LOCAL:
            # All of 127/8 is local, but only 127.0.0.1 is this machine itself; the rest may be anything's.
            is_own = not address.startswith("127.") or address == "127.0.0.1"
            return Route(Way.OWN) if is_own else Route(Way.ROUTED, "lo", "127.0.0.1")
        if kind != _RTN_UNICAST:
            return Route(Way.NONE)
        interface = self._name(int.from_bytes(attributes.get(_RTA_OIF, b""), "little"))
        source, gateway = (
            socket.inet_ntoa(value) if len(value := attributes.get(name, b"")) == 4 else ""
            for name in (_RTA_PREFSRC, _RTA_GATEWAY)
        )
        return Route(Way.ROUTED if gateway else Way.ON_LINK, interface, source, gateway)

    def _name(self, index: int) -> str:
        if index not in self._names:
            try:
                self._names[index] = socket.if_indextoname(index)
            except OSError:
                return ""
        return self._names[index]


def question(address: str) -> bytes:
    """Return the message that asks for the way to an address."""
    body = _ROUTE.pack(socket.AF_INET, 32, 0, 0, 0, 0, 0, 0, 0)
    body += _ATTRIBUTE.pack(_ATTRIBUTE.size + 4, _RTA_DST) + socket.inet_aton(address)
    return _HEADER.pack(_HEADER.size + len(body), _RTM_GETROUTE, _NLM_F_REQUEST, 1, 0) + body


def answer(message: bytes) -> tuple[int, dict[int, bytes]]:
    """Return the route's type and attributes; type 0 where there is no way."""
    length, kind, *_ = _HEADER.unpack_from(message)
    if kind != _RTM_NEWROUTE:
        return 0, {}
    route_type = _ROUTE.unpack_from(message, _HEADER.size)[7]
    return route_type, dict(_attributes(message[_HEADER.size + _ROUTE.size : length]))


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    while len(data) >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(data)
        if length < _ATTRIBUTE.size:
            return
        yield kind, data[_ATTRIBUTE.size : length]
        data = data[(length + 3) & ~3 :]


def neighbours(table: str | None = None) -> dict[str, str]:
    """Return the MAC of each address this machine has talked to on-link, as /proc/net/arp lists it."""
    if table is None:
        table = Path("/proc/net/arp").read_text(encoding="utf-8")
    rows = (line.split() for line in table.splitlines()[1:])
    return {row[0]: row[3] for row in rows if len(row) >= 4 and int(row[2], 16) & 0x2}  # 0x2: complete
