"""What simulated devices do wrong, alike on every platform."""

import re
import time
from typing import Any

import pytest

from tests.lab.driving import BROKEN_OFF, is_let_in, netmiko, session, until
from tests.lab.switches import Faults, switch
from tests.lab.switches.platforms import PLATFORMS

# A line that may be pushed again and again, and what is said when it is refused.
LINES = {
    "ios": ("ntp server 192.0.2.{}", "% Invalid input detected at '^' marker."),
    "eos": ("ntp server 192.0.2.{}", "% Invalid input (at token 0: 'ntp')"),
    "aoss": ("logging 192.0.2.{}", "Invalid input: logging"),
    "fortios": ("set server 192.0.2.{}", "Command fail. Return code -61"),
    "routeros": ("/ip pool add name=p{0} ranges=192.0.2.{0}", "bad command name ip (line 1 column 1)"),
}
REVERT = "configure terminal revert timer 1"
BEFORE = {"fortios": ["config log syslogd2 setting"], "routeros": []}


def pushed(cli: Any, platform: str, count: int) -> None:
    """Type so many lines in one go, as somebody who pastes them."""
    lines = BEFORE.get(platform, ["configure terminal"])
    cli.write_channel("".join(f"{line}\n" for line in [*lines, *numbered(platform, count)]))


def numbered(platform: str, count: int) -> list[str]:
    """Return so many lines that a platform takes."""
    return [LINES[platform][0].format(number) for number in range(1, count + 1)]


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_platform_is_dropped_in_mid_push(platform: str) -> None:
    with switch(platform) as device, session(device) as cli:
        device.faults.drops_after_lines = len(device.heard_lines) + 3
        pushed(cli, platform, 9)
        assert until(lambda: device.sessions == 0)
        assert 1 <= device.running.count("192.0.2.") <= 3 or platform == "fortios"  # which takes all at `end`
        assert "192.0.2.9" not in device.running
        assert is_let_in(device)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_platform_restarts_in_mid_push(platform: str) -> None:
    with switch(platform, boot_seconds=0.2) as device, session(device) as cli:
        device.faults.reboots_after_lines = len(device.heard_lines) + 3
        pushed(cli, platform, 9)
        assert until(lambda: device.restarts == 1)
        assert until(lambda: is_let_in(device))
        kept_at_once = platform == "routeros"
        assert ("192.0.2.1" in device.running) == kept_at_once


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_platform_refuses_a_line_in_its_vendors_words(platform: str) -> None:
    line, said = LINES[platform]
    with switch(platform, faults=Faults(refuses_line=line.split("{")[0])) as device, session(device) as cli:
        pushed(cli, platform, 1)
        assert said in cli.read_until_pattern(re.escape(said))
        assert "192.0.2." not in device.running


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_platform_floods(platform: str) -> None:
    command = (
        "get system dns" if platform == "fortios" else "show users" if platform != "routeros" else "/export"
    )
    with switch(platform, faults=Faults(floods_at=command)) as device, session(device) as cli:
        cli.write_channel(f"{command}\n")
        heard = 0
        while heard < 1 << 22:
            heard += len(cli.read_channel())


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_platform_takes_its_time(platform: str) -> None:
    with switch(platform) as device, session(device) as cli:
        device.faults.line_seconds = 0.3
        before, began = len(device.heard_lines), time.monotonic()
        pushed(cli, platform, 2)
        assert until(lambda: len(device.heard_lines) >= before + 2)
        assert time.monotonic() - began >= 0.6


def test_session_is_dropped_in_mid_push() -> None:
    with switch("ios", faults=Faults(drops_after_lines=3)) as device:
        with pytest.raises(BROKEN_OFF), session(device) as cli:
            cli.send_config_set([f"ntp server 192.0.2.{number}" for number in range(1, 9)], read_timeout=2)
        assert device.running.count("ntp server 192.0.2.") == 2
        assert is_let_in(device)


def test_device_restarts_in_mid_push() -> None:
    with switch("ios", faults=Faults(reboots_after_lines=3), boot_seconds=0.2) as device:
        with pytest.raises(BROKEN_OFF), session(device) as cli:
            cli.send_config_set([f"ntp server 192.0.2.{number}" for number in range(1, 9)], read_timeout=2)
        assert until(lambda: device.restarts == 1 and is_let_in(device))
        assert "192.0.2." not in device.running


def test_a_line_is_refused_a_disk_is_full_a_password_is_wrong() -> None:
    faults = Faults(refuses_line="ntp server", disk_full=True)
    with switch("ios", faults=faults) as device, session(device) as cli:
        assert "Invalid input" in cli.send_config_set(["ntp server 192.0.2.1"])
        assert "Not enough space" in cli.save_config()
        assert device.running == device.startup
        device.faults.refuses_password = True
        assert not is_let_in(device)


def test_hashes_differ_at_every_look_and_logins_still_work() -> None:
    with switch("ios", faults=Faults(changes_hashes=True)) as device, session(device) as cli:
        looks = {cli.send_command("show running-config | include ^enable secret") for _ in range(3)}
        assert len(looks) == 3
        assert is_let_in(device)


def test_a_timer_that_is_dead_takes_nothing_back() -> None:
    with (
        switch("ios", faults=Faults(timer_is_dead=True), minute_seconds=0.1) as device,
        session(device) as cli,
    ):
        before = device.running
        cli.send_config_set(["ntp server 192.0.2.1"], config_mode_command=REVERT)
        time.sleep(0.5)
        assert device.running != before


def test_a_confirmation_that_is_none_lets_the_timer_fire() -> None:
    # A minute long enough for whoever is slow to confirm while it has not fired.
    with (
        switch("ios", faults=Faults(never_confirms=True), minute_seconds=5) as device,
        session(device) as cli,
    ):
        cli.send_config_set(["ntp server 192.0.2.2"], config_mode_command=REVERT)
        cli.send_command("configure confirm")
        assert "192.0.2.2" in device.running
        assert until(lambda: "192.0.2.2" not in device.running, 20)


def test_a_device_hangs_and_one_floods() -> None:
    with switch("ios", faults=Faults(hangs_at="show clock", floods_at="show users")) as device:
        with session(device) as cli:
            with pytest.raises(netmiko.exceptions.ReadTimeout):
                cli.send_command("show clock", read_timeout=0.5)
            cli.remote_conn.close()
        with session(device) as cli:
            cli.write_channel("show users\n")
            heard = 0
            while heard < 1 << 22:
                heard += len(cli.read_channel())


def test_distance_costs_a_round_trip_an_answer_and_pipelining_saves_it() -> None:
    with switch("ios", faults=Faults(round_trip_seconds=0.05)) as device, session(device) as cli:
        began = time.monotonic()
        cli.send_config_set([f"ntp server 192.0.2.{number}" for number in range(1, 11)])
        singly = time.monotonic() - began
        cli.config_mode()
        began = time.monotonic()
        cli.write_channel("\n".join(f"ntp server 192.0.2.{number}" for number in range(11, 21)) + "\nend\n")
        assert until(lambda: device.running.count("ntp server 192.0.2.") == 20)
        assert time.monotonic() - began < singly / 3


def test_another_host_key_after_a_restart() -> None:
    with switch("ios", boot_seconds=0.1) as device:
        before = device.host_key
        device.change_host_key()
        assert device.host_key != before
        with session(device) as cli:
            key = cli.remote_conn_pre.get_transport().get_remote_server_key()
        assert device.host_key == f"{key.get_name()} {key.get_base64()}"
