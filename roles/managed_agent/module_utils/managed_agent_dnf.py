"""What dnf and rpm know of a host, and the change of versions by dnf."""

from __future__ import annotations

import fcntl
import os
import re
import struct
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

# Who is at work writes its process number here, below cachedir and persistdir:
# https://dnf.readthedocs.io/en/latest/conf_ref.html
PIDS = (
    Path("/var/cache/dnf/metadata_lock.pid"),
    Path("/var/cache/dnf/download_lock.pid"),
    Path("/var/lib/dnf/rpmdb_lock.pid"),
)
PACKAGES = "/var/cache/dnf"
FORM = "%{NAME}\t%{EPOCHNUM}:%{VERSION}-%{RELEASE}\t%{ARCH}\n"
BROKEN = re.compile(r"Failed to download metadata for repo '([^']+)': (.*)")
CAUSE = re.compile(r"^\s+- (Curl error .*?|Status code: .*?)(?: \[.*)?$", re.MULTILINE)
PART = re.compile(r"[0-9]+|[A-Za-z]+|~|\^")
ORDER = {"~": (-1, 0, ""), "": (0, 0, ""), "^": (1, 0, "")}  # "" is the end


class Dnf:
    """dnf on rpm."""

    database = "rpm"

    def __init__(self, module: AnsibleModule, cache: str = "") -> None:
        """Take the folder for what dnf learns of its sources, empty for the host's."""
        self.module = module
        self.options = (f"--setopt=cachedir={cache}",) if cache else ()

    def dnf(self, *words: str) -> tuple[int, str, str]:
        """Return how a command of dnf ends, and what it says."""
        command = ["dnf", *self.options, "--setopt=timeout=30", "--setopt=retries=2", *words]
        code, out, error = self.module.run_command(command)
        return int(code), str(out), str(error)

    def installed(self, names: list[str]) -> dict[str, tuple[str, str]]:
        """Return version and architecture of the packages that are installed."""
        if not names:
            return {}
        _, out, _ = self.module.run_command(["rpm", "--query", "--queryformat", FORM, *names])
        rows = [line.split("\t") for line in out.splitlines()]
        return {row[0]: (plain(row[1]), row[2]) for row in rows if len(row) == 3}

    def holder(self) -> str:
        """Return who is at work with dnf or rpm, empty where nobody is."""
        numbers = [*map(written, PIDS), self._locker()]
        for number in filter(None, numbers):
            try:
                return (
                    f"{Path(f'/proc/{number}/comm').read_text(encoding='utf-8').strip()} (process {number})"
                )
            except OSError:
                continue  # it is gone, and left its file
        return ""

    def _locker(self) -> int:
        """Return the process that writes in rpm's database, 0 where none does; readers do not matter."""
        path = Path(self.module.run_command(["rpm", "--eval", "%{_rpmlock_path}"])[1].strip())
        if not path.is_file():
            return 0
        form = "hhqqi"
        asked = struct.pack(form, fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0)
        with path.open("rb") as file:
            kind, _, _, _, number = struct.unpack(form, fcntl.fcntl(file, fcntl.F_GETLK, asked))
        return 0 if kind == fcntl.F_UNLCK else int(number)

    def finish(self) -> str:
        """Do nothing: rpm knows no half-configured packages that it could go on with."""
        return ""

    def obstacle(self, packages: list[str]) -> str:
        """Return why packages cannot be had from the host's repositories."""
        _, out, error = self.dnf("--refresh", "--assumeno", "install", *packages)
        if "Operation aborted." in out + error or "Nothing to do." in out:
            return ""
        if broken := BROKEN.search(error):
            cause = CAUSE.search(error)
            return f"the package source {broken[1]} does not answer: {cause[1] if cause else broken[2]}"
        lines = [line.removeprefix("Error: ").strip() for line in (error or out).splitlines() if line.strip()]
        return f"dnf cannot install {', '.join(packages)}: {' '.join(lines)[-200:]}"

    def refresh(self) -> str:
        """Ask the sources what they have; return why some of it could not be asked."""
        code, out, error = self.dnf("--refresh", "makecache")
        broken = BROKEN.search(error)
        return broken[0] if broken else " ".join((error or out).split())[-200:] if code else ""

    def versions(self, name: str) -> list[str]:
        """Return the versions that the sources have, the newest first."""
        form = "%{epoch}:%{version}-%{release}\n"
        asked = ("--quiet", "repoquery", "--available", "--showduplicates", "--queryformat", form, name)
        found = {plain(line) for line in self.dnf(*asked)[1].splitlines() if line}
        return sorted(found, key=age, reverse=True)

    def candidate(self, name: str) -> str:
        """Return the version that dnf would install by itself, empty where there is none."""
        return next(iter(self.versions(name)), "")

    def is_newer(self, one: str, other: str) -> bool:
        """Return whether a version is newer than another."""
        return age(one) > age(other)

    def source(self, name: str, version: str, architecture: str) -> str:
        """Return what to tell dnf for a version of a package, empty where it is nowhere."""
        if version in self.versions(name):
            return f"{name}-{version}"
        file = f"{name}-{version.rpartition(':')[2]}.{architecture}.rpm"
        return next((str(path) for path in Path(PACKAGES).glob(f"*/packages/{file}")), "")

    def install(self, found: list[str]) -> list[str]:
        """Install versions, older ones too; return what came along. The host's configuration files stay."""
        before = self._names()
        code, out, error = self.dnf("--assumeyes", "--setopt=install_weak_deps=False", "install", *found)
        if code:
            said = [line for line in (error or out).splitlines() if line.strip()]
            self.module.fail_json(msg=f"dnf did not install {', '.join(found)}: {' '.join(said)[-300:]}")
        return sorted(self._names() - before)

    def _names(self) -> set[str]:
        return set(
            self.module.run_command(["rpm", "--query", "--all", "--queryformat", "%{NAME}\n"])[1].split()
        )


def written(path: Path) -> int:
    """Return the number of a process that a file holds, 0 where it holds none."""
    try:
        return int(path.read_text(encoding="ascii").strip())
    except (OSError, ValueError):
        return 0


def plain(version: str) -> str:
    """Return an [epoch:]version-release without an epoch that says nothing."""
    return version.removeprefix("0:")


def age(version: str) -> tuple[int, list[tuple[int, int, str]], list[tuple[int, int, str]]]:
    """Return what an [epoch:]version-release sorts by, as rpm does it."""
    epoch, _, rest = version.rpartition(":")
    number, _, release = rest.rpartition("-") if "-" in rest else (rest, "", "")
    return int(epoch or 0), parts(number), parts(release)


def parts(text: str) -> list[tuple[int, int, str]]:
    """Return what a version's parts sort by: `~` before its end, `^` after it, then letters, then numbers."""
    found = [*PART.findall(text), ""]
    return [ORDER.get(part) or ((3, int(part), "") if part.isdigit() else (2, 0, part)) for part in found]
