"""See whether something can be installed on a host, and say in one line what is in the way."""

from __future__ import annotations

import shutil
import time

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.managed_agent_packages import Apt, Dnf, manager

DOCUMENTATION = """
module: managed_agent_preflight
short_description: Is a host fit to have something installed
description:
  - Looks at the clock, the room on the disk, who is at work with packages, and whether they can be had.
  - Asks the package sources what they have, but not in check mode.
options:
  manager:
    description: The host's package manager.
    type: str
    choices: [apt, dnf]
    required: true
  packages:
    description: What it is to install.
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
    description: How long to wait for others that are at work with packages, in seconds.
    type: int
    default: 300
author: The mspctl authors
"""
RETURN = """
problem:
  description: What is in the way, empty where nothing is.
  type: str
"""

SKEW = 300  # seconds; certificates and one-time codes forgive no more
FOLDERS = ("/usr", "/var")


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


def locked(packages: Apt | Dnf, patience: int) -> str:
    """Wait for whoever is at work with the host's packages; return who is still."""
    deadline = time.monotonic() + patience
    while found := packages.holder():
        if time.monotonic() >= deadline:
            what = f"at work with {packages.database}, and was for {patience} s"
            return f"{found} is {what}; run it again when it is through"
        time.sleep(1)
    return ""


def main() -> None:
    """Look, and say what is in the way."""
    module = AnsibleModule(
        argument_spec={
            "manager": {"type": "str", "choices": ["apt", "dnf"], "required": True},
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
        packages = manager(module, given["manager"])
        problem = locked(packages, given["patience"]) or packages.finish()
        if not problem and given["packages"]:
            problem = packages.obstacle(given["packages"])
    module.exit_json(changed=False, problem=problem)


if __name__ == "__main__":
    main()
