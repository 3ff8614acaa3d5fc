"""One scan from its first line to its last; every answer is handed on the moment it comes."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from ipaddress import IPv4Network

from mspctl.discovery import services
from mspctl.discovery.limits import more_files
from mspctl.discovery.probes.ptr import Names
from mspctl.discovery.request import ScanRequest
from mspctl.discovery.routes import Route, Routes, Way
from mspctl.discovery.scope import Scope, as_number, bounds, scope_of
from mspctl.discovery.sweep import BATCH, NEIGHBOURS, Host, Sweep
from mspctl.errors import Interrupted
from mspctl.records import Json, Observation, ScanEnded, ScanRecord, ScanStarted

Progress = Callable[[str, int, int], None]
"""Takes a stage ("sweep" or "services"), how much is done, and of how much."""


def scan(
    request: ScanRequest,
    *,
    record: Callable[[ScanRecord], None],
    progress: Progress,
) -> ScanEnded:
    """Scan a request's networks and return the log's last line; `record` gets every line at once.

    Raise BadInput, before anything is recorded or sent, for networks that cannot be scanned; Interrupted
    after Ctrl-C, with all that was found until then recorded.
    """
    scope = scope_of(request)
    run = _Run(request, scope, record, progress)
    record(
        ScanStarted(
            scan=request.scan,
            started_at=datetime.now(UTC),
            networks=request.networks,
            ports=request.ports,
            excluded=request.exclude,
        )
    )
    try:
        run.all()
    except KeyboardInterrupt:
        record(run.ended(interrupted=True))
        raise Interrupted(f"scan {request.scan} interrupted; what was found until then is kept") from None
    ended = run.ended()
    record(ended)
    return ended


class _Run:
    """A scan under way."""

    def __init__(
        self, request: ScanRequest, scope: Scope, record: Callable[[ScanRecord], None], progress: Progress
    ) -> None:
        self._request = request
        self._scope = scope
        self._record = record
        self._progress = progress
        self._looked_at = 0
        self._probed = 0
        self._strays = 0
        self._gateways: dict[str, str] = {}  # network: gateway
        self._reached: set[str] = set()  # networks with a way to them
        self._bounds = {cidr: bounds(IPv4Network(cidr)) for cidr in request.networks}

    def all(self) -> None:
        """Sweep batch after batch, and ask what each brought to light."""
        names = Names(self._request.dns, self._request.timeout_seconds)
        total = len(self._scope)
        self._progress("sweep", 0, total)
        with (
            more_files(),
            closing(Routes()) as routes,
            asyncio.Runner() as runner,
            Sweep(self._request, self._scope, self._answer) as sweep,
        ):
            for targets in self._batches(routes, sweep):
                try:
                    hosts = sweep.run(targets)
                finally:
                    self._strays = sweep.strays
                self._probed += len(targets)
                self._progress("sweep", self._looked_at, total)
                runner.run(self._services(hosts, names))
        for cidr, gateway in sorted(self._gateways.items()):
            self._answer(gateway, "route", None, {"network": cidr})

    def ended(self, *, interrupted: bool = False) -> ScanEnded:
        """Return the last line as things stand."""
        unreachable = () if interrupted else tuple(c for c in self._bounds if c not in self._reached)
        return ScanEnded(
            scan=self._request.scan,
            ended_at=datetime.now(UTC),
            addresses_probed=self._probed,
            interrupted=interrupted,
            unreachable=unreachable,
            strays_dropped=self._strays,
        )

    def _batches(self, routes: Routes, sweep: Sweep) -> Iterator[dict[str, Route]]:
        """Yield the addresses that something can be sent to, and the way there, some thousand at a time."""
        batch: dict[str, Route] = {}
        neighbours = 0
        for address in self._scope:
            self._looked_at += 1
            route = routes.to(address)
            self._note(address, route)
            if route.way not in (Way.ON_LINK, Way.ROUTED):
                continue
            batch[address] = route
            neighbours += sweep.fills_neighbour_table(route)
            if len(batch) >= BATCH or neighbours >= NEIGHBOURS:
                yield batch
                batch, neighbours = {}, 0
        if batch:
            yield batch

    def _note(self, address: str, route: Route) -> None:
        """Remember which networks there is a way to, and through whom."""
        networks = self._networks(address)
        if route.way is not Way.NONE:
            self._reached.update(networks)
        if route.gateway in self._scope:
            self._gateways.update(dict.fromkeys(networks, route.gateway))

    def _networks(self, address: str) -> list[str]:
        number = as_number(address)
        return [cidr for cidr, (first, last) in self._bounds.items() if first <= number <= last]

    async def _services(self, hosts: list[Host], names: Names) -> None:
        finished = 0

        def done() -> None:
            nonlocal finished
            finished += 1
            self._progress("services", finished, len(hosts))

        await services.ask(hosts, self._request, names, self._answer, done=done)

    def _answer(self, address: str, probe: str, port: int | None, raw: dict[str, Json]) -> None:
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
