"""What simulated devices do wrong, alike on every platform."""

import time

import pytest

from tests.lab.driving import BROKEN_OFF, is_let_in, netmiko, session, until
from tests.lab.switches import Faults, switch


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


def test_a_dead_timer_and_a_confirmation_that_is_none() -> None:
    with (
        switch("ios", faults=Faults(timer_is_dead=True), minute_seconds=0.1) as device,
        session(device) as cli,
    ):
        revert = "configure terminal revert timer 1"
        before = device.running
        cli.send_config_set(["ntp server 192.0.2.1"], config_mode_command=revert)
        time.sleep(0.5)
        assert device.running != before
        device.faults.timer_is_dead, device.faults.never_confirms = False, True
        cli.send_config_set(["ntp server 192.0.2.2"], config_mode_command=revert)
        cli.send_command("configure confirm")
        assert until(lambda: "192.0.2.2" not in device.running)


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
