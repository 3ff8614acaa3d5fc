"""The simulated RouterOS router does what tests of mspctl rely on."""

from typing import Any

import pytest

from tests.lab.driving import is_let_in, session, until
from tests.lab.switches import switch

CONTROL_X = "\x18"


def take_safe_mode(cli: Any) -> None:
    """Press Ctrl-X, which takes safe mode or lets it go."""
    cli.write_channel(CONTROL_X)
    cli.read_until_pattern(r"\[Safe Mode (?:taken|released)\][^>]*> (?:.*> )?$")
    cli.set_base_prompt()


def test_shows_what_it_is_and_its_secrets_on_request_only() -> None:
    with switch("routeros") as device, session(device) as cli:
        assert cli.find_prompt() == "[technician@rtr-office] >"
        resource = cli.send_command("/system resource print")
        assert "MikroTik" in resource
        assert "simulated" in resource
        assert "name: rtr-office" in cli.send_command("/system identity print")
        plain = cli.send_command("/export")
        shown = cli.send_command("/export show-sensitive")
        assert "Ppp-Dentist-12" not in plain
        assert "harbour-rw-8" in plain  # a community's name is no secret to it
        assert sum(secret in shown for secret in device.planted) >= 18
        assert " \\\n    " in shown  # wide lines go on
        assert " \\\n" not in cli.send_command("/export terse show-sensitive")


def test_sets_what_is_named_numbered_or_found_and_keeps_it() -> None:
    lines = [
        "/system identity set name=rtr-new", "/ip service disable telnet,ftp",
        "/ip/service/set www disabled=yes", "/ip service set [ find name=api ] disabled=no",
        "/snmp community set [find default=yes] name=other disabled=yes",
        "/system logging action set 3 remote=192.0.2.9", "/ppp secret remove hygienist",
        "/ip service", "set winbox address=192.0.2.0/24", "/",
        "/system logging add topics=warning action=remote", "/user disable oldadmin",
        '/system note set note="keep \\"out\\" #\\r\\nsecond"', "/ip ssh set strong-crypto=yes",
    ]  # fmt: skip
    with switch("routeros", boot_seconds=0.1) as device:
        with session(device) as cli:
            cli.write_channel("\r\n".join(lines) + "\r\n")
            said = cli.read_until_pattern(r"strong-crypto=yes\s+\[technician@rtr-new\] > ")
            cli.set_base_prompt()
            exported = cli.send_command("/export terse")
        assert "column" not in said
        running = device.running
        device.reboot()
        assert device.running == running
    for line in (
        "/ip service set telnet disabled=yes",
        "/ip service set ftp disabled=yes",
        "/ip service set www disabled=yes",
        "/ip service set winbox address=192.0.2.0/24",
        "/snmp community set [ find default=yes ] disabled=yes name=other",
        "/system logging action set 3 remote=192.0.2.9",
        "/system logging add action=remote topics=warning",
        "/system identity set name=rtr-new",
        '/system note set note="keep \\"out\\" #\\r\\nsecond"',
        "/ip ssh set strong-crypto=yes",
    ):
        assert f"\n{line}\n" in running
        assert line in exported
    assert "set api" not in running  # as it is from the start
    assert "hygienist" not in running
    assert "disabled=yes group=full name=oldadmin" in running
    assert "oldadmin" not in exported  # accounts never are


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("/nothing set x=1", "bad command name nothing (line 1 column 2)"),
        ("/ip service frobnicate", "bad command name frobnicate (line 1 column 13)"),
        ("/ip service set telnet bar=1", "expected end of command (line 1 column 24)"),
        ("/ip service add name=x", "bad command name add (line 1 column 13)"),
        ("/ip service set gopher disabled=yes", "no such item"),
        ("/ip service set www port=70000", "value of port out of range (1..65535)"),
        ("/snmp set enabled=maybe", "input does not match any value of enabled"),
        ("/user add name=technician group=full", "failure: already have"),
        ("/ip service set www address=1.2.3", "invalid value for argument address"),
    ],
)
def test_refuses_in_the_vendors_words(line: str, said: str) -> None:
    with switch("routeros") as device, session(device) as cli:
        before = device.running
        assert said in cli.send_command(line)
        assert device.running == before


def test_safe_mode_takes_everything_back_when_its_session_breaks_off() -> None:
    with switch("routeros") as device:
        before = device.running
        with session(device) as cli, session(device) as other:
            take_safe_mode(cli)
            assert "<SAFE>" in cli.find_prompt()
            cli.send_command("/ip service disable telnet")
            other.send_command("/ip service disable ftp")  # whoever did it
            assert device.running != before
            cli.remote_conn_pre.close()
            assert until(lambda: device.running == before)


def test_safe_mode_let_go_lets_everything_stand() -> None:
    with switch("routeros") as device:
        with session(device) as cli:
            take_safe_mode(cli)
            cli.send_command("/ip service disable telnet")
            take_safe_mode(cli)
            assert "<SAFE>" not in cli.find_prompt()
            cli.remote_conn_pre.close()
        assert until(lambda: device.sessions == 0)
        assert "set telnet disabled=yes" in device.running


def test_safe_mode_remembers_a_hundred_actions_and_no_more() -> None:
    with switch("routeros") as device, session(device) as cli:
        take_safe_mode(cli)
        for number in range(101):
            cli.write_channel(f"/ip pool add name=p{number} ranges=192.0.2.{number}\r\n")
        assert until(lambda: "name=p100" in device.running)
        cli.remote_conn_pre.close()
        assert until(lambda: device.sessions == 0)
        assert "name=p100" in device.running


def test_one_session_holds_safe_mode() -> None:
    with switch("routeros") as device, session(device) as cli, session(device) as other:
        take_safe_mode(cli)
        other.write_channel(CONTROL_X)
        other.read_until_pattern("Hijacking Safe Mode")
        other.write_channel("d")
        other.read_until_pattern(r"> $")
        assert "<SAFE>" in cli.find_prompt()


def test_addresses_of_the_service_and_of_accounts_cut_off_everybody_else() -> None:
    with switch("routeros") as device, session(device) as cli:
        cli.send_command("/ip service set ssh address=127.0.0.9/32")
        assert not is_let_in(device, "127.0.0.1")
        assert is_let_in(device, "127.0.0.9")
        cli.send_command('/ip service set ssh address=""')
        cli.send_command("/user set technician address=127.0.0.9")
        assert not is_let_in(device, "127.0.0.1")
        assert is_let_in(device, "127.0.0.9")
        cli.send_command("/ip service disable ssh")
        assert not is_let_in(device, "127.0.0.9")


def test_the_input_chain_decides_in_order() -> None:
    with switch("routeros") as device, session(device) as cli:
        cli.send_config_set(
            [
                "/ip firewall address-list add list=managers address=127.0.0.8/30",
                "/ip firewall filter",
                "add chain=input action=accept protocol=tcp dst-port=22 src-address-list=managers",
                "add chain=input action=drop protocol=tcp dst-port=22,23 in-interface-list=!WAN",
                "/",
            ]
        )
        assert not is_let_in(device, "127.0.0.1")
        assert is_let_in(device, "127.0.0.9")


def test_a_backup_is_loaded_by_a_restart() -> None:
    with switch("routeros", boot_seconds=0.1) as device, session(device) as cli:
        before = device.running
        cli.send_command("/system backup save name=before")
        cli.send_command("/system identity set name=other", expect_string="> ")
        cli.write_channel("/system backup load name=before\r\n")
        assert until(lambda: device.restarts == 1)
        assert device.running == before
