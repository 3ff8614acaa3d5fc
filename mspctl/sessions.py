"""One script on many SSH hosts side by side: pinned host keys only, everything bounded; no other way in.

A host that hangs, drips, floods, lies or dies ends as one `Lost` with a reason; the others go on. What a host
is told goes through standard input, so neither a script nor a secret stands in its list of processes.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import asyncssh

from mspctl.errors import Interrupted

AT_ONCE = 64
CONNECT_SECONDS = 15.0
MOST_BYTES = 4 << 20
_MOST_ERROR_BYTES = 4_096
_CHUNK = 65_536

CHANGED_KEY = (
    "its SSH host key is not the pinned one: verify that it is the same machine, then accept the key with "
    "`mspctl assets trust`"
)


@dataclass(frozen=True)
class Door:
    """Where a host is, how it is known to be itself, and what opens it."""

    host: str  # what the answer is told under
    address: str
    port: int
    user: str
    host_key: str  # "ssh-ed25519 AAAA…": the pinned one; "" is never logged in to
    private_key: str | None = None  # the key itself
    key_file: str | None = None  # or where it lies; neither: the SSH agent and the user's own keys
    password: str | None = None
    written_in: str = "client.yml"  # where an engineer looks when the login is refused

    def __repr__(self) -> str:
        return f"Door({self.host} at {self.address}:{self.port})"


@dataclass(frozen=True)
class Errand:
    """What is run on one host: a command line without secrets, and what it reads from standard input."""

    door: Door
    command: str
    text: bytes = b""

    def __repr__(self) -> str:
        return f"Errand({self.door!r}, {self.command!r})"


@dataclass(frozen=True)
class Said:
    """What came back, whole."""

    output: bytes
    errors: bytes  # the first of it
    exit_status: int | None


@dataclass(frozen=True)
class Lost:
    """Why nothing came back that may be used."""

    reason: str


Tell = Callable[[Errand, Said | Lost], None]


def run(
    errands: Sequence[Errand],
    tell: Tell,
    *,
    seconds: float,
    most_bytes: int = MOST_BYTES,
    at_once: int = AT_ONCE,
    bastion: Door | None = None,
) -> None:
    """Run every errand and `tell` how each came out, once, as it ends; `seconds` are what one host may take.

    With `bastion` there is one connection to it, and all hosts are reached through that as `ssh -J` does it.
    Raise Interrupted on Ctrl-C; what was told until then stands.
    """
    try:
        asyncio.run(_run(errands, tell, seconds, most_bytes, at_once, bastion))
    except KeyboardInterrupt:
        raise Interrupted("stopped; what was seen until then is kept") from None


async def _run(
    errands: Sequence[Errand],
    tell: Tell,
    seconds: float,
    most_bytes: int,
    at_once: int,
    bastion: Door | None,
) -> None:
    turns = asyncio.Semaphore(at_once)
    tunnel = await _connected(bastion, CONNECT_SECONDS) if bastion else None
    if isinstance(tunnel, Lost):
        for errand in errands:
            tell(errand, Lost(f"the bastion: {tunnel.reason}"))
        return

    async def one(errand: Errand) -> None:
        async with turns:
            tell(errand, await _visited(errand, seconds, most_bytes, tunnel))

    try:
        await asyncio.gather(*(one(errand) for errand in errands))
    finally:
        if tunnel:
            tunnel.abort()


async def _connected(
    door: Door, seconds: float, tunnel: asyncssh.SSHClientConnection | None = None
) -> asyncssh.SSHClientConnection | Lost:
    """Return a connection to a host, logged in, or why there is none."""
    if not door.host_key:
        return Lost("no SSH host key is known to check it by")
    try:
        options = _options(door)
    except (OSError, ValueError, asyncssh.Error) as error:  # of a key: its text may quote the key
        return Lost(f"the private key cannot be used: {_key_trouble(error)}")
    try:
        async with asyncio.timeout(min(CONNECT_SECONDS, seconds)):
            return await asyncssh.connect(door.address, door.port, tunnel=tunnel or (), **options)
    except TimeoutError:
        return Lost(
            f"no SSH session at {door.address} port {door.port} within {min(CONNECT_SECONDS, seconds):g} s"
        )
    except (OSError, asyncssh.Error, ValueError) as error:
        return Lost(_refusal(door, error))


async def _visited(
    errand: Errand, seconds: float, most_bytes: int, tunnel: asyncssh.SSHClientConnection | None
) -> Said | Lost:
    """Return what a host said within its time, or why not."""
    connection = await _connected(errand.door, seconds, tunnel)
    if isinstance(connection, Lost):
        return connection
    try:
        async with asyncio.timeout(seconds):
            return await _talk(connection, errand, most_bytes)
    except TimeoutError:
        return Lost(f"not done after {seconds:g} s")
    except (OSError, asyncssh.Error) as error:
        return Lost(f"closed the connection in the middle: {_words(error)}")
    finally:
        connection.abort()  # a host that does not answer would not answer a goodbye either


async def _talk(connection: asyncssh.SSHClientConnection, errand: Errand, most_bytes: int) -> Said | Lost:
    process: asyncssh.SSHClientProcess[bytes] = await connection.create_process(
        errand.command, encoding=None, stdin=asyncssh.PIPE, term_type=None
    )
    writing = asyncio.create_task(_write(process, errand.text))
    listening = asyncio.create_task(_read(process.stderr, _MOST_ERROR_BYTES, drain=True))
    try:
        output = await _read(process.stdout, most_bytes)
        if len(output) > most_bytes:
            return Lost(f"answers with more than {most_bytes >> 10} KiB")
        errors = await listening
    finally:
        for task in (writing, listening):
            task.cancel()
        await asyncio.gather(writing, listening, return_exceptions=True)
    await process.wait_closed()
    if process.exit_status is None and process.exit_signal is None:
        return Lost("closed the connection in the middle")
    return Said(output, errors[:_MOST_ERROR_BYTES], process.exit_status)


async def _write(process: "asyncssh.SSHClientProcess[bytes]", text: bytes) -> None:
    with contextlib.suppress(OSError, asyncssh.Error):  # a host that does not listen is seen by what it says
        for start in range(0, len(text), _CHUNK):
            process.stdin.write(text[start : start + _CHUNK])
            await process.stdin.drain()
        process.stdin.write_eof()


async def _read(stream: "asyncssh.SSHReader[bytes]", most: int, *, drain: bool = False) -> bytes:
    """Return what a stream holds, up to just past `most`; with `drain` the rest is thrown away."""
    parts: list[bytes] = []
    size = 0
    while chunk := await stream.read(_CHUNK):
        if size <= most:
            parts.append(chunk)
            size += len(chunk)
        if size > most and not drain:
            break
    return b"".join(parts)


def _options(door: Door) -> dict[str, object]:
    """Return how asyncssh connects. Raise OSError or an error of asyncssh's for a key that is no key."""
    options: dict[str, object] = {
        "username": door.user,
        "known_hosts": ([asyncssh.import_public_key(door.host_key)], [], []),
        "config": None,  # what a host gets does not depend on whose machine it is done from
        "login_timeout": CONNECT_SECONDS,
        "keepalive_interval": 0,
        "compression_algs": None,
    }
    if door.private_key is not None:
        options |= {"client_keys": [asyncssh.import_private_key(door.private_key)], "agent_path": None}
    elif door.key_file is not None:
        options |= {"client_keys": [asyncssh.read_private_key(door.key_file)], "agent_path": None}
    elif door.password is not None:
        options["client_keys"] = None
    options["password"] = door.password
    options["preferred_auth"] = "publickey,keyboard-interactive,password"
    return options


def _key_trouble(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}"
    return (
        "it wants a passphrase"
        if "encrypt" in str(error).lower() or "passphrase" in str(error).lower()
        else "it is no key SSH knows"
    )


def _refusal(door: Door, error: Exception) -> str:
    """Return why no session came about, in words an engineer can act upon."""
    if isinstance(error, asyncssh.HostKeyNotVerifiable):
        return CHANGED_KEY
    if isinstance(error, asyncssh.PermissionDenied):
        return f"refused the login of {door.user}: check user and key in {door.written_in}"
    if isinstance(error, asyncssh.ChannelOpenError):
        return f"the bastion does not let us through to {door.address} port {door.port}: {_words(error)}"
    if isinstance(error, asyncssh.KeyExchangeFailed):
        return f"{CHANGED_KEY} (no common algorithm: {_words(error)})"
    if isinstance(error, asyncssh.ConnectionLost | asyncssh.DisconnectError):
        return f"ended the SSH session before the login: {_words(error)}"
    return f"does not answer at {door.address} port {door.port}: {_words(error)}"


def _words(error: Exception) -> str:
    """Return what an error says, made harmless: a host wrote part of it."""
    if isinstance(error, OSError) and error.strerror:
        return "".join(_printable(error.strerror))[:120]
    return "".join(_printable(str(error) or type(error).__name__))[:120]


def _printable(text: str) -> Iterator[str]:
    return (character if character.isprintable() else " " for character in text[:400])
