"""ICMP echo over one raw socket, or one datagram socket where the system lets users ping.

https://www.rfc-editor.org/rfc/rfc792
"""

import socket
import struct
from typing import NamedTuple

_ECHO_REPLY, _ECHO_REQUEST = 0, 8
_HEADER = struct.Struct(">BBHHH")
_SOL_RAW, _ICMP_FILTER = 255, 1


class Reply(NamedTuple):
    """One echo reply."""

    identifier: int
    sequence: int
    data: bytes
    ttl: int | None


def open_socket() -> socket.socket | None:
    """Return a socket for pings; None where this user may not have one."""
    for kind in (socket.SOCK_RAW, socket.SOCK_DGRAM):
        try:
            sock = socket.socket(socket.AF_INET, kind | socket.SOCK_NONBLOCK, socket.IPPROTO_ICMP)
        except PermissionError:
            continue
        if kind == socket.SOCK_RAW:
            sock.setsockopt(_SOL_RAW, _ICMP_FILTER, struct.pack("=I", ~(1 << _ECHO_REPLY) & 0xFFFFFFFF))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        return sock
    return None


def is_raw(sock: socket.socket) -> bool:
    """Return whether answers come with their IP header and the identifier is ours to choose."""
    return sock.type == socket.SOCK_RAW


def request(identifier: int, sequence: int, data: bytes) -> bytes:
    """Return an echo request with its checksum."""
    packet = _HEADER.pack(_ECHO_REQUEST, 0, 0, identifier, sequence) + data
    return packet[:2] + struct.pack(">H", checksum(packet)) + packet[4:]


def read(packet: bytes, *, with_header: bool) -> Reply | None:
    """Return the echo reply in a packet, None for any other packet."""
    ttl = None
    if with_header:
        if len(packet) < 20:
            return None
        ttl = packet[8]
        packet = packet[(packet[0] & 0x0F) * 4 :]
    if len(packet) < _HEADER.size:
        return None
    kind, _, _, identifier, sequence = _HEADER.unpack_from(packet)
    return Reply(identifier, sequence, packet[_HEADER.size :], ttl) if kind == _ECHO_REPLY else None


def checksum(packet: bytes) -> int:
    """Return the Internet checksum of a packet: https://www.rfc-editor.org/rfc/rfc1071"""
    total: int = sum(struct.unpack(f">{len(packet) // 2}H", packet[: len(packet) & ~1]))
    if len(packet) % 2:
        total += packet[-1] << 8
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF
