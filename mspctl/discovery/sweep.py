"""Find what is alive and which ports are open: one event loop, no thread and no task per target.

Rules that keep answers from being lost, each with its test: a timer starts when its packet has left, not
when it was planned; everything that is ready is taken in before anything is given up; silence is asked a
second time; late answers count as long as their batch runs.
"""

import errno
import secrets
import select
import socket
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from enum import Enum
from heapq import heappop, heappush
from time import monotonic
from types import TracebackType
from typing import NamedTuple, Self

from mspctl.discovery.limits import files_free
from mspctl.discovery.pace import Pace
from mspctl.discovery.probes import arp, ping, tcp
from mspctl.discovery.request import FIRST_CONTACT_PORTS, NEVER_TALKED_TO, ScanRequest
from mspctl.discovery.routes import Route, Way, neighbours
from mspctl.discovery.scope import Scope
from mspctl.errors import MspctlError
from mspctl.records import Json

BATCH = 2_048  # addresses at a time: enough to make waiting for silence cheap, few enough to hold in memory
NEIGHBOURS = 500  # of them on-link without packet sockets: the kernel's table holds 1,024 (gc_thresh3)
TRIES = 2
MOST_CONNECTIONS = 12_000
_SHORTEST_SECONDS = 0.5  # patience with a machine that is known to answer fast
_BURST = 256  # packets between two looks at what came in: answers must not pile up
_CONGESTED_SECONDS = 0.005  # the network card's queue is full: pause
_QUEUE_FULL = frozenset({errno.EAGAIN, errno.ENOBUFS})
_NO_MORE_FILES = frozenset({errno.EMFILE, errno.ENFILE})

Answer = Callable[[str, str, int | None, dict[str, Json]], None]
"""Takes address, probe, port and raw material of each answer, at once."""


class Kind(Enum):
    """What is sent."""

    ARP = "arp"
    PING = "ping"
    TCP = "tcp"


class Job(NamedTuple):
    """One question to one address."""

    kind: Kind
    address: str
    port: int = 0


class Attempt(NamedTuple):
    """A question under way."""

    sent_at: float
    deadline: float
    sock: socket.socket | None


class Host:
    """What a sweep knows of one address that answered."""

    def __init__(self, address: str, seconds: float) -> None:
        """Take the time its first answer took."""
        self.address = address
        self.seconds = seconds
        self.open: set[int] = set()
        self.settled: set[int] = set()  # ports that answered, open or refused
        self.is_pinged = False


def first_contact(ports: Iterable[int]) -> tuple[int, ...]:
    """Return the ports that are knocked at to learn whether a machine is there; only ports asked for."""
    wanted = tuple(ports)
    return tuple(port for port in FIRST_CONTACT_PORTS if port in wanted) or wanted[: len(FIRST_CONTACT_PORTS)]


class Sweep:
    """The sockets of one scan and the loop that serves them."""

    def __init__(self, request: ScanRequest, scope: Scope, answer: Answer) -> None:
        """Open what this user may open; without root there is no ARP, and perhaps no ping."""
        self.strays = 0
        self._request = request
        self._scope = scope
        self._answer = answer
        self._pace = Pace(request.packets_per_second)
        self._epoll = select.epoll()
        self._ping = ping.open_socket()
        self._identifier = secrets.randbelow(0xFFFF) + 1
        self._token = secrets.token_bytes(16)
        self._sequence = 0
        self._links: dict[str, tuple[socket.socket, bytes] | None] = {}
        self._readers: dict[int, Callable[[], None]] = {}
        if sock := self._ping:
            self._listen(sock, lambda: self._read_ping(sock))
        self._most = min(MOST_CONNECTIONS, files_free())
        self._clear({})

    def __enter__(self) -> Self:
        """Return the sweep."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every socket, also after Ctrl-C."""
        for attempt in self._pending.values():
            if attempt.sock:
                attempt.sock.close()
        for link in self._links.values():
            if link:
                link[0].close()
        if self._ping:
            self._ping.close()
        self._epoll.close()

    def fills_neighbour_table(self, route: Route) -> bool:
        """Return whether asking an address costs the kernel a place in its neighbour table."""
        return route.way is Way.ON_LINK and not self._link(route)

    def run(self, targets: dict[str, Route]) -> list[Host]:
        """Return what answered among a batch of addresses, with the open ports of each, by address."""
        self._clear(targets)
        for _ in range(TRIES):
            silent = (address for address in targets if address not in self._hosts)
            self._drive(job for address in silent for job in self._first_jobs(address))
        self._look_at_neighbours()
        for _ in range(TRIES):
            self._drive(job for host in tuple(self._hosts.values()) for job in self._more_jobs(host))
        return [self._hosts[address] for address in sorted(self._hosts, key=socket.inet_aton)]

    def _clear(self, targets: dict[str, Route]) -> None:
        """Forget the last batch, so that memory stays flat."""
        self._targets = targets
        self._hosts: dict[str, Host] = {}
        self._macs: dict[str, set[str]] = {}
        self._asked: dict[Job, float] = {}  # ARP and ping of this batch, answered or given up
        self._echoes: dict[int, str] = {}
        self._pending: dict[Job, Attempt] = {}
        self._files: dict[int, Job] = {}
        self._deadlines: list[tuple[float, Job]] = []
        self._backlog: deque[Job] = deque()
        self._tries: dict[Job, int] = {}

    # What is asked

    def _first_jobs(self, address: str) -> Iterator[Job]:
        """Yield what shows whether an address is alive: ARP on-link, else a ping and some ports."""
        if self._link(self._targets[address]):
            yield Job(Kind.ARP, address)
            return
        if self._ping:
            yield Job(Kind.PING, address)
        for port in first_contact(self._request.ports):
            yield Job(Kind.TCP, address, port)

    def _more_jobs(self, host: Host) -> Iterator[Job]:
        """Yield what has not been answered yet by an address that is alive."""
        if self._ping and not host.is_pinged:
            yield Job(Kind.PING, host.address)
        for port in self._request.ports:
            job = Job(Kind.TCP, host.address, port)
            tries = 1 if port in NEVER_TALKED_TO else TRIES
            if port not in host.settled and self._tries.get(job, 0) < tries:
                yield job

    def _link(self, route: Route) -> tuple[socket.socket, bytes] | None:
        """Return the packet socket and MAC of the Ethernet an address lies on, None where there is none."""
        if route.way is not Way.ON_LINK or not route.source:
            return None
        if route.interface not in self._links:
            self._links[route.interface] = link = arp.open_socket(route.interface)
            if link:
                sock, mac = link
                self._listen(sock, lambda: self._read_arp(sock, mac))
        return self._links[route.interface]

    # The loop

    def _drive(self, jobs: Iterator[Job]) -> None:
        """Ask every question and return when each is answered or given up."""
        source = iter(jobs)
        while True:
            pause, is_done = self._send_due(source)
            if is_done and not self._pending:
                return
            if self._deadlines:
                until = max(0.0, self._deadlines[0][0] - monotonic())
                pause = until if pause is None else min(pause, until)
            self._take_in(pause or 0.0)
            now = monotonic()
            if self._deadlines and self._deadlines[0][0] <= now:
                while self._take_in(0.0):  # what is ready has answered in time, however late we look
                    pass
                self._give_up(now)

    def _send_due(self, source: Iterator[Job]) -> tuple[float | None, bool]:
        """Send what may leave now. Return how long to pause (None: until something happens), and whether
        nothing is left to send."""
        for _ in range(_BURST):
            if not self._backlog:
                job = next(source, None)
                if job is None:
                    return None, True
                self._backlog.append(job)
            if len(self._pending) >= self._most:
                return None, False
            if wait := self._pace.wait_seconds():
                return wait, False
            job = self._backlog.popleft()
            try:
                self._send(job)
            except OSError as error:
                if error.errno in _NO_MORE_FILES:
                    if not self._pending:
                        raise MspctlError("no file may be opened: raise `ulimit -n`") from error
                    self._most = len(self._pending)
                elif error.errno not in _QUEUE_FULL:
                    continue  # no way there, or a local filter: silence, and asked again like any silence
                self._backlog.appendleft(job)
                return _CONGESTED_SECONDS, False
        return 0.0, False

    def _send(self, job: Job) -> None:
        """Send one packet, and only then start its timer. Raise OSError where it could not leave."""
        self._scope.guard(job.address)
        sock = None
        result = tcp.Outcome.PENDING
        if job.kind is Kind.TCP:
            sock, result = tcp.start(job.address, job.port)
        elif job.kind is Kind.PING:
            self._send_ping(job.address)
        else:
            self._send_arp(job.address)
        self._pace.take()
        now = monotonic()
        self._tries[job] = self._tries.get(job, 0) + 1
        if result is not tcp.Outcome.PENDING and sock:
            sock.close()
            self._settle(job, now, result)
            return
        deadline = now + self._patience(job)
        self._pending[job] = Attempt(now, deadline, sock)
        heappush(self._deadlines, (deadline, job))
        if sock:
            self._files[sock.fileno()] = job
            self._epoll.register(sock.fileno(), select.EPOLLOUT)
        else:
            self._asked[job] = now

    def _send_ping(self, address: str) -> None:
        self._sequence = (self._sequence + 1) & 0xFFFF
        if self._ping:
            self._ping.sendto(ping.request(self._identifier, self._sequence, self._token), (address, 0))
            self._echoes[self._sequence] = address

    def _send_arp(self, address: str) -> None:
        route = self._targets[address]
        if link := self._link(route):
            sock, mac = link
            sock.send(arp.request(mac, route.source, address))

    def _patience(self, job: Job) -> float:
        """Return how long an answer is waited for: long at first, then by what the machine has shown."""
        longest = self._request.timeout_seconds
        if job.kind is Kind.ARP:
            return min(longest, _SHORTEST_SECONDS)  # late replies still count while the batch runs
        host = self._hosts.get(job.address)
        if host is None or self._tries.get(job, 0) > 1:
            return longest
        return min(longest, max(_SHORTEST_SECONDS, 4 * host.seconds + 0.2))

    def _take_in(self, seconds: float) -> bool:
        """Handle everything that is ready within some time; return whether there was anything."""
        events = self._epoll.poll(seconds, maxevents=4096)
        for file, _ in events:
            if reader := self._readers.get(file):
                reader()
            elif job := self._files.pop(file, None):
                attempt = self._pending.pop(job)
                self._epoll.unregister(file)
                if attempt.sock:
                    self._settle(job, attempt.sent_at, tcp.finish(attempt.sock))
        return bool(events)

    def _give_up(self, now: float) -> None:
        """Drop the questions whose time was over at `now`."""
        while self._deadlines and self._deadlines[0][0] <= now:
            deadline, job = heappop(self._deadlines)
            attempt = self._pending.get(job)
            if attempt is None or attempt.deadline != deadline:
                continue
            del self._pending[job]
            if attempt.sock:
                self._files.pop(attempt.sock.fileno(), None)
                self._epoll.unregister(attempt.sock.fileno())
                attempt.sock.close()

    # What is answered

    def _settle(self, job: Job, sent_at: float, result: tcp.Outcome) -> None:
        if result in (tcp.Outcome.PENDING, tcp.Outcome.SILENT):
            return
        host = self._host(job.address, sent_at)
        is_first_refusal = result is tcp.Outcome.REFUSED and not host.settled
        host.settled.add(job.port)
        if result is tcp.Outcome.OPEN:
            host.open.add(job.port)
        if result is tcp.Outcome.OPEN or is_first_refusal:  # one refusal shows life; more show nothing
            self._answer(job.address, "tcp", job.port, {"state": result.value})

    def _read_ping(self, sock: socket.socket) -> None:
        with_header = ping.is_raw(sock)
        for packet, source in _received(sock):
            reply = ping.read(packet, with_header=with_header)
            if reply is None or (with_header and reply.identifier != self._identifier):
                continue  # the answer to another program's ping
            asked = self._echoes.get(reply.sequence)
            if source not in self._scope or reply.data != self._token or asked not in (source, None):
                self.strays += 1
            elif asked:  # else it is one of an earlier batch, too late
                self._seen_echo(source, reply.ttl)

    def _seen_echo(self, address: str, ttl: int | None) -> None:
        job = Job(Kind.PING, address)
        host = self._host(address, self._asked[job])
        self._pending.pop(job, None)
        if not host.is_pinged:
            host.is_pinged = True
            self._answer(address, "ping", None, {"ttl": ttl} if ttl else {})

    def _read_arp(self, sock: socket.socket, mac: bytes) -> None:
        for frame, _ in _received(sock):
            reply = arp.read(frame)
            if reply is None or reply.to_mac != mac:
                continue  # other machines' conversation
            job = Job(Kind.ARP, reply.address)
            if reply.address not in self._scope:
                self.strays += 1
            elif job in self._asked:
                self._host(reply.address, self._asked[job])
                self._pending.pop(job, None)
                self._seen_mac(reply.address, reply.mac)

    def _seen_mac(self, address: str, mac: str) -> None:
        """Tell of a MAC once; two for one address are two machines in conflict, and both are told."""
        if mac not in self._macs.setdefault(address, set()):
            self._macs[address].add(mac)
            self._answer(address, "arp", None, {"mac": mac})

    def _look_at_neighbours(self) -> None:
        """Without packet sockets: take what the kernel learnt on-link while it tried to connect."""
        table = neighbours()
        for address, route in self._targets.items():
            if route.way is Way.ON_LINK and address in table and not self._link(route):
                self._host(address, monotonic())
                self._seen_mac(address, table[address])

    def _host(self, address: str, sent_at: float) -> Host:
        if address not in self._hosts:
            self._hosts[address] = Host(address, monotonic() - sent_at)
        return self._hosts[address]

    def _listen(self, sock: socket.socket, reader: Callable[[], None]) -> None:
        self._readers[sock.fileno()] = reader
        self._epoll.register(sock.fileno(), select.EPOLLIN)


def _received(sock: socket.socket) -> Iterator[tuple[bytes, str]]:
    """Yield every packet that waits at a socket, with the address it came from."""
    with suppress(BlockingIOError):
        while True:
            packet, source = sock.recvfrom(2048)
            yield packet, str(source[0])
