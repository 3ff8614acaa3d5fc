"""A network of its own for a test: a scanner and a target in network namespaces, joined by a cable.

Nothing leaves them: neither namespace has any other interface.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mspctl.discovery import ScanRequest
from mspctl.records import Observation, ScanEnded, ScanRecord

ROOT = Path(__file__).parents[2]
_numbers = count()

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="makes network namespaces: needs root")


class Segment:
    """A scanner at 198.51.100.1 and a target with any addresses of 198.51.100.0/24."""

    def __init__(self, name: str) -> None:
        """Take a name that is free on this machine."""
        self.scanner, self.target = f"{name}-s", f"{name}-t"

    def ip(self, namespace: str, *lines: str) -> None:
        """Run lines of `ip` in a namespace."""
        subprocess.run(["ip", "-n", namespace, "-batch", "-"], input="\n".join(lines), text=True, check=True)

    def addresses(self, hosts: Iterable[int]) -> None:
        """Give the target addresses, by their last number."""
        self.ip(self.target, *(f"addr add 198.51.100.{host}/24 dev cable" for host in hosts))

    def drop(self, *rules: str) -> None:
        """Make the target drop packets that match nft rules."""
        chain = "".join(f"{rule} drop;\n" for rule in rules)
        text = f"table inet t {{ chain c {{ type filter hook input priority 0;\n{chain} }}; }}\n"
        self.run(self.target, ["nft", "-f", "-"], input=text, check=True)

    def run(self, namespace: str, argv: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a program in a namespace."""
        return subprocess.run(["ip", "netns", "exec", namespace, *argv], text=True, cwd=ROOT, **options)

    def start(self, namespace: str, argv: list[str], **options: Any) -> subprocess.Popen[str]:
        """Start a program in a namespace, without input."""
        options.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.Popen(["ip", "netns", "exec", namespace, *argv], text=True, cwd=ROOT, **options)

    @contextmanager
    def serving(self, *ports: int, strays: bool = False) -> Iterator[None]:
        """Listen at ports of all the target's addresses; with `strays`, also answer in another's name."""
        argv = [sys.executable, "-m", "tests.discovery.target", json.dumps([ports, strays])]
        process = self.start(self.target, argv, stdout=subprocess.PIPE)
        try:
            assert process.stdout and process.stdout.readline() == "ready\n"
            yield
        finally:
            process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()

    def scan(self, request: ScanRequest, *, files: int = 0, user: int = 0, log: str = "") -> "Log":
        """Scan from the scanner's side, if need be with few files, as another user, or going on."""
        done = self.run(
            self.scanner,
            scan_argv(request, files=files, user=user),
            stdout=subprocess.PIPE,
            input=log,
            check=True,
            timeout=120,
        )
        return Log(done.stdout)


class Log:
    """What a scan wrote."""

    def __init__(self, text: str) -> None:
        """Take JSON Lines."""
        self.records: list[ScanRecord] = [
            msgspec.json.decode(line, type=ScanRecord) for line in text.splitlines()
        ]
        self.seen = [record for record in self.records if isinstance(record, Observation)]

    @property
    def ended(self) -> ScanEnded:
        """The last line."""
        assert isinstance(self.records[-1], ScanEnded)
        return self.records[-1]

    def addresses(self, *probes: str) -> set[str]:
        """Return the addresses that answered, to some probes only if named."""
        return {seen.address for seen in self.seen if not probes or seen.probe in probes}

    def open(self) -> set[tuple[str, int]]:
        """Return the open ports."""
        return {(s.address, s.port or 0) for s in self.seen if s.raw.get("state") == "open"}


def scan_argv(request: ScanRequest, *, files: int = 0, user: int = 0) -> list[str]:
    """Return the command that scans and prints its log."""
    options = msgspec.json.encode([request, files, user]).decode()
    return [sys.executable, "-m", "tests.discovery.scan_here", options]


@contextmanager
def segment(round_trip_seconds: float = 0.0, loss: float = 0.0) -> Iterator[Segment]:
    """Yield two joined namespaces and remove them; packets each way take their time or get lost."""
    made = Segment(f"mspctl-test-{os.getpid()}-{next(_numbers)}")
    subprocess.run(["ip", "netns", "add", made.scanner], check=True)
    subprocess.run(["ip", "netns", "add", made.target], check=True)
    far: subprocess.Popen[str] | None = None
    try:
        if round_trip_seconds or loss:
            numbers = (str(round_trip_seconds), str(loss))
            argv = [sys.executable, "-m", "tests.discovery.far", made.scanner, made.target, *numbers]
            far = subprocess.Popen(argv, text=True, cwd=ROOT, stdout=subprocess.PIPE)
            assert far.stdout and far.stdout.readline() == "ready\n"
        else:
            made.ip(made.scanner, f"link add cable type veth peer name cable netns {made.target}")
        for namespace in (made.scanner, made.target):
            made.ip(namespace, "link set lo up", "link set cable up")
            made.run(
                namespace, ["sh", "-c", "for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 >$f; done"]
            )
        made.ip(made.scanner, "addr add 198.51.100.1/24 dev cable")
        time.sleep(0.2)  # the cable needs a moment to carry
        yield made
    finally:
        if far:
            far.kill()
            far.communicate()
        subprocess.run(["ip", "netns", "del", made.scanner], check=False)
        subprocess.run(["ip", "netns", "del", made.target], check=False)
