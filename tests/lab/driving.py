"""How tests drive simulated devices: with netmiko, as users do; with paramiko where only the login counts."""

import contextlib
import re
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.lab.switches import Served

netmiko = pytest.importorskip("netmiko", reason="drives the simulated devices: pip install netmiko")
paramiko = pytest.importorskip("paramiko", reason="netmiko needs it")

BROKEN_OFF = (netmiko.exceptions.NetmikoBaseException, netmiko.exceptions.ReadException, OSError, EOFError)
MINUTE = 0.4  # seconds of a simulated minute
_PROMPT = re.compile(rb"[#>] ?$")
_DRIVERS = {
    "ios": "cisco_ios",
    "fortios": "fortinet",
    "eos": "arista_eos",
    "routeros": "mikrotik_routeros",
    "aoss": "aruba_osswitch",
}


@contextlib.contextmanager
def session(device: Served, source: str = "127.0.0.1", **options: Any) -> Iterator[Any]:
    """Yield a netmiko session from an address of this machine."""
    line = socket.create_connection((device.address, device.port), 5, (source, 0))
    words = {"username": device.user, "password": device.password, "secret": device.enable_password}
    with line, contextlib.ExitStack() as stack:
        kind = _DRIVERS[device.platform]
        connection = netmiko.ConnectHandler(
            device_type=kind, host=device.address, port=device.port, sock=line, **(words | options)
        )
        stack.callback(connection.disconnect)
        yield connection


def is_let_in(device: Served, source: str = "127.0.0.1", password: str | None = None) -> bool:
    """Return whether a fresh session comes as far as a prompt."""
    try:
        line = socket.create_connection((device.address, device.port), 5, (source, 0))
        with line, paramiko.Transport(line) as transport:
            transport.start_client(timeout=5)
            transport.auth_password(device.user, password or device.password)
            channel = transport.open_session(timeout=5)
            channel.get_pty()
            channel.invoke_shell()
            channel.send(b"\r")  # some want a key pressed first
            said = b""
            while not _PROMPT.search(said) and (more := channel.recv(4096)):
                said += more
            return bool(_PROMPT.search(said))
    except (OSError, EOFError, paramiko.SSHException):
        return False


def until(came: Callable[[], bool], seconds: float = 5) -> bool:
    """Return whether something came about in time."""
    end = time.monotonic() + seconds
    while not came():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
