"""The simulated FortiOS firewall does what tests of mspctl rely on."""

import re

import pytest

from tests.lab.driving import MINUTE, is_let_in, session, until
from tests.lab.switches import Faults, switch


def test_shows_what_it_is_and_no_secret_twice_alike() -> None:
    with switch("fortios") as device, session(device) as cli:
        assert cli.find_prompt() == "fw-office #"
        status = cli.send_command("get system status")
        assert "FortiGate" in status
        assert "simulated" in status
        shown, again = cli.send_command("show"), cli.send_command("show")
        assert len(re.findall("ENC ", shown)) >= 15
        assert set(re.findall(r"ENC (\S+)", shown)).isdisjoint(re.findall(r"ENC (\S+)", again))
        assert re.sub(r"ENC \S+", "", shown) == re.sub(r"ENC \S+", "", again)
        assert sum(secret in shown for secret in device.planted) >= 15
        assert "Bulkhead-Lamp" not in shown
        assert len(cli.send_command("show full-configuration")) > len(shown)


def test_sets_at_end_and_keeps_it() -> None:
    lines = [
        "config system global", "set hostname fw-new", "set admintimeout 10", "unset strong-crypto", "end",
        "config system interface", "edit wan1", "set allowaccess ping", "next",
        "edit internal", "unselect allowaccess telnet http", "next", "end",
        "config system snmp community", "delete 1", "end",
        "config system ntp", "config ntpserver",
        "edit 0", "set server 192.0.2.1", "next", "end", "end",
        "config system replacemsg admin", "edit pre_admin-disclaimer-text",
        'set buffer "two', 'lines"', "end",
    ]  # fmt: skip
    with switch("fortios", boot_seconds=0.1) as device:
        with session(device) as cli:
            cli.send_config_set(lines, cmd_verify=False)
        running = device.running
        assert running == device.startup
        device.reboot()
        assert device.running == running
    assert 'set hostname "fw-new"' in running
    assert "set admintimeout 10\n" in running
    assert "strong-crypto" not in running  # what is so from the start is not shown
    assert re.search(r'edit "wan1"\n(.*\n)*?        set allowaccess ping\n', running)
    assert "set allowaccess ping https ssh snmp\n" in running
    assert '"public"' not in running
    assert '        edit 2\n            set server "192.0.2.1"\n' in running
    assert 'set buffer "two\nlines"' in running


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["config system nothing"], "command parse error before 'nothing'\nCommand fail. Return code -61"),
        (["config system global", "set no-such 1", "abort"], "Return code -61"),
        (["config system global", "set admintimeout 481", "end"], "value parse error before '481'"),
        (["config system global", "set strong-crypto maybe", "end"], "value parse error before 'maybe'"),
        (["config system snmp community", "delete 9", "end"], "Return code -3"),
        (["frobnicate"], "Unknown action 0"),
    ],
)
def test_refuses_in_the_vendors_words(lines: list[str], said: str) -> None:
    with switch("fortios") as device, session(device) as cli:
        before = device.running
        assert said in cli.send_config_set(lines).replace("\r", "")
        assert device.running == before


def test_nothing_counts_before_its_end() -> None:
    with switch("fortios") as device:
        with session(device) as cli:
            before = device.running
            cli.send_config_set(["config system global", "set hostname half"])
            cli.remote_conn.close()
        assert until(lambda: device.sessions == 0)
        assert device.running == before
        with session(device) as cli:
            assert cli.find_prompt() == "fw-office #"


REVERT = ["config system global", "set cfg-save revert", "set cfg-revert-timeout 60", "end"]


def test_restarts_with_what_was_saved_when_nobody_saves() -> None:
    with switch("fortios", minute_seconds=MINUTE, boot_seconds=0.1) as device:
        with session(device) as cli:
            cli.send_config_set(REVERT)
            before = device.running
            cli.send_config_set(["config system dns", "set primary 192.0.2.1", "end"])
            assert "192.0.2.1" in device.running
            assert until(lambda: device.restarts == 1)
        assert device.running == before
        assert until(lambda: is_let_in(device))


def test_stays_when_it_was_saved() -> None:
    with switch("fortios", minute_seconds=MINUTE) as device, session(device) as cli:
        cli.send_config_set([*REVERT, "config system dns", "set primary 192.0.2.1", "end"])
        cli.send_command("execute cfg save")
        assert not until(lambda: device.restarts > 0, 3 * MINUTE)
        assert device.running == device.startup
        assert "192.0.2.1" in device.startup


def test_trusted_hosts_cut_off_everybody_else() -> None:
    lines = ["config system admin"]
    for name in ("admin", "technician", "oldadmin"):
        lines += [f"edit {name}", "set trusthost1 127.0.0.9 255.255.255.255", "next"]
    with switch("fortios") as device, session(device) as cli:
        cli.send_config_set([*lines[:-2], "end"])
        assert not is_let_in(device, "127.0.0.1")  # its own account may not, others still could
        assert is_let_in(device, "127.0.0.9")
        cli.send_config_set(["config system interface", "edit internal", "set allowaccess ping https", "end"])
        assert not is_let_in(device, "127.0.0.9")


def test_locks_out_whoever_guesses() -> None:
    with switch("fortios", minute_seconds=1.5) as device:
        assert is_let_in(device)
        for _ in range(3):
            assert not is_let_in(device, password="guess")
        assert not is_let_in(device)
        assert is_let_in(device, "127.0.0.9")
        assert until(lambda: is_let_in(device))


def test_shows_pages_where_its_console_is_set_so() -> None:
    with switch("fortios") as device, session(device) as cli:
        assert "output standard" in device.running  # the driver's doing
        cli.send_config_set(["config system console", "set output more", "end"])
        cli.write_channel("show\n")
        cli.read_until_pattern("--More-- ")
        cli.write_channel("q")
        cli.read_until_prompt()


def test_a_full_disk_keeps_nothing() -> None:
    with switch("fortios", faults=Faults(disk_full=True)) as device, session(device) as cli:
        said = cli.send_config_set(["config system dns", "set primary 192.0.2.1", "end"])
        assert "no space left" in said
        assert "192.0.2.1" not in device.startup
