"""Say how things stand on this host: run there as root by mspctl's gate; reads only.

The one argument is JSON: a mark, and the things, each a kind, a name and a command. The answer is one line,
the mark and a list with a state for each thing in their order, null where it could not be observed. For
Python 3.7 and its standard library.
"""

from __future__ import annotations

import grp
import hashlib
import json
import os
import pwd
import stat
import subprocess
import sys

LONGEST = 64 << 20  # bytes of a file
SECONDS = 30  # of a command
REDHAT = "/etc/redhat-release"  # there on the whole family, and on no other
PROPERTIES = ("Id", "LoadState", "ActiveState", "NeedDaemonReload", "FragmentPath", "DropInPaths")


def said(argv: list[str]) -> str:
    """Return what a command prints, whatever it ends with."""
    done = subprocess.run(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        timeout=SECONDS,
        env={**os.environ, "LC_ALL": "C", "SYSTEMD_COLORS": "0", "SYSTEMD_PAGER": ""},
        check=False,
    )
    return done.stdout.decode("utf-8", "surrogateescape")


def digest(path: str) -> str:
    """Return the SHA-256 of a regular file that is no link. Raise OSError where it is anything else."""
    found = hashlib.sha256()
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as stream:  # noqa: PTH123 from a descriptor
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > LONGEST:
            raise OSError(path)
        for chunk in iter(lambda: stream.read(1 << 20), b""):
            found.update(chunk)
    return found.hexdigest()


def owner(number: int) -> str:
    """Return a user's name, or the number where nobody has it."""
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def group(number: int) -> str:
    """Return a group's name, or the number where none has it."""
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def file_state(name: str, command: list[str]) -> dict[str, str]:
    """Return what lies at a path, with the digest of a file's content."""
    found = path_state(name, command)
    return {**found, "content": digest(name)} if found["type"] == "file" else found


def path_state(name: str, _command: list[str]) -> dict[str, str]:
    """Return what lies at a path; a link is not followed."""
    try:
        status = os.lstat(name)
    except (FileNotFoundError, NotADirectoryError):
        return {"type": "absent"}
    mode = status.st_mode
    types = ((stat.S_ISREG, "file"), (stat.S_ISDIR, "directory"), (stat.S_ISLNK, "link"))
    found = {
        "type": next((word for test, word in types if test(mode)), "other"),
        "mode": f"{stat.S_IMODE(mode):04o}",
        "owner": owner(status.st_uid),
        "group": group(status.st_gid),
    }
    if found["type"] == "link":
        found["target"] = os.readlink(name)  # noqa: PTH115 Python 3.7
    return found


def user_state(name: str, _command: list[str]) -> dict[str, str]:
    """Return an account, and the groups it is in."""
    try:
        found = pwd.getpwnam(name)
    except KeyError:
        return {"type": "absent"}
    groups = sorted(group(number) for number in os.getgrouplist(name, found.pw_gid))
    return {
        "uid": str(found.pw_uid),
        "group": group(found.pw_gid),
        "groups": " ".join(groups),
        "home": found.pw_dir,
        "shell": found.pw_shell,
    }


def group_state(name: str, _command: list[str]) -> dict[str, str]:
    """Return a group."""
    try:
        return {"gid": str(grp.getgrnam(name).gr_gid)}
    except KeyError:
        return {"type": "absent"}


def command_state(_name: str, command: list[str]) -> dict[str, str]:
    """Return whether a question is answered with yes; what is not there to be asked says no."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=SECONDS,
            check=False,
        )
    except (FileNotFoundError, PermissionError):
        return {"succeeds": "no"}
    return {"succeeds": "no" if done.returncode else "yes"}


def packages(names: list[str]) -> dict[str, dict[str, str]]:
    """Return the packages by their names, of dpkg where the host has it and of rpm where it has that."""
    if os.path.exists(REDHAT):  # noqa: PTH110 Python 3.7
        return packages_of_rpm(names)
    return packages_of_dpkg(names)


def packages_of_dpkg(names: list[str]) -> dict[str, dict[str, str]]:
    """Return the packages by their names, as dpkg knows them."""
    found: dict[str, dict[str, str]] = {name: {"status": "absent"} for name in names}
    form = "${Package}\t${Architecture}\t${Version}\t${db:Status-Want}\t${db:Status-Status}\n"
    for line in said(["dpkg-query", "--show", "--showformat", form, *names]).splitlines():
        name, architecture, version, want, status = line.split("\t")
        if found.get(name, {}).get("version"):  # of several architectures
            raise ValueError(name)
        found[name] = {"version": version, "architecture": architecture, "want": want, "status": status}
    return found


def packages_of_rpm(names: list[str]) -> dict[str, dict[str, str]]:
    """Return the packages by their names, as rpm knows them: one that is there is installed, whole or not."""
    found: dict[str, dict[str, str]] = {name: {"status": "absent"} for name in names}
    form = "%{NAME}\t%{ARCH}\t%{EPOCHNUM}:%{VERSION}-%{RELEASE}\t%{SHA1HEADER}\n"
    for line in said(["rpm", "--query", "--queryformat", form, *names]).splitlines():
        if line.count("\t") != 3:  # "package … is not installed"
            continue
        name, architecture, version, header = line.split("\t")
        if found.get(name, {}).get("version"):  # of several architectures or versions
            raise ValueError(name)
        found[name] = {
            "version": version,
            "architecture": architecture,
            "header": header,
            "status": "installed",
        }
    return found


def units(names: list[str]) -> dict[str, dict[str, str]]:
    """Return the units by the names they are asked under."""
    shown = said(["systemctl", "show", "--property", ",".join(PROPERTIES), "--", *names])
    blocks = [
        dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        for block in shown.strip("\n").split("\n\n")
    ]
    if len(blocks) != len(names):
        raise ValueError(shown)
    return {
        name: unit_state(block, word)
        for name, block, word in zip(names, blocks, enabled(names))  # noqa: B905 Python 3.7
    }


def enabled(names: list[str]) -> list[str]:
    """Return whether each unit starts with the system, by what is on the disk: the manager remembers."""
    words = said(["systemctl", "is-enabled", "--", *names]).split()
    if len(words) == len(names):
        return words
    return [
        said(["systemctl", "is-enabled", "--", name]).strip() for name in names
    ]  # of some it says nothing


def unit_state(shown: dict[str, str], is_enabled: str) -> dict[str, str]:
    """Return a unit: whether it runs, whether it starts with the system, what it is made of."""
    parts = [
        os.path.realpath(part) for part in (shown["FragmentPath"], *shown["DropInPaths"].split()) if part
    ]
    made_of = "\n".join(f"{part} {digest(part)}" for part in parts if part != os.devnull)
    return {
        "load": shown["LoadState"],
        "active": shown["ActiveState"],
        "reload": shown["NeedDaemonReload"],
        "enabled": is_enabled,
        "content": hashlib.sha256(made_of.encode("utf-8", "surrogateescape")).hexdigest(),
    }


ALONE = {
    "file": file_state,
    "directory": path_state,
    "path": path_state,
    "user": user_state,
    "group": group_state,
    "command": command_state,
}
TOGETHER = {"package": packages, "unit": units}


def observed(things: list[tuple[str, str, list[str]]]) -> list[dict[str, str] | None]:
    """Return the state of each thing, None where it cannot be told."""
    known: dict[tuple[str, str], dict[str, str]] = {}
    for kind, ask in TOGETHER.items():
        names = sorted({name for each, name, _ in things if each == kind})
        try:
            known.update({(kind, name): state for name, state in (ask(names) if names else {}).items()})
        except (OSError, ValueError, KeyError, subprocess.SubprocessError):
            continue  # none of them is known
    return [known.get((kind, name)) or alone(kind, name, command) for kind, name, command in things]


def alone(kind: str, name: str, command: list[str]) -> dict[str, str] | None:
    """Return the state of one thing."""
    if kind not in ALONE:
        return None
    try:
        return ALONE[kind](name, command)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def main() -> None:
    """Answer."""
    asked = json.loads(sys.argv[1])
    sys.stdout.write(f"\n{asked['mark']} {json.dumps(observed(asked['things']))}\n")


if __name__ == "__main__":
    main()
