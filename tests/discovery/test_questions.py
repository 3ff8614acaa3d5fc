"""What a machine is asked, by profile and by what the client's file allows."""

import asyncio
import base64
from typing import Any

import pytest

from mspctl.discovery import DEFAULT_PORTS, ScanRequest
from mspctl.discovery.datagrams import datagrams
from mspctl.discovery.probes import rdp, winrm
from mspctl.discovery.profiles import MODBUS_PORT, NEVER_TALKED_TO, PROFILES
from mspctl.discovery.services import BY_DATAGRAM, by_datagram, of_port
from mspctl.facts import ntlm
from tests.test_recognised import challenge

HOST = "127.0.0.9"


def asked(profile: str, *, industrial: bool = False) -> set[str]:
    """Return the probes over UDP of a profile."""
    chosen = PROFILES[profile]  # type: ignore[index]
    request = ScanRequest(
        scan="test", networks=("127.0.0.0/29",), udp=chosen.udp, industrial=chosen.industrial or industrial
    )

    async def questions() -> set[str]:
        async with datagrams(lambda address: None, 0.1) as post:
            return {probe for probe, _, _ in by_datagram(HOST, request, post)}

    return asyncio.run(questions())


def test_each_profile_asks_over_udp_what_is_its_own() -> None:
    assert asked("quick") == {"netbios"}
    assert asked("standard") == set(BY_DATAGRAM) - {"bacnet"}
    assert asked("full") == asked("standard", industrial=True) == set(BY_DATAGRAM)


def test_a_controller_is_asked_for_its_name_only_where_that_is_allowed() -> None:
    assert MODBUS_PORT not in DEFAULT_PORTS
    assert not list(of_port(HOST, MODBUS_PORT, 1))
    assert [(probe, port) for probe, port, _ in of_port(HOST, MODBUS_PORT, 1, industrial=True)] == [
        ("modbus", MODBUS_PORT)
    ]
    others = NEVER_TALKED_TO - {MODBUS_PORT}
    assert not [question for port in others for question in of_port(HOST, port, 1, industrial=True)]


@pytest.mark.parametrize(
    ("port", "probes"),
    [
        (25, {"banner"}),
        (389, {"ldap"}),
        (445, {"smb"}),
        (631, {"ipp"}),
        (3389, {"rdp"}),
        (5985, {"winrm"}),
        (5986, {"winrm", "tls"}),
        (1883, {"mqtt"}),
        (9100, set()),
    ],
)
def test_each_port_is_asked_its_own_protocol(port: int, probes: set[str]) -> None:
    assert {probe for probe, _, _ in of_port(HOST, port, 1)} == probes


def test_windows_remote_management_tells_who_it_is() -> None:
    told = challenge("10.0.20348", computer="FILES", domain="CORP", dns_domain="corp.example")
    heard: list[bytes] = []

    async def ask() -> Any:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard.append(await reader.readuntil(b"\r\n\r\n"))
            token = base64.b64encode(bytes.fromhex(told)).decode()
            head = (
                f"HTTP/1.1 401 \r\nServer: Microsoft-HTTPAPI/2.0\r\nWWW-Authenticate: Negotiate {token}\r\n"
            )
            writer.write(f"{head}WWW-Authenticate: Kerberos\r\nContent-Length: 0\r\n\r\n".encode())
            writer.close()

        started = await asyncio.start_server(serve, HOST, 0)
        async with started:
            return await winrm.collect(HOST, started.sockets[0].getsockname()[1], 1)

    raw = asyncio.run(ask())
    assert raw["challenge"] == told and raw["schemes"] == ["Negotiate", "Kerberos"]
    assert heard[0].startswith(b"POST /wsman ") and base64.b64encode(ntlm.negotiate()) in heard[0]


def test_the_first_step_of_nla_is_one_whole_element() -> None:
    message = rdp.request(ntlm.negotiate())
    assert message[0] == 0x30 and message[1] == len(message) - 2 and ntlm.negotiate() in message


def test_a_machine_far_away_is_waited_for_as_long_as_its_way_takes() -> None:
    async def heard(patience: float | None) -> list[bytes]:
        loop = asyncio.get_running_loop()

        class Far(asyncio.DatagramProtocol):
            def connection_made(self, transport: Any) -> None:
                self.transport = transport

            def datagram_received(self, data: bytes, source: tuple[str, int]) -> None:
                loop.call_later(0.5, self.transport.sendto, b"here", source)

        transport, _ = await loop.create_datagram_endpoint(Far, local_addr=(HOST, 0))
        port = transport.get_extra_info("sockname")[1]
        async with datagrams(lambda address: None, 0.1) as post:
            if patience:
                post.expect(HOST, patience)
            came = await post.ask(HOST, port, b"who")
        transport.close()
        return came

    assert asyncio.run(heard(None)) == []
    assert asyncio.run(heard(2.0)) == [b"here"]
