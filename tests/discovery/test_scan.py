"""A whole scan on loopback: what its log holds, and how it ends."""

import signal
import socket
from collections.abc import Iterator

import msgspec
import pytest

from mspctl.discovery import ScanRequest, scan
from mspctl.errors import BadInput, Interrupted
from mspctl.facts import facts
from mspctl.records import Observation, ScanEnded, ScanRecord, ScanStarted

NOBODY: dict[str, tuple[str, ...]] = {"127.0.0.0/8": ("127.0.0.1",)}  # refuses at once


@pytest.fixture(name="port")
def _port() -> Iterator[int]:
    with socket.create_server(("127.0.0.9", 0)) as server:
        yield server.getsockname()[1]


def request(*ports: int, networks: tuple[str, ...] = ("127.0.0.8/30",)) -> ScanRequest:
    """Return a scan of 127.0.0.9 and .10, which are always there."""
    return ScanRequest(
        scan="20260101T000000Z",
        networks=networks,
        ports=ports,
        dns=NOBODY,
        snmp_communities=("s3cret",),
        timeout_seconds=0.2,
    )


def run(wanted: ScanRequest) -> list[ScanRecord]:
    """Return the log of a scan."""
    log: list[ScanRecord] = []
    assert scan(wanted, record=log.append, progress=lambda stage, done, total: None) == log[-1]
    return log


def test_a_log_begins_with_what_was_asked_and_ends_with_what_was_done(port: int) -> None:
    log = run(request(port))
    seen = [line for line in log if isinstance(line, Observation)]
    assert isinstance(log[0], ScanStarted) and log[0].ports == (port,)
    assert isinstance(log[-1], ScanEnded) and log[-1].addresses_probed == 2 and not log[-1].interrupted
    assert {line.address for line in seen} == {"127.0.0.9", "127.0.0.10"}
    assert [(s.address, s.port) for s in seen if s.raw.get("state") == "open"] == [("127.0.0.9", port)]
    assert "s3cret" not in b"".join(map(msgspec.json.encode, log)).decode()


def test_two_looks_at_the_same_say_the_same(port: int) -> None:
    said = [
        {(s.address, s.probe, s.port, *sorted(facts(s).items())) for s in log if isinstance(s, Observation)}
        for log in (run(request(port)), run(request(port)))
    ]
    assert said[0] == said[1]


def test_the_machines_own_addresses_are_no_targets() -> None:
    log = run(request(22, networks=("127.0.0.1/32",)))
    assert [type(line) for line in log] == [ScanStarted, ScanEnded]
    assert log[-1].addresses_probed == 0  # type: ignore[union-attr]


def test_a_wrong_request_is_refused_before_anything_is_written() -> None:
    log: list[ScanRecord] = []
    with pytest.raises(BadInput, match="IPv6"):
        scan(request(networks=("2001:db8::/64",)), record=log.append, progress=lambda *_: None)
    assert not log


@pytest.mark.parametrize("stage", ["sweep", "services"])
def test_ctrl_c_at_any_stage_ends_the_log_and_says_so(stage: str) -> None:
    log: list[ScanRecord] = []

    def record(line: ScanRecord) -> None:
        log.append(line)

    def progress(now: str, done: int, total: int) -> None:
        if now == stage and done:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(Interrupted, match="is kept"):
        scan(request(22), record=record, progress=progress)
    assert isinstance(log[-1], ScanEnded) and log[-1].interrupted
    assert any(isinstance(line, Observation) for line in log)
