"""The sweep against real networks, with the traps that lose answers or leave the scope."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from mspctl.discovery import ScanRequest
from mspctl.discovery.target import AT_ONCE
from tests.discovery.segment import Log, Segment, needs_root, scan_argv, segment

pytestmark = needs_root
NETWORK = "198.51.100.0/24"


@pytest.fixture(name="cable")
def _cable() -> Iterator[Segment]:
    with segment() as made:
        yield made


def request(*networks: str, ports: tuple[int, ...] = (22, 80, 445), **options: object) -> ScanRequest:
    """Return a scan of a few ports without DNS."""
    return ScanRequest(scan="test", networks=networks or (NETWORK,), ports=ports, **options)  # type: ignore[arg-type]


@contextmanager
def busy(processes: int = 4) -> Iterator[None]:
    """Keep every core busy."""
    started = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)]
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


def test_what_is_alive_is_found_however_little_it_answers(cable: Segment) -> None:
    cable.addresses([2, 3, 4, 254])
    cable.drop(
        "ip daddr 198.51.100.3 tcp dport != 445",  # like Windows: all silent but one port
        "ip daddr 198.51.100.3 icmp type echo-request",
        "ip daddr 198.51.100.4",  # answers ARP alone
    )
    with cable.serving(22, 445):
        log = cable.scan(request())
    assert log.addresses("arp") == {f"198.51.100.{host}" for host in (2, 3, 4, 254)}
    assert log.addresses() == log.addresses("arp")  # not the scanner's own, no broadcast
    assert log.open() == {(f"198.51.100.{h}", p) for h in (2, 254) for p in (22, 445)} | {
        ("198.51.100.3", 445)
    }
    assert log.addresses("ping") == {"198.51.100.2", "198.51.100.254"}
    assert (log.ended.addresses_probed, log.ended.strays_dropped) == (253, 0)


def test_without_root_the_kernels_neighbours_tell_who_is_there(cable: Segment) -> None:
    cable.addresses([2, 4])
    cable.drop("ip daddr 198.51.100.4")
    with cable.serving(22):
        log = cable.scan(request(), user=65534)
    assert log.addresses("arp") == {"198.51.100.2", "198.51.100.4"}
    assert log.open() == {("198.51.100.2", 22)}


def test_excluded_addresses_are_not_touched(cable: Segment) -> None:
    cable.addresses(range(2, 12))
    with cable.serving(22):
        log = cable.scan(request(exclude=("198.51.100.2", "198.51.100.8/30")))
    assert log.addresses() == {f"198.51.100.{host}" for host in range(3, 8)}


def test_answers_from_outside_the_scope_are_dropped_and_counted(cable: Segment) -> None:
    cable.addresses([2])
    with cable.serving(22, strays=True):
        log = cable.scan(request("198.51.100.0/28"))
    assert log.addresses() == {"198.51.100.2"}
    assert log.ended.strays_dropped > 10  # one for each ARP request, one for the ping


def test_no_open_port_is_lost_on_a_busy_machine(cable: Segment) -> None:
    """Twenty processes want the processor: what answers late only because nobody looked is no silence."""
    numbers, ports = range(2, 72), (135, 3001, 3002, 3003, 3004)
    cable.addresses(numbers)
    cable.ip(cable.target, *(f"addr add 203.0.113.{number}/32 dev lo" for number in numbers))
    cable.ip(cable.scanner, "route add 203.0.113.0/24 via 198.51.100.2")
    hosts = [f"{network}.{number}" for network in ("198.51.100", "203.0.113") for number in numbers]
    windows = set(hosts[1::2])
    cable.drop(f"ip daddr {{ {', '.join(sorted(windows))} }} tcp dport != 135")
    wanted = request(
        "198.51.100.0/25",
        "203.0.113.0/25",
        ports=(*ports, 3005, 3006),
        packets_per_second=20_000,
        udp=frozenset(),
    )
    with cable.serving(*ports), busy(20):
        time.sleep(1)  # until they are all at it
        log = cable.scan(wanted)
    assert log.open() == {(h, port) for h in hosts for port in ((135,) if h in windows else ports)}


def test_a_machine_has_to_answer_few_packets_at_a_time() -> None:
    """A controller falls over at a flood. Each round trip lets so many through, and takes its time."""
    ports = tuple(range(3001, 3081))
    with segment(round_trip_seconds=0.2) as far:
        far.addresses([2])
        with far.serving(*ports):
            log = far.scan(request("198.51.100.2/32", ports=ports, udp=frozenset()))
    opened = sorted(seen.at for seen in log.seen if seen.probe == "tcp")
    assert len(log.open()) == len(ports)
    for first, later in zip(opened, opened[AT_ONCE:], strict=False):
        assert (later - first).total_seconds() > 0.15


def test_print_queues_and_controllers_get_no_byte(cable: Segment) -> None:
    """Not one: a printer prints what it gets, a controller does what it is told."""
    cable.addresses([2])
    watched = (515, 9100, 102, 44818)
    rule = f"tcp dport {{ {', '.join(map(str, watched))} }} tcp flags & psh == psh counter name data"
    chain = f"chain c {{ type filter hook input priority -1; {rule}; }}"
    table = f"table inet w {{ counter data {{ }}; {chain}; }}"
    cable.run(cable.target, ["nft", "-f", "-"], input=table, check=True)
    with cable.serving(22, *watched):
        log = cable.scan(request("198.51.100.2/32", ports=(22, *watched), industrial=True))
    assert {("198.51.100.2", port) for port in watched} <= log.open()
    counted = cable.run(cable.target, ["nft", "list", "counters"], stdout=subprocess.PIPE, check=True)
    assert "packets 0 bytes 0" in counted.stdout


def test_no_open_port_is_lost_with_fewer_files_than_targets(cable: Segment) -> None:
    hosts, ports = range(2, 102), (21, 22, 80)
    cable.addresses(hosts)
    with cable.serving(*ports):
        log = cable.scan(request(ports=ports), files=40)
    assert len(log.open()) == len(hosts) * len(ports)


def test_machines_beyond_a_router_are_found_by_a_refusal_or_a_ping(cable: Segment) -> None:
    cable.addresses([2])
    cable.ip(cable.target, *(f"addr add 203.0.113.{host}/32 dev lo" for host in (5, 6, 7, 8)))
    cable.ip(cable.scanner, "route add 203.0.113.0/29 via 198.51.100.2")
    cable.drop(
        "ip daddr 203.0.113.5 icmp type echo-request",  # refuses ports
        "ip daddr 203.0.113.6 meta l4proto tcp",  # answers pings
        "ip daddr 203.0.113.8",  # out of scope
    )
    with cable.serving(22):
        log = cable.scan(request(NETWORK, "203.0.113.0/29"))
    assert {f"203.0.113.{host}" for host in (5, 6)} <= log.addresses("tcp", "ping")
    assert not {"203.0.113.7", "203.0.113.8"} & log.addresses()  # one is the broadcast, one beyond
    gateways = [(seen.address, seen.raw["network"]) for seen in log.seen if seen.probe == "route"]
    assert gateways == [("198.51.100.2", "203.0.113.0/29")]


def test_a_network_without_a_way_to_it_is_told_apart_from_an_empty_one(cable: Segment) -> None:
    log = cable.scan(request("198.51.100.0/29", "192.0.2.0/30"))
    assert log.ended.unreachable == ("192.0.2.0/30",) and not log.addresses()


def test_the_rate_is_kept(cable: Segment) -> None:
    began = time.monotonic()
    cable.scan(request("198.51.100.0/25", packets_per_second=100))
    assert time.monotonic() - began > 2 * 125 / 100 - 0.1


def test_every_answer_is_written_at_once_and_an_interrupted_scan_says_so(cable: Segment) -> None:
    cable.addresses(range(2, 30))
    argv = scan_argv(request(packets_per_second=60))
    with cable.serving(22):
        process = cable.start(cable.scanner, argv, stdout=subprocess.PIPE)
        assert process.stdout
        lines = [process.stdout.readline() for _ in range(5)]
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=20)
    log = Log("".join(lines) + rest)
    assert process.returncode == 130
    assert log.ended.interrupted and len(lines) == 5 and len(log.seen) >= 4
