"""Ask each machine the sweep found what it is: all machines side by side, within bounds."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from functools import cache

from mspctl.discovery.limits import files_free
from mspctl.discovery.probes import http, snmp, ssh, tls
from mspctl.discovery.probes.ptr import Names
from mspctl.discovery.probes.reading import unverified_context
from mspctl.discovery.request import NEVER_TALKED_TO, ScanRequest
from mspctl.discovery.sweep import Answer, Host
from mspctl.records import Json

AT_ONCE = 64  # machines
_CONNECTIONS = 8  # of one machine at once, at most as a rule
SSH_PORTS = frozenset({22, 2222})
HTTP_PORTS = frozenset({80, 8080})
HTTPS_PORTS = frozenset({443, 8443})
TLS_PORTS = HTTPS_PORTS | {465, 636, 993, 995, 5986}

Question = tuple[str, int | None, Awaitable[dict[str, Json] | None]]
"""Probe, port, and the answer to come."""

_context = cache(unverified_context)  # loading it costs milliseconds


async def ask(
    hosts: Iterable[Host],
    request: ScanRequest,
    names: Names,
    answer: Answer,
    done: Callable[[], None] = lambda: None,
) -> None:
    """Put every fitting question to each machine and hand each answer on as it comes."""
    turn = asyncio.Semaphore(max(1, min(AT_ONCE, files_free() // _CONNECTIONS)))

    async def ask_one(host: Host) -> None:
        async with turn:
            await asyncio.gather(
                *(_told(host.address, question, answer) for question in questions(host, request, names))
            )
        done()

    await asyncio.gather(*map(ask_one, hosts))


def questions(host: Host, request: ScanRequest, names: Names) -> Iterator[Question]:
    """Yield what one machine is asked, by its open ports; a print queue is asked nothing."""
    address, seconds = host.address, request.timeout_seconds
    yield "ptr", None, names.collect(address)
    if request.snmp_communities:
        yield "snmp", None, snmp.collect(address, request.snmp_communities, seconds)
    for port in sorted(host.open - NEVER_TALKED_TO):
        if port in SSH_PORTS:
            yield "ssh", port, ssh.collect(address, port, seconds)
        if port in HTTP_PORTS:
            yield "http", port, http.collect(address, port, seconds)
        if port in HTTPS_PORTS:
            yield "http", port, http.collect(address, port, seconds, _context())
        if port in TLS_PORTS:
            yield "tls", port, tls.collect(address, port, seconds, _context())


async def _told(address: str, question: Question, answer: Answer) -> None:
    probe, port, coming = question
    raw = await coming
    if raw is not None:
        answer(address, probe, port, raw)
