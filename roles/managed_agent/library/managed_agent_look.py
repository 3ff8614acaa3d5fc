"""Look at a host: which system it is, what of an agent is there, what it answers to questions. Reads only."""

from __future__ import annotations

import grp
import os
import platform
import pwd
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.facts.system.distribution import Distribution
from ansible.module_utils.managed_agent_packages import manager

DOCUMENTATION = """
module: managed_agent_look
short_description: Look at a host in one go
description:
  - Tells distribution and architecture as M(ansible.builtin.setup) does, what is there, how probes end.
options:
  families:
    description: By family of systems, what to look for there; C(manager), C(things) and C(probes).
    type: dict
    required: true
  receipt:
    description: File whose content to return.
    type: path
    required: true
author: The mspctl authors
"""
RETURN = """
there:
  description: The things that are there, as they were named.
  type: list
versions:
  description: By name, the versions of the packages that are there.
  type: dict
receipt:
  description: Content of the receipt, empty where there is none.
  type: str
probes:
  description: Whether each probe ended with 0.
  type: list
"""

UNIT_FOLDERS = ("/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")


def is_there(kind: str, name: str, packages: dict[str, str]) -> bool:
    """Return whether a thing is on the host."""
    if kind == "package":
        return name in packages
    if kind == "user":
        try:
            return bool(pwd.getpwnam(name))
        except KeyError:
            return False
    if kind == "service":
        found = (Path(folder, name) for folder in UNIT_FOLDERS)
        return any(path.exists() and path.resolve() != Path("/dev/null") for path in found)  # masked: gone
    if kind == "group":
        try:
            return bool(grp.getgrnam(name))
        except KeyError:
            return False
    return os.path.lexists(name)


def succeeds(module: AnsibleModule, command: list[str]) -> bool:
    """Return whether a command ends with 0; one that cannot be run does not."""
    try:
        code, _, _ = module.run_command(command, handle_exceptions=False)
    except OSError:
        return False
    return code == 0


def look(module: AnsibleModule, name: str, things: list[str], probes: list[list[str]]) -> dict[str, Any]:
    """Return what was seen, of packages by the manager of that name."""
    pairs = [thing.split(":", 1) for thing in things]
    asked = sorted({name for kind, name in pairs if kind == "package"})
    packages = (
        {package: version for package, (version, _) in manager(module, name).installed(asked).items()}
        if asked
        else {}
    )
    return {
        "versions": packages,
        "there": [f"{kind}:{name}" for kind, name in pairs if is_there(kind, name, packages)],
        "probes": [succeeds(module, command) for command in probes],
    }


def main() -> None:
    """Look, and say what was seen."""
    module = AnsibleModule(
        argument_spec={
            "families": {"type": "dict", "required": True},
            "receipt": {"type": "path", "required": True},
        },
        supports_check_mode=True,
    )
    module.run_command_environ_update = {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
    facts = Distribution(module).get_distribution_facts()
    found = module.params["families"].get(facts["os_family"].lower(), {})
    try:
        receipt = Path(module.params["receipt"]).read_text(encoding="utf-8")
    except FileNotFoundError:
        receipt = ""
    module.exit_json(
        changed=False,
        ansible_facts={f"ansible_{name}": value for name, value in facts.items()}
        | {"ansible_architecture": platform.machine()},
        receipt=receipt,
        **look(module, found.get("manager", ""), found.get("things", []), found.get("probes", [])),
    )


if __name__ == "__main__":
    main()
