"""Run `mspctl backup prune acme` on the scenario's host, as a provider with a client of one host does.

Takes the workspace to make and the command's options; how to reach the host comes by standard input.
"""

import json
import shutil
import sys
from pathlib import Path

from msgspec import structs

from mspctl.cli import main
from mspctl.handwritten import dump
from tests import samples

SETTINGS = {"server": "https://depot", "keep_last": 1, "keep_daily": 2, "keep_weekly": 0, "keep_monthly": 0}


def prune(root: Path, options: list[str], reach: dict[str, str]) -> None:
    """Make the workspace, and end as the command ends."""
    shutil.rmtree(root, ignore_errors=True)
    client = samples.opened(root, {"backup_encryption_password_a_1": "opens"})
    for name, text in (("key", "x"), ("become", reach["become_password"])):
        client.workspace.vault().set(f"depot_{name}", text)
    choice = {"provider": "restic", "settings": SETTINGS}
    client.save("client.yml", samples.CLIENT_YML + dump({"services": {"backup": choice}}))
    client.save_records("assets.jsonl", [structs.replace(samples.asset("web"), id="a-1")])
    host = {
        "name": "depot",
        "address": reach["address"],
        "connection": {
            "user": reach["user"],
            "key_file": reach["key_file"],
            "become_password": "vault:depot_become",
        },
        "host_key": reach["host_key"],
        "roles": {
            "backup_repository": {
                "settings": {"certificate_file": "depot.pem", "folder": reach["folder"]},
                "secrets": {"certificate_key": "vault:depot_key"},
            }
        },
    }
    (root / "mspctl.yml").write_text(dump({"provider": "Northwind IT", "hosts": [host]}))
    opened = ["--vault-password-file", str(root / ".vault-password")]
    main(["backup", "prune", "acme", "-C", str(root), *opened, *options], prog_name="mspctl")


if __name__ == "__main__":
    prune(Path(sys.argv[1]), sys.argv[2:], json.load(sys.stdin))
