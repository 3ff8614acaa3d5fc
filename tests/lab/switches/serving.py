"""One simulated device for a test: `with switch("ios") as device:`."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

from tests.lab.switches.device import Device
from tests.lab.switches.faults import Faults
from tests.lab.switches.platforms import make
from tests.lab.switches.server import Endpoint

_PATIENCE_SECONDS = 20
_T = TypeVar("_T")


@contextlib.contextmanager
def switch(
    platform: str,
    *,
    faults: Faults | None = None,
    hostname: str | None = None,
    minute_seconds: float = 60.0,
    boot_seconds: float = 1.0,
    address: str = "127.0.0.1",
    port: int = 0,
) -> Iterator["Served"]:
    """Serve a simulated device, in a thread of its own, at a free port of an address.

    A minute of its rollback timers lasts `minute_seconds`; a restart keeps it away for `boot_seconds`.
    """
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    device = make(platform, hostname, faults, minute_seconds, boot_seconds)
    served = Served(device, Endpoint(device, address, port), loop)
    try:
        served.wait(served.endpoint.open())
        yield served
    finally:
        served.wait(served.stop())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_PATIENCE_SECONDS)
        loop.close()


class Served:
    """A device that is served, as its test sees it."""

    def __init__(self, device: Device, endpoint: Endpoint, loop: asyncio.AbstractEventLoop) -> None:
        self.device, self.endpoint, self._loop = device, endpoint, loop
        self.user, self.password, self.enable_password = device.user, device.password, device.enable_password
        self.faults, self.platform = device.faults, device.platform

    @property
    def address(self) -> str:
        return self.device.address

    @property
    def port(self) -> int:
        return self.device.port

    @property
    def host_key(self) -> str:
        """The key it proves to hold, as known_hosts has it behind the name."""
        return self.device.host_key

    @property
    def running(self) -> str:
        """The configuration that counts, without what differs at every look."""
        return self._text(lambda: self.device.running)

    @property
    def planted(self) -> tuple[str, ...]:
        """Every secret of its configuration, as written and as shown."""
        return self.device.planted

    @property
    def startup(self) -> str:
        """The configuration that a restart brings back."""
        return self._text(lambda: self.device.startup)

    @property
    def heard_lines(self) -> list[str]:
        """What was typed in configuration modes, by everybody."""
        return list(self.device.heard_lines)

    @property
    def restarts(self) -> int:
        """How often it restarted."""
        return self.device.restarts

    @property
    def sessions(self) -> int:
        """How many sessions it has."""
        return len(self.device.sessions)

    def reboot(self) -> None:
        """Pull the plug and put it back; return when it is back."""
        self.wait(self.device.reboot())

    def change_host_key(self) -> None:
        """Restart with another host key, as a device that was replaced."""
        self.endpoint.change_key()
        self.reboot()

    def _text(self, ask: Callable[[], str]) -> str:
        async def asked() -> str:
            return ask()

        return self.wait(asked())

    def wait(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Do something in the device's own thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE_SECONDS)

    async def stop(self) -> None:
        """End sessions, timers and the listener."""
        self.device.shut()
        await self.endpoint.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0)
