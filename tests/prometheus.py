"""A Prometheus of the tests' own on loopback, the real one of Debian, and exporters for it to ask.

It reads a client's hosts and alerts from files as mspctl writes them; the exporters tell of the unit that
drills stop, one an address, and can be told how it stands.
"""

import json
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from mspctl.handwritten import dump
from mspctl.records import Json
from mspctl.targets import FILE, RULES_FILE
from tests.samples import has

needs_prometheus = pytest.mark.skipif(
    not has("prometheus"), reason="no Prometheus here: tests/run.sh installs it"
)


@dataclass
class Exporters:
    """What exporters answer, by address; one that has no answer closes the connection."""

    port: int
    answers: dict[str, Callable[[], str]] = field(default_factory=dict)

    def tell(self, address: str, is_active: bool) -> None:
        """Have an address say how its unit stands."""
        self.answers[address] = lambda: unit(is_active)


def unit(is_active: bool) -> str:
    """Return what an exporter says of the unit that drills stop."""
    labels = 'name="mspctl-drill.service",state="active",type="simple"'
    return f"node_systemd_unit_state{{{labels}}} {int(is_active)}\n"


@contextmanager
def exporting(addresses: int) -> Iterator[Exporters]:
    """Be as many exporters, from 127.0.0.1 on; their unit is active."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        exporters = Exporters(found.getsockname()[1])

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = exporters.answers.get(str(self.connection.getsockname()[0]))
            if answer is not None:
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.end_headers()
                self.wfile.write(answer().encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 its own name
            pass

    servers = []
    try:
        for address in (f"127.0.0.{number + 1}" for number in range(addresses)):
            exporters.tell(address, is_active=True)
            servers.append(ThreadingHTTPServer((address, exporters.port), Handler))
            threading.Thread(target=servers[-1].serve_forever, args=(0.05,), daemon=True).start()
        yield exporters
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()


@dataclass
class Server:
    """A Prometheus that runs: where, its folder, and the files of clients that it reads."""

    url: str
    folder: Path
    files: Sequence[str]
    rule_files: Sequence[str]

    def get(self, endpoint: str) -> Any:
        """Return what its API answers."""
        with urllib.request.urlopen(f"{self.url}/api/v1/{endpoint}", timeout=10) as answer:
            return json.load(answer)["data"]

    def give(self, client: str, targets: list[Json], rules: Json = None) -> None:
        """Bring a client's files as mspctl writes them, and have the server read them."""
        (self.folder / f"{client}.{RULES_FILE}").write_text(dump(rules) if rules else "groups: []\n")
        (self.folder / f"{client}.{FILE}").write_text(json.dumps(targets))
        self.reload()

    def settle(self, interval: str) -> None:
        """Write the server's own settings: how often alerts are evaluated."""
        settings = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": interval},
            "rule_files": list(self.rule_files),
            "scrape_configs": [{"job_name": "mspctl", "file_sd_configs": [{"files": list(self.files)}]}],
        }
        (self.folder / "prometheus.yml").write_text(dump(settings))

    def reload(self) -> None:
        """Have the server read its files again."""
        asked = urllib.request.Request(f"{self.url}/-/reload", method="POST")
        urllib.request.urlopen(asked, timeout=10).close()


@contextmanager
def watching(
    folder: Path, files: Sequence[str] = ("*.json",), rule_files: Sequence[str] = (f"*.{RULES_FILE}",)
) -> Iterator[Server]:
    """Run a Prometheus that looks and evaluates once a second; relative files lie in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{found.getsockname()[1]}"
    server = Server(f"http://{address}", folder, files, rule_files)
    server.settle("1s")
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            (
                "prometheus",
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={address}",
                "--web.enable-lifecycle",
            ),
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        await_it(lambda: _is_ready(server.url, process), "a Prometheus")
        yield server
    finally:
        process.terminate()
        process.wait(20)


def _is_ready(url: str, process: "subprocess.Popen[bytes]") -> bool:
    assert process.poll() is None, "Prometheus ended: see its log"
    try:
        urllib.request.urlopen(f"{url}/-/ready", timeout=5).close()
    except OSError:
        return False
    return True


def await_it(is_so: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.2)
