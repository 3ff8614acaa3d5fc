"""TCP connections that do not block; whether one was taken is all that is asked."""

import errno
import socket
from enum import Enum


class Outcome(Enum):
    """How a connection came out. Open and refused are both answers of a machine; silence is none."""

    PENDING = "pending"
    OPEN = "open"
    REFUSED = "refused"
    SILENT = "silent"


def start(address: str, port: int) -> tuple[socket.socket, Outcome]:
    """Return a connecting socket and how far it is. Raise OSError where no socket is to be had."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    return sock, outcome(sock.connect_ex((address, port)))


def finish(sock: socket.socket) -> Outcome:
    """Return how a connection came out that the system says is decided, and close it."""
    result = outcome(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
    sock.close()
    return result


def outcome(error: int) -> Outcome:
    """Return what an error number of connect() means."""
    if error == 0:
        return Outcome.OPEN
    if error == errno.EINPROGRESS:
        return Outcome.PENDING
    return Outcome.REFUSED if error in (errno.ECONNREFUSED, errno.ECONNRESET) else Outcome.SILENT
