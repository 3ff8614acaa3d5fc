"""Tell which versions of an agent's packages a host could have, and bring it to them."""

from __future__ import annotations

import fnmatch
import tempfile
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.managed_agent_packages import Apt, Dnf, manager

DOCUMENTATION = """
module: managed_agent_release
short_description: Another version of an agent's packages
description:
  - Without O(install) it tells what would be installed in place of what; only what apt or dnf knows changes.
  - In check mode what it knows stays as it was as well.
options:
  manager:
    description: The host's package manager.
    type: str
    choices: [apt, dnf]
    required: true
  packages:
    description: Names of packages; those that are not installed are left alone.
    type: list
    elements: str
    default: []
  release:
    description: C(newest) that the sources have, or C(previous), what was there before the last upgrade.
    type: str
    choices: [newest, previous]
    default: newest
  version:
    description: A version that the newest has to match; may hold C(*).
    type: str
    default: ""
  before:
    description: By package, its version before the last upgrade.
    type: dict
    default: {}
  install:
    description: What to install, changes as this module returned them.
    type: list
    elements: dict
    default: []
  back:
    description: Whether O(install) is undone, each package getting the version it had.
    type: bool
    default: false
author: The mspctl authors
"""
RETURN = """
steps:
  description: >-
    C(name), C(before) and C(after) of each package that would get another version; C(is_kept), whether the
    version before can be had again.
  type: list
changes:
  description: What got another version, in words.
  type: list
came_along:
  description: Packages that were not there before.
  type: list
problem:
  description: Why there is nothing to be done that should be, empty where all is well.
  type: str
"""

NOWHERE = "{} {} cannot be had again: no source of this host has it, nor {}'s cache"


def wanted(packages: Apt | Dnf, name: str, now: str, version: str) -> tuple[str, str]:
    """Return the version a package should have, and why it cannot have the one agreed upon.

    Without an agreed version nothing gets older.
    """
    if not version:
        found = packages.candidate(name)
        return (found, "") if found and packages.is_newer(found, now) else (now, "")
    fitting = [each for each in packages.versions(name) if fnmatch.fnmatchcase(each, version)]
    if fitting:
        return fitting[0], ""
    if fnmatch.fnmatchcase(now, version):
        return now, ""
    return now, f"no source of this host has {name} {version}; it stays at {now}"


def offered(packages: Apt | Dnf, given: dict[str, Any]) -> tuple[list[dict[str, Any]], str]:
    """Return what would be installed in place of what, and what is in the way."""
    steps, problem = [], ""
    for name, (now, architecture) in packages.installed(given["packages"]).items():
        if given["release"] == "previous":
            then, why = given["before"].get(name, now), ""
        else:
            then, why = wanted(packages, name, now, given["version"])
        if then != now and not packages.source(name, then, architecture):
            why = NOWHERE.format(name, then, given["manager"])
        problem = problem or why
        if then != now:
            is_kept = bool(packages.source(name, now, architecture))
            steps.append(
                {"name": name, "before": now, "after": then, "architecture": architecture, "is_kept": is_kept}
            )
    return steps, problem


def install(module: AnsibleModule, packages: Apt | Dnf, given: dict[str, Any]) -> list[str]:
    """Install versions, older ones too; return what came along."""
    found = []
    for step in given["install"]:
        version = step["before" if given["back"] else "after"]
        source = packages.source(step["name"], version, step["architecture"])
        if not source:
            module.fail_json(msg=NOWHERE.format(step["name"], version, given["manager"]))
        found.append(source)
    return packages.install(found)


def main() -> None:
    """Tell, or install."""
    module = AnsibleModule(
        argument_spec={
            "manager": {"type": "str", "choices": ["apt", "dnf"], "required": True},
            "packages": {"type": "list", "elements": "str", "default": []},
            "release": {"type": "str", "choices": ["newest", "previous"], "default": "newest"},
            "version": {"type": "str", "default": ""},
            "before": {"type": "dict", "default": {}},
            "install": {"type": "list", "elements": "dict", "default": []},
            "back": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    module.run_command_environ_update = {
        "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive",
    }  # fmt: skip
    given = module.params
    if given["install"]:
        packages = manager(module, given["manager"])
        came_along = [] if module.check_mode else install(module, packages, given)
        ends = ("after", "before") if given["back"] else ("before", "after")
        changes = [f"{step['name']} {step[ends[0]]} → {step[ends[1]]}" for step in given["install"]]
        module.exit_json(changed=True, came_along=came_along, changes=changes)
    with tempfile.TemporaryDirectory(prefix="mspctl-", dir=module.tmpdir) as folder:
        packages = manager(module, given["manager"], folder if module.check_mode else "")
        unasked = packages.refresh() if given["packages"] else ""
        steps, problem = offered(packages, given)
    if not steps and not problem and unasked:
        problem = f"its package sources did not answer, so that nobody knows what is new: {unasked}"
    module.exit_json(changed=False, steps=steps, problem=problem)


if __name__ == "__main__":
    main()
