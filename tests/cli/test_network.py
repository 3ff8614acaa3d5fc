"""`mspctl network` against simulated devices: backups, checks, the baseline, the way back."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from mspctl.cli import main
from mspctl.handwritten import dump, edit
from mspctl.records import Asset, ClientFile, HostOutcome, Service
from mspctl.workspace import Client
from tests.lab.switches import Faults, Served, switch
from tests.samples import messages, opened, value

SNMP = {"authentication": "Auth-Secret-77", "privacy": "Priv-Secret-88"}
PARAMETERS = {
    "domain": "harbour.example",
    "admins": ["technician", "backup"],
    "ntp_servers": ["10.203.20.13", "10.203.20.14"],
    "timezone": "Europe/Berlin",
    "syslog_servers": ["10.203.20.99", "10.203.40.10"],
    "snmp_user": {
        "name": "mspctl",
        "authentication": "vault:snmp_authentication",
        "privacy": "vault:snmp_privacy",
    },
    "banner": "Harbour Dental: staff only.",
    "management_networks": ["127.0.0.0/8", "10.203.40.0/24"],
}
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


def client_of(root: Path, devices: dict[str, Served], choices: dict[str, Any]) -> Client:
    """Return a client that has these devices, discovered and pinned, and may log in to them."""
    first = next(iter(devices.values()))
    secrets = {
        "switch_password": first.password,
        "switch_enable": first.enable_password,
        "snmp_authentication": SNMP["authentication"],
        "snmp_privacy": SNMP["privacy"],
    }
    found = opened(root, {name: text for name, text in secrets.items() if text})
    connection = {"user": first.user, "password": "vault:switch_password"}
    if first.enable_password:
        connection["enable"] = "vault:switch_enable"
    text = {
        "title": "Acme Ltd",
        "authorisation": {"by": "J. Doe, owner", "date": "2026-11-01"},
        "sites": [{"name": "main", "networks": [{"name": "office", "cidr": "127.0.0.0/24"}]}],
        "network": {"connection": connection, "parameters": PARAMETERS, "rollback_seconds": 60, **choices},
    }
    (found.path / "client.yml").write_text(dump(text))
    found.save_records("assets.jsonl", [asset_of(name, each) for name, each in devices.items()])
    pins = "".join(f"[{each.address}]:{each.port} {each.host_key}\n" for each in devices.values())
    found.save("known_hosts", pins)
    found.commit("as found")
    return found


def asset_of(name: str, device: Served) -> Asset:
    return Asset(
        id=f"asset-{name}",
        name=name,
        site="main",
        network="office",
        addresses=(device.address,),
        profile={"kind": value("switch"), "os": value(device.platform)},
        services=(Service(port=device.port, name="ssh"),),
    )


def run(client: Client, *arguments: str) -> Result:
    password = str(client.workspace.root / ".vault-password")
    options = ["-C", str(client.workspace.root), "--vault-password-file", password]
    return CliRunner().invoke(main, ["network", arguments[0], *options, *arguments[1:]])


def outcomes(client: Client) -> dict[str, HostOutcome]:
    last = client.last_run("network_baseline")
    return {each.host: each for each in last if isinstance(each, HostOutcome)}


def every_text(client: Client) -> str:
    """Return all that lies in the client's folder and in git, sealed texts apart."""
    from tests.workspace import git

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
