"""The simulated devices, driven with netmiko: they do what tests of mspctl rely on, good and bad."""

import contextlib
import re
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.lab.switches import Faults, Served, switch

netmiko = pytest.importorskip("netmiko", reason="drives the simulated devices: pip install netmiko")
paramiko = pytest.importorskip("paramiko", reason="netmiko needs it")
BROKEN_OFF = (netmiko.exceptions.NetmikoBaseException, netmiko.exceptions.ReadException, OSError, EOFError)

DRIVERS = {"ios": "cisco_ios"}
MINUTE = 0.4  # seconds of a simulated minute


@contextlib.contextmanager
def session(device: Served, source: str = "127.0.0.1", **options: Any) -> Iterator[Any]:
    """Yield a netmiko session from an address of this machine."""
    line = socket.create_connection((device.address, device.port), 5, (source, 0))
    words = {"username": device.user, "password": device.password, "secret": device.enable_password}
    with line, contextlib.ExitStack() as stack:
        kind = DRIVERS[device.platform]
        connection = netmiko.ConnectHandler(
            device_type=kind, host=device.address, port=device.port, sock=line, **(words | options)
        )
        stack.callback(connection.disconnect)
        yield connection


def is_let_in(device: Served, source: str = "127.0.0.1") -> bool:
    """Return whether a fresh session comes as far as a prompt."""
    try:
        line = socket.create_connection((device.address, device.port), 5, (source, 0))
        with line, paramiko.Transport(line) as transport:
            transport.start_client(timeout=5)
            transport.auth_password(device.user, device.password)
            channel = transport.open_session(timeout=5)
            channel.get_pty()
            channel.invoke_shell()
            said = b""
            while b"#" not in said and (more := channel.recv(4096)):
                said += more
            return b"#" in said
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


# Cisco IOS


def test_ios_shows_what_it_is() -> None:
    with switch("ios") as device, session(device) as cli:
        assert cli.find_prompt() == "sw-office#"
        version = cli.send_command("show version")
        assert "Cisco IOS" in version
        assert "simulated" in version
        shown = cli.send_command("show running-config")
        assert len(device.planted) >= 20
        assert sum(secret in shown for secret in device.planted) >= 18
        assert cli.send_command("show running-config") != shown  # the clock's drift


def test_ios_keeps_what_is_saved_and_nothing_else() -> None:
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


def test_ios_asks_for_the_second_password() -> None:
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
def test_ios_refuses_in_the_vendors_words(line: str, said: str) -> None:
    with switch("ios") as device, session(device) as cli:
        before = device.running
        assert said in cli.send_config_set(line.split("\n")).replace("\r", "")
        assert device.running == before


def test_ios_replaces_negates_and_sorts() -> None:
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


def test_ios_asks_before_an_account_goes() -> None:
    with switch("ios") as device, session(device) as cli:
        cli.config_mode()
        cli.send_command("no username oldadmin", expect_string="confirm")
        assert "oldadmin" in device.running
        cli.send_command("\n", expect_string="#", cmd_verify=False)
        assert until(lambda: "oldadmin" not in device.running)


def test_ios_users_of_snmp_are_not_in_the_configuration() -> None:
    with switch("ios") as device, session(device) as cli:
        cli.send_config_set(
            ["snmp-server user nms HARBOUR v3 auth sha Aa1-auth-word priv aes 128 Aa1-priv-word"]
        )
        assert "User name: nms" in cli.send_command("show snmp user")
        assert "nms" not in device.running


def test_ios_goes_back_when_nobody_confirms() -> None:
    with switch("ios", minute_seconds=MINUTE) as device, session(device) as cli:
        before = device.running
        cli.send_config_set(
            ["hostname other", "no ntp server 10.203.20.13"],
            config_mode_command="configure terminal revert timer 2",
        )
        assert "hostname other" in device.running
        assert until(lambda: device.running == before)


def test_ios_stays_when_somebody_confirms() -> None:
    with switch("ios", minute_seconds=MINUTE) as device, session(device) as cli:
        cli.send_config_set(["ntp server 192.0.2.1"], config_mode_command="configure terminal revert timer 1")
        cli.send_command("configure confirm")
        time.sleep(2 * MINUTE)
        assert "ntp server 192.0.2.1" in device.running
        assert "No Rollback" in cli.send_command("configure confirm")


def test_ios_rolls_back_only_with_an_archive() -> None:
    with switch("ios") as device, session(device) as cli:
        cli.send_config_set(["no archive"])
        assert "archive path is not configured" in cli.send_command("configure terminal revert timer 1")
        assert not cli.check_config_mode()


def test_ios_replaces_its_configuration_by_a_file() -> None:
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


def test_ios_restarts_after_a_while_unless_told_not_to() -> None:
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


def test_ios_access_class_cuts_off_new_sessions_only() -> None:
    lines = ["ip access-list standard MGMT", "10 permit 127.0.0.9", "line vty 0 15", "access-class MGMT in"]
    with switch("ios") as device, session(device) as cli:
        cli.send_config_set(lines)
        assert not is_let_in(device, "127.0.0.1")
        assert is_let_in(device, "127.0.0.9")
        assert "Cisco IOS" in cli.send_command("show version")
        cli.send_config_set(["line vty 0 15", "no access-class MGMT in"])
        assert is_let_in(device, "127.0.0.1")


def test_ios_without_a_local_way_in_lets_nobody_in() -> None:
    with switch("ios") as device, session(device) as cli:
        cli.send_config_set(["aaa authentication login default group tacacs+"])
        assert not is_let_in(device)
        cli.send_config_set(["aaa authentication login default group tacacs+ local"])
        assert is_let_in(device)
        cli.send_config_set(["line vty 0 15", "transport input telnet"])
        assert not is_let_in(device)


def test_ios_shows_pages_until_told_not_to() -> None:
    with switch("ios") as device, session(device) as cli:
        cli.send_command("terminal length 24")
        cli.write_channel("show running-config\n")
        assert "hostname sw-office" in cli.read_until_pattern("--More-- ")
        cli.write_channel("q")
        cli.read_until_prompt()


# Faults, which every platform has alike


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
