"""Clients whose network devices are simulated."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mspctl.handwritten import dump
from mspctl.records import Asset, Service
from mspctl.workspace import Client
from tests.lab.switches import Served
from tests.samples import opened, value

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


def client_of(root: Path, devices: Mapping[str, Served], choices: Mapping[str, Any]) -> Client:
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
