"""The simulated IOS switch does what tests of mspctl rely on."""

import re
import time

import pytest

from tests.lab.driving import MINUTE, is_let_in, session, until
from tests.lab.switches import switch


def test_shows_what_it_is() -> None:
    with switch("ios") as device, session(device) as cli:
        assert cli.find_prompt() == "sw-office#"
        version = cli.send_command("show version")
        assert "Cisco IOS" in version
        assert "simulated" in version
        shown = cli.send_command("show running-config")
        assert len(device.planted) >= 20
        assert sum(secret in shown for secret in device.planted) >= 18
        assert cli.send_command("show running-config") != shown  # the clock's drift


def test_keeps_what_is_saved_and_nothing_else() -> None:
    with switch("ios", boot_seconds=0.1) as device:
        with session(device) as cli:
            cli.send_config_set(["ntp server 192.0.2.1 prefer", "no snmp-server community public"])
            assert "[OK]" in cli.save_config()
            cli.send_config_set(["ntp server 192.0.2.2"])
        assert device.running != device.startup
        device.reboot()
        with session(device) as cli:
            shown = cli.send_command("show running-config")
        assert "ntp server 192.0.2.1 prefer" in shown
        assert "snmp-server community public" not in shown
        assert "192.0.2.2" not in shown


def test_asks_for_the_second_password() -> None:
    with switch("ios") as device:
        with session(device) as cli:
            cli.send_config_set(["no aaa authorization exec default", "username plain secret Rope-Locker-3"])
        with session(device, username="plain", password="Rope-Locker-3") as cli:
            assert cli.find_prompt() == "sw-office>"
            assert "Invalid input" in cli.send_command("show running-config")
            cli.enable()
            assert cli.find_prompt() == "sw-office#"
        with session(device, username="plain", password="Rope-Locker-3") as cli:
            cli.write_channel("enable\nwrong\nwrong\nwrong\n")
            cli.read_until_pattern("% Bad secrets")
            assert cli.find_prompt() == "sw-office>"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("ntp servr 192.0.2.1", "                     ^\n% Invalid input"),
        ("ntp server", "% Incomplete command."),
        ("ip access-list standard SNMP-RO\n10 permit 192.0.2.1", "% Duplicate sequence number"),
        ("hostname -bad-", "illegal characters"),
        ("interface GigabitEthernet4/0/1", "Invalid interface"),
        ("aaa authenticat", "% Incomplete command."),
        ("service tcp", "% Ambiguous command"),
    ],
)
def test_refuses_in_the_vendors_words(line: str, said: str) -> None:
    with switch("ios") as device, session(device) as cli:
        before = device.running
        assert said in cli.send_config_set(line.split("\n")).replace("\r", "")
        assert device.running == before


def test_replaces_negates_and_sorts() -> None:
    lines = [
        "hostname sw-new", "int vlan 10", "desc changed", "line vty 0 15", "exec-timeout 10 0",
        "transport input ssh", "no password", "ip access-list standard MGMT", "permit host 127.0.0.1",
        "permit 127.0.0.16 0.0.0.15", "5 remark managers", "service password-encryption",
        "banner login @", "Keep # out >", "@", "no ip http server", "no service dhcp", "lldp run",
        "no snmp-server community private RW", "logging 192.0.2.9", "username front privilege 5",
    ]  # fmt: skip
    with switch("ios") as device:
        with session(device) as cli:
            cli.send_config_set(lines, cmd_verify=False)
        running = device.running
    assert "hostname sw-new" in running
    assert "sw-office" not in running
    assert "interface Vlan10\n description changed\n" in running
    for first, last in ((0, 4), (5, 15)):
        block = re.search(rf"line vty {first} {last}\n((?: .*\n)+)", running)
        assert block
        assert " exec-timeout 10 0\n" in block[1]
        assert " transport input ssh\n" in block[1]
        assert "password" not in block[1]
    assert "MGMT\n 5 remark managers\n 10 permit 127.0.0.1\n 20 permit 127.0.0.16 0.0.0.15\n" in running
    assert "banner login ^C\nKeep # out >\n^C\n" in running
    assert "\nno ip http server\n" in running
    assert "no service dhcp" in running
    assert "community private" not in running
    assert "logging host 192.0.2.9" in running
    assert re.search(r"username front privilege 5 password 7 [0-9A-F]+\n", running)
    assert "lantern-Quay-4" not in running  # hidden like every other by the service


def test_asks_before_an_account_goes() -> None:
    with switch("ios") as device, session(device) as cli:
        cli.config_mode()
        cli.send_command("no username oldadmin", expect_string="confirm")
        assert "oldadmin" in device.running
        cli.send_command("\n", expect_string="#", cmd_verify=False)
        assert until(lambda: "oldadmin" not in device.running)


def test_users_of_snmp_are_not_in_the_configuration() -> None:
    with switch("ios") as device, session(device) as cli:
        cli.send_config_set(
            ["snmp-server user nms HARBOUR v3 auth sha Aa1-auth-word priv aes 128 Aa1-priv-word"]
        )
        assert "User name: nms" in cli.send_command("show snmp user")
        assert "nms" not in device.running


def test_goes_back_when_nobody_confirms() -> None:
    with switch("ios", minute_seconds=MINUTE) as device, session(device) as cli:
        before = device.running
        cli.send_config_set(
            ["hostname other", "no ntp server 10.203.20.13"],
            config_mode_command="configure terminal revert timer 2",
        )
        assert "hostname other" in device.running
        assert until(lambda: device.running == before)


def test_stays_when_somebody_confirms() -> None:
    with switch("ios", minute_seconds=MINUTE) as device, session(device) as cli:
        cli.send_config_set(["ntp server 192.0.2.1"], config_mode_command="configure terminal revert timer 1")
        cli.send_command("configure confirm")
        time.sleep(2 * MINUTE)
        assert "ntp server 192.0.2.1" in device.running
        assert "No Rollback" in cli.send_command("configure confirm")


def test_rolls_back_only_with_an_archive() -> None:
    with switch("ios") as device, session(device) as cli:
        cli.send_config_set(["no archive"])
        assert "archive path is not configured" in cli.send_command("configure terminal revert timer 1")
        assert not cli.check_config_mode()


def test_replaces_its_configuration_by_a_file() -> None:
    with switch("ios", minute_seconds=MINUTE) as device, session(device) as cli:
        cli.send_command("copy running-config flash:before.cfg", expect_string="filename")
        cli.send_command("\n", expect_string="#", cmd_verify=False)
        before = device.running
        cli.send_config_set(["ntp server 192.0.2.1"])
        assert "Rollback Done" in cli.send_command("configure replace flash:before.cfg force")
        assert device.running == before
        cli.send_config_set(["ntp server 192.0.2.1"])
        after = device.running
        cli.send_command("configure replace nvram:startup-config force time 1")
        assert device.running == before
        assert until(lambda: device.running == after)


def test_restarts_after_a_while_unless_told_not_to() -> None:
    with switch("ios", minute_seconds=MINUTE, boot_seconds=0.3) as device:
        with session(device) as cli:
            cli.send_config_set(["ntp server 192.0.2.1"])
            cli.send_command("reload in 2", expect_string="yes/no")
            cli.send_command("no", expect_string="confirm")
            cli.send_command("\n", expect_string="SHUTDOWN in", cmd_verify=False)
            cli.send_command("reload cancel", expect_string="ABORTED")
            time.sleep(3 * MINUTE)
            assert device.restarts == 0
            cli.send_command("reload in 1", expect_string="yes/no")
            cli.send_command("no", expect_string="confirm")
            cli.send_command("\n", expect_string="SHUTDOWN in", cmd_verify=False)
            assert until(lambda: device.restarts == 1)
            assert not is_let_in(device)  # away
        assert until(lambda: is_let_in(device))
        assert "192.0.2.1" not in device.running


def test_access_class_cuts_off_new_sessions_only() -> None:
    lines = ["ip access-list standard MGMT", "10 permit 127.0.0.9", "line vty 0 15", "access-class MGMT in"]
    with switch("ios") as device, session(device) as cli:
        cli.send_config_set(lines)
        assert not is_let_in(device, "127.0.0.1")
        assert is_let_in(device, "127.0.0.9")
        assert "Cisco IOS" in cli.send_command("show version")
        cli.send_config_set(["line vty 0 15", "no access-class MGMT in"])
        assert is_let_in(device, "127.0.0.1")


def test_without_a_local_way_in_lets_nobody_in() -> None:
    with switch("ios") as device, session(device) as cli:
        cli.send_config_set(["aaa authentication login default group tacacs+"])
        assert not is_let_in(device)
        cli.send_config_set(["aaa authentication login default group tacacs+ local"])
        assert is_let_in(device)
        cli.send_config_set(["line vty 0 15", "transport input telnet"])
        assert not is_let_in(device)


def test_shows_pages_until_told_not_to() -> None:
    with switch("ios") as device, session(device) as cli:
        cli.send_command("terminal length 24")
        cli.write_channel("show running-config\n")
        assert "hostname sw-office" in cli.read_until_pattern("--More-- ")
        cli.write_channel("q")
        cli.read_until_prompt()


def test_closes_the_door_on_whoever_guesses() -> None:
    lines = [
        "login block-for 120 attempts 2 within 60",
        "login quiet-mode access-class QUIET",
        "ip access-list standard QUIET",
        "permit 127.0.0.9",
    ]
    with switch("ios", minute_seconds=1) as device, session(device) as cli:
        cli.send_config_set(lines)
        assert is_let_in(device)
        for _ in range(2):
            assert not is_let_in(device, password="guess")
        assert not is_let_in(device)
        assert is_let_in(device, "127.0.0.9")
        assert until(lambda: is_let_in(device))
