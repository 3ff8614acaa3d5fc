"""The SSH server in front of a simulated device."""

import asyncio
import contextlib
import logging

import asyncssh

from tests.lab.switches.device import Device
from tests.lab.switches.platforms import shell_of
from tests.lab.switches.terminal import Gone, Process, Terminal

_HANDSHAKE_ROUND_TRIPS = 4  # versions, keys, service, login: what a login costs over a distance
# Devices of this age offer no more; netmiko's Fortinet driver asks for these very ones.
_KEX = (
    *("curve25519-sha256", "ecdh-sha2-nistp256"),
    *("diffie-hellman-group-exchange-sha256", "diffie-hellman-group14-sha1"),
)

logging.getLogger("asyncssh").setLevel(logging.CRITICAL)


class Endpoint:
    """Where a device listens; it stays at its address while the device is away, and may get another key."""

    def __init__(
        self, device: Device, address: str = "127.0.0.1", port: int = 0, host_key: str | None = None
    ) -> None:
        self._device = device
        self._acceptor: asyncssh.SSHAcceptor | None = None
        device.address, device.port, device.listener = address, port, self
        self._prove(asyncssh.read_private_key(host_key) if host_key else _new_key())

    def change_key(self) -> None:
        """Make the host key that counts from the next opening on."""
        self._prove(_new_key())

    def _prove(self, key: asyncssh.SSHKey) -> None:
        self._key = key
        self._device.host_key = " ".join(self._key.export_public_key("openssh").decode().split()[:2])

    async def open(self) -> None:
        """Let sessions in."""
        device = self._device
        self._acceptor = await asyncssh.listen(
            device.address,
            device.port,
            server_host_keys=[self._key],
            server_factory=lambda: _Login(device),
            process_factory=lambda process: _serve(process, device),
            server_version=device.server_version,
            kex_algs=_KEX,
            encoding=None,
            line_editor=False,
            agent_forwarding=False,
            login_timeout=30,
        )
        device.port = device.port or self._acceptor.get_port()

    async def close(self) -> None:
        """Let nobody in any more."""
        if self._acceptor:
            self._acceptor.close()
            await self._acceptor.wait_closed()


def _new_key() -> asyncssh.SSHKey:
    return asyncssh.generate_private_key("ssh-ed25519")


class _Login(asyncssh.SSHServer):
    """Admits whom the device's own configuration admits."""

    def __init__(self, device: Device) -> None:
        self._device = device

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._source = str(conn.get_extra_info("peername")[0])
        if not self._device.admits(self._source):
            conn.abort()

    async def begin_auth(self, username: str) -> bool:
        await asyncio.sleep(self._device.faults.round_trip_seconds * _HANDSHAKE_ROUND_TRIPS)
        if greeting := self._device.greeting():
            self._connection.send_auth_banner(greeting)
        return True

    def password_auth_supported(self) -> bool:
        return True

    def kbdint_auth_supported(self) -> bool:
        return False

    def validate_password(self, username: str, password: str) -> bool:
        device = self._device
        return not device.faults.refuses_password and device.knows(username, password, self._source)


async def _serve(process: Process, device: Device) -> None:
    user = str(process.get_extra_info("username"))
    terminal = Terminal(process, device.faults, device.more, device.page_length)
    device.sessions.add(terminal)
    shell = shell_of(device)(device, terminal, user)
    try:
        with contextlib.suppress(Gone, OSError, asyncssh.Error):
            await shell.run()
    finally:
        shell.left()
        device.sessions.discard(terminal)
        terminal.close()
