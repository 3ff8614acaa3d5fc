"""Each probe against a real server, and against servers that mean harm; loopback only."""

import asyncio
import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncssh
import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from mspctl.discovery.probes import arp, http, ping, snmp, ssh, tls
from mspctl.discovery.probes.ptr import Names
from mspctl.discovery.probes.reading import unverified_context
from mspctl.discovery.probes.snmp_agent import decode
from mspctl.discovery.profiles import NEVER_TALKED_TO
from mspctl.discovery.services import of_port
from mspctl.facts.snmp import BINARY, OBJECTS

HOST = "127.0.0.9"
SECONDS = 0.4
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def server(handler: Handler, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Yield the port of a server on loopback."""
    started = await asyncio.start_server(handler, HOST, 0, ssl=context)
    try:
        yield started.sockets[0].getsockname()[1]
    finally:
        started.close()


def says(*parts: bytes, pause: float = 0.0, then: float = 0.0) -> Handler:
    """Return a server that says something, perhaps slowly, and hangs up in the end."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(pause)
            await asyncio.sleep(then)
        except OSError:
            return
        finally:
            writer.close()

    return handler


HOSTILE = {
    "silent": says(then=30),
    "hangs up": says(),
    "garbage": says(os.urandom(4096)),
    "huge": says(*[b"A" * 65_536] * 400),
    "drip": says(*[b"S"] * 400, pause=0.1),
    "nul": says(b"\0" * 300),
    "escapes": says(b"SSH-2.0-\x1b]0;owned\x07{{ 7*7 }}\r\n"),
    "half a head": says(b"HTTP/1.1 200 OK\r\nServer: x" + b"y" * 60_000),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_server_can_hold_or_break_a_probe(name: str) -> None:
    async def ask() -> list[Any]:
        async with server(HOSTILE[name]) as port:
            return [
                *await asyncio.gather(
                    ssh.collect(HOST, port, SECONDS),
                    http.collect(HOST, port, SECONDS),
                    http.collect(HOST, port, SECONDS, unverified_context()),
                    tls.collect(HOST, port, SECONDS, unverified_context()),
                )
            ]

    began = time.monotonic()
    for raw in asyncio.run(ask()):
        assert raw is None or len(repr(raw)) < 2_000
    assert time.monotonic() - began < SECONDS * 8


def test_an_ssh_server_shows_its_banner_and_proves_its_key() -> None:
    keys = [
        asyncssh.generate_private_key("ecdsa-sha2-nistp256"),
        asyncssh.generate_private_key("ssh-ed25519"),
    ]

    async def ask() -> dict[str, Any] | None:
        started = await asyncssh.listen(HOST, 0, server_host_keys=keys, server_version="Test_1")
        try:
            return await ssh.collect(HOST, started.get_port(), 2)
        finally:
            started.close()

    raw = asyncio.run(ask())
    assert raw and raw["banner"] == "SSH-2.0-Test_1"
    assert str(raw["host_key"]).split() == keys[1].export_public_key().decode().split()[:2]
    assert raw["fingerprint"] == keys[1].get_fingerprint()
    assert "curve25519-sha256" in raw["kex"] and "ssh-ed25519" in raw["host_key_types"]
    assert "aes256-ctr" in raw["ciphers"] and "hmac-sha2-256" in raw["macs"]


def test_what_a_server_offers_is_read_also_torn_and_lying() -> None:
    lists = (
        b"kex-a,kex-b",
        b"ssh-ed25519",
        b"aes128-ctr",
        b"aes128-ctr",
        b"hmac-a",
        b"hmac-a",
        b"",
        b"",
        b"",
        b"",
    )
    payload = bytes([20]) + bytes(16) + b"".join(len(each).to_bytes(4) + each for each in lists) + bytes(5)
    packet = (len(payload) + 5).to_bytes(4) + bytes([4]) + payload + bytes(4)
    assert ssh.decode_offer(packet) == {
        "kex": ["kex-a", "kex-b"],
        "host_key_types": ["ssh-ed25519"],
        "ciphers": ["aes128-ctr"],
        "macs": ["hmac-a"],
    }
    for end in range(len(packet)):
        assert ssh.decode_offer(packet[:end]) == {}
    huge = packet.replace(len(lists[0]).to_bytes(4) + lists[0], (1 << 30).to_bytes(4) + lists[0])
    assert len(str(ssh.decode_offer(huge))) < 4_096


@pytest.mark.parametrize(
    ("oldest", "versions"), [("TLSv1_1", ["TLSv1.1", "TLSv1.3"]), ("TLSv1_2", ["TLSv1.3"])]
)
def test_how_old_a_tls_is_spoken_and_who_signed(tmp_path: Path, oldest: str, versions: list[str]) -> None:
    context = certificate(tmp_path)
    context.minimum_version = getattr(ssl.TLSVersion, oldest)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")

    async def ask() -> dict[str, Any] | None:
        started = await asyncio.start_server(lambda _r, _w: None, HOST, 0, ssl=context)
        port = started.sockets[0].getsockname()[1]
        try:
            return await tls.collect(HOST, port, 2, unverified_context())
        finally:
            started.close()

    raw = asyncio.run(ask())
    assert raw and raw["versions"] == versions
    assert "chain" not in raw


def test_a_banner_after_other_lines_is_found() -> None:
    async def ask() -> dict[str, Any] | None:
        async with server(says(b"Welcome\r\nSSH-2.0-x\r\n")) as port:
            return await ssh.collect(HOST, port, SECONDS)

    raw = asyncio.run(ask())
    assert raw and "host_key" not in raw


def certificate(folder: Path) -> ssl.SSLContext:
    """Return the context of a TLS server with a certificate of its own making."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "printer.example")])
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(
            datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=1)
        )  # long over: looked at all the same
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("printer.example")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "server.pem").write_bytes(pem + signed.public_bytes(Encoding.PEM))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "server.pem")
    return context


def test_a_web_server_and_its_certificate_are_read(tmp_path: Path) -> None:
    page = (
        b'HTTP/1.1 401 No\r\nSERVER: Larkspur/2\r\nWWW-Authenticate: Basic realm="LP-4200"\r\n\r\n'
        b"<html><TITLE lang=en>Tom &amp; Jerry\n\x1b[2J</TITLE>"
    )

    async def ask() -> list[Any]:
        async with server(says(page, then=5), certificate(tmp_path)) as port:
            context = unverified_context()
            return [await http.collect(HOST, port, 2, context), await tls.collect(HOST, port, 2, context)]

    page_raw, tls_raw = asyncio.run(ask())
    assert page_raw["status"] == 401 and page_raw["title"].startswith("Tom & Jerry")
    assert (page_raw["server"], page_raw["realm"]) == ("Larkspur/2", "LP-4200")
    assert tls_raw["names"] == ["printer.example"] and tls_raw["not_after"] == "2020-01-02T00:00:00Z"
    assert len(tls_raw["spki_sha256"]) == 64


@contextmanager
def agent(folder: Path, port: int) -> Iterator[None]:
    """Run a real snmpd on loopback."""
    (folder / "snmpd.conf").write_text(
        "rocommunity s3cret 127.0.0.0/8\nsysDescr Larkspur {{ 7*7 }}\nsysLocation Rack \x07 4\n"
        "sysObjectID 1.3.6.1.4.1.32473.1\nsysName ups-1\n"
    )
    options = ["-f", "-C", "-c", str(folder / "snmpd.conf"), "-Lo", "-p", str(folder / "pid")]
    environment = os.environ | {"SNMP_PERSISTENT_DIR": str(folder)}
    process = subprocess.Popen(
        ["snmpd", *options, f"udp:{HOST}:{port}"], env=environment, stdout=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.kill()
        process.wait()


@pytest.mark.skipif(not shutil.which("snmpd"), reason="snmpd is not installed")
def test_a_real_agent_answers_under_the_one_community_it_knows(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    port = 16_161

    async def ask(*communities: str) -> dict[str, Any] | None:
        return await snmp.collect(HOST, communities, 2, port)

    with agent(tmp_path, port):
        for _ in range(50):  # until it listens
            if raw := asyncio.run(ask("wrong", "s3cret", "\0" * 3)):
                break
            time.sleep(0.1)
        assert raw and asyncio.run(ask("wrong")) is None
    values = raw["values"]
    assert values[OBJECTS["snmp.description"]] == "Larkspur {{ 7*7 }}"
    assert str(values[OBJECTS["snmp.engine"]]).startswith("0x80001f88")
    assert "s3cret" not in repr(raw) + caplog.text
    assert "1.3.6.1.2.1.1.3.0" not in values  # sysUpTime would make every look differ


@pytest.mark.parametrize("answer", [b"", b"\0", b"\x30\x82\xff\xff", b"A" * 60_000, os.urandom(200)])
def test_an_agent_that_answers_garbage_is_no_agent(answer: bytes) -> None:
    class Echo(asyncio.DatagramProtocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, source: Any) -> None:
            self.transport.sendto(answer, source)

    async def ask() -> Any:
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Echo, (HOST, 0))
        port = transport.get_extra_info("sockname")[1]
        try:
            return await snmp.collect(HOST, ["public"], 0.2, port)
        finally:
            transport.close()

    assert asyncio.run(ask()) is None


@contextmanager
def name_server(names: dict[str, list[str]], *, is_dead: bool = False) -> Iterator[tuple[str, list[str]]]:
    """Yield the address of a DNS server on port 53, and what it was asked."""
    import threading

    address = "127.0.0.53"
    asked: list[str] = []
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((address, 53))

    def serve() -> None:
        while True:
            try:
                data, source = sock.recvfrom(4096)
            except OSError:
                return
            if not data:
                return
            question = dns.message.from_wire(data)
            name = question.question[0].name
            asked.append(str(name))
            response = dns.message.make_response(question)
            if found := names.get(str(name)):
                response.answer.append(dns.rrset.from_text(name, 60, "IN", "PTR", *found))
            else:
                response.set_rcode(dns.rcode.NXDOMAIN)
            if not is_dead:
                sock.sendto(response.to_wire(), source)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield address, asked
    finally:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", (address, 53))
        thread.join(5)
        sock.close()


needs_port_53 = pytest.mark.skipif(os.geteuid() != 0, reason="listens at port 53: needs root")


@needs_port_53
def test_names_come_from_the_networks_own_servers() -> None:
    reverse = {"5.2.0.192.in-addr.arpa.": ["b.example.", "a.example."]}

    async def ask(address: str) -> list[Any]:
        names = Names({"192.0.2.0/24": (address,), "0.0.0.0/0": (address,)}, 1)
        return [await names.collect(host) for host in ("192.0.2.5", "192.0.2.6")]

    with name_server(reverse) as (address, _):
        assert asyncio.run(ask(address)) == [{"names": ["a.example.", "b.example."]}, None]


@needs_port_53
def test_a_dead_name_server_is_asked_a_few_times_only() -> None:
    async def ask(address: str) -> list[Any]:
        names = Names({"192.0.2.0/24": (address,)}, 0.1)
        return [await names.collect(f"192.0.2.{host}") for host in range(1, 11)]

    with name_server({}, is_dead=True) as (address, asked):
        assert asyncio.run(ask(address)) == [None] * 10
    assert len(set(asked)) == 3


def test_print_queues_and_controllers_are_asked_nothing() -> None:
    assert not [question for port in NEVER_TALKED_TO for question in of_port("127.0.0.9", port, 0.1)]
    asked = {(probe, port) for each in (22, 80, 443) for probe, port, _ in of_port("127.0.0.9", each, 0.1)}
    assert asked == {("ssh", 22), ("http", 80), ("http", 443), ("tls", 443)}


@given(st.binary(max_size=400))
def test_no_packet_breaks_a_reader(data: bytes) -> None:
    arp.read(data)
    ping.read(data, with_header=True)
    ping.read(data, with_header=False)
    ssh.decode(data)
    ssh.decode_offer(data)
    http.decode(b"HTTP/1.1 200 " + data)
    tls.decode(data)
    for oid in (OBJECTS["snmp.engine"], OBJECTS["snmp.name"]):
        assert len(str(decode(data, is_binary=oid in BINARY))) <= 512


@given(st.integers(1, 0xFFFF), st.integers(0, 0xFFFF), st.binary(max_size=64))
def test_a_ping_is_read_back_as_it_was_sent(identifier: int, sequence: int, data: bytes) -> None:
    packet = ping.request(identifier, sequence, data)
    assert ping.checksum(packet) == 0
    reply = b"\0" + packet[1:]
    assert ping.read(reply, with_header=False) == ping.Reply(identifier, sequence, data, None)
    header = b"\x45" + bytes(7) + b"\x40" + bytes(11)
    assert ping.read(header + reply, with_header=True) == ping.Reply(identifier, sequence, data, 64)


def test_only_replies_are_read_from_arp() -> None:
    asked = arp.request(b"\x02" + bytes(5), "192.0.2.1", "192.0.2.5")
    assert arp.read(asked) is None
    reply = asked[:20] + b"\0\x02" + b"\x3c\x52\x82\0\0\x01" + socket.inet_aton("192.0.2.5") + asked[32:]
    found = arp.read(reply)
    assert found and (found.address, found.mac) == ("192.0.2.5", "3c:52:82:00:00:01")
