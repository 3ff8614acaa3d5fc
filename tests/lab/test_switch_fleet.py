"""A fleet of simulated devices is served and told of; its platforms hold enough that must never be told."""

import asyncio
import socket
import subprocess
import sys
import time
from pathlib import Path

import asyncssh
import pytest

from tests.lab.switches.fleet import fleet
from tests.lab.switches.platforms import PLATFORMS, make
from tests.workspace import ROOT

SHOWS = {
    "ios": "show version",
    "eos": "show version",
    "aoss": "show system",
    "fortios": "get system status",
    "routeros": "/system resource print",
}


async def asked(device: dict[str, str]) -> str:
    """Return what a device says of itself to a command without a shell."""
    connection = await asyncssh.connect(
        device["address"],
        int(device["port"]),
        username=device["user"],
        password=device["password"],
        known_hosts=asyncssh.import_known_hosts(f"* {device['host_key']}"),
        config=None,
        client_keys=None,
    )
    async with connection:
        result = await connection.run(SHOWS[device["platform"]])
    return str(result.stdout)


def test_a_fleet_is_served_by_several_processes(tmp_path: Path) -> None:
    options = ("--fleet", "20", "--first", "127.3.0.250", "--processes", "2", "--delay", "10")
    with fleet(tmp_path / "fleet.json", *options) as devices:
        assert [device["address"] for device in devices[:7:6]] == ["127.3.0.250", "127.3.1.0"]
        assert {device["platform"] for device in devices} == set(PLATFORMS)
        assert len({device["host_key"] for device in devices}) == 20

        async def all_asked() -> list[str]:
            return await asyncio.gather(*(asked(device) for device in devices))

        began = time.monotonic()
        assert all("simulated" in said for said in asyncio.run(all_asked()))
        assert time.monotonic() - began < 20
    with pytest.raises(OSError):
        asyncio.run(asked(devices[0]))


@pytest.mark.parametrize("platform", PLATFORMS)
def test_secrets_are_planted_and_names_are_its_own(platform: str) -> None:
    device = make(platform, hostname="other-name", words={"password": "Own-Word-1"})
    assert len(device.planted) >= 10
    assert "Own-Word-1" in device.planted
    assert "other-name" in device.running
    assert device.running == device.startup
    assert device.knows("technician", "Own-Word-1", "127.0.0.1")
    assert not device.knows("technician", "", "127.0.0.1")


def test_there_is_no_device_of_an_unknown_platform() -> None:
    with pytest.raises(ValueError, match="there are: ios"):
        make("junos")


def test_a_fleet_that_is_told_to_end_leaves_nobody_listening(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "tests.lab.switches", "--platform", "ios", "--first", "127.3.0.240"]
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True) as served:
        assert served.stdout and "listen" in served.stdout.readline()
        served.terminate()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with socket.socket() as asked:
            if asked.connect_ex(("127.3.0.240", 2222)):
                return
        time.sleep(0.1)
    raise AssertionError("still served")
