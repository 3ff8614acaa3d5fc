"""Print the state of a host, a line each: files with owner, mode and digest, packages, accounts, units.

Run inside the container. Left out is what lives and changes by itself: kernel file systems, temporary files,
logs, databases. With the argument `installed`, what package management legitimately remembers is left out as
well.
"""

import hashlib
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

VOLATILE = {
    "/proc", "/sys", "/dev", "/run", "/tmp", "/var/tmp", "/var/log",  # noqa: S108 (left out, not used)
    "/home/technician/.ansible", "/root/.ansible", "/etc/resolv.conf", "/etc/hosts", "/etc/hostname",
    "/var/lib/postgresql", "/var/lib/mysql", "/var/lib/rpm/rpmdb.sqlite-shm",  # which readers write as well
}  # fmt: skip
# The caches and the databases of apt and dpkg, dnf and rpm, the backup copies of account files, the registry
# of ucf, and the folder in which systemd keeps the stamps of all persistent timers.
REMEMBERED = {
    "/var/cache", "/var/lib/apt", "/var/lib/dpkg", "/var/lib/dnf", "/var/lib/rpm", "/var/lib/ucf",
    "/var/lib/systemd/timers",
    "/etc/passwd-", "/etc/group-", "/etc/shadow-", "/etc/gshadow-", "/etc/subuid-", "/etc/subgid-",
    "/etc/.pwd.lock", "/etc/ld.so.cache",
}  # fmt: skip
RPM = ("rpm", "--query", "--all", "--queryformat", "package %{NAME} %{VERSION}-%{RELEASE}\n")
COMMANDS = (
    ("dpkg-query", "--show", "--showformat=package ${Package} ${Version} ${db:Status-Status}\n"),
    ("getent", "passwd"),
    ("getent", "group"),
    ("systemctl", "list-unit-files", "--no-legend", "--no-pager", "--state=enabled"),
)


def lines_of_folder(folder: str, skipped: set[str]) -> Iterator[str]:
    """Return a line for each entry below a folder."""
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.path in skipped:
            continue
        status = entry.stat(follow_symlinks=False)
        content = ""
        if entry.is_symlink():
            content = str(Path(entry.path).readlink())
        elif stat.S_ISREG(status.st_mode):
            with Path(entry.path).open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
        yield f"{status.st_mode:o} {status.st_uid}:{status.st_gid} {entry.path} {content}"
        if entry.is_dir(follow_symlinks=False):
            yield from lines_of_folder(entry.path, skipped)


def main() -> None:
    """Print the snapshot."""
    skipped = VOLATILE | REMEMBERED if "installed" in sys.argv else VOLATILE
    for line in lines_of_folder("/", skipped):
        sys.stdout.write(line + "\n")
    for command in (*COMMANDS, *((RPM,) if Path("/usr/bin/rpm").exists() else ())):
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        sys.stdout.write("".join(sorted(said.splitlines(keepends=True))))


main()
