"""Which addresses are sent to, how fast, and which way."""

import tracemalloc
from ipaddress import ip_address, ip_network
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mspctl.discovery import DEFAULT_PORTS, ScanRequest, plan
from mspctl.discovery.pace import Pace
from mspctl.discovery.profiles import NEVER_TALKED_TO
from mspctl.discovery.routes import Routes, Way, answer, neighbours, question
from mspctl.discovery.scope import scope_of
from mspctl.errors import BadInput, MspctlError


def request(*networks: str, exclude: tuple[str, ...] = ()) -> ScanRequest:
    """Return a request for networks."""
    return ScanRequest(scan="test", networks=networks, exclude=exclude)


cidr = st.builds(
    lambda number, prefix: str(ip_network((0xC0000200 + number, prefix), strict=False)),
    st.integers(0, 255),
    st.integers(24, 32),
)


@given(st.lists(cidr, min_size=1, max_size=5), st.lists(cidr, max_size=5))
def test_a_scope_is_the_hosts_of_its_networks_without_what_is_excluded(
    networks: list[str], exclude: list[str]
) -> None:
    scope = scope_of(request(*networks, exclude=tuple(exclude)))
    hosts = {host for network in networks for host in ip_network(network).hosts()}
    wanted = {host for host in hosts if not any(host in ip_network(hole) for hole in exclude)}
    assert [ip_address(address) for address in scope] == sorted(wanted)
    assert len(scope) == len(wanted)
    for host in ip_network("192.0.2.0/24"):
        assert (str(host) in scope) == (host in wanted)


def test_a_large_scope_takes_no_memory() -> None:
    tracemalloc.start()
    scope = scope_of(request("10.0.0.0/8", exclude=("10.0.0.0/16",)))
    assert (len(scope), list(islice(scope, 1))) == (2**24 - 2 - 2**16 + 1, ["10.1.0.0"])
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


def test_sending_outside_the_scope_is_refused() -> None:
    scope = scope_of(request("192.0.2.0/24"))
    scope.guard("192.0.2.1")
    for address in (
        "192.0.2.0",
        "192.0.2.255",
        "198.51.100.1",
        "2001:db8::1",
        "localhost",
        "192.0.2.\N{ARABIC-INDIC DIGIT ONE}",
    ):
        with pytest.raises(MspctlError, match="outside"):
            scope.guard(address)


def test_every_mistake_in_a_request_is_named() -> None:
    with pytest.raises(BadInput) as caught:
        scope_of(request("192.0.2.1/24", "2001:db8::/64", exclude=("nowhere",)))
    text = str(caught.value)
    assert "networks[0]" in text and "IPv6" in text and "exclude[0]" in text


def test_a_plan_counts_packets_and_time() -> None:
    small, large = plan(request("192.0.2.0/24")), plan(request("10.0.0.0/16"))
    assert (small.addresses, small.packets) == (254, 254 * 7 * 2)
    assert 2 < small.seconds < 5 and large.seconds > 180


def test_a_request_shows_no_secret() -> None:
    secret = ScanRequest(scan="test", networks=("192.0.2.0/24",), snmp_communities=("s3cret",))
    assert "s3cret" not in f"{secret!r} {secret} {secret.__rich_repr__()}"


def test_the_default_ports_leave_print_queues_alone() -> None:
    assert not {9100, 9101, 9102} & set(DEFAULT_PORTS) and {515, 9100} <= NEVER_TALKED_TO


def test_the_pace_is_kept_and_bursts_are_short() -> None:
    now = 0.0
    pace = Pace(1000, clock=lambda: now)
    sent = 0
    for _ in range(200):
        now += 0.05  # the loop looks late: what was saved up is bounded
        while not pace.wait_seconds():
            pace.take()
            sent += 1
    assert sent <= 200 * 10 + 1


def test_the_kernel_tells_the_way() -> None:
    routes = Routes()
    assert routes.to("127.0.0.1").way is Way.OWN
    assert routes.to("127.0.0.9").interface == "lo"
    assert routes.to("127.255.255.255").way is Way.NONE
    routes.close()


@given(st.binary(min_size=16, max_size=64))
def test_any_message_of_the_kernel_is_read(body: bytes) -> None:
    assert len(question("192.0.2.1")) == 36
    message = (len(body) + 28).to_bytes(4, "little") + b"\x18\x00" + bytes(10) + bytes(12) + body
    answer(message)


def test_only_complete_neighbours_count() -> None:
    table = (
        "IP address       HW type     Flags       HW address            Mask     Device\n"
        "192.0.2.1        0x1         0x2         3c:52:82:00:00:01     *        eth0\n"
        "192.0.2.2        0x1         0x0         00:00:00:00:00:00     *        eth0\n"
    )
    assert neighbours(table) == {"192.0.2.1": "3c:52:82:00:00:01"}
