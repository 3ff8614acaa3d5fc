"""What apt and dpkg know of a host, and the change of versions by apt."""

from __future__ import annotations

import fcntl
import os
import re
import struct
from pathlib import Path
from urllib.parse import urlsplit

from ansible.module_utils.basic import AnsibleModule

LOCK = Path("/var/lib/dpkg/lock-frontend")
UPDATES = Path("/var/lib/dpkg/updates")
ARCHIVES = Path("/var/cache/apt/archives")
FAILED = re.compile(r"^(?:W|E): Failed to fetch (\S+)\s+(.*)$", re.MULTILINE)
WAIT = ("-o", "DPkg::Lock::Timeout=300")
FORM = "--showformat=${Package} ${Version} ${Architecture} ${db:Status-Status}\n"


class Apt:
    """apt on dpkg."""

    database = "dpkg"

    def __init__(self, module: AnsibleModule, lists: str = "") -> None:
        """Take the folder of apt's own lists, empty for the host's."""
        self.module = module
        caches = ("-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache=")
        self.options = ("-o", f"Dir::State::Lists={lists}", *caches) if lists else ()

    def said(self, *command: str) -> str:
        """Return what a command prints, whatever it ends with."""
        return str(self.module.run_command(list(command))[1])

    def installed(self, names: list[str]) -> dict[str, tuple[str, str]]:
        """Return version and architecture of the packages that are installed."""
        if not names:
            return {}
        rows = [line.split() for line in self.said("dpkg-query", "--show", FORM, *names).splitlines()]
        return {row[0]: (row[1], row[2]) for row in rows if row[-1] == "installed"}

    def holder(self) -> str:
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

    def finish(self) -> str:
        """Finish what dpkg was cut off in, as a host does that went down; return why it does not go."""
        if not any(UPDATES.glob("[0-9]*")):
            return ""
        keep = ("--force-confdef", "--force-confold")
        code, out, error = self.module.run_command(["dpkg", *keep, "--configure", "-a"])
        said = " ".join((error or out).split())[-200:]
        return f"dpkg was cut off once and `dpkg --configure -a` does not finish it: {said}" if code else ""

    def obstacle(self, packages: list[str]) -> str:
        """Return what cannot be had from where; another source that is broken is no concern of ours."""
        _, out, error = self.module.run_command(["apt-get", "-o", "Acquire::Retries=1", "update"])
        broken = {urlsplit(url).netloc or url: reason for url, reason in FAILED.findall(out + error)}
        code, uris, said = self.module.run_command(["apt-get", "--yes", "--print-uris", "install", *packages])
        for url in re.findall(r"^'([^']+)'", uris, re.MULTILINE):
            if reason := broken.get(urlsplit(url).netloc):
                return f"the package source {urlsplit(url).netloc} does not answer: {reason}"
        if code and broken:
            where, reason = next(iter(broken.items()))
            return f"the package source {where} does not answer: {reason}"
        lines = [line.removeprefix("E: ") for line in said.splitlines() if line.startswith("E: ")]
        return f"apt cannot install {', '.join(packages)}: {' '.join(lines)[:200]}" if code else ""

    def refresh(self) -> str:
        """Ask the sources what they have; return why some of it could not be asked."""
        command = ["apt-get", *WAIT, "-o", "Acquire::Retries=1", *self.options, "update"]
        code, out, error = self.module.run_command(command)
        wrong = [line for line in (out + error).splitlines() if line.startswith(("E:", "W: Failed", "Err:"))]
        return wrong[0] if wrong or code else ""

    def versions(self, name: str) -> list[str]:
        """Return the versions that the sources have, the newest first."""
        rows = self.said("apt-cache", *self.options, "madison", name).splitlines()
        return [row.split("|")[1].strip() for row in rows if row.count("|") == 2]

    def candidate(self, name: str) -> str:
        """Return the version that apt would install by itself, empty where there is none."""
        for line in self.said("apt-cache", *self.options, "policy", name).splitlines():
            word, _, version = line.strip().partition(": ")
            if word == "Candidate":
                return "" if version == "(none)" else version
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

    def install(self, found: list[str]) -> list[str]:
        """Install versions, older ones too; return what came along. The host's configuration files stay."""
        keep = ("-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold")
        options = ("--yes", "--no-install-recommends", "--allow-downgrades")
        code, out, error = self.module.run_command(["apt-get", *WAIT, *keep, *options, "install", *found])
        if code:
            said = [line for line in (error or out).splitlines() if line.strip()]
            self.module.fail_json(msg=f"apt did not install {', '.join(found)}: {' '.join(said)[-300:]}")
        mark = "Selecting previously unselected package "
        lines = [line.removeprefix(mark) for line in out.splitlines() if line.startswith(mark)]
        return [line.split(":")[0].rstrip(".") for line in lines]
