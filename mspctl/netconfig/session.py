"""One SSH session on one network device: pinned host key, bounded answers, many lines in one write.

netmiko logs in, gets past greetings and into the privileged mode; what is said after that is read here:
its own reading takes a round trip a line and loses its way when a device's name changes in mid-push.
"""

import base64
import io
import re
import secrets
import select
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mspctl.netconfig.door import CHANGED_KEY, Door, Lost, Refusal
from mspctl.netconfig.text import MOST_BYTES, clean
from mspctl.records import Platform

if TYPE_CHECKING:
    import paramiko

CONNECT_SECONDS = 15.0
ANSWER_SECONDS = 60.0
_MOST_LOGIN = 2 * 1024 * 1024
_TAIL = 600  # characters in which a prompt or a question is looked for
_LULL = 0.03  # seconds: what looks like a prompt is one if nothing follows it
_CONFIRM = re.compile(
    r"\[confirm\][ ]*$|\((?:y/n|yes/no)\)\??[ :]*(?:\[\w*\])?[ :?]*$|\[y(?:es)?/no?\][ :?]*$", re.I
)
_MORE = re.compile(r"-+ ?[Mm]ore ?-+(?:\(.{0,40}\))?[ ]*$")


class Session:
    """A login on a device, privileged and without a pager."""

    def __init__(self, connection: Any, platform: Platform) -> None:
        """Take netmiko's connection once it is prepared."""
        self._netmiko = connection
        self._channel: paramiko.Channel = connection.remote_conn
        self._platform = platform
        prompt = clean(str(connection.find_prompt())).strip()
        self._names = [re.sub(r"(?:\s*[>#$]|<SAFE>)+\s*$", "", prompt)]
        self.source = str(self._channel.get_transport().sock.getsockname()[0])

    def renamed(self, old: str, new: str) -> None:
        """Say that the prompt may change from one name to another."""
        if old and new and old in self._names[0]:
            self._names.append(self._names[0].replace(old, new))

    def ask(self, command: str, seconds: float = ANSWER_SECONDS) -> str:
        """Return what the device answers to a command, cleaned. Raise Lost."""
        self._drain()
        self._write(self._keyed(command))
        echo = command.strip() if command.isprintable() else ""
        said = clean(self._until_prompt(seconds, after=echo, answering=True))
        first, newline, rest = said.partition("\n")
        echoed = command.strip() and command.strip() in first
        return self._less_prompt(rest if newline and echoed else said)

    def push(self, lines: Sequence[str], seconds: float) -> str:
        """Type many lines, as many as go in one write; return what was said. Raise Lost, Refusal.

        A line that the device wants confirmed is typed alone.
        """
        asks = [re.compile(pattern) for pattern in self._platform.asks]
        said, batch, done = [], list[str](), 0
        for line in lines:
            if not any(pattern.fullmatch(line) for pattern in asks):
                batch.append(line)
                continue
            said.append(self._typed(batch, done, lines, seconds))
            done += len(batch) + 1
            batch = []
            answer = self.ask(line, seconds)
            if complaint := self.complaint(answer):
                raise Refusal(f"the device refused line {done} of {len(lines)}: {complaint}")
        return "".join((*said, self._typed(batch, done, lines, seconds)))

    def _typed(self, lines: Sequence[str], before: int, every: Sequence[str], seconds: float) -> str:
        """Type lines in one write; the last is a comment of ours, so that it is known when all were taken."""
        if not lines:
            return ""
        self._drain()
        mark = f"!{secrets.token_hex(6)}"
        self._write("".join(map(self._keyed, (*lines, mark))))
        text = clean(self._until_prompt(seconds, after=mark)).partition(mark)[0]
        if complaint := self.complaint(text):
            number = before + self._line_before(complaint, text, lines)
            raise Refusal(f"the device refused line {number} of {len(every)}: {complaint}")
        return text

    def complaint(self, said: str) -> str:
        """Return the first line of an answer that is an error on this platform, "" where none is."""
        patterns = [re.compile(pattern) for pattern in self._platform.errors]
        for line in said.split("\n"):
            if any(pattern.fullmatch(line.strip()) for pattern in patterns):
                return line.strip()[:200]
        return ""

    def close(self) -> None:
        """End the session."""
        with suppress(Exception):  # whatever a dying session says on its way out is of no interest
            self._channel.close()
        with suppress(Exception):
            self._netmiko.paramiko_cleanup()

    def leave(self) -> None:
        """End the session politely: some drivers put back what they set for its time."""
        with suppress(Exception):
            self._netmiko.cleanup()
        self.close()

    def _keyed(self, line: str) -> str:
        """Return what is typed for a line; a key such as Ctrl-X is no line."""
        is_key = len(line) == 1 and not line.isprintable()
        return line if is_key else line + self._platform.ending

    @staticmethod
    def _line_before(complaint: str, said: str, lines: Sequence[str]) -> int:
        """Return the number of the line a complaint follows; not its text, which may hold a secret."""
        left, number = said.partition(complaint)[0], 0
        for at, line in enumerate(lines, 1):
            _, found, rest = left.partition(line.strip())
            if line.strip() and found:
                left, number = rest, at
        return number

    def _write(self, text: str) -> None:
        try:
            self._channel.settimeout(ANSWER_SECONDS)
            self._channel.sendall(text.encode())
        except OSError:
            raise Lost("the session ended in mid-sentence") from None

    def _until_prompt(self, seconds: float, *, after: str = "", answering: bool = False) -> str:
        """Return what comes until the device waits for a command; one that comes before `after` is none."""
        deadline = time.monotonic() + seconds
        parts: list[str] = []
        size, tail = 0, ""
        while True:
            chunk = self._read(deadline)
            parts.append(chunk)
            size += len(chunk)
            if size > MOST_BYTES:
                raise Lost("said more than a configuration can hold")
            tail += chunk
            if after and after not in tail:
                tail = tail[-_TAIL:]
                continue
            after, tail = "", tail.rpartition(after)[2][-_TAIL:] if after else tail[-_TAIL:]
            last = clean(tail).rstrip("\n").rpartition("\n")[2]
            if _MORE.search(last):
                self._write(" ")
                tail = ""
            elif answering and (question := _CONFIRM.search(last)):
                is_key = "[confirm]" in question[0]
                self._write("\r" if is_key else f"y{self._platform.ending}")
                tail = ""
            elif self._is_prompt(last) and not self._more_comes():
                return "".join(parts)

    def _is_prompt(self, line: str) -> bool:
        platform = self._platform
        names = "|".join(f"{re.escape(name[:16])}\\S*" for name in self._names)
        return (
            re.fullmatch(f"(?:{names})(?:{platform.mode})(?:{platform.prompt})\\s*", line.strip()) is not None
        )

    def _less_prompt(self, said: str) -> str:
        lines = said.rstrip("\n").split("\n")
        if lines and self._is_prompt(lines[-1]):
            lines.pop()
        return "\n".join(lines) + "\n"

    def _more_comes(self) -> bool:
        return bool(self._channel.recv_ready() or select.select([self._channel], [], [], _LULL)[0])

    def _drain(self) -> None:
        while self._channel.recv_ready():
            if not self._channel.recv(65_536):
                return

    def _read(self, deadline: float) -> str:
        left = deadline - time.monotonic()
        if left <= 0:
            raise Lost("no answer in time")
        self._channel.settimeout(left)
        try:
            chunk = self._channel.recv(65_536)
        except TimeoutError:
            raise Lost("no answer in time") from None
        except OSError:
            raise Lost("the session ended in mid-sentence") from None
        if not chunk:
            raise Lost("the session ended in mid-sentence")
        return chunk.decode(errors="replace")


@contextmanager
def session(door: Door, platform: Platform) -> Iterator[Session]:
    """Log in to a device. Raise Lost with the reason where that does not work."""
    connection = connect(door, platform.driver)
    try:
        with _explained(door):
            _privileged(connection, door)
            found = Session(connection, platform)
        yield found
        found.leave()
    finally:
        with suppress(Exception):  # it may be gone already
            connection.paramiko_cleanup()


def connect(door: Door, driver: str) -> Any:
    """Return netmiko's connection of a driver, logged in. Raise Lost."""
    with _explained(door):
        return _bounded(_class_of(driver))(**arguments(door))


def arguments(door: Door) -> dict[str, Any]:
    """Return how netmiko connects."""
    return {
        "host": door.address,
        "port": door.port,
        "username": door.user,
        "password": door.password or None,
        "secret": door.enable or door.password,
        "pkey": _key(door),
        "ssh_strict": True,
        "conn_timeout": CONNECT_SECONDS,
        "auth_timeout": CONNECT_SECONDS,
        "banner_timeout": CONNECT_SECONDS,
        "host_key": door.host_key,
    }


@cache
def _bounded(driver: Any) -> Any:
    """Return a driver of netmiko's that knows one host key only, and reads no more than a login can say."""

    class Bounded(driver):  # type: ignore[misc]  # which class it is is known when it runs
        def __init__(self, host_key: str, **kwargs: Any) -> None:
            self._host_key, self._heard = host_key, 0
            super().__init__(**kwargs)

        def _build_ssh_client(self) -> Any:
            import paramiko

            client = super()._build_ssh_client()
            kind, _, encoded = self._host_key.partition(" ")
            host = self.host if self.port == 22 else f"[{self.host}]:{self.port}"
            key = paramiko.PKey.from_type_string(kind, base64.b64decode(encoded))
            client.get_host_keys().add(host, kind, key)
            return client

        def read_channel(self) -> str:
            said = str(super().read_channel())
            self._heard += len(said)
            if self._heard > _MOST_LOGIN:
                raise Lost("said megabytes at the login")
            return said

    return Bounded


def _key(door: Door) -> "paramiko.PKey | None":
    if not door.private_key and not door.key_file:
        return None
    import paramiko

    text = door.private_key or Path(door.key_file).expanduser().read_text(encoding="utf-8")
    for kind in (paramiko.Ed25519Key, paramiko.RSAKey, paramiko.ECDSAKey):
        with suppress(paramiko.SSHException, ValueError):
            return kind.from_private_key(io.StringIO(text))
    raise Lost(f"the key of {door.user} in {door.written_in} is none that is known, or wants a passphrase")


@contextmanager
def _explained(door: Door) -> Iterator[None]:
    """Turn what netmiko raises into words."""
    import paramiko
    from netmiko.exceptions import NetmikoAuthenticationException, NetmikoBaseException

    try:
        yield
    except Lost:
        raise
    except NetmikoAuthenticationException:
        raise Lost(
            f"refused the login of {door.user}: check user and password in {door.written_in}"
        ) from None
    except paramiko.BadHostKeyException:
        raise Lost(CHANGED_KEY) from None
    except (NetmikoBaseException, paramiko.SSHException, OSError, EOFError, ValueError) as error:
        raise Lost(_words(door, str(error))) from None


def _words(door: Door, said: str) -> str:
    if "known_hosts" in said or "host key" in said.lower():
        return CHANGED_KEY
    if "enable" in said.lower():
        return f"refused the privileged mode: check `enable` in {door.written_in}"
    if "TCP connection" in said or "No existing session" in said or "Unable to connect" in said:
        return f"does not answer at {door.address} port {door.port}"
    first = next((line for line in clean(said).split("\n") if line.strip()), "")
    return f"no usable session at {door.address} port {door.port}: {first[:160]}"


def _privileged(connection: Any, door: Door) -> None:
    """Get into the privileged mode. Raise Lost."""
    if connection.check_enable_mode():
        return
    if not (door.enable or door.password):
        raise Lost(f"wants a password for the privileged mode: set `enable` in {door.written_in}")
    connection.enable()


def _class_of(name: str) -> Any:
    """Return netmiko's class of a driver, or our own where it has none that works."""
    from netmiko.ssh_dispatcher import CLASS_MAPPER

    if name.startswith("mspctl_"):
        from mspctl.netconfig import drivers

        return {"mspctl_frr": drivers.FrrSSH, "mspctl_fortinet": drivers.FortinetSSH}[name]
    return CLASS_MAPPER[name]
