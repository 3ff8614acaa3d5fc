"""`mspctl network` against simulated devices: backups, checks, the baseline, the way back."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from mspctl import catalog
from mspctl.cli import main
from mspctl.handwritten import edit
from mspctl.netconfig.session import session
from mspctl.records import Asset, ClientFile, HostOutcome, HostStatus, VerdictState
from mspctl.workspace import Client
from tests.lab.switches import Faults, Served, switch
from tests.netconfig.clients import SNMP, client_of
from tests.netconfig.devices import door
from tests.samples import messages, value
from tests.workspace import git

Site = Callable[..., tuple[Client, dict[str, Served]]]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Make a client whose switches are simulated, each at a port of its own."""
    with ExitStack() as stack:

        def make(
            *platforms: str, faults: Faults | None = None, **choices: Any
        ) -> tuple[Client, dict[str, Served]]:
            devices = {
                f"sw{number}": stack.enter_context(switch(platform, faults=faults, minute_seconds=3))
                for number, platform in enumerate(platforms, 1)
            }
            return client_of(tmp_path / "northwind", devices, choices), devices

        yield make


def run(client: Client, *arguments: str) -> Result:
    password = str(client.workspace.root / ".vault-password")
    options = ["-C", str(client.workspace.root), "--vault-password-file", password]
    return CliRunner().invoke(main, ["network", arguments[0], *options, *arguments[1:]])


def outcomes(client: Client) -> dict[str, HostOutcome]:
    last = client.last_run("network_baseline")
    return {each.host: each for each in last if isinstance(each, HostOutcome)}


def every_text(client: Client) -> str:
    """Return all that lies in the client's folder and in git, sealed texts apart."""
    files = [path for path in client.path.rglob("*") if path.is_file() and path.suffix not in (".vault",)]
    text = "".join(path.read_text(errors="replace") for path in files if path.name != "vault.yml")
    return text + git(client.workspace.root, "log", "-p", "--all")


def test_a_backup_is_redacted_restorable_and_quiet(site: Site, tmp_path: Path) -> None:
    client, devices = site("ios")
    device = devices["sw1"]
    done = run(client, "backup", client.name)
    assert done.exit_code == 0, done.output
    text = every_text(client)
    assert "hostname sw-office" in text
    assert [secret for secret in device.planted if secret in text] == []
    again = run(client, "backup", client.name)
    assert "unchanged" in again.output
    assert messages(client.workspace.root)[0] == "acme: network: backup, sw1 changed"
    target = tmp_path / "sw1.cfg"
    assert run(client, "restore", client.name, "sw1", "--to", str(target)).exit_code == 0
    assert target.stat().st_mode & 0o777 == 0o600
    assert all(line in target.read_text() for line in device.running.splitlines())


def test_the_baseline_is_reached_once_and_then_changes_nothing(site: Site) -> None:
    client, devices = site("ios")
    device = devices["sw1"]
    before = device.running
    preview = run(client, "baseline", client.name, "--diff")
    assert preview.exit_code == 0, preview.output
    assert "+ ip ssh version 2" in preview.output
    assert device.running == before
    done = run(client, "baseline", client.name, "--apply")
    assert done.exit_code == 0, done.output
    after = device.running
    assert "banner login" in after
    assert "access-class MSPCTL-MGMT in" in after
    assert device.startup == after
    assert outcomes(client)["sw1"].detail.startswith("as intended")
    stands = {each.rule: each.state for each in client.compliance()}
    assert (stands["NB-05"], stands["NB-17"]) == (VerdictState.PASS, VerdictState.PASS)
    again = run(client, "baseline", client.name, "--apply")
    assert again.exit_code == 0, again.output
    assert outcomes(client)["sw1"].changed == 0
    assert device.running == after
    said = done.output + preview.output + every_text(client)
    assert [secret for secret in (*device.planted, *SNMP.values()) if secret in said] == []


def test_a_check_says_which_rules_are_broken_and_on_which_lines(site: Site) -> None:
    waiver = {"rule": "NB-14", "reason": "no banners here", "owner": "J. Doe", "expires": "2099-01-01"}
    client, devices = site("ios", waivers=[waiver])
    done = run(client, "check", client.name, "--json")
    assert done.exit_code == 4
    found = {each["rule"]: each for each in json.loads(done.output)["verdicts"]}
    assert found["NB-05"]["state"] == "fail"
    assert "line vty 0 4 / transport input telnet ssh" in found["NB-05"]["lines"]
    assert found["NB-14"]["state"] == "waived"
    assert "no banners here" in found["NB-14"]["reason"]
    assert found["NB-03"]["state"] == "undetermined"
    assert found["NB-18"]["state"] == "not applicable"
    assert [secret for secret in devices["sw1"].planted if len(secret) > 8 and secret in done.output] == []


def test_a_configuration_is_brought_back_to_the_line(site: Site) -> None:
    client, devices = site("ios")
    device = devices["sw1"]
    assert run(client, "backup", client.name).exit_code == 0
    before = device.running
    revision = client.versions("network/sw1/running.conf")[0][0]
    assert run(client, "baseline", client.name, "--apply").exit_code == 0
    assert device.running != before
    done = run(client, "restore", client.name, "sw1", "--at", revision, "--apply")
    assert done.exit_code == 0, done.output
    assert device.running == before


def test_rules_stand_in_the_page_and_runs_in_their_list(site: Site) -> None:
    client, _ = site("ios")
    assert run(client, "check", client.name).exit_code == 4
    page = (client.path / "reports" / "index.html").read_text()
    assert "Network baseline" in page
    assert "line vty 0 4 / transport input telnet ssh" in page
    assert run(client, "baseline", client.name).exit_code == 0
    options = ["-C", str(client.workspace.root)]
    listed = CliRunner().invoke(main, ["runs", "list", *options, client.name])
    assert "network_baseline" in listed.output


def test_a_device_nobody_understands_is_told_and_left_alone(site: Site) -> None:
    client, devices = site("ios", "ios")
    known, unknown = client.assets()
    assert isinstance(known, Asset)
    assert isinstance(unknown, Asset)
    riddle = replace(unknown, profile={"kind": value("switch"), "os": value("junk-os")})
    client.save_records("assets.jsonl", [known, riddle])
    done = run(client, "detect", client.name)
    assert "unsupported: no platform for junk-os" in done.output
    kept = run(client, "backup", client.name)
    assert kept.exit_code == 0, kept.output
    assert "left out" in kept.output
    assert devices["sw2"].sessions == 0


def test_a_platform_is_told_by_asking_two_or_three(site: Site) -> None:
    client, _ = site("ios")
    (known,) = client.assets()
    assert isinstance(known, Asset)
    asset = replace(known, profile={"kind": value("switch"), "vendor": value("Cisco")})
    client.save_records("assets.jsonl", [asset])
    done = run(client, "detect", client.name)
    assert "answers as one; asked for" in done.output, done.output
    assert [each.platform for each in client.devices()] == ["ios"]


def test_a_line_that_may_hold_a_secret_stops_the_backup_of_its_device(site: Site) -> None:
    client, devices = site("ios")
    device = devices["sw1"]
    secret = "9bX2kQ71mZpL04vTy83WcN5d"
    way_in = door(device)
    with session(way_in, catalog.platforms()["ios"]) as here:
        here.push(["configure terminal", f"snmp-server location shelf {secret}", "end"], 20)
    done = run(client, "backup", client.name)
    assert done.exit_code == 5
    assert "`show running-config` line " in done.output
    assert secret not in done.output
    assert not (client.path / "network").exists()
    edit(
        client.path / "client.yml",
        lambda text: text["network"].update({"harmless": ["snmp-server location .*"]}),
        ClientFile,
    )
    assert run(client, "backup", client.name).exit_code == 0
    assert secret in (client.path / "network/sw1/running.conf").read_text()


def test_one_lost_device_costs_the_others_nothing(site: Site) -> None:
    client, devices = site("ios", "ios", "ios", "ios")
    devices["sw2"].faults.refuses_password = True
    done = run(client, "baseline", client.name, "--apply")
    assert done.exit_code == 5
    found = outcomes(client)
    assert found["sw2"].status is HostStatus.UNREACHABLE
    assert "refused the login" in found["sw2"].detail
    assert [found[name].detail for name in ("sw1", "sw3", "sw4")] == ["as intended"] * 3
    devices["sw2"].faults.refuses_password = False
    again = run(client, "baseline", client.name, "--apply")
    assert again.exit_code == 0, again.output


def test_a_run_that_stopped_goes_on_where_it_was(site: Site) -> None:
    client, devices = site("ios", "ios")
    devices["sw1"].faults.refuses_password = True
    stopped = run(client, "baseline", client.name, "--apply")
    assert stopped.exit_code == 5
    assert "go on with --resume" in stopped.output
    assert set(outcomes(client)) == {"sw1"}
    devices["sw1"].faults.refuses_password = False
    again = run(client, "baseline", client.name, "--apply", "--resume")
    assert again.exit_code == 0, again.output
    assert {name: each.detail for name, each in outcomes(client).items()} == {
        "sw1": "as intended",
        "sw2": "as intended",
    }
    nothing = run(client, "baseline", client.name, "--apply", "--resume")
    assert nothing.exit_code == 3
    assert "no unfinished run" in nothing.output
