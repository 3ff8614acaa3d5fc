"""A session's terminal: what is typed, echoed and shown page by page."""

import asyncio
import contextlib
from collections.abc import Collection

import asyncssh

from tests.lab.switches.faults import Faults

Process = asyncssh.SSHServerProcess[bytes]

FLOOD = b"#> " * 1365 + b"\r\n"
FLOOD_BYTES = 8 << 20
_ERASE = {"\x7f", "\b"}
_END_OF_LINE = {"\r", "\n"}
_WAITING_CHUNKS = 64
_LINGER_SECONDS = 0.2


class Gone(Exception):
    """The other side hung up, or the device did."""


class Terminal:
    """One session's screen and keyboard, with the distance between them and the device."""

    def __init__(self, process: Process, faults: Faults, more: str, page_length: int = 24) -> None:
        self._process = process
        self._faults = faults
        self._more = more
        self._typed = ""  # arrived and not taken yet
        self._arriving: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_WAITING_CHUNKS)
        self._loop = asyncio.get_running_loop()
        self._reader = self._loop.create_task(self._read())
        self._after_return = False
        self.page_length = page_length  # 0: no pager
        self.echoes = True

    @property
    def command(self) -> str | None:
        """The command of a session without a shell, as in `ssh device show version`."""
        return self._process.command

    @property
    def source(self) -> str:
        """The address the session comes from."""
        return str(self._process.get_extra_info("peername")[0])

    def close(self, code: int = 0) -> None:
        """End the session in good order: what was said arrives, then the connection goes."""
        self._reader.cancel()
        with contextlib.suppress(OSError):
            self._process.exit(code)
        self._loop.call_later(_LINGER_SECONDS, self._process.get_extra_info("connection").close)

    def cut(self) -> None:
        """End the session as a pulled cable would."""
        self._reader.cancel()
        self._process.get_extra_info("connection").abort()

    async def line(self, prompt: str, *, echo: bool = True, keys: Collection[str] = ()) -> str:
        """Show the prompt and return the line typed, or the first of `keys` pressed."""
        self.write(prompt)
        await self._drain()
        typed: list[str] = []
        while True:
            key = await self.key()
            if key in keys:
                return key
            if key in _END_OF_LINE:
                break
            if key in _ERASE:
                if typed:
                    typed.pop()
                    self.write("\b \b" if echo and self.echoes else "")
            elif key == "\x03":
                typed.clear()
                self.write("^C\r\n" + prompt)
            elif key >= " " or key == "\t":
                typed.append(key)
                text = self._take_text()
                typed += text
                if echo and self.echoes:
                    self.write(key + text)
        if self._faults.echo_seconds:
            await asyncio.sleep(self._faults.echo_seconds)
        self.write("\r\n")
        return "".join(typed)

    def _take_text(self) -> str:
        """Return the printable text that has arrived: a pushed file is echoed by the line, not by the key."""
        end = next((at for at, key in enumerate(self._typed) if key < " " or key == "\x7f"), len(self._typed))
        taken, self._typed = self._typed[:end], self._typed[end:]
        return taken

    async def key(self) -> str:
        """Return the next key pressed; of CR and LF together only one. Raise Gone when nobody is there."""
        while True:
            while not self._typed:
                await self._receive()
            key, self._typed = self._typed[0], self._typed[1:]
            swallowed, self._after_return = self._after_return and key == "\n", key == "\r"
            if not swallowed:
                return key

    def write(self, text: str) -> None:
        """Put text on the screen as it is."""
        if text:
            self._process.stdout.write(text.encode())

    async def show(self, text: str) -> None:
        """Show the lines of an answer, page by page where a pager is on."""
        lines = text.splitlines()
        if not self.page_length or len(lines) < self.page_length or self.command is not None:
            self.write("".join(line + "\r\n" for line in lines))
            return await self._drain()
        at, step = 0, self.page_length - 1
        while at < len(lines):
            self.write("".join(line + "\r\n" for line in lines[at : at + step]))
            at += step
            if at < len(lines):
                step = await self._next_page()
                if not step:
                    return None
        return None

    async def _next_page(self) -> int:
        """Return how many lines to show next: none when the reader has had enough."""
        while True:
            self.write(self._more)
            await self._drain()
            key = await self.key()
            width = len(self._more)
            self.write("\b" * width + " " * width + "\b" * width)
            if key in ("q", "Q", "\x03"):
                return 0
            if key in _END_OF_LINE:
                return 1
            if key == " ":
                return self.page_length - 1

    async def flood(self) -> None:
        """Answer with megabytes full of what prompts end with."""
        for _ in range(FLOOD_BYTES // len(FLOOD)):
            self._process.stdout.write(FLOOD)
            await self._drain()

    async def _drain(self) -> None:
        try:
            await self._process.stdout.drain()
        except (OSError, asyncssh.Error) as error:
            raise Gone from error

    async def _read(self) -> None:
        """Take what arrives, noting when the device may know of it."""
        chunk = b"-"
        while chunk:
            try:
                chunk = await self._process.stdin.read(1 << 15)
            except (asyncssh.BreakReceived, asyncssh.TerminalSizeChanged):
                continue
            except (OSError, asyncssh.Error):
                chunk = b""
            await self._arriving.put((self._loop.time() + self._faults.round_trip_seconds, chunk))

    async def _receive(self) -> None:
        moment, chunk = await self._arriving.get()
        if not chunk:
            raise Gone
        if (wait := moment - self._loop.time()) > 0:
            await asyncio.sleep(wait)
        self._typed += chunk.decode("utf-8", "replace")
