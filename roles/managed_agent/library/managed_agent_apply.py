"""Bring folders, files and units of an agent to what they should be, all in one go."""

from __future__ import annotations

import grp
import os
import pwd
import tempfile
import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: managed_agent_apply
short_description: Folders, files and units of an agent in one go
description:
  - In this order it makes folders, writes files, reloads and restarts what is named, and starts units.
  - Each of them comes out by itself, with C(--diff) with a difference of its own.
  - What a secret file holds is neither in the result nor in the log of the host.
options:
  directories:
    description: Folders with C(path), C(owner), C(group) and C(mode).
    type: list
    elements: dict
    default: []
  files:
    description: >-
      Files with C(path), C(owner), C(group), C(mode), C(content), C(validate), a command with one C(%s), and
      C(keep), whether a file that was there is kept beside the new one. Without C(content) a file is secret.
    type: list
    elements: dict
    default: []
  secrets:
    description: By path, what the secret files hold.
    type: dict
    default: {}
  preparations:
    description: Questions that end with 0 where a preparation is done; asked when the files are written.
    type: list
    elements: list
    default: []
  reload:
    description: Whether systemd reads its files anew, before anything is restarted.
    type: bool
    default: false
  restart:
    description: Units to restart, in this order.
    type: list
    elements: str
    default: []
  units:
    description: Units with C(name) and C(enabled), in the order in which they start.
    type: list
    elements: dict
    default: []
  settle:
    description: Whether units are started and stopped; else they are looked at only.
    type: bool
    default: false
author: The mspctl authors
"""
RETURN = """
written:
  description: Whether each file changed, in their order.
  type: list
changes:
  description: What was done, in words.
  type: list
prepared:
  description: Whether each preparation is done.
  type: list
is_settled:
  description: Whether every unit stands as it should.
  type: bool
"""
LONGEST = 100_000  # bytes of a file in a difference
RUNS = ("active", "activating", "reloading")


class Work:
    """What was done so far; in check mode, what would be."""

    def __init__(self, module: AnsibleModule) -> None:
        """Take the module."""
        self.module = module
        self.is_check = bool(module.check_mode)
        self.changes: list[str] = []
        self.diffs: list[dict[str, Any]] = []

    def did(self, words: str, diff: dict[str, Any]) -> None:
        """Note a change."""
        self.changes.append(words)
        self.diffs.append(diff)

    def fail(self, message: str) -> None:
        """End with a message, and what was done until then."""
        self.module.fail_json(msg=message, changes=self.changes, changed=bool(self.changes))

    def directory(self, entry: dict[str, Any]) -> None:
        """Make a folder, and those above it that are missing."""
        path = entry["path"]
        if Path(path).is_dir():
            self._adjust(entry)
            return
        if os.path.lexists(path):
            self.fail(f"{path}: there is something that is no folder")
        self.did(f"made {path}", states(path, {"state": "absent"}, {"state": "directory"}))
        if not self.is_check:
            self._make(entry, path)

    def _make(self, entry: dict[str, Any], path: str) -> None:
        if not Path(path).parent.is_dir():
            self._make(entry, str(Path(path).parent))
        Path(path).mkdir()
        self._set(entry, path)

    def file(self, entry: dict[str, Any], content: bytes, is_secret: bool) -> bool:
        """Write a file; return whether anything changed."""
        path = entry["path"]
        if Path(path).is_dir() and not Path(path).is_symlink():
            self.fail(f"{path}: there is a folder")
        before = content_of(path)
        if before == content:
            return self._adjust(entry)
        hidden = {"prepared": f"{path}: a secret, which is not shown\n"}
        self.did(f"wrote {path}", hidden if is_secret else contents(path, before, content))
        if not self.is_check:
            self._write(entry, content, is_secret)
        return True

    def _write(self, entry: dict[str, Any], content: bytes, is_secret: bool) -> None:
        path = entry["path"]
        descriptor, temporary = tempfile.mkstemp(dir=self.module.tmpdir)
        self.module.add_cleanup_file(temporary)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
        self._set(entry, temporary)
        if entry.get("validate"):
            code, out, error = self.module.run_command(entry["validate"] % temporary)
            if code:
                said = "" if is_secret else f": {(error or out).strip()}"
                self.fail(f"{path}: failed to validate{said}")
        if entry.get("keep") and Path(path).exists():
            self.changes[-1] += f", kept {self.module.backup_local(path)}"
        self.module.atomic_move(temporary, path)
        self._set(entry, path)

    def _adjust(self, entry: dict[str, Any]) -> bool:
        """Set owner, group and mode of what is there; return whether they were others."""
        path = entry["path"]
        if self.is_check and not is_known(entry):  # before a package is installed, its accounts are not there
            self.did(
                f"set owner, group of {path}",
                states(path, {}, {name: entry[name] for name in ("owner", "group")}),
            )
            return True
        diff: dict[str, Any] = {"before": {}, "after": {}}
        if not self._set(entry, path, diff):
            return False
        names = sorted(set(diff["after"]) - {"path"})
        self.did(f"set {', '.join(names)} of {path}", states(path, diff["before"], diff["after"]))
        return True

    def _set(self, entry: dict[str, Any], path: str, diff: dict[str, Any] | None = None) -> bool:
        wanted = {name: str(entry[name]) for name in ("owner", "group", "mode")}
        absent = dict.fromkeys(("seuser", "serole", "setype", "selevel", "attributes"))
        arguments = self.module.load_file_common_arguments({**absent, **wanted}, path=path)
        return bool(self.module.set_fs_attributes_if_different(arguments, False, diff))

    def restart(self, names: list[str]) -> None:
        """Restart units."""
        for name in names:
            self.did(f"restarted {name}", states(name, {"restarted": False}, {"restarted": True}))
            self.systemctl("restart", name)

    def settle(self, units: list[dict[str, Any]]) -> None:
        """Start and enable units, or stop and disable them, in their order."""
        wrong = {unit["name"]: self.standing(unit) for unit in units}
        for is_wanted, word in ((True, "enable"), (False, "disable")):
            names = [
                unit["name"] for unit in units if unit["enabled"] is is_wanted and not wrong[unit["name"]][1]
            ]
            for name in names:
                self.did(f"{word}d {name}", states(name, {"enabled": not is_wanted}, {"enabled": is_wanted}))
            if names:
                self.systemctl("--quiet", word, *names)
        for unit in units:
            name, word = unit["name"], "started" if unit["enabled"] else "stopped"
            if not self.standing(unit)[0]:  # another's start may have brought it along
                self.did(
                    f"{word} {name}",
                    states(name, {"active": not unit["enabled"]}, {"active": unit["enabled"]}),
                )
                self.systemctl("start" if unit["enabled"] else "stop", name)

    def stay(self) -> None:
        """Fail where a unit that was started is down again at once, with its last words."""
        did = (words.partition("started ") for words in self.changes)
        started = [name for word, _, name in did if name and word in ("", "re")]
        if not started or self.is_check:
            return
        time.sleep(2)
        for name in started:
            if self.module.run_command(["systemctl", "is-active", name])[1].strip() not in RUNS:
                _, out, _ = self.module.run_command(
                    ["journalctl", "--unit", name, "--lines", "3", "--output", "cat", "--no-pager"]
                )
                words = "; ".join(line for line in out.splitlines() if line.strip())
                self.fail(f"{name} was started and did not stay up: {words[:300]}")

    def standing(self, unit: dict[str, Any]) -> tuple[bool, bool]:
        """Return whether a unit runs, and starts with the system, as it should."""
        _, active, _ = self.module.run_command(["systemctl", "is-active", unit["name"]])
        code, _, _ = self.module.run_command(["systemctl", "is-enabled", unit["name"]])
        return (active.strip() in RUNS) is unit["enabled"], (code == 0) is unit["enabled"]

    def systemctl(self, *arguments: str) -> None:
        """Tell systemd to do something; in check mode, nothing."""
        if self.is_check:
            return
        code, out, error = self.module.run_command(["systemctl", *arguments])
        if code:
            self.fail(f"systemctl {' '.join(arguments)}: {(error or out).strip()}")

    def is_done(self, question: list[str]) -> bool:
        """Return whether a preparation is done; what cannot be asked is not."""
        try:
            code, _, _ = self.module.run_command([str(word) for word in question], handle_exceptions=False)
        except OSError:
            return False
        return bool(code == 0)


def is_known(entry: dict[str, Any]) -> bool:
    """Return whether an owner and a group are there."""
    try:
        return bool(pwd.getpwnam(entry["owner"]) and grp.getgrnam(entry["group"]))
    except KeyError:
        return False


def content_of(path: str) -> bytes | None:
    """Return what a file holds, None where there is none: a link is none."""
    file = Path(path)
    return file.read_bytes() if file.is_file() and not file.is_symlink() else None


def states(path: str, before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """Return a difference of attributes, a line each."""
    headers = {"before_header": path, "after_header": path}
    return {**headers, "before": lines(before), "after": lines(after)}


def lines(state: dict[str, Any]) -> str:
    """Return attributes as text, without what says nothing."""
    return "".join(f"{name}: {value}\n" for name, value in sorted(state.items()) if name != "path")


def contents(path: str, before: bytes | None, after: bytes) -> dict[str, Any]:
    """Return a difference of contents."""
    old, new = (
        f"({len(text)} bytes)\n" if len(text) > LONGEST else text.decode("utf-8", "replace")
        for text in (before or b"", after)
    )
    return {"before_header": path, "after_header": path, "before": old, "after": new}


def main() -> None:
    """Do all of it, and say what came of each."""
    module = AnsibleModule(
        argument_spec={
            "directories": {"type": "list", "elements": "dict", "default": []},
            "files": {"type": "list", "elements": "dict", "default": []},
            "secrets": {"type": "dict", "default": {}, "no_log": True},
            "preparations": {"type": "list", "elements": "list", "default": []},
            "reload": {"type": "bool", "default": False},
            "restart": {"type": "list", "elements": "str", "default": []},
            "units": {"type": "list", "elements": "dict", "default": []},
            "settle": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    module.run_command_environ_update = {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
    work, given = Work(module), module.params
    for entry in given["directories"]:
        work.directory(entry)
    written = []
    for entry in given["files"]:
        is_secret = "content" not in entry
        text = given["secrets"][entry["path"]] if is_secret else entry["content"]
        written.append(work.file(entry, str(text).encode(), is_secret))
    prepared = [work.is_done(question) for question in given["preparations"]]
    if given["reload"]:
        work.systemctl("daemon-reload")
    work.restart(given["restart"])
    if given["settle"]:
        work.settle(given["units"])
    work.stay()
    module.exit_json(
        changed=bool(work.changes),
        changes=work.changes,
        written=written,
        prepared=prepared,
        is_settled=all(all(work.standing(unit)) for unit in given["units"]),
        diff=work.diffs,
    )


if __name__ == "__main__":
    main()
