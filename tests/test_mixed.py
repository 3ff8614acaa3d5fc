"""A client with two systems and a product for each, in one run.

ClamAV is real, on a Debian host; Microsoft Defender is on a simulated machine (tests/windows_host.py).
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from msgspec import structs

from mspctl import handwritten
from mspctl.cli import main
from mspctl.records import ClientFile, HostOutcome, Json, Observation, ScanEnded, ScanStarted, Service
from mspctl.workspace import Client
from tests import fleet, samples
from tests.fleet import Fleet
from tests.lab import antivirus
from tests.samples import NOW
from tests.test_rollout_windows import models
from tests.windows_collection import install
from tests.windows_host import Machine
from tests.windows_host import Service as WindowsService
from tests.wsman import PASSWORD, USER, Host, serving

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(os.geteuid() != 0, reason="makes containers: run as root"),
]
SCAN = "20261121T093000Z"
MIRROR = (
    "systemd-run --unit=mirror --quiet python3 -m http.server 8088 --bind 127.0.0.1 --directory /run/mirror"
)
SERVICES: dict[str, Json] = {
    "antivirus": {
        "provider": "clamav",
        "licences": 1,
        "settings": {
            "standard_databases": False,
            "database_urls": ["http://127.0.0.1:8088/mspctl-lab.ndb"],
            "on_access": "off",
        },
        "windows": {"provider": "defender", "settings": {"excluded_paths": ["D:\\Database"]}},
    }
}


@dataclass(frozen=True)
class Office:
    """The client, its Debian host and its Windows machine."""

    client: Client
    debian: fleet.Machine
    windows: Machine

    def mspctl(self, *arguments: str) -> Result:
        """Return how a command of mspctl ended."""
        return CliRunner().invoke(main, [*arguments, "-C", str(self.client.workspace.root)])

    def outcomes(self) -> dict[str, str]:
        """Return how each host came out of the last rollout."""
        ended = (each for each in self.client.last_run("rollout") if isinstance(each, HostOutcome))
        return {each.host: each.status.value for each in ended}


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    machine = Machine(models=models(), services={"WinDefend": WindowsService()})
    with (
        pytest.MonkeyPatch.context() as patch,
        fleet.running("mspctl-mixed-", 1, IPv4Network("10.203.71.0/24")) as hosts,
        serving(Host(run=machine.run)) as windows,
    ):
        patch.setenv("ANSIBLE_COLLECTIONS_PATH", str(install()))
        client = client_of(tmp_path_factory.mktemp("mixed") / "northwind", hosts, windows)
        (debian,) = hosts.machines
        debian.run("mkdir", "/run/mirror")
        for name, content in antivirus.databases().items():
            debian.run("sh", "-c", f"cat > /run/mirror/{name}", text=content.decode())
        debian.run("sh", "-c", MIRROR)
        yield Office(client, debian, machine)


def client_of(root: Path, hosts: Fleet, windows: Host) -> Client:
    """Return a client with both, pinned."""
    client = fleet.client_of(root, hosts, SERVICES, {"windows": PASSWORD})

    def change(data: Any) -> None:
        data["connection"]["windows"] = {"user": USER, "password": "vault:windows", "port": windows.port}

    handwritten.edit(client.path / "client.yml", change, ClientFile, client.shown("client.yml"))
    desk = samples.asset("desk", "127.0.0.1", kind="workstation", os="windows", os_version="11")
    desk = structs.replace(desk, services=(Service(port=windows.port),))
    client.save_records("assets.jsonl", [*client.assets(), desk])
    with client.log("observations", SCAN) as append:
        append(ScanStarted(scan=SCAN, started_at=NOW, networks=("127.0.0.0/24",), ports=(windows.port,)))
        raw: dict[str, Json] = {"spki_sha256": windows.key_sha256}
        append(Observation(scan=SCAN, address="127.0.0.1", probe="tls", at=NOW, port=windows.port, raw=raw))
        append(ScanEnded(scan=SCAN, ended_at=NOW, addresses_probed=254))
    client.commit("a desk")
    return client


def test_each_host_gets_and_proves_the_product_of_its_system(office: Office) -> None:
    before = office.windows.state()
    preview = office.mspctl("rollout", "acme")
    assert office.outcomes() == {"host1": "changed", "desk": "changed"}, preview.output
    assert office.windows.state() == before

    done = office.mspctl("rollout", "acme", "--apply")
    assert office.outcomes() == {"host1": "changed", "desk": "changed"}, done.output
    assert "active" in office.debian.run("systemctl", "is-active", "clamav-daemon.service")
    policy = "hklm:\\software\\policies\\microsoft\\windows defender\\exclusions\\paths"
    assert office.windows.registry[(policy, "d:\\database")] == ("string", "0")

    again = office.mspctl("rollout", "acme", "--apply")
    assert office.outcomes() == {"host1": "proved unchanged", "desk": "ok"}, again.output

    found = {each["asset"]: each for each in json.loads(office.mspctl("verify", "acme", "--json").stdout)}
    assert {host: (each["provider"], each["state"]) for host, each in found.items()} == {
        "host1": ("clamav", "covered"),
        "desk": ("defender", "covered"),
    }
    stands = json.loads(office.mspctl("coverage", "acme", "--json").stdout)
    counted = {each["provider"]: (each["bought"], each["installed"]) for each in stands["licences"]}
    assert counted == {"clamav": (1, 1), "defender": (None, 1)}


def test_the_client_leaves_and_nothing_of_either_product_stays(office: Office) -> None:
    handover = office.client.workspace.root / ".handover"
    handover.write_text("another password")
    handover.chmod(0o600)
    done = office.mspctl("offboard", "acme", "--apply", "--handover-password-file", str(handover), "--json")
    assert done.exit_code == 0, done.output
    states = {each["asset"]: each["state"] for each in json.loads(done.stdout)}
    assert states == {"host1": "gone", "desk": "gone"}
    assert not office.windows.registry and not office.windows.faults
    assert "clamav-daemon" not in office.debian.run("dpkg-query", "--show", "--showformat=${Package}\\n")
