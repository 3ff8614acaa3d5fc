"""Ask the hosts themselves whether they are there; nothing here trusts podman."""

import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.lab.description import Description, Host
from tests.lab.errors import LabError
from tests.lab.process import attempt

SYSTEM_NAME = "1.3.6.1.2.1.1.5.0"


def answers(description: Description, host: Host) -> bool:
    """Return whether a host offers all the truth says it offers."""
    if host.truth["kind"] in ("printer", "ups") and snmp_value(description, host, SYSTEM_NAME) is None:
        return False
    if not host.truth["tcp_ports"]:
        return answers_ping(host)
    return all(is_open(host, port) for port in host.truth["tcp_ports"])


def is_open(host: Host, port: int, *, timeout_seconds: float = 1) -> bool:
    """Return whether a TCP port accepts a connection."""
    try:
        with socket.create_connection((str(host.address), port), timeout=timeout_seconds):
            return True
    except OSError:
        return False


def answers_ping(host: Host) -> bool:
    """Return whether a host answers an echo request."""
    return attempt(["ping", "-n", "-c", "1", "-W", "1", str(host.address)]).returncode == 0


def snmp_value(description: Description, host: Host, identifier: str) -> str | None:
    """Return one SNMP value as net-snmp prints it, or None when the host is silent."""
    options = ["-v2c", "-c", description.community, "-t", "1", "-r", "0", "-On", "-Oqv"]
    answer = attempt(["snmpget", *options, str(host.address), identifier])
    return answer.stdout.strip() if answer.returncode == 0 else None


def wait(description: Description, hosts: list[Host], *, timeout_seconds: float) -> None:
    """Return when every host answers. Raise LabError naming those that do not in time."""
    deadline = time.monotonic() + timeout_seconds
    silent = list(hosts)
    asks: Callable[[Host], bool] = lambda host: answers(description, host)  # noqa: E731
    with ThreadPoolExecutor(len(hosts)) as pool:
        while silent := [
            host for host, is_there in zip(silent, pool.map(asks, silent), strict=True) if not is_there
        ]:
            if time.monotonic() > deadline:
                names = ", ".join(host.name for host in silent)
                raise LabError(
                    f"no answer from {names} after {timeout_seconds:.0f} s; try: python -m tests.lab reset"
                )
            time.sleep(0.3)
