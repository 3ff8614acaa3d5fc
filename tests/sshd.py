"""SSH servers of the tests' own on this machine: real shells, and hosts that misbehave, one a user name."""

import asyncio
import contextlib
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh

PASSWORD = "correct-horse-battery"
_KEYS = [asyncssh.generate_private_key("ssh-ed25519") for _ in range(3)]
CLIENT_KEY = _KEYS[1].export_private_key("openssh").decode()
OTHER_KEY = _KEYS[2].export_public_key("openssh").decode()
MEGABYTE = 1 << 20

Process = asyncssh.SSHServerProcess[bytes]


@dataclass
class Server:
    """One that listens: where, the key it proves to hold, and what it was asked to run."""

    port: int
    host_key: str
    commands: list[str] = field(default_factory=list)
    received: list[bytes] = field(default_factory=list)
    asleep: tuple[bytes, bytes] = (b"", b"")  # what this machine said once, and the mark it said it with


@contextlib.contextmanager
def serving(shell: tuple[str, ...] = ("/bin/sh",), addresses: int = 1) -> Iterator[Server]:
    """Serve SSH on a free port of 127.0.0.1 and as many addresses after it; `shell` is what logins get."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = Server(0, " ".join(_KEYS[0].export_public_key("openssh").decode().split()[:2]))

    async def start() -> asyncssh.SSHAcceptor:
        return await asyncssh.listen(
            [f"127.0.0.{number + 1}" for number in range(addresses)],
            _free_port(),
            server_host_keys=[_KEYS[0]],
            server_factory=_Login,
            process_factory=lambda process: _serve(process, server, shell),
            encoding=None,
        )

    acceptor = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    server.port = acceptor.get_port()
    try:
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(_stop(acceptor), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


async def _stop(acceptor: asyncssh.SSHAcceptor) -> None:
    acceptor.close()
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    await asyncio.sleep(0)


class _Login(asyncssh.SSHServer):
    """Lets in whoever holds the client's key, or knows the password; `banner` is greeted first."""

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn

    def begin_auth(self, username: str) -> bool:
        self._user = username
        if username == "banner":
            self._connection.send_auth_banner("\x1b]0;owned\x07" + "Authorised use only!\r\n" * 400)
        if username == "dies":
            self._connection.abort()
        return True

    def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> bool:
        return self._user == "bastion"  # who may go on from here

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username != "stranger" and key.public_data == _KEYS[1].public_data

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return username != "stranger" and password == PASSWORD


async def _serve(process: Process, server: Server, shell: tuple[str, ...]) -> None:
    user = str(process.get_extra_info("username"))
    server.commands.append(process.command or "")
    out = process.stdout
    with contextlib.suppress(asyncssh.Error, OSError):
        if user == "hang":
            await asyncio.sleep(3600)
        elif user == "flood":
            while True:
                out.write(b"x" * 65_536)
                await out.drain()
        elif user == "errors":
            process.stderr.write(b"\x1b[31mno\n" * MEGABYTE)
            process.exit(1)
        elif user == "drip":
            while True:
                out.write(b".")
                await asyncio.sleep(0.05)
        elif user == "cut":
            given = await _heard(process, server)
            out.write(given.split(b"\n")[0] + b" kernel 1024\nsystem=Linux\nrelea")
            await out.drain()
            process.get_extra_info("connection").abort()
        elif user == "binary":
            await _heard(process, server)
            out.write(bytes(range(256)) * 512)
            process.exit(0)
        elif user == "forced":
            out.write(b"This account may only use SFTP.\n")
            process.exit(1)
        elif user == "deaf":  # closes its ears and answers all the same
            out.write(b"what?\n")
            await out.drain()
            process.exit(0)
        elif user == "liar":
            mark, word = (await _heard(process, server)).split(b"\n")[:2]
            out.write(_lies(mark, word))
            process.exit(0)
        elif user == "asleep":
            await _as_before(process, server, shell)
        else:
            await _really(process, server, shell)


async def _heard(process: Process, server: Server) -> bytes:
    text = await process.stdin.read()
    server.received.append(text)
    return text


async def _really(process: Process, server: Server, shell: tuple[str, ...]) -> None:
    output, errors, code = await _run(process, await _heard(process, server), shell)
    process.stdout.write(output)
    process.stderr.write(errors)
    await process.stdout.drain()
    process.exit(code)


async def _as_before(process: Process, server: Server, shell: tuple[str, ...]) -> None:
    """Answer what this machine really said the first time, as one on which nothing happens."""
    text = await _heard(process, server)
    mark = text.split(b"\n")[0]
    if not server.asleep[0]:
        server.asleep = ((await _run(process, text, shell))[0], mark)
    output, old = server.asleep
    process.stdout.write(output.replace(old, mark))
    await process.stdout.drain()
    process.exit(0)


async def _run(process: Process, text: bytes, shell: tuple[str, ...]) -> tuple[bytes, bytes, int]:
    """Run the command as sshd would, handed to the login shell; return what it says, and its exit code."""
    child = await asyncio.create_subprocess_exec(
        *shell,
        "-c",
        process.command or "",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": "/"},
        cwd=Path("/"),
    )
    output, errors = await child.communicate(text)
    return output, errors, child.returncode or 0


def _lies(mark: bytes, word: bytes) -> bytes:
    """Return an answer in due form whose every value means harm."""
    evil = (
        b"\x1b]0;owned\x07{{ lookup('pipe','touch /tmp/mspctl-was-here') }}",
        b"<script>alert(1)</script>",
        b"../../../etc/passwd\0",
        b"9" * 400,
        b"\xff\xfe\xf0",
        b"x" * 2_000,
        b"the password is " + word,
    )
    names = (
        *(b"kernel", b"release", b"names", b"hardware", b"virtual", b"processor", b"disks", b"filesystems"),
        *(
            b"mounts",
            b"raid",
            b"interfaces",
            b"packages",
            b"updates",
            b"lists",
            b"boot",
            b"reboot",
            b"accounts",
        ),
        *(b"groups", b"logins", b"processes", b"services", b"listening", b"antivirus", b"firewall", b"clock"),
        *(b"encryption", b"domain", b"shares", b"logs", b"serial", b"root_virtual", b"passwords", b"sudoers"),
        *(b"root_listening", b"filters", b"sshd", b"root_updates", b"no_such_section"),
    )
    keys = (b"system", b"ID", b"VERSION_ID", b"PRETTY_NAME", b"host", b"full", b"sys_vendor", b"product_uuid")
    parts = []
    for name in names:
        body = b"\n".join(key + b"=" + text for key in keys for text in evil)
        parts.append(b"\n" + mark + b" " + name + b" 999999999\n" + body)
    return b"".join(parts) + b"\n" + mark + b" become 2048\nstatus=0\n" + mark + b" end 0\n"
