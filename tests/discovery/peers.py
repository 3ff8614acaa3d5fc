"""Real servers for the probes, in a network namespace that has no way out.

The probe runs in the test's own process, which steps into the namespace for as long as it asks.
"""

import asyncio
import ctypes
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from mspctl.discovery.datagrams import Datagrams, datagrams

ADDRESS = "192.0.2.10"
SECONDS = 1.0
_CLONE_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)
_numbers = count()

Raw = dict[str, Any] | None


def needs(program: str, package: str) -> pytest.MarkDecorator:
    """Return the mark that skips a test where a Debian package is missing."""
    is_there = shutil.which(program) or Path(program).exists() or Path(f"/usr/sbin/{program}").exists()
    missing = os.geteuid() != 0 or not is_there
    reason = f"needs root and {program} of Debian's package {package}"
    return pytest.mark.skipif(missing, reason=reason)


class Place:
    """A namespace with one address, and the servers that run there."""

    def __init__(self, name: str, folder: Path) -> None:
        """Take a name that is free on this machine, and where servers may write."""
        self.name = name
        self.folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []

    def write(self, name: str, text: str) -> Path:
        """Write a file for a server and return its path; {folder} and {address} are filled in."""
        path = self.folder / name
        filled = text.replace("{folder}", str(self.folder)).replace("{address}", ADDRESS)
        path.write_text(filled, encoding="utf-8")
        return path

    def start(self, *argv: str, own_run: bool = False) -> None:
        """Start a server; with `own_run` in a /run of its own."""
        command = ["ip", "netns", "exec", self.name, *(["unshare", "-m"] if own_run else []), *argv]
        log = (self.folder / f"{len(self._processes)}.log").open("wb")
        with log:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._processes.append(process)

    def logs(self) -> str:
        """Return the end of what the servers said, for a test that fails."""
        texts = (path.read_text(errors="replace")[-600:] for path in sorted(self.folder.glob("*.log")))
        return "\n".join(texts)

    def stop(self) -> None:
        """End every server, and whatever it started, by the namespace's own list."""
        pids = subprocess.run(["ip", "netns", "pids", self.name], capture_output=True, text=True, check=True)
        for pid in pids.stdout.split():
            subprocess.run(["kill", "-9", pid], stderr=subprocess.DEVNULL, check=False)
        for process in self._processes:
            process.wait(5)

    def ask(self, question: Callable[[], Awaitable[Raw]], patience: float = 10.0) -> dict[str, Any]:
        """Return the first answer to a question that is put until its server is up."""
        until = time.monotonic() + patience
        while time.monotonic() < until:
            with _inside(self.name):
                raw = asyncio.run(_awaited(question))
            if raw:
                return raw
            time.sleep(0.2)
        pytest.fail(f"no answer: {self.logs()}")

    def ask_by_datagram(
        self, collect: Callable[[Datagrams, str], Awaitable[Raw]], patience: float = 10.0
    ) -> dict[str, Any]:
        """Return the first answer to a question over UDP."""

        async def question() -> Raw:
            async with datagrams(lambda address: None, SECONDS) as post:
                return await collect(post, ADDRESS)

        return self.ask(question, patience)

    def answers(self, port: int) -> bool:
        """Return whether something listens at a TCP port."""
        with _inside(self.name), socket.socket() as sock:
            return sock.connect_ex((ADDRESS, port)) == 0


async def _awaited(question: Callable[[], Awaitable[Raw]]) -> Raw:
    return await question()


@contextmanager
def place(folder: Path) -> Iterator[Place]:
    """Yield a namespace of its own, and remove it with all that runs there."""
    made = Place(f"mspctl-peer-{os.getpid()}-{next(_numbers)}", folder)
    subprocess.run(["ip", "netns", "add", made.name], check=True)
    lines = [
        "link set lo up",
        "link add cable type veth peer name other",
        f"addr add {ADDRESS}/24 dev cable",
        "link set cable up",
        "link set other up",
    ]
    try:
        subprocess.run(["ip", "-n", made.name, "-batch", "-"], input="\n".join(lines), text=True, check=True)
        yield made
    finally:
        made.stop()
        subprocess.run(["ip", "netns", "del", made.name], check=False)


@contextmanager
def _inside(namespace: str) -> Iterator[None]:
    """Be in another network namespace for a while; this thread only."""
    with open("/proc/self/ns/net", "rb") as own, open(f"/run/netns/{namespace}", "rb") as other:  # noqa: PTH123
        if _LIBC.setns(other.fileno(), _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
        try:
            yield
        finally:
            _LIBC.setns(own.fileno(), _CLONE_NEWNET)
