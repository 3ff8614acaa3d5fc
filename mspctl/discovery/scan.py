"""One scan from its first line to its last; every answer is handed on the moment it comes."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from ipaddress import IPv4Network
from time import monotonic

from mspctl.discovery import services
from mspctl.discovery.datagrams import Datagrams, datagrams
from mspctl.discovery.limits import files_free, more_files
from mspctl.discovery.pace import Talks
from mspctl.discovery.probes.ptr import Names
from mspctl.discovery.request import ScanRequest
from mspctl.discovery.resume import Earlier
from mspctl.discovery.routes import Route, Routes, Way
from mspctl.discovery.scope import Scope, as_number, bounds, scope_of
from mspctl.discovery.sweep import MOST_CONNECTIONS, Sweep
from mspctl.discovery.target import Target
from mspctl.errors import Interrupted
from mspctl.records import Json, Observation, ScanEnded, ScanReached, ScanRecord, ScanStarted

Progress = Callable[[str, int, int], None]
"""Takes a stage ("sweep" or "services"), how much is done, and of how much."""

_MOST_QUESTIONS = 256  # to services at once, over all machines
_MARK_SECONDS = 2.0  # between two notes in the log of how far a scan has come
_PROGRESS_SECONDS = 0.1


def scan(
    request: ScanRequest,
    *,
    record: Callable[[ScanRecord], None],
    progress: Progress,
    log: Iterable[ScanRecord] = (),
) -> ScanEnded:
    """Scan a request's networks and return the log's last line; `record` gets every line at once.

    `log` is what an earlier, unfinished run of the same scan recorded: that is not asked again. Raise
    BadInput, before anything is recorded or sent, for networks that cannot be scanned; Interrupted after
    Ctrl-C, with all that was found until then recorded.
    """
    scope = scope_of(request)
    earlier = Earlier(request.scan, log)
    run = _Run(request, scope, earlier, record, progress)
    if not earlier.is_begun:
        record(
            ScanStarted(
                scan=request.scan,
                started_at=datetime.now(UTC),
                networks=request.networks,
                ports=request.ports,
                excluded=request.exclude,
                profile=request.profile,
            )
        )
    try:
        run.all()
    except KeyboardInterrupt:
        run.mark()
        record(run.ended(interrupted=True))
        raise Interrupted(f"scan {request.scan} interrupted; what was found until then is kept") from None
    ended = run.ended()
    record(ended)
    return ended


class _Run:
    """A scan under way."""

    def __init__(
        self,
        request: ScanRequest,
        scope: Scope,
        earlier: Earlier,
        record: Callable[[ScanRecord], None],
        progress: Progress,
    ) -> None:
        self._request = request
        self._scope = scope
        self._earlier = earlier
        self._record = record
        self._progress = progress
        self._names = Names(request.dns, request.timeout_seconds)
        self._talks = Talks()
        self._looked_at = 0
        self._probed = 0
        self._strays = 0
        self._machines = 0
        self._asked = 0  # machines that were asked all there is to ask
        self._told_at = 0.0
        self._begun: OrderedDict[str, bool] = OrderedDict()  # address: whether it is done; lowest first
        self._reached = ""
        self._marked_at = monotonic()
        self._gateways: dict[str, str] = {}  # network: gateway
        self._on_the_way: set[str] = set()  # networks with a way to them
        self._bounds = {cidr: bounds(IPv4Network(cidr)) for cidr in request.networks}
        self._finishing: set[asyncio.Task[None]] = set()
        self._services: services.Services
        self._post: Datagrams

    def all(self) -> None:
        """Sweep, and ask each machine what it is as soon as it shows itself."""
        self._progress("sweep", 0, len(self._scope))
        with more_files(), closing(Routes()) as routes, asyncio.Runner() as runner:
            runner.run(self._all(routes))
        self._progress("sweep", len(self._scope), len(self._scope))
        for cidr, gateway in sorted(self._gateways.items()):
            if cidr not in self._earlier.routes:
                self.told(gateway, "route", None, {"network": cidr})

    async def _all(self, routes: Routes) -> None:
        free = files_free()
        questions = max(1, min(_MOST_QUESTIONS, free // 4))
        self._services = services.Services(self.told, questions)
        most = max(1, min(MOST_CONNECTIONS, free - 2 * questions))
        request, scope = self._request, self._scope
        async with datagrams(scope.guard, request.timeout_seconds, request.packets_per_second) as self._post:
            with Sweep(request, scope, self, self._earlier.known, most) as sweep:
                try:
                    await sweep.run(self._addresses(routes))
                    await asyncio.gather(*self._finishing)
                finally:
                    self._strays = sweep.strays + self._post.strays

    def ended(self, *, interrupted: bool = False) -> ScanEnded:
        """Return the last line as things stand."""
        unreachable = () if interrupted else tuple(c for c in self._bounds if c not in self._on_the_way)
        return ScanEnded(
            scan=self._request.scan,
            ended_at=datetime.now(UTC),
            addresses_probed=self._probed,
            interrupted=interrupted,
            unreachable=unreachable,
            strays_dropped=self._strays,
        )

    def _addresses(self, routes: Routes) -> Iterator[tuple[str, Route]]:
        """Yield the addresses that something can be sent to, and the way there, lowest first."""
        for address in self._scope:
            route = routes.to(address)
            self._note(address, route)
            self._looked_at += 1
            if route.way not in (Way.ON_LINK, Way.ROUTED):
                continue
            self._probed += 1
            if self._earlier.is_done(address):
                continue
            self._begun[address] = False
            yield address, route

    def _note(self, address: str, route: Route) -> None:
        """Remember which networks there is a way to, and through whom."""
        networks = self._networks(address)
        if route.way is not Way.NONE:
            self._on_the_way.update(networks)
        if route.gateway in self._scope:
            self._gateways.update(dict.fromkeys(networks, route.gateway))

    def _networks(self, address: str) -> list[str]:
        number = as_number(address)
        return [cidr for cidr, (first, last) in self._bounds.items() if first <= number <= last]

    # What the sweep finds

    @property
    def is_crowded(self) -> bool:
        """Whether the questions to what was found so far should come first."""
        return self._services.is_crowded

    def alive(self, target: Target) -> None:
        """Begin to ask a machine what it is."""
        self._machines += 1
        seconds = target.line.last_seconds(target.seconds)
        asked = services.of_machine(target.address, self._request, self._names, self._talks, seconds)
        self._ask(target.address, asked)
        self._post.expect(target.address, seconds)
        calls = services.by_datagram(target.address, self._request, self._post)
        self._ask(target.address, calls, together=True)

    def opened(self, target: Target, port: int) -> None:
        """Ask what listens at an open port."""
        seconds = target.line.last_seconds(target.seconds)
        industrial = self._request.industrial
        self._ask(target.address, services.of_port(target.address, port, seconds, industrial=industrial))

    def _ask(self, address: str, questions: Iterable[services.Question], *, together: bool = False) -> None:
        self._scope.guard(address)
        answered = self._earlier.answered(address)
        left = (each for each in questions if each[:2] not in answered)
        self._services.ask(address, left, together=together)

    def finished(self, target: Target) -> None:
        """Be done with an address as soon as its services are."""
        if not target.is_alive:
            self._done(target.address)
            return
        task = asyncio.create_task(self._after_services(target.address))
        self._finishing.add(task)

    async def _after_services(self, address: str) -> None:
        await self._services.finished(address)
        self._asked += 1
        self._progress("services", self._asked, self._machines)
        self._done(address)
        if task := asyncio.current_task():
            self._finishing.discard(task)  # one that failed stays, and is heard of in the end

    def _done(self, address: str) -> None:
        """Count an address as done, and say from time to time how far the scan has come."""
        if address in self._begun:
            self._begun[address] = True
        while self._begun and self._begun[next(iter(self._begun))]:
            self._reached, _ = self._begun.popitem(last=False)
        now = monotonic()
        if now - self._told_at >= _PROGRESS_SECONDS:
            self._told_at = now
            self._progress("sweep", self._looked_at - len(self._begun), len(self._scope))
        if now - self._marked_at >= _MARK_SECONDS:
            self._marked_at = now
            self.mark()

    def mark(self) -> None:
        """Note in the log how far the scan has come, so that it can be resumed from there."""
        if self._reached:
            self._record(ScanReached(scan=self._request.scan, address=self._reached))
            self._reached = ""

    def told(self, address: str, probe: str, port: int | None, raw: dict[str, Json]) -> None:
        """Write an answer down."""
        self._record(
            Observation(
                scan=self._request.scan,
                address=address,
                probe=probe,
                at=datetime.now(UTC),
                port=port,
                raw=raw,
            )
        )
