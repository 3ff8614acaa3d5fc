"""What every simulated device is: a configuration that runs, one that is kept, sessions, clocks, restarts."""

import asyncio
import datetime
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from typing import ClassVar, Protocol

from tests.lab.switches import start
from tests.lab.switches.faults import Faults
from tests.lab.switches.terminal import Gone, Terminal

LABEL = "simulated device"
MODEL = f"{LABEL}: no vendor's software runs here"


class Listener(Protocol):
    """What lets sessions in."""

    async def open(self) -> None: ...
    async def close(self) -> None: ...


class Device(ABC):
    """One box. Its sessions are shells on terminals; timers count minutes of `minute_seconds` each."""

    platform: ClassVar[str]
    server_version: ClassVar[str]  # what its SSH server says of itself
    more: ClassVar[str] = "--More--"
    page_length: ClassVar[int] = 24

    def __init__(
        self,
        hostname: str | None = None,
        faults: Faults | None = None,
        minute_seconds: float = 60.0,
        boot_seconds: float = 1.0,
        words: Mapping[str, str] | None = None,
    ) -> None:
        self.start = start.with_words(start.read(self.platform), words or {})
        self.faults = faults or Faults()
        self.minute_seconds, self.boot_seconds = minute_seconds, boot_seconds
        self.sessions: set[Terminal] = set()
        self.heard_lines: list[str] = []  # typed in configuration modes, by everybody
        self.restarts = 0
        self.address, self.port, self.host_key = "", 0, ""
        self.listener: Listener | None = None
        self._booted = datetime.datetime.now(datetime.UTC)
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._load(self.start.text)
        if hostname:
            self.rename(hostname)

    # What a test asks.

    @property
    def user(self) -> str:
        return start.USER

    @property
    def password(self) -> str:
        return self.start.password

    @property
    def enable_password(self) -> str:
        return self.start.enable_password

    @property
    def planted(self) -> tuple[str, ...]:
        """Every secret of the start configuration, as written and as shown."""
        return tuple(dict.fromkeys((*self.start.secrets, *self._hashed())))

    @property
    @abstractmethod
    def running(self) -> str:
        """The configuration that counts, as the system shows it, without what differs at every look."""

    @property
    @abstractmethod
    def startup(self) -> str:
        """The configuration that a restart brings back."""

    # What a vendor fills in.

    @abstractmethod
    def _load(self, text: str) -> None:
        """Take a start configuration, as running and as kept. Raise ValueError for a line not understood."""

    @property
    @abstractmethod
    def hostname(self) -> str:
        """The name in the prompt."""

    @abstractmethod
    def rename(self, hostname: str) -> None:
        """Change the name, in both configurations."""

    @abstractmethod
    def admits(self, source: str) -> bool:
        """Return whether a connection from an address gets as far as a login."""

    @abstractmethod
    def knows(self, user: str, password: str, source: str) -> bool:
        """Return whether a login is right, from this address."""

    @abstractmethod
    def _restore_kept(self) -> None:
        """Run what is kept, as a restart does."""

    def greeting(self) -> str:
        """Return what is said before the login."""
        return ""

    def _hashed(self) -> tuple[str, ...]:
        return ()

    # What happens.

    def now(self) -> datetime.datetime:
        """Return the device's clock."""
        return datetime.datetime.now(datetime.UTC)

    def uptime(self) -> datetime.timedelta:
        """Return how long it runs."""
        return self.now() - self._booted

    def arm(self, name: str, minutes: float, action: Callable[[], Awaitable[None]]) -> None:
        """Do something after so many minutes, unless disarmed; a new timer takes the place of the old one."""
        self.disarm(name)

        def fire() -> None:
            del self._timers[name]
            if not self.faults.timer_is_dead:
                self.spawn(action())

        loop = asyncio.get_running_loop()
        self._timers[name] = loop.call_later(minutes * self.minute_seconds, fire)

    def disarm(self, name: str) -> bool:
        """Stop a timer; return whether there was one."""
        timer = self._timers.pop(name, None)
        if timer:
            timer.cancel()
        return timer is not None

    def is_armed(self, name: str) -> bool:
        """Return whether a timer runs."""
        return name in self._timers

    def spawn(self, work: Awaitable[None]) -> None:
        """Let something happen beside the sessions."""

        async def run() -> None:
            await work

        task = asyncio.get_running_loop().create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def reboot(self) -> None:
        """Drop everybody, be away for a while, come back with what is kept."""
        if self.listener:
            await self.listener.close()
        for name in list(self._timers):
            self.disarm(name)
        for terminal in list(self.sessions):
            terminal.cut()
        self._restore_kept()
        self.restarts += 1
        await asyncio.sleep(self.boot_seconds)
        self._booted = self.now()
        if self.listener:
            await self.listener.open()

    def shut(self) -> None:
        """Stop all that is still to happen."""
        for name in list(self._timers):
            self.disarm(name)
        for task in self._tasks:
            task.cancel()
        for terminal in list(self.sessions):
            terminal.cut()

    def broadcast(self, text: str) -> None:
        """Put a line on everybody's screen."""
        for terminal in self.sessions:
            terminal.write(text)


class Shell(ABC):
    """What one session talks to."""

    device: Device

    def __init__(self, device: Device, terminal: Terminal, user: str) -> None:
        self.device, self.terminal, self.user = device, terminal, user

    @property
    @abstractmethod
    def prompt(self) -> str:
        """What the next line is asked with."""

    @abstractmethod
    def is_configuring(self) -> bool:
        """Return whether what is typed changes the configuration."""

    @abstractmethod
    async def execute(self, line: str) -> None:
        """Do what a line says. Raise Gone to end the session."""

    async def start(self) -> None:
        """Show what is shown once somebody is in. Raise Gone where he may not stay."""
        return

    def left(self) -> None:
        """Clear up behind a session, however it ended."""
        return

    async def asked(self) -> str:
        """Return the next line typed."""
        return await self.terminal.line(self.prompt)

    async def run(self) -> None:
        """Serve the session until somebody ends it."""
        if self.terminal.command is not None:
            return await self.hear(self.terminal.command)
        await self.start()
        while True:
            await self.hear(await self.asked())

    async def hear(self, line: str) -> None:
        """Do what a line says, as badly as the device's faults ask."""
        device, faults, text = self.device, self.device.faults, line.strip()
        if faults.line_seconds:
            await asyncio.sleep(faults.line_seconds)
        if faults.hangs_at and text.startswith(faults.hangs_at):
            await asyncio.Event().wait()
        if faults.floods_at and text.startswith(faults.floods_at):
            return await self.terminal.flood()
        if self.is_configuring() and text:
            device.heard_lines.append(text)
            if faults.is_due("drops_after_lines", len(device.heard_lines)):
                self.terminal.cut()
                raise Gone
            if faults.is_due("reboots_after_lines", len(device.heard_lines)):
                device.spawn(device.reboot())
                raise Gone
        await self.execute(line)
        return None

    def is_refused(self, line: str) -> bool:
        """Return whether a fault has this very line not understood."""
        refused = self.device.faults.refuses_line
        return bool(refused) and line.strip().startswith(refused or "")
