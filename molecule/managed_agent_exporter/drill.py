"""Be a provider whose one client has the scenario's host: `drill.py WORKSPACE inventory|drill [OPTION]...`.

`inventory` makes the workspace first. How to reach the host, and what watches it, come by standard input.
"""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from msgspec import structs

from mspctl.cli import main
from mspctl.handwritten import dump
from mspctl.records import Service
from tests import samples

CLIENT = "example"


def make(root: Path, reach: dict[str, Any]) -> None:
    """Make the workspace."""
    shutil.rmtree(root, ignore_errors=True)
    client = samples.opened(root, {"become": reach["become_password"], "exporter": "x"}, CLIENT)
    choice = {
        "provider": "node_exporter",
        "settings": reach["settings"],
        "secrets": {"certificate_key": "vault:exporter", "password_hash": "vault:exporter"},
    }
    login = {"user": reach["user"], "key_file": reach["key_file"], "become_password": "vault:become"}
    chosen = {"connection": login, "services": {"monitoring": choice}}
    client.save("client.yml", samples.CLIENT_YML.replace("192.0.2.0/24", "10.203.60.0/24") + dump(chosen))
    asset = samples.asset(reach["host"], reach["address"])
    client.save_records("assets.jsonl", [structs.replace(asset, services=(Service(port=22, name="ssh"),))])
    client.save("known_hosts", f"{reach['address']} {reach['host_key']}\n")
    settings = {"provider": "Northwind IT", "consoles": {"node_exporter": {"url": reach["url"]}}}
    (root / "mspctl.yml").write_text(dump(settings))


if __name__ == "__main__":
    place, command, *options = sys.argv[1:]
    if command == "inventory":
        make(Path(place), json.load(sys.stdin))
    opened = ["-C", place, "--vault-password-file", f"{place}/.vault-password"]
    main([command, CLIENT, *opened, *options], prog_name="mspctl")
