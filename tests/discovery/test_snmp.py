"""SNMP against agents that work, agents that lie and agents that stop."""

import asyncio
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from benchmarks.recorded import Device, answer, device
from mspctl.discovery import SnmpLogin
from mspctl.discovery.probes import snmp
from mspctl.discovery.probes.snmp_agent import Agent, GaveUp
from mspctl.facts.snmp import OBJECTS, parse

HOST = "127.0.0.9"
SWITCH = """\
1.0.8802.1.1.2.1.4.1.1.4.0.7.1|2|4
1.0.8802.1.1.2.1.4.1.1.5.0.7.1|4x|3c5282000002
1.0.8802.1.1.2.1.4.1.1.6.0.7.1|2|5
1.0.8802.1.1.2.1.4.1.1.7.0.7.1|4|port 12
1.0.8802.1.1.2.1.4.1.1.9.0.7.1|4|sw-floor2
1.0.8802.1.1.2.1.4.1.1.12.0.7.1|4x|28
1.3.6.1.2.1.1.1.0|4|Larkspur LS-48 Ethernet Switch, version 3.2.1
1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.32473.3.48
1.3.6.1.2.1.1.5.0|4|sw-floor1
1.3.6.1.2.1.2.2.1.2.3|4|Port 3
1.3.6.1.2.1.2.2.1.3.3|2|6
1.3.6.1.2.1.2.2.1.6.3|4x|3c5282000001
1.3.6.1.2.1.2.2.1.8.3|2|1
1.3.6.1.2.1.4.1.0|2|1
1.3.6.1.2.1.4.20.1.2.192.0.2.1|2|3
1.3.6.1.2.1.4.22.1.2.3.192.0.2.7|4x|3c5282000007
1.3.6.1.2.1.17.1.1.0|4x|3c5282000001
1.3.6.1.2.1.17.1.4.1.2.7|2|3
1.3.6.1.2.1.17.7.1.2.2.1.2.20.60.82.130.0.0.7|2|7
1.3.6.1.2.1.47.1.1.1.1.5.1|2|3
1.3.6.1.2.1.47.1.1.1.1.11.1|4|LS48-0001
1.3.6.1.2.1.47.1.1.1.1.13.1|4|LS-48
"""


@contextmanager
def agent(reply: Callable[[bytes], bytes | None]) -> Iterator[int]:
    """Yield the port of an agent that answers each request as `reply` says."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind((HOST, 0))
        listener.settimeout(0.05)
        stopped = threading.Event()

        def serve() -> None:
            while not stopped.is_set():
                try:
                    data, asker = listener.recvfrom(65_535)
                    if (said := reply(data)) is not None:
                        listener.sendto(said, asker)
                except (TimeoutError, ValueError, IndexError):
                    continue

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            stopped.set()
            thread.join()


def recording(text: str) -> Device:
    """Return a device given its recording."""
    return device(text.splitlines())


def collected(port: int, seconds: float = 1.0, most: float = 10.0) -> Any:
    """Return what the probe makes of the agent at a port."""
    return asyncio.run(snmp.collect(HOST, ["public"], seconds, port, most_seconds=most))


def test_a_switch_tells_its_tables_and_its_neighbours() -> None:
    with agent(lambda data: answer(recording(SWITCH), data)) as port:
        raw = collected(port)
    assert raw["values"][OBJECTS["snmp.bridge"]] == "0x3c5282000001"
    assert raw["entities"] == [{"entity": 1, "class": 3, "model": "LS-48", "serial": "LS48-0001"}]
    assert raw["interfaces"] == [
        {"interface": 3, "description": "Port 3", "type": 6, "status": 1, "mac": "3c:52:82:00:00:01"}
    ]
    assert raw["addresses"] == [{"address": "192.0.2.1", "interface": 3}]
    assert raw["arp"] == [{"interface": 3, "address": "192.0.2.7", "mac": "3c:52:82:00:00:07"}]
    assert raw["fdb"] == [{"mac": "3c:52:82:00:00:07", "port": 7, "filter": 20}]
    assert raw["ports"] == [{"port": 7, "interface": 3}]
    neighbour = {
        "port": 7,
        "remote": 1,
        "chassis": "3c:52:82:00:00:02",
        "chassis_type": 4,
        "name": "sw-floor2",
    }
    assert raw["lldp"] == [
        neighbour | {"remote_port": "port 12", "remote_port_type": 5, "capabilities": "bridge router"}
    ]
    assert "cut" not in raw


def test_version_1_is_spoken_where_2c_is_not_and_refused_objects_cost_no_others() -> None:
    def old(data: bytes) -> bytes | None:
        return answer(recording(SWITCH), data) if b"\x02\x01\x00\x04\x06public" in data else None

    with agent(old) as port:
        raw = collected(port, seconds=0.3)
    assert raw["values"][OBJECTS["snmp.name"]] == "sw-floor1"
    assert raw["interfaces"][0]["description"] == "Port 3" and raw["lldp"][0]["name"] == "sw-floor2"


COMMON_AGENT = "1.3.6.1.2.1.1.1.0|4|Linux box 4.4.9 #6 SMP armv7l\n1.3.6.1.2.1.1.2.0|6|{}\n"
BELOW = "1.3.6.1.4.1.1418.6.1.3.0|4|2.45\n"  # 1418 is Dataprobe's, who make power strips


@pytest.mark.parametrize("number", ["1.3.6.1.4.1.8072.3.2.10", "0.0", "1.3"])
def test_what_a_common_agent_answers_below_tells_who_made_the_device(number: str) -> None:
    device_of_theirs = recording(COMMON_AGENT.format(number) + BELOW)
    with agent(lambda data: answer(device_of_theirs, data)) as port:
        said = parse(collected(port))
    assert said["snmp.branch"] == "1.3.6.1.4.1.1418"


def test_a_device_whose_number_names_its_maker_is_not_asked_for_others() -> None:
    asked = 0

    def counting(data: bytes) -> bytes:
        nonlocal asked
        asked += 1
        return answer(named, data)

    named = recording(COMMON_AGENT.format("1.3.6.1.4.1.32473.1") + BELOW)
    with agent(counting) as port:
        assert "snmp.branch" not in parse(collected(port))
    assert asked < 12


def test_an_agent_that_is_silent_on_makers_numbers_still_tells_the_rest() -> None:
    deaf = recording(SWITCH + COMMON_AGENT.format("1.3.6.1.4.1.8072.3.2.10"))
    silences = 0

    def shy(data: bytes) -> bytes | None:
        nonlocal silences
        asks_below = b"\xa1" in data[:40] and bytes.fromhex("2b06010401") in data  # GETNEXT; enterprises
        silences += asks_below
        return None if asks_below else answer(deaf, data)

    with agent(shy) as port:
        raw = collected(port, seconds=0.2)
    assert raw["entities"] and raw["arp"] and 0 < silences < 12


def test_a_device_below_two_makers_numbers_is_left_alone() -> None:
    both = recording(COMMON_AGENT.format("1.3.6.1.4.1.8072.3.2.10") + BELOW + BELOW.replace("1418", "6574"))
    with agent(lambda data: answer(both, data)) as port:
        assert "snmp.branch" not in parse(collected(port))


def test_an_endless_table_is_cut_short() -> None:
    rows = "".join(f"1.3.6.1.2.1.4.22.1.2.{n}.192.0.2.7|4x|3c5282000007\n" for n in range(1, 9_000))
    endless = recording(SWITCH + rows)
    with agent(lambda data: answer(endless, data)) as port:
        raw = collected(port)
    assert len(raw["arp"]) == 4_096 and "arp" in raw["cut"]


def test_a_walk_ends_where_objects_do_not_increase() -> None:
    calm = recording(SWITCH)
    asked = 0

    async def walk(port: int) -> int:
        one = Agent(HOST, port, SnmpLogin(community="public"), 0.3, is_old=True)
        return len((await one.walk("1.3.6.1.2.1.2.2.1", 500)).rows)

    def stuck(data: bytes) -> bytes:
        """Answer what comes after the start, and from then on the very object that was asked for."""
        nonlocal asked
        asked += 1
        return answer(calm, data.replace(b"public\xa1", b"public\xa0") if asked > 1 else data)

    with agent(stuck) as port:
        assert asyncio.run(walk(port)) == 1 and asked <= 3


def test_an_agent_that_stops_answering_is_left_alone_and_what_it_said_is_kept() -> None:
    calm = recording(SWITCH)
    asked = 0

    def tired(data: bytes) -> bytes | None:
        nonlocal asked
        asked += 1
        return answer(calm, data) if asked < 3 else None

    with agent(tired) as port:
        began = time.monotonic()
        raw = collected(port, seconds=0.2)
    assert raw["values"][OBJECTS["snmp.name"]] == "sw-floor1"
    assert time.monotonic() - began < 4 and asked < 12


def test_a_slow_drip_is_bounded_as_a_whole() -> None:
    calm = recording(SWITCH)
    asked = 0

    def slow(data: bytes) -> bytes | None:
        nonlocal asked
        asked += 1
        if asked > 1:
            time.sleep(0.25)
        return answer(calm, data)

    with agent(slow) as port:
        began = time.monotonic()
        raw = collected(port, seconds=1.0, most=1.5)
    assert raw["values"][OBJECTS["snmp.name"]] == "sw-floor1" and time.monotonic() - began < 5


def test_wrong_types_and_huge_values_stay_bounded() -> None:
    odd = recording(
        f"1.3.6.1.2.1.1.1.0|4|{'A' * 3_000}\n1.3.6.1.2.1.1.2.0|4|no number\n1.3.6.1.2.1.1.5.0|2|7\n"
        "1.3.6.1.2.1.2.2.1.3.3|4|six\n1.3.6.1.2.1.2.2.1.6.3|2|12\n1.3.6.1.2.1.47.1.1.1.1.5.1|4|chassis\n"
    )
    with agent(lambda data: answer(odd, data)) as port:
        raw = collected(port)
    assert len(raw["values"][OBJECTS["snmp.description"]]) == 512
    assert raw["interfaces"] == [{"interface": 3}] and "entities" not in raw


def test_too_many_requests_end_the_conversation() -> None:
    async def much(port: int) -> None:
        one = Agent(HOST, port, SnmpLogin(community="public"), 1.0)
        for _ in range(10_000):
            await one.get([OBJECTS["snmp.name"]])

    calm = recording(SWITCH)
    with agent(lambda data: answer(calm, data)) as port, pytest.raises(GaveUp):
        asyncio.run(much(port))


@pytest.mark.skipif(not shutil.which("snmpd"), reason="snmpd is not installed")
@pytest.mark.parametrize(("authentication", "privacy"), [("SHA-256", "AES"), ("MD5", "DES")])
def test_version_3_logs_in_with_authentication_and_privacy(
    tmp_path: Path, authentication: str, privacy: str
) -> None:
    port = 16_163
    (tmp_path / "snmpd.conf").write_text(
        f"createUser watcher {authentication} a-long-password {privacy} another-password\n"
        "rouser watcher authpriv\nsysDescr Larkspur\n"
    )
    login = SnmpLogin(
        user="watcher",
        authentication="a-long-password",
        authentication_protocol="sha256" if authentication == "SHA-256" else "md5",
        privacy="another-password",
        privacy_protocol="aes" if privacy == "AES" else "des",
    )
    assert "password" not in repr(login)
    options = ["-f", "-C", "-c", str(tmp_path / "snmpd.conf"), "-Lo", "-p", str(tmp_path / "pid")]
    process = subprocess.Popen(
        ["snmpd", *options, f"udp:{HOST}:{port}"],
        env={"SNMP_PERSISTENT_DIR": str(tmp_path), "PATH": "/usr/sbin:/usr/bin"},
        stdout=subprocess.DEVNULL,
    )
    raw: Any = None
    try:
        for _ in range(20):
            raw = asyncio.run(snmp.collect(HOST, [], 1, port, users=[login]))
            if raw:
                break
            time.sleep(0.1)
    finally:
        process.kill()
        process.wait()
    assert raw and raw["values"][OBJECTS["snmp.description"]] == "Larkspur"
    assert "password" not in repr(raw)
