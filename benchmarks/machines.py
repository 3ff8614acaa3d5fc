"""Stand for all machines of a measurement: listen at every port, and say who one is at some of them.

What a machine says depends on the last number of its address, so that the measurement knows the truth.
"""

import asyncio
import contextlib
import socket
import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncssh
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from benchmarks.cable import GATEWAY, OPEN, WINDOWS

SSH = ("OpenSSH_9.2p1 Debian-2+deb12u3", "dropbear_2022.83", "OpenSSH_8.9p1 Ubuntu-3ubuntu0.10", "Cisco-1.25")
WEB = ("nginx/1.22.1", "Apache/2.4.57 (Debian)", "lighttpd/1.4.69", "Microsoft-IIS/10.0", "nginx/1.24.0")
TALKING = {22: SSH, 80: WEB, 443: WEB, 8080: WEB}


def said(address: str, port: int) -> str:
    """Return what a machine calls the product at a port."""
    names = TALKING[port]
    return names[(int(address.rsplit(".", 1)[1]) + port) % len(names)]


async def _web(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    address, port = writer.get_extra_info("sockname")[:2]
    try:
        await reader.readuntil(b"\r\n\r\n")
        body = f"<html><title>machine {address}</title></html>"
        head = f"HTTP/1.1 200 OK\r\nServer: {said(address, port)}\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write((head + body).encode())
        await writer.drain()
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        pass
    finally:
        writer.close()


def _swallow(server: socket.socket) -> None:
    with contextlib.suppress(OSError):
        server.accept()[0].close()


def _tls() -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "machine.example")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=90))
        .sign(key, hashes.SHA256())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "machine.pem"
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path.write_bytes(secret + certificate.public_bytes(Encoding.PEM))
        context.load_cert_chain(path)
    return context


class _NoNames(asyncio.DatagramProtocol):
    """A DNS server that knows of no name."""

    def connection_made(self, transport: Any) -> None:
        """Keep what answers are sent through; Python 3.11's own is no DatagramTransport by type."""
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer that there is no such name: https://www.rfc-editor.org/rfc/rfc1035#section-4.1.1"""
        self._transport.sendto(data[:2] + b"\x81\x83" + data[4:], addr)


async def _ssh(keys: list[asyncssh.SSHKey], server: socket.socket) -> None:
    """Prove a host key to whoever asks, under the version that belongs to the address."""
    loop = asyncio.get_running_loop()
    while True:
        sock, _ = await loop.sock_accept(server)
        version = said(sock.getsockname()[0], 22)
        task = asyncio.create_task(_one_ssh(sock, keys, version))
        task.add_done_callback(lambda done: done.exception())


async def _one_ssh(sock: socket.socket, keys: list[asyncssh.SSHKey], version: str) -> None:
    connection = await asyncssh.run_server(sock, server_host_keys=keys, server_version=version)
    await connection.wait_closed()


async def main() -> None:
    """Serve until killed."""
    loop = asyncio.get_running_loop()
    keys = [asyncssh.generate_private_key("ssh-ed25519")]
    tasks = []
    for port in {*OPEN, *WINDOWS}:
        server = socket.create_server(("", port), backlog=4096)
        server.setblocking(False)
        if port == 22:
            tasks.append(asyncio.create_task(_ssh(keys, server)))
        elif port in TALKING:
            await asyncio.start_server(_web, sock=server, ssl=_tls() if port == 443 else None, backlog=4096)
        else:
            loop.add_reader(server.fileno(), _swallow, server)
    await loop.create_datagram_endpoint(_NoNames, local_addr=(GATEWAY, 53))
    print("ready", flush=True)
    await asyncio.gather(*tasks)


if __name__ == "__main__":
    asyncio.run(main())
