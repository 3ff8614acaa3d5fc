"""Tell which versions of an agent's packages a host could have, and bring it to them."""

from __future__ import annotations

import fnmatch
import tempfile
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: managed_agent_release
short_description: Another version of an agent's packages
description:
  - Without O(install) it tells what would be installed in place of what; nothing but what apt knows changes.
  - In check mode what apt knows stays as it was as well.
options:
  packages:
    description: Names of packages; those that are not installed are left alone.
    type: list
    elements: str
    default: []
  release:
    description: C(newest) that apt has, or C(previous), what was there before the last upgrade.
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

ARCHIVES = Path("/var/cache/apt/archives")
NOWHERE = "{} {} cannot be had again: no source of this host has it, nor apt's cache"
WAIT = ("-o", "DPkg::Lock::Timeout=300")


class Apt:
    """What apt knows on this host."""

    def __init__(self, module: AnsibleModule, lists: str) -> None:
        """Take the folder of apt's own lists, empty for the host's."""
        self.module = module
        self.options = (
            [
                "-o",
                f"Dir::State::Lists={lists}",
                "-o",
                "Dir::Cache::pkgcache=",
                "-o",
                "Dir::Cache::srcpkgcache=",
            ]
            if lists
            else []
        )

    def said(self, *command: str) -> str:
        """Return what a command prints, whatever it ends with."""
        _, out, _ = self.module.run_command(list(command))
        return str(out)

    def refresh(self) -> str:
        """Ask the sources what they have; return why some of it could not be asked."""
        command = ["apt-get", *WAIT, "-o", "Acquire::Retries=1", *self.options, "update"]
        code, out, error = self.module.run_command(command)
        wrong = [line for line in (out + error).splitlines() if line.startswith(("E:", "W: Failed", "Err:"))]
        return wrong[0] if wrong or code else ""

    def installed(self, names: list[str]) -> dict[str, tuple[str, str]]:
        """Return version and architecture of the packages that are installed."""
        if not names:
            return {}
        form = "--showformat=${Package} ${Version} ${Architecture} ${db:Status-Status}\n"
        rows = [line.split() for line in self.said("dpkg-query", "--show", form, *names).splitlines()]
        return {row[0]: (row[1], row[2]) for row in rows if row[-1] == "installed"}

    def versions(self, name: str) -> list[str]:
        """Return the versions that the sources have, the newest first."""
        rows = self.said("apt-cache", *self.options, "madison", name).splitlines()
        return [row.split("|")[1].strip() for row in rows if row.count("|") == 2]

    def candidate(self, name: str) -> str:
        """Return the version that apt would install by itself."""
        for line in self.said("apt-cache", *self.options, "policy", name).splitlines():
            word, _, version = line.strip().partition(": ")
            if word == "Candidate":
                return version
        return ""

    def is_newer(self, one: str, other: str) -> bool:
        """Return whether a version is newer than another."""
        code, _, _ = self.module.run_command(["dpkg", "--compare-versions", one, "gt", other])
        return bool(code == 0)

    def source(self, name: str, version: str, architecture: str) -> str:
        """Return what to tell apt for a version of a package, empty where it is nowhere."""
        kept = ARCHIVES / f"{name}_{version.replace(':', '%3a')}_{architecture}.deb"
        if version in self.versions(name):
            return f"{name}={version}"
        return str(kept) if kept.is_file() else ""


def wanted(apt: Apt, name: str, now: str, version: str) -> tuple[str, str]:
    """Return the version a package should have, and why it cannot have the one agreed upon.

    Without an agreed version nothing gets older.
    """
    if not version:
        found = apt.candidate(name)
        return (found, "") if found not in ("", "(none)") and apt.is_newer(found, now) else (now, "")
    fitting = [each for each in apt.versions(name) if fnmatch.fnmatchcase(each, version)]
    if fitting:
        return fitting[0], ""
    if fnmatch.fnmatchcase(now, version):
        return now, ""
    return now, f"no source of this host has {name} {version}; it stays at {now}"


def offered(apt: Apt, given: dict[str, Any]) -> tuple[list[dict[str, Any]], str]:
    """Return what would be installed in place of what, and what is in the way."""
    steps, problem = [], ""
    for name, (now, architecture) in apt.installed(given["packages"]).items():
        if given["release"] == "previous":
            then, why = given["before"].get(name, now), ""
        else:
            then, why = wanted(apt, name, now, given["version"])
        if then != now and not apt.source(name, then, architecture):
            why = NOWHERE.format(name, then)
        problem = problem or why
        if then != now:
            is_kept = bool(apt.source(name, now, architecture))
            steps.append(
                {"name": name, "before": now, "after": then, "architecture": architecture, "is_kept": is_kept}
            )
    return steps, problem


def install(apt: Apt, steps: list[dict[str, Any]], is_back: bool) -> list[str]:
    """Install versions, older ones too; return what came along. The host's configuration files stay."""
    found = []
    for step in steps:
        version = step["before" if is_back else "after"]
        source = apt.source(step["name"], version, step["architecture"])
        if not source:
            apt.module.fail_json(msg=NOWHERE.format(step["name"], version))
        found.append(source)
    keep = ("-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold")
    options = ("--yes", "--no-install-recommends", "--allow-downgrades")
    code, out, error = apt.module.run_command(["apt-get", *WAIT, *keep, *options, "install", *found])
    if code:
        said = [line for line in (error or out).splitlines() if line.strip()]
        apt.module.fail_json(msg=f"apt did not install {', '.join(found)}: {' '.join(said)[-300:]}")
    mark = "Selecting previously unselected package "
    lines = [line.removeprefix(mark) for line in out.splitlines() if line.startswith(mark)]
    return [line.split(":")[0].rstrip(".") for line in lines]


def main() -> None:
    """Tell, or install."""
    module = AnsibleModule(
        argument_spec={
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
        came_along = [] if module.check_mode else install(Apt(module, ""), given["install"], given["back"])
        ends = ("after", "before") if given["back"] else ("before", "after")
        changes = [f"{step['name']} {step[ends[0]]} → {step[ends[1]]}" for step in given["install"]]
        module.exit_json(changed=True, came_along=came_along, changes=changes)
    with tempfile.TemporaryDirectory(prefix="mspctl-", dir=module.tmpdir) as folder:
        apt = Apt(module, folder if module.check_mode else "")
        unasked = apt.refresh() if given["packages"] else ""
        steps, problem = offered(apt, given)
    if not steps and not problem and unasked:
        problem = f"its package sources did not answer, so that nobody knows what is new: {unasked}"
    module.exit_json(changed=False, steps=steps, problem=problem)


if __name__ == "__main__":
    main()
