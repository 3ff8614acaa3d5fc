"""See whether something can be installed on a host, and say in one line what is in the way."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import struct
import time
from pathlib import Path
from urllib.parse import urlsplit

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: managed_agent_preflight
short_description: Is a host fit to have something installed
description:
  - Looks at the clock, the room on the disk, who is at work with dpkg, and whether packages can be had.
  - Asks the package sources what they have, but not in check mode.
options:
  packages:
    description: What apt is to install.
    type: list
    elements: str
    default: []
  space:
    description: Free room that is needed below /usr and /var, in megabytes.
    type: int
    default: 0
  now:
    description: What the controller's clock says, in seconds since 1970.
    type: float
    required: true
  patience:
    description: How long to wait for others that are at work with dpkg, in seconds.
    type: int
    default: 300
author: The mspctl authors
"""
RETURN = """
problem:
  description: What is in the way, empty where nothing is.
  type: str
"""

LOCK = Path("/var/lib/dpkg/lock-frontend")
UPDATES = Path("/var/lib/dpkg/updates")
SKEW = 300  # seconds; certificates and one-time codes forgive no more
FOLDERS = ("/usr", "/var")
FAILED = re.compile(r"^(?:W|E): Failed to fetch (\S+)\s+(.*)$", re.MULTILINE)


def wrong_clock(now: float) -> str:
    """Return what is wrong with the host's clock."""
    minutes = round(abs(time.time() - now) / 60)
    if abs(time.time() - now) <= SKEW:
        return ""
    word = "behind" if time.time() < now else "ahead of"
    return f"its clock is {minutes} minutes {word} the controller's; set it, as no certificate can be trusted"


def full_disk(megabytes: int) -> str:
    """Return which folder lacks room."""
    for folder in FOLDERS:
        free = shutil.disk_usage(folder).free >> 20
        if free < megabytes:
            return f"{folder} has {free} MB left and {megabytes} are needed; make room"
    return ""


def holder() -> str:
    """Return who is at work with dpkg, empty where nobody is."""
    if not LOCK.exists():
        return ""
    form = "hhqqi"
    asked = struct.pack(form, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    with LOCK.open("rb") as file:
        kind, _, _, _, pid = struct.unpack(form, fcntl.fcntl(file, fcntl.F_GETLK, asked))
    if kind == fcntl.F_UNLCK:
        return ""
    try:
        return f"{Path(f'/proc/{pid}/comm').read_text(encoding='utf-8').strip()} (process {pid})"
    except OSError:
        return f"process {pid}"


def locked(patience: int) -> str:
    """Wait for whoever is at work with dpkg; return who is still."""
    deadline = time.monotonic() + patience
    while found := holder():
        if time.monotonic() >= deadline:
            return f"{found} is at work with dpkg, and was for {patience} s; run it again when it is through"
        time.sleep(1)
    return ""


def finish(module: AnsibleModule) -> str:
    """Finish what dpkg was cut off in, as a host does that went down; return why it does not go."""
    if not any(UPDATES.glob("[0-9]*")):
        return ""
    code, out, error = module.run_command(["dpkg", "--force-confdef", "--force-confold", "--configure", "-a"])
    said = " ".join((error or out).split())[-200:]
    return f"dpkg was cut off once and `dpkg --configure -a` does not finish it: {said}" if code else ""


def no_source(module: AnsibleModule, packages: list[str]) -> str:
    """Return what cannot be had from where; another source that is broken is no concern of ours."""
    _, out, error = module.run_command(["apt-get", "-o", "Acquire::Retries=1", "update"])
    broken = {urlsplit(url).netloc or url: reason for url, reason in FAILED.findall(out + error)}
    code, uris, said = module.run_command(["apt-get", "--yes", "--print-uris", "install", *packages])
    for url in re.findall(r"^'([^']+)'", uris, re.MULTILINE):
        if reason := broken.get(urlsplit(url).netloc):
            return f"the package source {urlsplit(url).netloc} does not answer: {reason}"
    if code and broken:
        where, reason = next(iter(broken.items()))
        return f"the package source {where} does not answer: {reason}"
    lines = [line.removeprefix("E: ") for line in said.splitlines() if line.startswith("E: ")]
    return f"apt cannot install {', '.join(packages)}: {' '.join(lines)[:200]}" if code else ""


def main() -> None:
    """Look, and say what is in the way."""
    module = AnsibleModule(
        argument_spec={
            "packages": {"type": "list", "elements": "str", "default": []},
            "space": {"type": "int", "default": 0},
            "now": {"type": "float", "required": True},
            "patience": {"type": "int", "default": 300},
        },
        supports_check_mode=True,
    )
    module.run_command_environ_update = {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
    given = module.params
    problem = wrong_clock(given["now"]) or full_disk(given["space"])
    if not problem and not module.check_mode:
        problem = locked(given["patience"])
        problem = problem or finish(module)
        if not problem and given["packages"]:
            problem = no_source(module, given["packages"])
    module.exit_json(changed=False, problem=problem)


if __name__ == "__main__":
    main()
