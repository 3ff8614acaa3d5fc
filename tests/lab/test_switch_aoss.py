"""The simulated AOS-S switch does what tests of mspctl rely on."""

import pytest

from tests.lab.driving import MINUTE, is_let_in, session, until
from tests.lab.switches import Faults, switch


def test_shows_what_it_is() -> None:
    with switch("aoss") as device, session(device) as cli:
        assert cli.find_prompt() == "sw-edge#"
        assert "simulated" in cli.send_command("show system")
        shown = cli.send_command("show running-config")
        assert sum(secret in shown for secret in device.planted) >= 13
        assert "Ebb-Tide-31" not in shown  # hashed as it was typed
        assert 'vlan 10\n   name "OFFICE"\n' in shown
        assert "   ip address 10.203.10.5 255.255.255.0\n   exit\n" in shown


def test_replaces_negates_and_keeps_what_is_saved() -> None:
    lines = [
        "no telnet-server", "no web-management plaintext", "web-management ssl", "console idle-timeout 600",
        "no snmp-server community public", "snmp-server community Quay-Ro-1", "snmpv3 only",
        "interface 5", "name front desk", 'name "front desk"', "disable", "vlan 77", "name guests",
        "password manager user-name technician plaintext Other-Word-4", "banner motd #", "keep", "out #",
        "ip authorized-managers 192.0.2.1", "no lldp run", "sntp server priority 2 192.0.2.2",
    ]  # fmt: skip
    with switch("aoss", boot_seconds=0.1) as device:
        with session(device) as cli:
            cli.send_config_set(lines, cmd_verify=False)
            assert "has been changed" in cli.send_command("show running-config status")
            cli.save_config()
            cli.send_config_set(["hostname later"])
        device.reboot()
        running = device.running
    for line in (
        "no telnet-server", "no web-management", "web-management ssl",
        "console idle-timeout 600", 'snmp-server community "Quay-Ro-1" operator', "snmpv3 only",
        'interface 5\n   name "front desk"\n   disable',
        'vlan 77\n   name "guests"', 'banner motd "keep\\nout "', "no lldp run",
        "sntp server priority 2 192.0.2.2",
        "ip authorized-managers 192.0.2.1 255.255.255.255 access manager",
    ):  # fmt: skip
        assert f"\n{line}\n" in running
    assert '"public"' not in running
    assert "Other-Word" not in running
    assert "later" not in running


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("frobnicate now", "Invalid input: frobnicate"),
        ("sntp server priority 9 192.0.2.1", "Invalid input: 9"),
        ("console idle-timeout", "Incomplete input: idle-timeout"),
        ("sntp server priority 1 not-an-address", "Invalid input: not-an-address"),
    ],
)
def test_refuses_in_the_vendors_words(line: str, said: str) -> None:
    with switch("aoss") as device, session(device) as cli:
        before = device.running
        assert said in cli.send_config_set([line])
        assert device.running == before


def test_a_restart_announced_before_is_the_way_back() -> None:
    with switch("aoss", minute_seconds=MINUTE, boot_seconds=0.1) as device, session(device) as cli:
        before = device.running
        cli.send_command("reload after 2")
        cli.send_config_set(["no telnet-server"])
        assert until(lambda: device.restarts == 1)
        assert device.running == before
        assert until(lambda: is_let_in(device))


def test_a_restart_is_called_off() -> None:
    with switch("aoss", minute_seconds=0.6) as device, session(device) as cli:
        cli.send_command("reload after 00:05")
        cli.send_command("no reload")
        assert not until(lambda: device.restarts > 0, 4)


def test_authorized_managers_cut_off_everybody_else() -> None:
    with switch("aoss") as device, session(device) as cli:
        cli.send_config_set(
            ["no ip authorized-managers 127.0.0.0 255.0.0.0", "ip authorized-managers 127.0.0.9"]
        )
        assert not is_let_in(device, "127.0.0.1")
        assert is_let_in(device, "127.0.0.9")


def test_without_a_local_way_in_lets_nobody_in() -> None:
    with switch("aoss") as device, session(device) as cli:
        cli.send_config_set(["aaa authentication ssh login radius none"])
        assert not is_let_in(device)
        cli.send_config_set(["aaa authentication ssh login radius local"])
        assert is_let_in(device)
        cli.send_config_set(["no ip ssh"])
        assert not is_let_in(device)


def test_credentials_are_shown_only_where_they_are_to_be() -> None:
    with switch("aoss") as device, session(device) as cli:
        cli.send_config_set(["no include-credentials"])
        assert "sha1" not in cli.send_command("show running-config")
        assert is_let_in(device)


def test_a_full_disk_keeps_nothing() -> None:
    with switch("aoss", faults=Faults(disk_full=True)) as device, session(device) as cli:
        cli.send_config_set(["no telnet-server"])
        assert "Not enough space" in cli.save_config()
        assert "telnet" not in device.startup
