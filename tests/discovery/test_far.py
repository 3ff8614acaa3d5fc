"""Sites that answer late and lose packets: slow Wi-Fi on-link, a VPN behind a router; nothing is missed."""

import pytest

from mspctl.discovery import ScanRequest
from mspctl.discovery.patience import MOST_TRIES, TRIES, Line
from tests.discovery.segment import needs_root, segment

OPEN, CLOSED = (21, 22, 80, 445, 5432), (23, 25, 443)


def request(network: str) -> ScanRequest:
    """Return a scan of open and closed ports."""
    return ScanRequest(scan="test", networks=(network,), ports=(*OPEN, *CLOSED), udp=frozenset())


@needs_root
@pytest.mark.parametrize(("round_trip_seconds", "loss"), [(0.3, 0.1), (0.8, 0.02)], ids=str)
def test_no_open_port_is_lost_behind_a_vpn(round_trip_seconds: float, loss: float) -> None:
    """`loss` is of packets each way: at 0.1 nearly one of five questions goes without an answer."""
    with segment(round_trip_seconds, loss) as cable:
        cable.addresses([2])
        hosts = [f"203.0.113.{number}" for number in range(1, 61)]
        cable.ip(cable.target, *(f"addr add {host}/32 dev lo" for host in hosts))
        cable.ip(cable.scanner, "route add 203.0.113.0/24 via 198.51.100.2")
        silent = ", ".join(hosts[::2])
        cable.drop(  # like Windows: one port, and silence
            f"ip daddr {{ {silent} }} tcp dport != 445", f"ip daddr {{ {silent} }} icmp type echo-request"
        )
        with cable.serving(*OPEN):
            log = cable.scan(request("203.0.113.0/24"))
    expected = {(host, port) for host in hosts for port in ((445,) if host in hosts[::2] else OPEN)}
    assert log.open() == expected


@needs_root
def test_no_open_port_is_lost_on_slow_wireless() -> None:
    with segment(round_trip_seconds=0.3, loss=0.1) as cable:
        hosts = range(2, 62)
        cable.addresses(hosts)
        cable.drop(*(f"ip daddr 198.51.100.{host} tcp dport != 445" for host in hosts[::2]))
        with cable.serving(*OPEN):
            log = cable.scan(request("198.51.100.0/25"))
    expected = {(f"198.51.100.{h}", port) for h in hosts for port in ((445,) if h % 2 == 0 else OPEN)}
    assert log.open() == expected


def test_patience_grows_with_the_way_and_its_losses() -> None:
    lan, vpn = Line(1.0), Line(1.0)
    assert (lan.tries, lan.pause_seconds(), lan.last_seconds()) == (TRIES, 0.5, 2.0)
    for number in range(100):
        lan.heard(0.001, again=False)
        vpn.heard(0.3, again=number % 10 == 0)
    assert (lan.tries, lan.pause_seconds(), lan.last_seconds()) == (TRIES, 0.5, 1.0)
    assert vpn.tries == 4 and vpn.pause_seconds() > 0.9 and vpn.last_seconds() > 1.3
    assert lan.pause_seconds(machine_seconds=0.4) > 1.2  # one slow machine on a fast network
    for _ in range(1000):
        vpn.heard(2.0, again=False)  # the kernel's own second SYN was answered
    assert vpn.tries == MOST_TRIES
