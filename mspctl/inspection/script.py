"""What is sent to a machine, and what came back cut into sections; pure but for the shipped scripts."""

import re
import secrets
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from mspctl.errors import BadInput

COMMAND = """exec /bin/sh -c 'IFS= read -r mark; IFS= read -r word; script=$(cat); eval "$script"'"""
"""Takes a mark, the password for sudo and the script, a line each and the rest, from standard input.

It goes through whatever login shell the user has: nothing in it means more to csh or fish than to sh.
"""
PRIVILEGED = frozenset(
    {"serial", "root_virtual", "passwords", "sudoers", "root_listening", "filters", "sshd", "root_updates"}
)
_SHARED = ("virtual",)  # what the administrator's answers cannot be understood without


class Answer(NamedTuple):
    """The sections of one answer."""

    sections: dict[str, str]
    cut: tuple[str, ...]  # names of sections that were longer than they may be
    become: str  # what became of sudo

    def plain(self) -> dict[str, str]:
        """Return what anybody who is let in may see."""
        return {name: text for name, text in self.sections.items() if name not in PRIVILEGED}

    def privileged(self) -> dict[str, str]:
        """Return what only the administrator may see; {} where nothing was."""
        found = {name: text for name, text in self.sections.items() if name in PRIVILEGED}
        return {name: self.sections.get(name, "") for name in _SHARED} | found if found else {}


@cache
def posix() -> str:
    """Return the script for Unix machines."""
    return (files("mspctl") / "data" / "inspect" / "posix.sh").read_text("utf-8")


@cache
def windows() -> str:
    """Return the script for Windows machines."""
    return (files("mspctl") / "data" / "inspect" / "windows.ps1").read_text("ascii")


def windows_text(mark: str) -> str:
    """Return what a Windows machine is sent."""
    return f"$mark = '{mark}'\n{windows()}"


def windows_answer(output: bytes, mark: str) -> str:
    """Return the document a Windows machine answered with, "" where there is none between two marks."""
    parts = output.decode("utf-8", "replace").split(mark)
    return parts[1] if len(parts) == 3 and parts[1].lstrip().startswith("{") else ""


@cache
def limits() -> dict[str, int]:
    """Return how much each section may hold, as the script itself has it: a machine may say otherwise."""
    named = re.findall(r"^ *section ([a-z_]+) (\d+) ", posix(), re.MULTILINE)
    return {name: int(most) for name, most in named} | {"become": 2_048}


def fresh_mark() -> str:
    """Return what begins each section: nobody who writes a file on a machine knows it beforehand."""
    return f"@{secrets.token_hex(12)}"


def text(mark: str, become_password: str) -> bytes:
    """Return what a machine is sent. Raise BadInput for a password that is more than a line."""
    if "\n" in become_password or "\0" in become_password:
        raise BadInput(
            "become_password: a password of sudo is one line; set it anew with `mspctl secret set`"
        )
    return f"{mark}\n{become_password}\n{posix()}".encode()


def answer(output: bytes, mark: str) -> Answer | str:
    """Return the sections of what a machine said, or in words why it is no answer.

    What stands before the first section (a message of the day, what a login shell prints) is passed over.
    """
    whole = output.decode("utf-8", "replace")
    parts = re.split(rf"^{re.escape(mark)} ([a-z_]+) (\d+)\r?\n?", whole, flags=re.MULTILINE)
    names = parts[1::3]
    if not names:
        return "did not run what it was sent: a forced command, or a shell that takes no commands"
    if names[-1] != "end":
        return "closed the connection in the middle of its answer"
    sections: dict[str, str] = {}
    cut = []
    for name, said in zip(names, parts[3::3], strict=True):
        kept, most = said.strip("\r\n"), limits().get(name, 0)
        if len(said.encode()) >= most > 0:
            cut.append(name)
            kept = kept[:most].rpartition("\n")[0]  # of its last line nobody knows whether it is whole
        if most:
            sections[name] = kept
    become = sections.pop("become", "")
    return Answer(sections, tuple(sorted(set(cut) - {"become"})), become)


_SUDO: Mapping[str, str] = {
    "incorrect password": "sudo refused the password: check become_password in client.yml",
    "no password was provided": "sudo refused the password: check become_password in client.yml",
    "try again": "sudo refused the password: check become_password in client.yml",
    "password is required": "sudo wants a password: set become_password in client.yml",
    "not in the sudoers": "the user may not use sudo",
    "not allowed to": "the user may not use sudo for this",
    "may not run": "the user may not use sudo for this",
    "must have a tty": "sudo there wants a terminal (requiretty)",
}


def told_by_sudo(become: str) -> str:
    """Return why the administrator's part was not told, "" where it was."""
    status = re.search(r"^status=(\w+)$", become, re.MULTILINE)
    if status is None:
        return "it did not say what became of sudo"
    if status[1] == "0":
        return ""
    if status[1] == "none":
        return "there is no sudo"
    if status[1] == "argv":
        return "its shell cannot hand sudo the password without showing it to others"
    return next(
        (words for phrase, words in _SUDO.items() if phrase in become), f"sudo ended with {status[1]}"
    )
