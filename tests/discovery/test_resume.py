"""A killed scan goes on where it stopped: what its log holds is not asked again."""

import signal
import subprocess
from collections import Counter
from collections.abc import Iterator

import pytest

from mspctl.discovery import ScanRequest, scan
from mspctl.discovery.resume import Earlier
from mspctl.records import Observation, ScanEnded, ScanReached, ScanRecord, ScanStarted
from tests.discovery.segment import Log, Segment, needs_root, scan_argv, segment
from tests.discovery.test_scan import request, run

NETWORK = "198.51.100.0/24"


@pytest.fixture(name="cable")
def _cable() -> Iterator[Segment]:
    with segment() as made:
        yield made


@needs_root
def test_a_killed_scan_is_finished_and_nothing_is_asked_twice(cable: Segment) -> None:
    hosts, ports = range(2, 202), (22, 80, 445)
    cable.addresses(hosts)
    wanted = ScanRequest(
        scan="test", networks=(NETWORK,), ports=ports, packets_per_second=100, udp=frozenset()
    )
    with cable.serving(22, 80):
        process = cable.start(cable.scanner, scan_argv(wanted), stdout=subprocess.PIPE)
        assert process.stdout
        first = []
        for line in process.stdout:
            first.append(line)
            if sum('"reached"' in each for each in first) == 2:  # far enough to have something to skip
                process.send_signal(signal.SIGKILL)
                break
        process.communicate()
        fast = ScanRequest(scan="test", networks=(NETWORK,), ports=ports, udp=frozenset())
        second = cable.scan(fast, log="".join(first))
    begun = Log("".join(first))
    assert not [record for record in begun.records if isinstance(record, ScanEnded)]
    whole = [*begun.records, *second.records]
    assert [type(record) for record in whole].count(ScanStarted) == 1
    assert {(s.address, s.port) for s in (*begun.seen, *second.seen) if s.raw.get("state") == "open"} == {
        (f"198.51.100.{host}", port) for host in hosts for port in (22, 80)
    }
    told = Counter((seen.address, seen.probe, seen.port) for seen in (*begun.seen, *second.seen))
    assert set(told.values()) == {1}
    reached = max(r.address.rpartition(".")[2] for r in begun.records if isinstance(r, ScanReached))
    assert not {f"198.51.100.{host}" for host in range(2, int(reached) + 1)} & second.addresses()
    assert second.ended.addresses_probed == 253 and not second.ended.interrupted


def test_a_finished_part_counts_however_the_log_is_mixed() -> None:
    log = run(request(22))
    others: list[ScanRecord] = [ScanReached(scan="another", address="127.0.0.10")]
    assert not Earlier("20260101T000000Z", others).is_begun
    again: list[ScanRecord] = []
    scan(request(22), record=again.append, progress=lambda *_: None, log=[*others, *log])
    assert not [record for record in again if isinstance(record, ScanStarted)]
    seen = {(r.address, r.probe, r.port) for r in log if isinstance(r, Observation)}
    assert not seen & {(r.address, r.probe, r.port) for r in again if isinstance(r, Observation)}
    assert isinstance(again[-1], ScanEnded) and again[-1].addresses_probed == 2
