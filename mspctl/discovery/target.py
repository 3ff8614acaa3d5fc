"""One address of a sweep, and the questions that are open about it."""

import socket
from collections import deque
from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

from mspctl.discovery.patience import Line
from mspctl.discovery.routes import Route

AT_ONCE = 8  # packets one machine has to answer at a time: a small controller falls over at a flood
_HELD_SECONDS = 0.05  # a packet that was not answered by then was dropped, and burdens nobody


class Kind(Enum):
    """What is sent."""

    ARP = "arp"
    PING = "ping"
    TCP = "tcp"


class Known(NamedTuple):
    """What the log of a scan that is resumed says of one address."""

    ports: Mapping[int, bool] = {}  # port: whether it is open
    macs: frozenset[str] = frozenset()
    probes: frozenset[tuple[str, int | None]] = frozenset()  # what was answered, and at which port


class Target:
    """An address that is looked at now; dropped as soon as all is settled, so that memory stays flat."""

    __slots__ = (
        *("address", "route", "line", "is_alive", "is_pinged", "is_looked_up", "seconds", "settled", "macs"),
        *("left", "todo", "held", "wakes", "asking", "echoes"),
    )

    def __init__(self, address: str, route: Route, line: Line) -> None:
        """Take an address, the way to it, and what is known of that way."""
        self.address = address
        self.route = route
        self.line = line
        self.is_alive = False
        self.is_pinged = False
        self.is_looked_up = False  # in the kernel's neighbour table
        self.seconds = 0.0  # its first answer took so long
        self.settled: set[int] = set()  # ports that answered, open or refused
        self.macs: set[str] = set()
        self.left = 0  # questions without an end yet
        self.todo: deque[Question] = deque()  # questions that wait for room
        self.held: dict[Question, float] = {}  # sent when; the machine may be busy with them
        self.wakes = False
        self.asking: dict[Kind, Question] = {}  # the ARP and the ping under way
        self.echoes: dict[int, float] = {}  # sequence number of each ping: when it left

    @property
    def hold_seconds(self) -> float:
        """How long an unanswered packet counts against the machine."""
        return max(_HELD_SECONDS, 2 * self.seconds)


class Question:
    """One question to one address, however often it is put."""

    __slots__ = (
        "asked_at",
        "is_last",
        "is_over",
        "kind",
        "port",
        "sent_at",
        "sockets",
        "target",
        "tries",
        "when",
    )

    def __init__(self, target: Target, kind: Kind, port: int = 0) -> None:
        """Take what is asked, and of whom."""
        self.target = target
        self.kind = kind
        self.port = port
        self.tries = 0
        self.sent_at = 0.0  # first
        self.asked_at = 0.0  # last
        self.when = 0.0  # of the next decision about it
        self.is_last = False  # asked for the last time, as far as is known
        self.is_over = False
        self.sockets: list[socket.socket] = []
