"""The simulated EOS switch does what tests of mspctl rely on."""

from typing import Any

import pytest

from tests.lab.driving import MINUTE, is_let_in, session, until
from tests.lab.switches import Faults, switch


def in_session(cli: Any, name: str, *lines: str) -> str:
    """Return what is said to lines typed in a configuration session."""
    return str(cli.send_config_set(list(lines), config_mode_command=f"configure session {name}"))


def test_shows_what_it_is() -> None:
    with switch("eos") as device, session(device) as cli:
        assert cli.find_prompt() == "sw-servers#"
        version = cli.send_command("show version")
        assert "Arista" in version
        assert "simulated" in version
        shown = cli.send_command("show running-config")
        assert sum(secret in shown for secret in device.planted) >= 15
        for secret in ("Binnacle-Light-41", "Gimbal-Second-8", "Snmp-Auth-Sprit-4", "Radius-Pintle-2"):
            assert secret not in shown  # never shown as typed


def test_replaces_negates_and_keeps_what_is_saved() -> None:
    lines = [
        "ntp server 192.0.2.1 prefer", "no snmp-server community public", "management ssh", "idle-timeout 10",
        "management telnet", "shutdown", "management api http-commands", "no protocol http",
        "banner login", "Keep # out >", "EOF", "username admin secret Other-Word-3", "no lldp run",
        "ip access-list standard MGMT", "permit host 127.0.0.1", "permit 127.0.0.16/28", "int Et3",
        "description free", "no username backup",
    ]  # fmt: skip
    with switch("eos", boot_seconds=0.1) as device:
        with session(device) as cli:
            cli.send_config_set(lines, cmd_verify=False)
            assert "successfully" in cli.save_config()
            cli.send_config_set(["ntp server 192.0.2.2"])
        device.reboot()
        running = device.running
    for text in (
        "ntp server 192.0.2.1 prefer\n",
        "management ssh\n   idle-timeout 10\n",
        "management telnet\n   shutdown\n",
        "banner login\nKeep # out >\nEOF\n",
        "username admin privilege 15 role network-admin secret sha512 $6$",
        "no lldp run\n",
        "ip access-list standard MGMT\n   10 permit host 127.0.0.1\n   20 permit 127.0.0.16/28\n",
        "interface Ethernet3\n   description free\n",
    ):
        assert f"\n{text}" in running
    for text in ("community public", "protocol http\n", "backup", "nopassword", "192.0.2.2"):
        assert text not in running


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["frobnicate"], "% Invalid input (at token 0: 'frobnicate')"),
        (["ntp server"], "% Incomplete command"),
        (["ntp server 192.0.2.300"], "% Invalid input (at token 2: '192.0.2.300')"),
        (["ip access-list standard NMS", "10 permit host 192.0.2.1"], "Duplicate sequence number"),
    ],
)
def test_refuses_in_the_vendors_words(lines: list[str], said: str) -> None:
    with switch("eos") as device, session(device) as cli:
        before = device.running
        assert said in cli.send_config_set(lines)
        assert device.running == before


def test_a_session_changes_nothing_before_it_is_committed() -> None:
    with switch("eos") as device, session(device) as cli:
        before = device.running
        cli.config_mode("configure session one")
        cli.send_command("ntp server 192.0.2.1", expect_string="#")
        assert "+ntp server 192.0.2.1" in cli.send_command("show session-config diffs", expect_string=r"\)#")
        assert device.running == before
        cli.write_channel("abort\n")
        cli.read_until_pattern("sw-servers#")
        assert device.running == before
        in_session(cli, "two", "ntp server 192.0.2.1", "commit")
        assert "ntp server 192.0.2.1" in device.running


def test_goes_back_when_nobody_commits_again() -> None:
    with switch("eos", minute_seconds=MINUTE) as device, session(device) as cli:
        before = device.running
        in_session(cli, "one", "ntp server 192.0.2.1", "no ntp server 10.203.20.13", "commit timer 00:02:00")
        assert "ntp server 192.0.2.1" in device.running
        assert "pendingCommitTimer" in cli.send_command("show configuration sessions")
        assert until(lambda: device.running == before)


def test_stays_when_somebody_commits_again() -> None:
    with switch("eos", minute_seconds=MINUTE) as device, session(device) as cli:
        in_session(cli, "one", "ntp server 192.0.2.1", "commit timer 00:01:00")
        cli.send_command("configure session one commit")
        assert not until(lambda: "192.0.2.1" not in device.running, 2 * MINUTE)


def test_is_aborted_before_its_time() -> None:
    with switch("eos") as device, session(device) as cli:
        before = device.running
        in_session(cli, "one", "ntp server 192.0.2.1", "commit timer 00:10:00")
        cli.send_command("configure session one abort")
        assert until(lambda: device.running == before)


def test_access_group_cuts_off_everybody_else() -> None:
    lines = [
        "ip access-list standard MGMT",
        "permit host 127.0.0.9",
        "management ssh",
        "ip access-group MGMT in",
    ]
    with switch("eos") as device, session(device) as cli:
        cli.send_config_set(lines)
        assert not is_let_in(device, "127.0.0.1")
        assert is_let_in(device, "127.0.0.9")


def test_without_a_local_way_in_lets_nobody_in() -> None:
    with switch("eos") as device, session(device) as cli:
        cli.send_config_set(["aaa authentication login default group tacacs+"])
        assert not is_let_in(device)
        cli.send_config_set(["aaa authentication login default group tacacs+ local"])
        assert is_let_in(device)


def test_a_full_disk_keeps_nothing() -> None:
    with switch("eos", faults=Faults(disk_full=True)) as device, session(device) as cli:
        cli.send_config_set(["ntp server 192.0.2.1"])
        assert "No space left" in cli.save_config()
        assert "192.0.2.1" not in device.startup
