"""The lab's hosts seen from inside, held against what its description and the hosts themselves tell."""

import json
import subprocess
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml

from mspctl.records import Inspection
from mspctl.workspace import Workspace
from tests import workspace
from tests.workspace import CLIENT, Engineer

pytest_plugins = ["tests.lab.plugin"]
pytestmark = pytest.mark.lab

Lab = dict[str, Any]


@pytest.fixture(scope="module")
def engineer(tmp_path_factory: pytest.TempPathFactory, lab: Lab) -> Engineer:
    """An engineer who has scanned the client and looked at its machines once."""
    found = workspace.build(tmp_path_factory.mktemp("inspect") / "northwind", lab)
    found.must("discover", CLIENT)
    found.must("inspect", CLIENT)
    return found


@pytest.fixture
def inside(engineer: Engineer) -> dict[str, Inspection]:
    return inspected(engineer)


def inspected(engineer: Engineer) -> dict[str, Inspection]:
    client = Workspace(engineer.root, lambda: "").client(CLIENT)
    return {each.name: each for each in client.inspections()}


def hosts(lab: Lab) -> list[dict[str, Any]]:
    """Return the client's hosts that let the technician in with his key, and have a shell."""
    return [host for host in listed(lab) if host["truth"]["os"] == "debian"]


def listed(lab: Lab) -> list[dict[str, Any]]:
    """Return the hosts in the networks the client's file lists."""
    sites = yaml.safe_load(workspace.EXAMPLE.read_text())["sites"]
    networks = [ip_network(network["cidr"]) for site in sites for network in site["networks"]]
    return [
        host for host in lab["hosts"] if any(ip_address(host["address"]) in network for network in networks)
    ]


def on(host: str, *command: str, text: str | None = None) -> str:
    """Return what a command says inside a host, run as root past SSH."""
    argv = ["podman", "exec", *(["--interactive"] if text else []), f"mspctl-lab-{host}", *command]
    return subprocess.run(argv, input=text, capture_output=True, text=True, check=True).stdout


def test_every_host_is_what_the_lab_says(inside: dict[str, Inspection], lab: Lab) -> None:
    assert inside.keys() == {host["name"] for host in hosts(lab)}
    for host in hosts(lab):
        found, truth = inside[host["name"]], host["truth"]
        assert found.is_privileged and not found.not_told and not found.lost
        assert found.system.name == "Debian GNU/Linux 12 (bookworm)"
        assert found.system.hostname == host["name"]
        everywhere = {
            each.port for each in found.listening if each.protocol == "tcp" and each.reach == "everywhere"
        }
        assert {port for port in everywhere if port < 32_768} >= set(truth["tcp_ports"]), host["name"]
        assert any(f"{host['address']}/24" in card.addresses for card in found.interfaces)
        assert found.hardware.container == "podman"
        assert (found.hardware.serial, found.hardware.uuid) == ("", "")


def test_accounts_and_administrators_are_the_hosts_own(inside: dict[str, Inspection], lab: Lab) -> None:
    for host in hosts(lab):
        found = {each.name: each for each in inside[host["name"]].accounts}
        assert found.keys() == {"root", "technician"} | ({"netops"} if host["name"] == "rtr1" else set())
        assert (found["root"].password, found["technician"].password) == ("locked", "set")
        assert inside[host["name"]].administrators == ("root", "technician")
        assert inside[host["name"]].settings["ssh.root_login"] == "no"
        assert inside[host["name"]].settings["ssh.password_login"] == "no"


@pytest.mark.parametrize("host", ["web", "files", "ws-reception"])
def test_software_is_what_dpkg_says(inside: dict[str, Inspection], host: str) -> None:
    said = on(host, "dpkg-query", "--show", "--showformat=${db:Status-Abbrev}|${Package}|${Version}\n")
    rows = (line.split("|") for line in said.splitlines())
    truth = {(name, version) for state, name, version in rows if state[1] == "i"}
    assert {(each.name, each.version) for each in inside[host].software if each.source == "deb"} == truth


def test_roles_show_from_inside(inside: dict[str, Inspection]) -> None:
    assert {"nginx"} <= {each.name for each in inside["web"].services}
    assert {"smbd", "nmbd"} <= {each.name for each in inside["files"].services}
    assert [each.process for each in inside["web"].listening if each.port == 443] == ["nginx"]
    assert {(each.name, each.is_open) for each in inside["files"].shares} == {("practice", True)}


def test_updates_are_those_apt_offers(inside: dict[str, Inspection]) -> None:
    said = on("web", "apt-get", "--simulate", "dist-upgrade")
    truth = {line.split()[1] for line in said.splitlines() if line.startswith("Inst ") and " [" in line}
    (found,) = inside["web"].updates
    assert (found.manager, {each.name for each in found.pending}) == ("apt", truth)
    assert found.lists in ("current", "old")


def test_profiles_are_surer_and_nothing_was_merged(engineer: Engineer, lab: Lab) -> None:
    found = json.loads(engineer.must("assets", "list", CLIENT, "--json").stdout)
    assets = {each["name"]: each for each in found if each["record"] == "asset"}
    assert assets.keys() == {host["name"] for host in listed(lab)}
    for host in hosts(lab):
        profile = assets[host["name"]]["profile"]
        assert profile["os"]["rule"] == "inside-os" and profile["os"]["confidence"] >= 0.98
        assert profile["kind"]["value"] == host["truth"]["kind"]
        assert not any(mark["kind"] == "system_uuid" for mark in assets[host["name"]]["identities"])


def test_a_second_look_changes_no_file_but_its_own_log(engineer: Engineer) -> None:
    engineer.must("inspect", CLIENT)
    changed = workspace.git(engineer.root, "show", "--stat=200", "--format=", "HEAD").splitlines()
    assert [line.split()[0].split("/")[2] for line in changed[:-1]] == ["observations"], changed


def test_nothing_is_left_on_a_host(engineer: Engineer) -> None:
    on("web", "touch", "/root/stamp")
    try:
        engineer.must("inspect", CLIENT, "-l", "web")
        folders = ("/etc", "/home", "/root", "/tmp", "/usr", "/var", "/opt", "/srv")
        younger = on("web", "find", *folders, "-xdev", "-newer", "/root/stamp").splitlines()
        # The host's own books: who logged in, and who became root.
        assert [path for path in younger if not path.startswith(("/var/log/", "/var/lib/sudo"))] == []
    finally:
        on("web", "rm", "/root/stamp")


def test_a_wrong_password_of_sudo_costs_only_what_root_sees(engineer: Engineer, lab: Lab) -> None:
    before = inspected(engineer)["ws-surgery1"]
    engineer.must("secret", "set", CLIENT, "sudo_password", text="not-this-one")
    try:
        done = engineer.must("inspect", CLIENT, "-l", "ws-surgery1")
        assert "ws-surgery1: partly: sudo refused the password: check become_password" in done.stderr
        found = inspected(engineer)["ws-surgery1"]
        assert found.software == before.software and len(found.not_told) == 1
        assert "what it showed before still stands" in found.not_told[0]
    finally:
        engineer.must("secret", "set", CLIENT, "sudo_password", text=lab["ssh"]["become_password"])
    engineer.must("inspect", CLIENT, "-l", "ws-surgery1")
    assert inspected(engineer)["ws-surgery1"] == before


@pytest.fixture
def without_sudo() -> Iterator[str]:
    on("ws-surgery2", "mv", "/usr/bin/sudo", "/usr/bin/sudo.away")
    yield "ws-surgery2"
    on("ws-surgery2", "mv", "/usr/bin/sudo.away", "/usr/bin/sudo")


def test_a_host_without_sudo_is_seen_as_far_as_it_goes(engineer: Engineer, without_sudo: str) -> None:
    done = engineer.must("inspect", CLIENT, "-l", without_sudo)
    assert f"{without_sudo}: partly: there is no sudo" in done.stderr


@pytest.fixture
def stopped(lab: Lab) -> Iterator[str]:
    command("stop", "ws-surgery2")
    yield "ws-surgery2"
    command("start", "ws-surgery2")


def test_a_host_that_is_off_is_one_line(engineer: Engineer, stopped: str) -> None:
    before = inspected(engineer)[stopped]
    done = engineer.mspctl("inspect", CLIENT)
    assert done.returncode == 5
    lines = [line for line in done.stderr.splitlines() if ": lost: " in line]
    assert len(lines) == 1 and lines[0].startswith(f"{stopped}: lost: ")
    found = inspected(engineer)[stopped]
    assert found.lost and found.software == before.software


def test_a_host_with_another_key_is_not_logged_in_to(engineer: Engineer) -> None:
    known = engineer.root / "inventories" / CLIENT / "known_hosts"
    text = known.read_text()
    keys = {line.split()[0]: line for line in text.splitlines()}
    stranger = keys["10.203.20.12"].replace("10.203.20.12", "10.203.20.11")
    known.write_text(text.replace(keys["10.203.20.11"], stranger))
    logins = on("web", "journalctl", "--unit=ssh", "--no-pager").count("Accepted")
    try:
        done = engineer.mspctl("inspect", CLIENT, "-l", "web")
        assert done.returncode == 5
        assert "web: lost: its SSH host key is not the pinned one" in done.stderr
        assert on("web", "journalctl", "--unit=ssh", "--no-pager").count("Accepted") == logins
    finally:
        known.write_text(text)


def test_no_secret_is_in_the_workspace(engineer: Engineer, lab: Lab) -> None:
    history = workspace.git(engineer.root, "log", "--all", "--patch", "--text")
    assert lab["ssh"]["become_password"] not in history
    assert Path(lab["ssh"]["key_file"]).read_text().splitlines()[1] not in history


def test_the_page_shows_it(engineer: Engineer) -> None:
    engineer.must("report", CLIENT, "discovery")
    page = (engineer.root / "inventories" / CLIENT / "reports" / "discovery.html").read_text()
    assert "Seen from inside" in page and "Debian GNU/Linux 12 (bookworm)" in page
    shown = engineer.must("assets", "show", CLIENT, "web").stdout
    assert "seen from inside" in shown.lower() and "administrators" in shown


def command(*arguments: str) -> None:
    """Run one of the lab's own commands."""
    subprocess.run(
        ["python", "-m", "tests.lab", *arguments], cwd=workspace.ROOT, capture_output=True, check=True
    )
