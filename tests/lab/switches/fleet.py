"""Many simulated devices at once, each at an address of its own on loopback, told of in a JSON file."""

import asyncio
import contextlib
import json
import multiprocessing
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from ipaddress import IPv4Address
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tests.lab.switches.device import Device
from tests.lab.switches.faults import Faults
from tests.lab.switches.platforms import PLATFORMS, make
from tests.lab.switches.server import Endpoint

MIX = "mix"
ROOT = Path(__file__).parents[3]
_PATIENCE_SECONDS = 60


@dataclass(frozen=True)
class Plan:
    """What a fleet is made of; the devices stand at addresses from `first` on."""

    devices: int = 1
    platform: str = MIX
    first: str = "127.1.0.1"
    port: int = 2222
    faults: Faults = field(default_factory=Faults)  # copied for each device
    minute_seconds: float = 60.0
    processes: int = 1
    hostname: str | None = None  # of a fleet of one
    password: str | None = None  # in place of the start configuration's
    host_key: str | None = None  # a file, in place of a new key


@dataclass(frozen=True)
class Place:
    """One device's platform and address."""

    number: int
    platform: str
    address: str


def places(plan: Plan) -> list[Place]:
    """Return where each device stands; a mix has every platform in turn."""
    kinds = PLATFORMS if plan.platform == MIX else (plan.platform,)
    return [
        Place(number, kinds[number % len(kinds)], str(IPv4Address(plan.first) + number))
        for number in range(plan.devices)
    ]


def serve(plan: Plan, file: Path | None) -> None:
    """Serve a fleet until this process is told to end; write what is known of it once all listen."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # not without the children
    shares = [places(plan)[start :: plan.processes] for start in range(plan.processes)]
    children, told = [], []
    for share in shares:
        here, there = multiprocessing.Pipe(duplex=False)
        child = multiprocessing.Process(target=_serve_share, args=(plan, share, there), daemon=True)
        child.start()
        children.append(child)
        told.append(here)
    try:
        devices = [device for pipe in told for device in pipe.recv()]
        text = json.dumps(sorted(devices, key=lambda each: IPv4Address(each["address"])), indent=2)
        if file:
            _write(file, text + "\n")
        print(f"{len(devices)} simulated devices listen", flush=True)
        for child in children:
            child.join()
    except EOFError:
        sys.exit("a device could not be served; its error stands above")
    finally:
        for child in children:
            child.terminate()


def _write(file: Path, text: str) -> None:
    """Write a file that is there only when it is whole."""
    new = file.with_name(file.name + ".new")
    new.write_text(text)
    new.rename(file)


def _serve_share(plan: Plan, share: Sequence[Place], told: Connection) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_listen(plan, share, told))


async def _listen(plan: Plan, share: Sequence[Place], told: Connection) -> None:
    devices = []
    for place in share:
        name = plan.hostname if plan.devices == 1 else f"{place.platform}-{place.number + 1:04}"
        words = {"password": plan.password} if plan.password else None
        device = make(place.platform, name, replace(plan.faults), plan.minute_seconds, words=words)
        endpoint = Endpoint(device, place.address, plan.port, plan.host_key)
        await endpoint.open()
        devices.append(described(device))
    told.send(devices)
    await asyncio.Event().wait()


def described(device: Device) -> dict[str, Any]:
    """Return what a test or a benchmark needs to know of a device."""
    return {
        "platform": device.platform,
        "hostname": device.hostname,
        "address": device.address,
        "port": device.port,
        "user": device.user,
        "password": device.password,
        "enable_password": device.enable_password,
        "host_key": device.host_key,
        "planted": list(device.planted),
        "faults": asdict(device.faults),
    }


@contextlib.contextmanager
def fleet(file: Path, *arguments: str) -> Iterator[list[dict[str, Any]]]:
    """Serve a fleet in processes of its own, with the options of `python -m tests.lab.switches`."""
    argv = [sys.executable, "-m", "tests.lab.switches", "--file", str(file), *arguments]
    child = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout
        if "listen" not in child.stdout.readline():
            raise RuntimeError("the fleet did not come up; its error stands above")
        content: list[dict[str, Any]] = json.loads(file.read_text())
        yield content
    finally:
        child.send_signal(signal.SIGINT)
        child.wait(_PATIENCE_SECONDS)
