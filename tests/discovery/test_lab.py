"""The lab's client network against the truth its description tells."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mspctl.assets import merge
from mspctl.discovery import ScanRequest, scan
from mspctl.records import Ambiguous, Asset, AssetRecord, ClientFile, OverridesFile, ScanRecord

FILE = Path(__file__).parents[2] / "build" / "lab" / "lab.json"
HOLDS = {"office": "workstation", "servers": "server", "provider": "server"}

pytest_plugins = ["tests.lab.plugin"]
pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("lab")]


@cache
def described() -> dict[str, Any]:
    """Return what the lab says of itself."""
    content: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return content


@cache
def log(scans: int) -> tuple[ScanRecord, ...]:
    """Return the log of as many scans, one after the other."""
    if not scans:
        return ()
    networks = tuple(network["cidr"] for network in described()["networks"])
    lines = list(log(scans - 1))
    request = ScanRequest(
        scan=f"20260101T00000{scans}Z",
        networks=networks,
        snmp_communities=("not-this-one", described()["snmp"]["community"]),
        dns=dict.fromkeys(networks, (described()["dns"]["server"],)),
    )
    scan(request, record=lines.append, progress=lambda stage, done, total: None)
    return tuple(lines)


def assets(scans: int) -> tuple[AssetRecord, ...]:
    """Return what the merge makes of them."""
    networks = [network | {"holds": HOLDS.get(network["name"])} for network in described()["networks"]]
    content = {
        "title": "Harbour Dental",
        "authorisation": {"by": "A. Person", "date": "2026-01-01"},
        "sites": [{"name": "main", "networks": networks}],
    }
    return merge(log(scans), msgspec.convert(content, ClientFile), OverridesFile())


def test_every_host_is_found_once_and_is_what_it_is() -> None:
    found = [each for each in assets(1) if isinstance(each, Asset)]
    by_name = {asset.name: asset for asset in found}
    assert set(by_name) == {host["name"] for host in described()["hosts"]}
    for host in described()["hosts"]:
        asset, truth = by_name[host["name"]], host["truth"]
        told = (asset.get("kind") or "unknown", asset.get("role") or "none", asset.get("os") or None)
        assert told == (truth["kind"], truth["role"], truth["os"]), host["name"]
        assert asset.get("os_version") in ("", truth["os_version"] or "")
        assert {service.port for service in asset.services} >= set(truth["tcp_ports"]) - {9100}
        assert host["address"] in asset.addresses


def test_the_router_is_one_asset_and_nothing_is_doubtful() -> None:
    found = assets(1)
    (router,) = [each for each in found if isinstance(each, Asset) and len(each.addresses) > 1]
    assert router.name == "rtr1" and len(router.addresses) == len(router.merged_because) + 1 == 4
    assert not [each for each in found if isinstance(each, Ambiguous)]


def test_a_second_scan_changes_no_byte() -> None:
    first, second = (b"\n".join(map(msgspec.json.encode, assets(scans))) for scans in (1, 2))
    assert first == second


def test_no_secret_is_written_and_nothing_is_printed() -> None:
    assert described()["snmp"]["community"] not in b"".join(map(msgspec.json.encode, log(2))).decode()
    assert Path(described()["printer"]["printed_file"]).read_bytes() == b""
