"""Questions over UDP: one socket for all machines, so that they are asked side by side and waited for once.

Only the machine that was asked is listened to; what comes from elsewhere is counted and dropped.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

from mspctl.discovery.pace import Pace

DATAGRAM_BYTES = 9_000  # the longest mDNS message: https://www.rfc-editor.org/rfc/rfc6762#section-17
_MOST = 16  # datagrams of one answer
_AGAIN = 0.5  # after this part of the wait silence is asked once more
_LONGEST = 1.5  # parts of the wait until silence is taken for an answer


class _Waiting:
    """An answer to come."""

    def __init__(self, is_ours: Callable[[bytes], bool] | None) -> None:
        self.is_ours = is_ours
        self.came: list[bytes] = []
        self.event = asyncio.Event()

    def take(self, data: bytes) -> None:
        if len(self.came) < _MOST:
            self.came.append(data[:DATAGRAM_BYTES])
            self.event.set()


class Datagrams(asyncio.DatagramProtocol):
    """The socket, and who waits for what."""

    def __init__(self, guard: Callable[[str], None], seconds: float, packets_per_second: int) -> None:
        """Take what refuses addresses out of scope, how long to wait, and how fast packets may leave."""
        self.strays = 0
        self.guard = guard
        self._seconds = seconds
        self._patience: dict[str, float] = {}
        self._pace = Pace(packets_per_second)
        self._turn = asyncio.Lock()
        self._waiting: dict[tuple[str, int], _Waiting] = {}
        self._elsewhere: dict[str, list[_Waiting]] = {}
        self._asked: set[str] = set()
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.DatagramTransport, transport)  # Python 3.11's own is none by type

    def datagram_received(self, data: bytes, source: tuple[str | Any, int]) -> None:
        """Hand a datagram to whoever asked its sender; drop it where nobody did."""
        address, port = source[0], source[1]
        if waiting := self._waiting.get((address, port)):
            waiting.take(data)
            return
        if address not in self._asked:
            self.strays += 1
        for waiting in self._elsewhere.get(address, ()):
            if waiting.is_ours and waiting.is_ours(data):
                waiting.take(data)

    def expect(self, address: str, seconds: float) -> None:
        """Wait so long for this machine from now on, and not as long as for any."""
        self._patience[address] = seconds

    async def ask(
        self,
        address: str,
        port: int,
        *requests: bytes,
        linger: float = 0.0,
        is_ours: Callable[[bytes], bool] | None = None,
    ) -> list[bytes]:
        """Return the datagrams a machine answers with, none for silence.

        After the first one, more are waited for `linger` seconds. With `is_ours`, answers from other ports
        of the same machine count where it says so: some protocols answer from a fresh port.
        """
        waiting = _Waiting(is_ours)
        self._waiting[address, port] = waiting
        if is_ours:
            self._elsewhere.setdefault(address, []).append(waiting)
        try:
            patience = self._patience.get(address, self._seconds)
            for part in (_AGAIN, _LONGEST - _AGAIN):
                await self._send(address, port, requests)
                if await _happens(waiting.event, part * patience):
                    break
            if waiting.came and linger:
                await asyncio.sleep(linger)
            return waiting.came
        finally:
            if self._waiting.get((address, port)) is waiting:
                del self._waiting[address, port]
            if is_ours:
                self._elsewhere[address].remove(waiting)

    async def _send(self, address: str, port: int, requests: tuple[bytes, ...]) -> None:
        """Send packets at the scan's pace; one that cannot leave is a packet lost."""
        for request in requests:
            async with self._turn:
                while wait := self._pace.wait_seconds():
                    await asyncio.sleep(wait)
                self._pace.take()
            self.guard(address)
            self._asked.add(address)
            if self._transport and not self._transport.is_closing():
                self._transport.sendto(request, (address, port))


async def _happens(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True


@asynccontextmanager
async def datagrams(
    guard: Callable[[str], None], seconds: float, packets_per_second: int = 5_000
) -> AsyncIterator[Datagrams]:
    """Yield a socket for questions over UDP."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    sock.bind(("", 0))
    transport, made = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Datagrams(guard, seconds, packets_per_second), sock=sock
    )
    try:
        yield made
    finally:
        transport.abort()
