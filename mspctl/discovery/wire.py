"""The sockets that are no TCP connections: ARP on each Ethernet, and ping. Answers to others are dropped."""

import secrets
import select
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress

from mspctl.discovery.probes import arp, ping
from mspctl.discovery.routes import Route, Way
from mspctl.discovery.scope import Scope

HeardArp = Callable[[str, str], None]
"""Takes address and MAC of each ARP reply to us from within the scope."""

HeardEcho = Callable[[str, int, int | None], None]
"""Takes address, sequence number and TTL of each reply to one of our pings."""


class Wire:
    """ARP and ping for one scan; without root there is no ARP, and perhaps no ping."""

    def __init__(self, epoll: select.epoll, scope: Scope, heard_arp: HeardArp, heard_echo: HeardEcho) -> None:
        """Open what this user may open."""
        self.strays = 0
        self.readers: dict[int, Callable[[], None]] = {}
        self._epoll = epoll
        self._scope = scope
        self._heard_arp = heard_arp
        self._heard_echo = heard_echo
        self._identifier = secrets.randbelow(0xFFFF) + 1
        self._token = secrets.token_bytes(16)
        self._sequence = 0
        self._echoes: dict[int, str] = {}  # of the last 65,536 pings
        self._links: dict[str, tuple[socket.socket, bytes] | None] = {}
        self._ping = ping.open_socket()
        if sock := self._ping:
            self._listen(sock, lambda: self._read_ping(sock))

    @property
    def can_ping(self) -> bool:
        """Whether this user may ping."""
        return self._ping is not None

    def close(self) -> None:
        """Close every socket."""
        for link in self._links.values():
            if link:
                link[0].close()
        if self._ping:
            self._ping.close()

    def link(self, route: Route) -> tuple[socket.socket, bytes] | None:
        """Return the packet socket and MAC of the Ethernet an address lies on, None where there is none."""
        if route.way is not Way.ON_LINK or not route.source:
            return None
        if route.interface not in self._links:
            self._links[route.interface] = link = arp.open_socket(route.interface)
            if link:
                sock, mac = link
                self._listen(sock, lambda: self._read_arp(sock, mac))
        return self._links[route.interface]

    def send_arp(self, address: str, route: Route) -> None:
        """Ask who has an address. Raise OSError where the question could not leave."""
        if link := self.link(route):
            sock, mac = link
            sock.send(arp.request(mac, route.source, address))

    def send_ping(self, address: str) -> int:
        """Ping an address and return the sequence number. Raise OSError where it could not leave."""
        self._sequence = (self._sequence + 1) & 0xFFFF
        if self._ping:
            self._ping.sendto(ping.request(self._identifier, self._sequence, self._token), (address, 0))
            self._echoes[self._sequence] = address
        return self._sequence

    def _read_ping(self, sock: socket.socket) -> None:
        with_header = ping.is_raw(sock)
        for packet, source in _received(sock):
            reply = ping.read(packet, with_header=with_header)
            if reply is None or (with_header and reply.identifier != self._identifier):
                continue  # the answer to another program's ping
            asked = self._echoes.get(reply.sequence)
            if source not in self._scope or reply.data != self._token or asked not in (source, None):
                self.strays += 1
            elif asked:
                self._heard_echo(source, reply.sequence, reply.ttl)

    def _read_arp(self, sock: socket.socket, mac: bytes) -> None:
        for frame, _ in _received(sock):
            reply = arp.read(frame)
            if reply is None or reply.to_mac != mac:
                continue  # other machines' conversation
            if reply.address in self._scope:
                self._heard_arp(reply.address, reply.mac)
            else:
                self.strays += 1

    def _listen(self, sock: socket.socket, reader: Callable[[], None]) -> None:
        self.readers[sock.fileno()] = reader
        self._epoll.register(sock.fileno(), select.EPOLLIN)


def _received(sock: socket.socket) -> Iterator[tuple[bytes, str]]:
    """Yield every packet that waits at a socket, with the address it came from."""
    with suppress(BlockingIOError):
        while True:
            packet, source = sock.recvfrom(2048)
            yield packet, str(source[0])
