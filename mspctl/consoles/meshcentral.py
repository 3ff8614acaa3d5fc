"""MeshCentral, by the WebSocket its own web page speaks (https://docs.meshcentral.com/meshctrl/).

Each client is a device group of its own, and a host's name here is `group.device`. Unlike the vendor's own
tool, which checks no certificate and takes the password as an argument, this one checks and hides.
"""

import asyncio
import base64
import json
import os
import re
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from msgspec import structs
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from mspctl.errors import MspctlError
from mspctl.events import told
from mspctl.records import Console, ConsoleAnswer, Introduction, SessionAnswer

COMMAND = "cat /etc/machine-id"
WINDOWS_COMMAND = r"reg query HKLM\SOFTWARE\Microsoft\Cryptography /v MachineGuid"
_WINDOWS_AGENTS = frozenset({1, 2, 3, 4, 42, 43})  # by the server's numbers for kinds of agents
_MACHINE_ID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}")  # Windows has hyphens in it
_TIMEOUT_SECONDS = 30
_MOST_BYTES = 64 << 20  # all devices of a server come in one message
_CONNECTED = 1  # the agent, among the ways a device may be reached: its bit in `conn`
_AGENTS = 2  # a group of devices that have agents

Message = dict[str, Any]


def ask(
    console: Console,
    secret: str,
    ca_file: Path | None,
    names: Mapping[str, str],
    parameters: Mapping[str, str],
) -> tuple[ConsoleAnswer, ...]:
    """Return for each host (inventory name → group.device) whether it is known and connected now.

    Raise MspctlError when the server cannot be asked.
    """
    del parameters
    with _session(console, secret, ca_file) as server:
        found = _devices(server, names.values())
    return tuple(_answer(host, found.get(name, [])) for host, name in sorted(names.items()))


def census(
    console: Console, secret: str, ca_file: Path | None, prefix: str, parameters: Mapping[str, str]
) -> tuple[ConsoleAnswer, ...]:
    """Return every device of the group whose name and a dot are `prefix`, as group.device. Raise as `ask`."""
    del parameters
    with _session(console, secret, ca_file) as server:
        found = _devices(server, [prefix])
    return tuple(_answer(name, devices) for name, devices in sorted(found.items()))


def forget(console: Console, secret: str, ca_file: Path | None, names: Sequence[str]) -> None:
    """Delete devices by group.device. Raise as `ask` does."""
    with _session(console, secret, ca_file) as server:
        found = _devices(server, names)
        nodes = [str(device["_id"]) for name in names for device in found.get(name, [])]
        if nodes:
            server.send({"action": "removedevices", "nodeids": nodes})
            _devices(server, names)  # the server answers in order: once it says this, the devices are gone


def run(
    console: Console, secret: str, ca_file: Path | None, names: Mapping[str, str]
) -> tuple[SessionAnswer, ...]:
    """Run a harmless command on each host through the server; return which machine answered.

    Raise MspctlError when the server cannot be asked.
    """
    with _session(console, secret, ca_file) as server:
        found = _devices(server, names.values())
        connected = {
            host: device
            for host, name in names.items()
            if (device := _one(found.get(name, []))) and _is_connected(device)
        }
        said = _run(server, connected) if connected else {}
    return tuple(_said(host, said.get(host), connected.get(host)) for host in sorted(names))


def enrol(
    console: Console,
    secret: str,
    ca_file: Path | None,
    client: str,
    hosts: Mapping[str, Sequence[str]],
    parameters: Mapping[str, str],
) -> Introduction:
    """Make the client's device group unless it is there; return what its agents have to be told.

    Devices come into it by themselves. Raise as `ask` does.
    """
    del hosts, parameters
    made = []
    with _session(console, secret, ca_file) as server:
        group = _group(server, client)
        if group is None:
            said = server.call({"action": "createmesh", "meshname": client, "meshtype": _AGENTS})
            if said.get("result") != "ok":
                raise MspctlError(f"device group '{client}': not made: {said.get('result')}")
            group = str(said.get("meshid"))
            made.append(f"device group '{client}'")
        settings = {"group_id": _hexadecimal(group), "server_id": _hexadecimal(server.identity)}
    return Introduction(settings=settings, made=tuple(made))


@dataclass
class _Server:
    """A session: messages go out, and each is answered under its own number.

    The loop turns only while a message goes out or is waited for. All is one thread's: with a thread that
    reads and one that writes, as `websockets.sync` has it, a new TLS ticket could break the session.
    """

    loop: asyncio.Runner
    socket: ClientConnection
    deadline: float
    numbers: Iterator[int]
    identity: str = ""  # of the server, to its agents

    def send(self, message: Message) -> None:
        self.loop.run(self.socket.send(json.dumps(message)))

    def wait(self, fits: Callable[[Message], object]) -> Message:
        """Return the next message that fits. Raise MspctlError where none comes in time, or it ends."""
        while True:
            remaining = max(0.0, self.deadline - time.monotonic())
            message = json.loads(self.loop.run(asyncio.wait_for(self.socket.recv(), remaining)))
            if not isinstance(message, dict):
                continue
            if message.get("action") == "close":
                raise MspctlError(_closing(message))
            if fits(message):
                return message

    def call(self, message: Message) -> Message:
        number = f"mspctl-{next(self.numbers)}"
        self.send({**message, "responseid": number})
        return self.wait(lambda each: each.get("responseid") == number)


@contextmanager
def _session(console: Console, secret: str, ca_file: Path | None) -> Iterator[_Server]:
    """Yield the server, logged in; its mistakes become MspctlError without the secret."""
    where = f"meshcentral at {console.url}"
    if ca_file and not ca_file.is_file():
        raise MspctlError(f"{where}: ca_file: no such file: {ca_file}")
    address = urlsplit(console.url)
    if address.scheme != "https":
        raise MspctlError(f"{where}: has to be https")
    try:
        login = ",".join(base64.b64encode(text.encode()).decode() for text in (console.user or "", secret))
        with asyncio.Runner() as loop:
            socket = loop.run(_connect(address.netloc, login, ca_file))
            try:
                server = _Server(loop, socket, time.monotonic() + _TIMEOUT_SECONDS, count(1))
                greeting = server.wait(lambda each: each.get("action") == "serverinfo").get("serverinfo")
                server.identity = str(greeting.get("agentCertHash")) if isinstance(greeting, dict) else ""
                yield server
            finally:
                loop.run(socket.close())
    except TimeoutError:
        raise MspctlError(f"{where}: no answer within {_TIMEOUT_SECONDS} s") from None
    except ConnectionError as error:  # asyncio says which call failed, and not why
        raise MspctlError(f"{where}: {os.strerror(error.errno) if error.errno else error}") from None
    except (MspctlError, WebSocketException, OSError, ValueError) as error:
        raise MspctlError(f"{where}: {told(str(error), 200, (secret,))}") from None


async def _connect(place: str, login: str, ca_file: Path | None) -> ClientConnection:
    return await connect(
        f"wss://{place}/control.ashx",
        ssl=ssl.create_default_context(cafile=str(ca_file) if ca_file else None),
        additional_headers={"x-meshauth": login},
        open_timeout=_TIMEOUT_SECONDS,
        close_timeout=1,
        max_size=_MOST_BYTES,
        proxy=None,
    )


def _closing(message: Message) -> str:
    if message.get("msg") == "tokenrequired":
        return "the account has a second factor: give a login token of it in place of its password"
    if message.get("cause") == "noauth":
        return "refused the login"
    return f"ended the session: {message.get('cause')} {message.get('msg')}"


def _devices(server: _Server, names: Iterable[str]) -> dict[str, list[Message]]:
    """Return the devices of the groups that names of the form group.device speak of, by such names."""
    found: dict[str, list[Message]] = {}
    for name in sorted({name.partition(".")[0] for name in names}):
        group = _group(server, name)
        if group is None:
            continue
        said = server.call({"action": "nodes", "meshid": group}).get("nodes")
        devices = said.get(group) if isinstance(said, dict) else None
        for device in devices if isinstance(devices, list) else []:
            if isinstance(device, dict) and "_id" in device:
                called = told(str(device.get("name")), 128, ())  # a host gives itself this name
                found.setdefault(f"{name}.{called}", []).append(device)
    return found


def _group(server: _Server, name: str) -> str | None:
    """Return the id of the device group of a name, None where there is none. Raise MspctlError for two."""
    server.send({"action": "meshes"})
    said = server.wait(lambda each: each.get("action") == "meshes").get("meshes")
    ids = [
        str(each["_id"])
        for each in (said if isinstance(said, list) else [])
        if isinstance(each, dict) and each.get("name") == name and "_id" in each
    ]
    if len(ids) > 1:
        raise MspctlError(f"{len(ids)} device groups are called '{name}': remove all but the client's")
    return ids[0] if ids else None


def _one(devices: Sequence[Message]) -> Message | None:
    """Return the device of a name: one that is connected before one that a reinstalled machine left."""
    return max(devices, key=_is_connected, default=None)


def _is_connected(device: Message) -> bool:
    ways = device.get("conn")
    return isinstance(ways, int) and bool(ways & _CONNECTED)


def _answer(host: str, devices: Sequence[Message]) -> ConsoleAnswer:
    device = _one(devices)
    if device is None:
        return ConsoleAnswer(host=host, known=False, fresh=False, detail="not registered at MeshCentral")
    address = device.get("ip")
    known = ConsoleAnswer(
        host=host,
        known=True,
        fresh=True,
        detail="connected",
        address=address if isinstance(address, str) else "",
    )
    if not _is_connected(device):
        return structs.replace(known, fresh=False, detail="not connected")
    if sum(map(_is_connected, devices)) > 1:
        return structs.replace(
            known, detail=f"{len(devices)} devices of this name are connected", fresh=False
        )
    return known


def _run(server: _Server, devices: Mapping[str, Message]) -> dict[str, str]:
    """Return what the command said on each device that answered in time."""
    waiting = {}
    for host, device in devices.items():
        number = f"mspctl-{next(server.numbers)}"
        waiting[number] = host
        order = {"action": "runcommands", "nodeids": [device["_id"]], "type": 0, "runAsUser": 0}
        server.send({**order, "cmds": _command(device), "reply": True, "responseid": number})
    found: dict[str, str] = {}
    server.deadline = time.monotonic() + _TIMEOUT_SECONDS
    while waiting:
        try:
            said = server.wait(lambda each: each.get("responseid") in waiting)
        except TimeoutError:
            break
        found[waiting.pop(str(said["responseid"]))] = str(said.get("result", ""))[:4_096]
    return found


def _command(device: Message) -> str:
    """Return what makes a device tell which machine it is: a line for its shell, cmd on Windows."""
    agent = device.get("agent")
    is_windows = isinstance(agent, dict) and agent.get("id") in _WINDOWS_AGENTS
    return WINDOWS_COMMAND if is_windows else COMMAND


def _said(host: str, output: str | None, device: Message | None) -> SessionAnswer:
    if device is None:
        return SessionAnswer(host=host, detail="not connected, so nothing was run on it")
    command = _command(device)
    if output is None:
        return SessionAnswer(host=host, detail=f"no answer to {command} within {_TIMEOUT_SECONDS} s")
    ids = {found.replace("-", "") for found in _MACHINE_ID.findall(output)}
    if len(ids) != 1:
        return SessionAnswer(
            host=host, detail=f"{command} answered without a machine's id: {told(output, 80, ())}"
        )
    return SessionAnswer(host=host, machine_id=ids.pop())


def _hexadecimal(name: str) -> str:
    """Return the number in an id of MeshCentral's, whose base64 has @ and $ where others have + and /."""
    text = name.rpartition("/")[2].replace("@", "+").replace("$", "/")
    return base64.b64decode(text, validate=True).hex().upper()
