"""Ask each machine what it is, as soon as there is something to ask: side by side, gently, within bounds."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from functools import cache, partial

from mspctl.discovery.datagrams import Datagrams
from mspctl.discovery.pace import Talks
from mspctl.discovery.probes import (
    bacnet,
    banner,
    dns,
    http,
    ipmi,
    ipp,
    kerberos,
    ldap,
    mdns,
    modbus,
    mqtt,
    netbios,
    ntp,
    rdp,
    sip,
    smb,
    snmp,
    ssdp,
    ssh,
    tls,
    winrm,
    wsd,
)
from mspctl.discovery.probes.ptr import Names
from mspctl.discovery.probes.reading import unverified_context
from mspctl.discovery.profiles import NEVER_TALKED_TO
from mspctl.discovery.request import ScanRequest
from mspctl.records import Json

PER_MACHINE = 4  # questions at once: a printer or a controller serves few connections and may fall over
MOST_WAITING = 4_096  # questions that wait for their turn; past that no further machine is looked for
SSH_PORTS = frozenset({22, 2222})
HTTP_PORTS = frozenset({80, 8080})
HTTPS_PORTS = frozenset({443, 8443})
TLS_PORTS = HTTPS_PORTS | {465, 636, 993, 995, 5986}

Collect = Callable[[str, int, float], Awaitable[dict[str, Json] | None]]
BY_PORT: dict[int, tuple[str, Collect]] = {
    kerberos.PORT: ("kerberos", kerberos.collect),
    ldap.PORT: ("ldap", ldap.collect),
    smb.PORT: ("smb", smb.collect),
    ipp.PORT: ("ipp", ipp.collect),
    mqtt.PORT: ("mqtt", mqtt.collect),
    sip.PORT: ("sip", sip.collect_tcp),
    winrm.PORTS[0]: ("winrm", winrm.collect),
}
"""What is asked at one port and no other."""

ByDatagram = Callable[[Datagrams, str], Awaitable[dict[str, Json] | None]]
BY_DATAGRAM: dict[str, tuple[int, ByDatagram]] = {
    "bacnet": (bacnet.PORT, bacnet.collect),
    "dns": (dns.PORT, dns.collect),
    "ipmi": (ipmi.PORT, ipmi.collect),
    "mdns": (mdns.PORT, mdns.collect),
    "netbios": (netbios.PORT, netbios.collect),
    "ntp": (ntp.PORT, ntp.collect),
    "sip": (sip.PORT, sip.collect),
    "ssdp": (ssdp.PORT, ssdp.collect),
    "wsd": (wsd.PORT, wsd.collect),
}
INDUSTRIAL = frozenset({"bacnet", "modbus"})  # asked where the client's file or the profile says so

Answer = Callable[[str, str, int | None, dict[str, Json]], None]
"""Takes address, probe, port and raw material of each answer, at once."""

Question = tuple[str, int | None, Callable[[], Awaitable[dict[str, Json] | None]]]
"""Probe, port, and what puts the question when its turn has come."""

_context = cache(unverified_context)  # loading it costs milliseconds


def of_machine(
    address: str, request: ScanRequest, names: Names, talks: Talks, seconds: float
) -> Iterator[Question]:
    """Yield what a machine is asked once it is known to be there, whatever its ports.

    An answer is waited for by multiples of `seconds`, which suit the way to the machine; long talks wait
    for their turn among `talks`.
    """
    yield "ptr", None, partial(names.collect, address)
    if (request.snmp_communities or request.snmp_users) and request.asks("snmp"):
        logins = request.snmp_communities
        users = request.snmp_users
        yield "snmp", None, partial(snmp.collect, address, logins, seconds, users=users, talks=talks)


def by_datagram(address: str, request: ScanRequest, post: Datagrams) -> Iterator[Question]:
    """Yield what a machine is asked over UDP; all of it leaves together and is waited for once."""
    for probe, (port, collect) in BY_DATAGRAM.items():
        if request.asks(probe) and (request.industrial or probe not in INDUSTRIAL):
            yield probe, port, partial(collect, post, address)


def of_port(address: str, port: int, seconds: float, *, industrial: bool = False) -> Iterator[Question]:
    """Yield what a machine is asked at an open TCP port; a print queue is asked nothing.

    Nor is a controller, but that Modbus is asked for its name if `industrial`.
    """
    if industrial and port == modbus.PORT:
        yield "modbus", port, partial(modbus.collect, address, port, seconds)
    if port in NEVER_TALKED_TO:
        return
    if port in BY_PORT:
        probe, collect = BY_PORT[port]
        yield probe, port, partial(collect, address, port, seconds)
    if port in banner.PORTS:
        yield "banner", port, partial(banner.collect, address, port, seconds, banner.PORTS[port])
    if port == rdp.PORT:
        yield "rdp", port, partial(rdp.collect, address, port, seconds, _context())
    if port == winrm.PORTS[1]:
        yield "winrm", port, partial(winrm.collect, address, port, seconds, _context())
    if port in SSH_PORTS:
        yield "ssh", port, partial(ssh.collect, address, port, seconds)
    if port in HTTP_PORTS:
        yield "http", port, partial(http.collect, address, port, seconds)
    if port in HTTPS_PORTS:
        yield "http", port, partial(http.collect, address, port, seconds, _context())
    if port in TLS_PORTS:
        yield "tls", port, partial(tls.collect, address, port, seconds, _context())


class Services:
    """The questions under way; made inside a running event loop."""

    def __init__(self, answer: Answer, at_once: int) -> None:
        """Take what gets the answers, and how many questions may be open at once over all machines."""
        self._answer = answer
        self._turns = asyncio.Semaphore(at_once)
        self._machines: dict[str, tuple[asyncio.Semaphore, set[asyncio.Task[None]]]] = {}
        self._waiting = 0

    @property
    def is_crowded(self) -> bool:
        """Whether so many questions wait that it is better not to find more machines for a moment."""
        return self._waiting > MOST_WAITING

    def ask(self, address: str, questions: Iterable[Question], *, together: bool = False) -> None:
        """Put questions to one machine as soon as there is room, and hand each answer on as it comes.

        Questions that go `together` wait for no turn: they share a socket, which knows its own pace.
        """
        turn, tasks = self._machines.setdefault(address, (asyncio.Semaphore(PER_MACHINE), set()))
        for question in questions:
            self._waiting += 1
            tasks.add(asyncio.create_task(self._told(address, question, None if together else turn)))

    async def finished(self, address: str) -> None:
        """Return when a machine has been asked everything; no question may be added after."""
        _, tasks = self._machines.pop(address, (None, set()))
        if tasks:
            await asyncio.gather(*tasks)

    async def _told(self, address: str, question: Question, turn: asyncio.Semaphore | None) -> None:
        probe, port, ask = question
        try:
            if turn is None:
                raw = await ask()
            else:
                async with turn, self._turns:
                    raw = await ask()
        finally:
            self._waiting -= 1
        if raw is not None:
            self._answer(address, probe, port, raw)
