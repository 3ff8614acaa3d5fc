"""The same work with pyinfra: `pyinfra inventory.py deploy.py`; AGENTS names a file of records and values."""

import io
import json
import os
from pathlib import Path
from typing import Any

from pyinfra import host
from pyinfra.operations import apt, files, systemd
from pyinfra.operations.util import any_changed


def deploy(platform: dict[str, Any], values: dict[str, Any]) -> None:
    """Install, configure and start one agent."""
    apt.packages(
        name="Install packages",
        packages=platform["packages"],
        no_recommends=True,
        update=True,
        cache_time=3600,
    )
    for entry in platform.get("directories", []):
        files.directory(
            name=f"Make {entry['path']}",
            path=entry["path"],
            user=entry["owner"],
            group=entry["group"],
            mode=entry["mode"],
        )
    written: dict[str, list[Any]] = {}
    unit_files = []
    for entry in platform["files"]:
        done = files.template(
            name=f"Write {entry['path']}",
            src=io.StringIO(entry["content"]),
            dest=entry["path"],
            user=entry["owner"],
            group=entry["group"],
            mode=entry["mode"],
            **values,
        )
        if entry["path"].startswith("/etc/systemd/system/"):
            unit_files.append(done)
        for unit in entry.get("restarts", []):
            written.setdefault(unit, []).append(done)
    if unit_files:
        systemd.daemon_reload(name="Reload systemd", _if=any_changed(*unit_files))
    for service in platform["services"]:
        unit = service["name"]
        systemd.service(name=f"Start {unit}", service=unit, running=True, enabled=True)
        if unit in written:
            systemd.service(
                name=f"Restart {unit}", service=unit, restarted=True, _if=any_changed(*written[unit])
            )


text = Path(os.environ["AGENTS"]).read_text().replace("{{ inventory_hostname }}", host.name)
for agent in json.loads(text):
    deploy(agent["platform"], agent["values"])
