"""What `mspctl discover` asks for: profiles, and a scan that goes on."""

import sys
from datetime import timedelta

import pytest
from click.testing import CliRunner

from mspctl.cli import main
from mspctl.discovery import PROFILES, ScanRequest
from mspctl.discovery.profiles import (
    CONTROLLER_PORTS,
    DEFAULT_PORTS,
    FULL_PORTS,
    NEVER_TALKED_TO,
    QUICK_PORTS,
)
from mspctl.errors import BadInput
from mspctl.records import Observation, ScanEnded, ScanReached, ScanRecord, ScanStarted
from mspctl.workspace import Client
from tests.samples import NOW

NETWORK = "192.0.2.0/24"


def log(client: Client, scan: str, *, ends: bool = False, interrupted: bool = False, hours: int = 0) -> None:
    """Write the log of a scan with the profile `quick`."""
    at = NOW + timedelta(hours=hours)
    lines: list[ScanRecord] = [
        ScanStarted(scan=scan, started_at=at, networks=(NETWORK,), ports=(22, 80), profile="quick"),
        Observation(scan=scan, address="192.0.2.10", probe="ping", at=at),
        ScanReached(scan=scan, address="192.0.2.20"),
    ]
    if ends:
        lines.append(ScanEnded(scan=scan, ended_at=at, addresses_probed=254, interrupted=interrupted))
    with client.log("observations", scan) as append:
        for line in lines:
            append(line)


def asked(client: Client, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[ScanRequest, int]:
    """Return what a command would scan, and how many records it goes on from."""
    told: list[tuple[ScanRequest, int]] = []

    def scan(request: ScanRequest, *, log: tuple[ScanRecord, ...] = (), **_: object) -> None:
        told.append((request, len(log)))

    monkeypatch.setattr(sys.modules["mspctl.cli.discover"], "scan", scan)  # the package names the command so
    monkeypatch.chdir(client.workspace.root)
    done = CliRunner().invoke(main, ["discover", "acme", *arguments])
    if done.exit_code:
        raise BadInput(done.stderr)
    return told[0]


def test_profiles_hold_each_other_and_spare_controllers_and_print_queues() -> None:
    assert set(QUICK_PORTS) < set(DEFAULT_PORTS) < set(FULL_PORTS)
    assert set(CONTROLLER_PORTS) <= NEVER_TALKED_TO and not set(CONTROLLER_PORTS) & set(DEFAULT_PORTS)
    assert not set(range(9100, 9110)) & set(FULL_PORTS)


def test_a_profile_is_what_is_asked_and_what_the_client_adds_stays(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = client.path / "client.yml"
    path.write_text(path.read_text() + "discovery: {extra_ports: [4321]}\n")
    for name, profile in PROFILES.items():
        request, earlier = asked(client, monkeypatch, "--profile", name)
        assert {*profile.ports, 4321} <= set(request.ports) and request.udp == profile.udp
        assert (request.profile, earlier) == (name, 0)
    assert asked(client, monkeypatch)[0].profile == "standard"


def test_a_killed_scan_goes_on_under_its_name_with_its_profile(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    log(client, "20261101T000000Z", ends=True)
    log(client, "20261102T000000Z")
    request, earlier = asked(client, monkeypatch, "--resume")
    assert (request.scan, request.profile, request.ports, earlier) == (
        "20261102T000000Z",
        "quick",
        (22, 80),
        3,
    )
    assert request.networks == (NETWORK,)


def test_an_interrupted_scan_goes_on_and_a_complete_one_does_not(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BadInput, match="no scan to finish"):
        asked(client, monkeypatch, "--resume")
    log(client, "20261101T000000Z", ends=True, interrupted=True)
    assert asked(client, monkeypatch, "--resume")[1] == 4
    log(client, "20261102T000000Z", ends=True)
    with pytest.raises(BadInput, match="no scan to finish"):
        asked(client, monkeypatch, "--resume")
    with pytest.raises(BadInput, match="goes on with the networks"):
        asked(client, monkeypatch, "--resume", "--profile", "full")


def test_a_network_that_is_no_longer_authorised_is_not_resumed(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    log(client, "20261101T000000Z")
    path = client.path / "client.yml"
    path.write_text(path.read_text().replace(NETWORK, "198.51.100.0/24"))
    with pytest.raises(BadInput, match=r"no network 192\.0\.2\.0/24 any more"):
        asked(client, monkeypatch, "--resume")


def test_what_is_excluded_meanwhile_is_left_alone(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    log(client, "20261101T000000Z")
    path = client.path / "client.yml"
    path.write_text(
        path.read_text().replace(f"cidr: {NETWORK}", f"cidr: {NETWORK}\n        exclude: [192.0.2.9]")
    )
    assert asked(client, monkeypatch, "--resume")[0].exclude == ("192.0.2.9",)
