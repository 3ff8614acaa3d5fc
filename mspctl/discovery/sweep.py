"""Find what is alive and which ports are open: one event loop, no thread and no task per target.

Addresses stream through: each is looked at from its first packet to its last on its own, so nobody waits
for the slowest. Rules that keep answers from being lost, each with its test: a timer starts when its packet
has left, not when it was planned; everything that is ready is taken in before anything is given up; silence
is asked again, more often where answers get lost, and an earlier connection stays open meanwhile (the kernel
repeats its SYN after a second); late answers count as long as the sweep runs.
"""

import asyncio
import errno
import select
import socket
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Mapping
from heapq import heappop, heappush
from itertools import count
from time import monotonic
from types import TracebackType
from typing import Protocol, Self

from mspctl.discovery.pace import Pace
from mspctl.discovery.patience import Line
from mspctl.discovery.probes import tcp
from mspctl.discovery.profiles import FIRST_CONTACT_PORTS, NEVER_TALKED_TO
from mspctl.discovery.request import ScanRequest
from mspctl.discovery.routes import Route, Way, neighbours
from mspctl.discovery.scope import Scope
from mspctl.discovery.target import AT_ONCE, Kind, Known, Question, Target
from mspctl.discovery.wire import Wire
from mspctl.errors import MspctlError
from mspctl.records import Json

NEIGHBOURS = 500  # at a time on-link without packet sockets: the kernel's table holds 1,024 (gc_thresh3)
MOST_TARGETS = 4_096
MOST_CONNECTIONS = 12_000
_LATE = 16_384  # addresses given up last, whose late answers still count
_BURST = 256  # packets between two looks at what came in: answers must not pile up
_CONGESTED_SECONDS = 0.005  # the network card's queue is full: pause
_TURN_SECONDS = 0.05  # packets first: while they are waited for there is time for everything else
_CROWDED_SECONDS = 0.05
_QUEUE_FULL = frozenset({errno.EAGAIN, errno.ENOBUFS})
_NO_MORE_FILES = frozenset({errno.EMFILE, errno.ENFILE})


class Finder(Protocol):
    """Who is told what a sweep finds, at once."""

    @property
    def is_crowded(self) -> bool:
        """Whether no further address should be begun for now."""

    def told(self, address: str, probe: str, port: int | None, raw: dict[str, Json]) -> None:
        """Take the raw material of one answer."""

    def alive(self, target: Target) -> None:
        """Take an address that has answered for the first time."""

    def opened(self, target: Target, port: int) -> None:
        """Take an open port."""

    def finished(self, target: Target) -> None:
        """Take an address of which no more will be heard, but for an answer that comes very late."""


def first_contact(ports: Iterable[int]) -> tuple[int, ...]:
    """Return the ports that are knocked at to learn whether a machine is there; only ports asked for."""
    wanted = tuple(ports)
    return tuple(port for port in FIRST_CONTACT_PORTS if port in wanted) or wanted[: len(FIRST_CONTACT_PORTS)]


class Sweep:
    """The sockets of one scan and the loop that serves them; made inside a running event loop."""

    def __init__(
        self, request: ScanRequest, scope: Scope, finder: Finder, known: Mapping[str, Known], most: int
    ) -> None:
        """Take what is asked for, who is told, what is known already, and how many files may be open."""
        self._request = request
        self._scope = scope
        self._finder = finder
        self._known = known
        self._most = most
        self._knocks = first_contact(request.ports)
        self._pace = Pace(request.packets_per_second)
        self._epoll = select.epoll()
        self._wire = Wire(self._epoll, scope, self._heard_arp, self._heard_echo)
        self._lines: dict[str, Line] = {}
        self._targets: dict[str, Target] = {}
        self._late: OrderedDict[str, Route] = OrderedDict()  # given up
        self._ready: deque[Question] = deque()  # may leave as soon as the pace lets it
        self._timers: list[tuple[float, int, Question | Target]] = []
        self._numbers = count()
        self._is_drained = False  # there is no further address
        self._files: dict[int, tuple[Question, socket.socket, float]] = {}  # connecting, since
        self._neighbours = 0  # targets that cost the kernel a place in its neighbour table
        self._unseen = 0  # of those, the ones that were not looked up there yet
        self._parked: list[Target] = []  # of those, the ones that have nothing else left
        self._yielded_at = 0.0
        self._waiter: asyncio.Future[None] | None = None
        asyncio.get_running_loop().add_reader(self._epoll.fileno(), self._wake)

    @property
    def strays(self) -> int:
        """How many answers came from outside the scope, or to questions never asked."""
        return self._wire.strays

    def __enter__(self) -> Self:
        """Return the sweep."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every socket, also after Ctrl-C."""
        asyncio.get_running_loop().remove_reader(self._epoll.fileno())
        for _, sock, _ in self._files.values():
            sock.close()
        self._wire.close()
        self._epoll.close()

    async def run(self, addresses: Iterator[tuple[str, Route]]) -> None:
        """Look at every address and return when nothing more will be heard of any."""
        while True:
            pause, is_done = self._send_due(addresses)
            if is_done and not self._targets:
                return
            if self._timers:
                until = max(0.0, self._timers[0][0] - monotonic())
                pause = until if pause is None else min(pause, until)
            await self._wait(pause)
            self._take_in()
            now = monotonic()
            if self._timers and self._timers[0][0] <= now:
                while self._take_in():  # what is ready has answered in time, however late we look
                    pass
                self._decide(now)

    # The loop

    def _send_due(self, addresses: Iterator[tuple[str, Route]]) -> tuple[float | None, bool]:
        """Send what may leave now. Return how long to pause (None: until something happens), and whether
        there is nothing left to send."""
        for _ in range(2 * _BURST):
            if not self._is_drained and len(self._ready) < _BURST and not self._is_full():
                self._begin(addresses)
                continue
            if not self._ready:
                return (_CROWDED_SECONDS if self._finder.is_crowded else None), self._is_drained
            if len(self._files) >= self._most:
                return None, False
            if wait := self._pace.wait_seconds():
                return wait, False
            question = self._ready.popleft()
            try:
                if not question.is_over:
                    self._send(question)
            except OSError as error:
                if error.errno in _NO_MORE_FILES:
                    if not self._files:
                        raise MspctlError("no file may be opened: raise `ulimit -n`") from error
                    self._most = len(self._files)
                elif error.errno not in _QUEUE_FULL:
                    self._sent(question, None)  # no way there, or a local filter: silence like any other
                    continue
                self._ready.appendleft(question)
                return _CONGESTED_SECONDS, False
        return 0.0, False

    def _is_full(self) -> bool:
        """Return whether so much is under way that the next address has to wait."""
        return (
            len(self._targets) >= MOST_TARGETS
            or self._neighbours >= NEIGHBOURS
            or self._finder.is_crowded
            or len(self._files) >= self._most
        )

    def _begin(self, addresses: Iterator[tuple[str, Route]]) -> None:
        """Begin with the next address, if there is one."""
        if entry := next(addresses, None):
            self._admit(*entry)
        else:
            self._is_drained = True

    def _send(self, question: Question) -> None:
        """Send one packet, and only then start its timer. Raise OSError where it could not leave."""
        target = question.target
        self._scope.guard(target.address)
        if question.kind is Kind.TCP:
            sock, result = tcp.start(target.address, question.port)
            if result is tcp.Outcome.PENDING:
                self._sent(question, sock)
            else:
                sock.close()
                self._sent(question, None)
                self._settle(question, question.asked_at, result)
            return
        target.asking[question.kind] = question
        if question.kind is Kind.PING:
            sequence = self._wire.send_ping(target.address)
            self._sent(question, None)
            target.echoes[sequence] = question.asked_at
        else:
            self._wire.send_arp(target.address, target.route)
            self._sent(question, None)

    def _sent(self, question: Question, sock: socket.socket | None) -> None:
        """Start the timer of a packet that has left."""
        self._pace.take()
        now = monotonic()
        target = question.target
        question.tries += 1
        question.asked_at = now
        question.sent_at = question.sent_at or now
        target.held[question] = now
        if sock:
            if len(self._files) >= self._most // 2:
                self._hang_up(question)  # files are scarce: the earlier connection is given up for this one
            question.sockets.append(sock)
            self._files[sock.fileno()] = question, sock, now
            self._epoll.register(sock.fileno(), select.EPOLLOUT)
        question.is_last = question.kind is not Kind.ARP and question.tries >= self._most_tries(question)
        line = target.line
        wait = line.last_seconds(target.seconds) if question.is_last else line.pause_seconds(target.seconds)
        self._later(question, now + wait)

    def _later(self, thing: Question | Target, when: float) -> None:
        if isinstance(thing, Question):
            thing.when = when
        heappush(self._timers, (when, next(self._numbers), thing))

    async def _wait(self, seconds: float | None) -> None:
        """Let the questions to services have their turn until something is ready or some time is over."""
        if seconds is not None and seconds <= 0:
            if monotonic() - self._yielded_at >= _TURN_SECONDS:
                await asyncio.sleep(0)
                self._yielded_at = monotonic()
            return
        self._yielded_at = monotonic()
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        timer = loop.call_later(seconds, self._wake) if seconds is not None else None
        try:
            await self._waiter
        finally:
            self._waiter = None
            if timer:
                timer.cancel()

    def _wake(self) -> None:
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)

    def _take_in(self) -> bool:
        """Handle everything that is ready; return whether there was anything."""
        events = self._epoll.poll(0, maxevents=4096)
        for file, _ in events:
            if reader := self._wire.readers.get(file):
                reader()
            elif entry := self._files.pop(file, None):
                question, sock, sent_at = entry
                self._epoll.unregister(file)
                self._settle(question, sent_at, tcp.finish(sock))
        return bool(events)

    def _decide(self, now: float) -> None:
        """Ask again, or give up, what has been silent until `now`."""
        while self._timers and self._timers[0][0] <= now:
            when, _, thing = heappop(self._timers)
            if isinstance(thing, Target):
                thing.wakes = False
                self._pump(thing)
            elif not thing.is_over and thing.when == when:
                self._silent(thing)

    def _silent(self, question: Question) -> None:
        """Ask again where that is due, or where answers have turned out to be lost; else give up."""
        if question.tries < self._most_tries(question):
            self._ready.append(question)
        else:
            self._end(question)

    def _most_tries(self, question: Question) -> int:
        return 1 if question.port in NEVER_TALKED_TO else question.target.line.tries

    # What is asked

    def _admit(self, address: str, route: Route) -> None:
        """Begin with an address: ARP on-link, else a ping and some ports at once."""
        target = Target(address, route, self._line(route))
        self._targets[address] = target
        if self._fills_neighbour_table(target):
            self._neighbours += 1
            self._unseen += 1
        if known := self._known.get(address):
            self._resume(target, known)
        elif self._wire.link(route):
            self._ask(target, Kind.ARP)
        else:
            if self._wire.can_ping:
                self._ask(target, Kind.PING)
            for port in self._knocks:
                self._ask(target, Kind.TCP, port)
        self._pump(target)
        if not target.left:
            self._finish(target)

    def _resume(self, target: Target, known: Known) -> None:
        """Go on with an address that has answered before: what it said is not asked again."""
        target.settled.update(known.ports)
        target.macs.update(known.macs)
        target.is_pinged = ("ping", None) in known.probes
        self._alive(target, 0.0)
        for port, is_open in known.ports.items():
            if is_open:
                self._finder.opened(target, port)

    def _line(self, route: Route) -> Line:
        name = route.gateway or route.interface
        if name not in self._lines:
            self._lines[name] = Line(self._request.timeout_seconds)
        return self._lines[name]

    def _fills_neighbour_table(self, target: Target) -> bool:
        """Return whether asking an address costs the kernel a place in its neighbour table."""
        return target.route.way is Way.ON_LINK and not self._wire.link(target.route)

    def _ask(self, target: Target, kind: Kind, port: int = 0) -> None:
        target.todo.append(Question(target, kind, port))
        target.left += 1

    def _pump(self, target: Target) -> None:
        """Send what a machine may be asked now, and come back for the rest when it has had its time."""
        if not target.todo:
            return
        now, hold = monotonic(), target.hold_seconds
        for question, since in list(target.held.items()):
            if since + hold <= now:
                del target.held[question]
        while target.todo and len(target.held) < AT_ONCE:
            question = target.todo.popleft()
            target.held[question] = now
            self._ready.append(question)
        if target.todo and not target.wakes:
            target.wakes = True
            self._later(target, min(target.held.values()) + hold)

    # What is answered

    def _settle(self, question: Question, sent_at: float, result: tcp.Outcome) -> None:
        if question.is_over or result in (tcp.Outcome.PENDING, tcp.Outcome.SILENT):
            return
        target = question.target
        self._heard(question, sent_at)
        is_first_refusal = result is tcp.Outcome.REFUSED and not target.settled
        target.settled.add(question.port)
        if result is tcp.Outcome.OPEN or is_first_refusal:  # one refusal shows life; more show nothing
            self._finder.told(target.address, "tcp", question.port, {"state": result.value})
        if result is tcp.Outcome.OPEN:
            self._finder.opened(target, question.port)
        self._end(question)

    def _heard(self, question: Question, sent_at: float) -> None:
        """Learn from an answer, and go on with a machine that has just shown itself."""
        seconds = monotonic() - sent_at
        question.target.line.heard(seconds, again=sent_at > question.sent_at)
        self._alive(question.target, seconds)

    def _alive(self, target: Target, seconds: float) -> None:
        """Ask a machine that has just shown itself for all that is not under way yet."""
        if target.is_alive:
            return
        target.is_alive = True
        target.seconds = seconds
        self._finder.alive(target)
        asked = set(self._knocks) if target.left and not self._wire.link(target.route) else set()
        if self._wire.can_ping and not target.is_pinged and not asked:
            self._ask(target, Kind.PING)
        for port in self._request.ports:
            if port not in asked and port not in target.settled:
                self._ask(target, Kind.TCP, port)
        self._pump(target)

    def _heard_echo(self, address: str, sequence: int, ttl: int | None) -> None:
        target = self._target(address)
        if target is None or target.is_pinged:
            return
        target.is_pinged = True
        self._finder.told(address, "ping", None, {"ttl": ttl} if ttl else {})
        self._shown(target, Kind.PING, target.echoes.get(sequence))

    def _heard_arp(self, address: str, mac: str) -> None:
        target = self._target(address)
        if target is None:
            return
        self._seen_mac(target, mac)
        question = target.asking.get(Kind.ARP)
        self._shown(target, Kind.ARP, question.asked_at if question else None)

    def _shown(self, target: Target, kind: Kind, sent_at: float | None) -> None:
        """Take it that an address has answered something else than a connection."""
        question = target.asking.get(kind)
        if question and sent_at and not question.is_over:
            self._heard(question, sent_at)
            self._end(question)
            return
        self._alive(target, 0.0)
        if not target.left and target not in self._parked:
            self._finish(target)

    def _seen_mac(self, target: Target, mac: str) -> None:
        """Tell of a MAC once; two for one address are two machines in conflict, and both are told."""
        if mac not in target.macs:
            target.macs.add(mac)
            self._finder.told(target.address, "arp", None, {"mac": mac})

    def _target(self, address: str) -> Target | None:
        """Return an address that was asked; one that was given up is taken up again."""
        if address in self._targets:
            return self._targets[address]
        if route := self._late.pop(address, None):
            self._targets[address] = target = Target(address, route, self._line(route))
            target.is_looked_up = True
            return target
        return None

    # How it ends

    def _end(self, question: Question) -> None:
        """Be done with a question, answered or given up."""
        target = question.target
        question.is_over = True
        self._hang_up(question)
        target.held.pop(question, None)
        target.left -= 1
        if target.left:
            self._pump(target)
        else:
            self._finish(target)

    def _hang_up(self, question: Question) -> None:
        for sock in question.sockets:
            if self._files.pop(sock.fileno(), None):
                self._epoll.unregister(sock.fileno())
            sock.close()
        question.sockets.clear()

    def _finish(self, target: Target) -> None:
        """Be done with an address; without packet sockets, once the kernel's neighbours were looked at."""
        if target.is_looked_up or not self._fills_neighbour_table(target):
            self._forget(target)
            return
        self._parked.append(target)
        if len(self._parked) == self._unseen:
            self._look_at_neighbours()

    def _look_at_neighbours(self) -> None:
        """Take what the kernel learnt on-link while it tried to connect."""
        parked, self._parked, self._unseen = self._parked, [], 0
        table = neighbours()
        for target in parked:
            target.is_looked_up = True
            if mac := table.get(target.address):
                self._seen_mac(target, mac)
                self._alive(target, 0.0)
            if not target.left:
                self._forget(target)

    def _forget(self, target: Target) -> None:
        del self._targets[target.address]
        if self._fills_neighbour_table(target):
            self._neighbours -= 1
        if not target.is_alive:
            self._late[target.address] = target.route
            if len(self._late) > _LATE:
                self._late.popitem(last=False)
        self._finder.finished(target)
