"""Scan where this process stands (a namespace): a request as JSON in, answers out, the cost on stderr.

With `ports` as second argument the sweep runs alone, which is what a port scanner does; else a whole scan.
"""

import asyncio
import resource
import socket
import sys
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from time import monotonic

import msgspec

from mspctl.discovery import ScanRequest, scan
from mspctl.discovery.limits import files_free, more_files
from mspctl.discovery.probes import tcp
from mspctl.discovery.routes import Routes
from mspctl.discovery.scope import scope_of
from mspctl.discovery.sweep import MOST_CONNECTIONS, Sweep
from mspctl.discovery.target import Target
from mspctl.records import Json, ScanRecord


class Ports:
    """Asks nothing: prints open ports."""

    is_crowded = False

    def told(self, address: str, probe: str, port: int | None, raw: dict[str, Json]) -> None:
        """Take an answer."""

    def alive(self, target: Target) -> None:
        """Take a machine."""
        print(target.address, 0)

    def opened(self, target: Target, port: int) -> None:
        """Print an open port."""
        print(target.address, port)

    def finished(self, target: Target) -> None:
        """Take the end of an address."""


def count_connections() -> Iterator[int]:
    """Count each connection that is begun; iterating tells how many there were."""
    start, numbers = tcp.start, count()

    def counted(address: str, port: int) -> tuple[socket.socket, tcp.Outcome]:
        next(numbers)
        return start(address, port)

    tcp.start = counted
    return numbers


async def sweep(request: ScanRequest) -> None:
    """Look for machines and open ports only."""
    scope = scope_of(request)
    with closing(Routes()) as routes, more_files():
        most = min(MOST_CONNECTIONS, files_free())
        with Sweep(request, scope, Ports(), {}, most) as sweeping:
            await sweeping.run((address, routes.to(address)) for address in scope)


def show(line: ScanRecord) -> None:
    """Print the record of a log."""
    print(msgspec.json.encode(line).decode())


def main() -> None:
    """Scan and tell the seconds of the scan, the processor's seconds and the memory of the process."""
    request = msgspec.json.decode(sys.argv[1], type=ScanRequest)
    connections = count_connections()
    began = monotonic()
    if sys.argv[2:] == ["ports"]:
        asyncio.run(sweep(request))
    else:
        scan(request, record=show, progress=lambda stage, done, total: None)
    seconds = monotonic() - began
    used = resource.getrusage(resource.RUSAGE_SELF)
    cost = {
        "seconds": seconds,
        "cpu": used.ru_utime + used.ru_stime,
        "megabytes": used.ru_maxrss / 1024,
        "connections": float(next(connections)),
    }
    sys.stderr.write(msgspec.json.encode(cost).decode())


if __name__ == "__main__":
    main()
