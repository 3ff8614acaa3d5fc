"""ARP over a raw packet socket: the one question no machine on-link can leave unanswered.

https://www.rfc-editor.org/rfc/rfc826
"""

import socket
import struct
from typing import NamedTuple

ETHERTYPE = 0x0806
_ETHERNET_HARDWARE = 1
_FRAME = struct.Struct(">6s6sHHHBBH6s4s6s4s")
_BROADCAST = b"\xff" * 6


class Reply(NamedTuple):
    """One ARP reply: who says to be where, and to whom."""

    address: str
    mac: str
    to_mac: bytes


def open_socket(interface: str) -> tuple[socket.socket, bytes] | None:
    """Return a socket on an Ethernet interface and the interface's MAC; None where that cannot be had."""
    try:
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
    except PermissionError:
        return None
    try:
        sock.bind((interface, ETHERTYPE))
    except OSError:
        sock.close()
        return None
    _, _, _, hardware, mac = sock.getsockname()
    if hardware != _ETHERNET_HARDWARE or len(mac) != 6:
        sock.close()
        return None
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    return sock, mac


def request(mac: bytes, source: str, address: str) -> bytes:
    """Return the frame that asks who has an address."""
    asking = (_ETHERNET_HARDWARE, 0x0800, 6, 4, 1)
    addresses = (mac, socket.inet_aton(source), bytes(6), socket.inet_aton(address))
    return _FRAME.pack(_BROADCAST, mac, ETHERTYPE, *asking, *addresses)


def read(frame: bytes) -> Reply | None:
    """Return the ARP reply in a frame, None for any other frame."""
    if len(frame) < _FRAME.size:
        return None
    _, _, ethertype, hardware, protocol, mac_size, address_size, operation, mac, address, to_mac, _ = (
        _FRAME.unpack_from(frame)
    )
    if (ethertype, hardware, protocol, mac_size, address_size, operation) != (ETHERTYPE, 1, 0x0800, 6, 4, 2):
        return None
    return Reply(socket.inet_ntoa(address), mac.hex(":"), to_mac)
