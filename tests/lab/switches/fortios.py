"""A simulated FortiOS firewall: its tables and objects, whom it lets in, when it keeps what was set."""

import time
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from tests.lab.switches import hashes, objects
from tests.lab.switches.device import Device
from tests.lab.switches.objects import BadValue, Object

_GRAMMAR = Path(__file__).with_name("grammars") / "fortios.txt"
_ENTRANCE = "internal"  # the interface that all sessions of a test come in by


class Failed(Exception):
    """A command that FortiOS does not take; the text is its own."""

    def __init__(self, said: str, code: int) -> None:
        super().__init__(f"{said}\nCommand fail. Return code {code}")


class ObjectEditor:
    """One person between `config` and `end`: nothing counts before `next` or `end` says so."""

    def __init__(self, root: Callable[[], Object], committed: Callable[[], None]) -> None:
        self._root, self._committed = root, committed
        self._frames: list[tuple[str, Object, Callable[[], None], bool]] = []

    @property
    def where(self) -> str:
        """What the prompt says in brackets."""
        return self._frames[-1][0] if self._frames else ""

    @property
    def target(self) -> Object:
        """What `show` shows and `set` changes."""
        return self._frames[-1][1] if self._frames else self._root()

    def feed(self, words: Sequence[str]) -> None:
        """Take a line. Raise Failed."""
        act: Callable[[Sequence[str]], None] | None = getattr(self, f"_{words[0]}", None)
        if words[0] not in _WORDS or act is None or (not self._frames and words[0] != "config"):
            raise Failed(f"Unknown action {len(self._frames)}", -1)
        act(words[1:])

    def _config(self, words: Sequence[str]) -> None:
        """Open a table, or a copy of an object that `end` puts in its place."""
        holder = self.target
        if holder.schema.keys and not self._is_entry():
            raise Failed(f"command parse error before '{words[0] if words else ''}'", -61)
        try:
            opened = holder.into(" ".join(words))
        except KeyError:
            raise Failed(f"command parse error before '{words[-1] if words else ''}'", -61) from None
        if opened.schema.keys:
            self._frames.append((words[-1], opened, lambda: None, False))
            return
        draft = opened.copy()

        def commit() -> None:
            opened.values, opened.entries, opened.inner = draft.values, draft.entries, draft.inner

        self._frames.append((words[-1], draft, commit, False))

    def _is_entry(self) -> bool:
        return bool(self._frames) and self._frames[-1][3]

    def _table(self, word: str) -> Object:
        if not self.target.schema.keys or self._is_entry():
            raise Failed(f"command parse error before '{word}'", -61)
        return self.target

    def _edit(self, words: Sequence[str]) -> None:
        table = self._table("edit")
        key = words[0] if words else ""
        if not key or (table.schema.keys == "{#}" and not key.isdecimal()):
            raise Failed(f"value parse error before '{key}'", -1)
        if table.schema.keys == "{#}" and key == "0":
            key = str(max(map(int, table.entries), default=0) + 1)
        known = table.entries.get(key)
        draft = known.copy() if known else Object(table.schema)

        def commit() -> None:
            table.entries[key] = draft

        self._frames.append((key, draft, commit, True))

    def _attribute(self, words: Sequence[str]) -> str:
        holder = self.target
        name = words[0] if words else ""
        if name not in holder.schema.attributes or (holder.schema.keys and not self._is_entry()):
            raise Failed(f"command parse error before '{name}'", -61)
        return name

    def _set(self, words: Sequence[str]) -> None:
        name = self._attribute(words)
        try:
            self.target.set(name, words[1:])
        except BadValue as error:
            text = f"node_check_object fail! for {name} {error}\n\nvalue parse error before '{error}'"
            raise Failed(text, -651) from None

    def _append(self, words: Sequence[str]) -> None:
        name = self._attribute(words)
        self._set([name, *dict.fromkeys((*self.target.value(name), *words[1:]))])

    def _unselect(self, words: Sequence[str]) -> None:
        name = self._attribute(words)
        left = [word for word in self.target.value(name) if word not in words[1:]]
        if left:
            self._set([name, *left])
        else:
            self.target.values.pop(name, None)

    def _unset(self, words: Sequence[str]) -> None:
        self.target.values.pop(self._attribute(words), None)

    def _delete(self, words: Sequence[str]) -> None:
        table = self._table("delete")
        if not words or table.entries.pop(words[0], None) is None:
            raise Failed(f"entry {words[0] if words else ''} is not found", -3)

    def _purge(self, words: Sequence[str]) -> None:
        self._table("purge").entries.clear()

    def _rename(self, words: Sequence[str]) -> None:
        table = self._table("rename")
        if len(words) != 3 or words[0] not in table.entries:
            raise Failed("entry is not found", -3)
        table.entries = {words[2] if key == words[0] else key: each for key, each in table.entries.items()}

    def _next(self, words: Sequence[str]) -> None:
        if not self._is_entry():
            raise Failed("command parse error before 'next'", -61)
        self._frames.pop()[2]()

    def _end(self, words: Sequence[str]) -> None:
        if self._is_entry():
            self._frames.pop()[2]()
        self._frames.pop()[2]()
        if not self._frames:
            self._committed()

    def _abort(self, words: Sequence[str]) -> None:
        if self._is_entry():
            self._frames.pop()
        self._frames.pop()


_WORDS = (
    "config",
    "edit",
    "set",
    "append",
    "unselect",
    "unset",
    "delete",
    "purge",
    "rename",
    "next",
    "end",
    "abort",
)


class Fortios(Device):
    """One firewall. What was set is kept at `end`, unless `cfg-save` says otherwise."""

    platform = "fortios"
    server_version = "FortiSSH_3.0"
    more = "--More-- "

    def _load(self, text: str) -> None:
        self.root = self.kept = Object(objects.read(_GRAMMAR))
        self.shown_secrets: dict[str, None] = {}
        self._save_mode = "automatic"
        self.blocked: dict[str, tuple[int, float]] = {}  # by address: wrong logins, and until when
        self.changes = 0
        editor = ObjectEditor(lambda: self.root, lambda: None)
        for line in objects.joined(text):
            try:
                editor.feed(objects.words_of(line) or [])
            except Failed as error:
                raise ValueError(f"start configuration: {line!r}: {error}") from error
        self._keep()

    # What a test asks.

    @property
    def running(self) -> str:
        return self.text_of(self.root, lambda secret: secret)

    @property
    def startup(self) -> str:
        return self.text_of(self.kept, lambda secret: secret)

    @property
    def planted(self) -> tuple[str, ...]:
        """The secrets as written, and every encrypted form that was ever shown: each show makes new ones."""
        return (*self.start.secrets, *self.shown_secrets)

    def text_of(self, root: Object, encrypt: Callable[[str], str], *, full: bool = False) -> str:
        """Return a whole configuration as it is shown."""
        lines: list[str] = []
        for name, each in root.inner.items():
            if not each.is_plain() or full:
                lines += [f"config {name}", *each.lines(encrypt, full=full), "end"]
        return "\n".join(lines) + "\n"

    def encrypt(self, secret: str) -> str:
        """Return what is shown of a secret: never twice the same."""
        made = hashes.encrypted_anew()
        self.shown_secrets[made] = None
        return made

    def setting(self, path: str, name: str) -> tuple[str, ...]:
        """Return an attribute of an object that is no table."""
        return self.root.into(path).value(name)

    @property
    def hostname(self) -> str:
        return self.setting("system global", "hostname")[0]

    def rename(self, hostname: str) -> None:
        for root in (self.root, self.kept):
            root.into("system global").set("hostname", [hostname])

    # Who may come in.

    def admits(self, source: str) -> bool:
        entrance = self.root.into("system interface").entries.get(_ENTRANCE)
        if not entrance or "ssh" not in entrance.value("allowaccess"):
            return False
        wrong, until = self.blocked.get(source, (0, 0.0))
        if wrong >= self._threshold() and time.monotonic() < until:
            return False
        return any(_trusts(admin, source) for admin in self.root.into("system admin").entries.values())

    def knows(self, user: str, password: str, source: str) -> bool:
        admin = self.root.into("system admin").entries.get(user)
        if admin and _trusts(admin, source) and admin.value("password") == (password,):
            self.blocked.pop(source, None)
            return True
        minutes = int(self.setting("system global", "admin-lockout-duration")[0]) / 60
        wrong = self.blocked.get(source, (0, 0.0))[0] % self._threshold() + 1
        self.blocked[source] = wrong, time.monotonic() + minutes * self.minute_seconds
        return False

    def _threshold(self) -> int:
        return int(self.setting("system global", "admin-lockout-threshold")[0])

    def greeting(self) -> str:
        if self.setting("system global", "pre-login-banner") != ("enable",):
            return ""
        return self.banner("pre_admin-disclaimer-text")

    def banner(self, name: str) -> str:
        """Return a message's text."""
        message = self.root.into("system replacemsg admin").entries.get(name)
        return " ".join(message.value("buffer")) if message else ""

    # Keeping and going back.

    def committed(self) -> None:
        """Take note of an `end`: what mode was in force before it says whether it is kept."""
        self.changes += 1
        before, now = self._save_mode, self.setting("system global", "cfg-save")[0]
        self._save_mode = now
        if before == "automatic" or now == "automatic":
            self.disarm("revert")
            self.keep()
        elif now == "revert" and not self.is_armed("revert"):
            seconds = int(self.setting("system global", "cfg-revert-timeout")[0])
            self.arm("revert", seconds / 60, self.reboot)

    def keep(self) -> None:
        """Write the configuration where a restart finds it. Raise Failed."""
        if self.faults.disk_full:
            raise Failed("save config file failed: no space left on device", -39)
        self._keep()

    def confirm(self) -> None:
        """Do `execute cfg save`. Raise Failed."""
        if not self.faults.never_confirms:
            self.keep()
            self.disarm("revert")

    def _keep(self) -> None:
        self.kept = self.root.copy()

    def _restore_kept(self) -> None:
        self.root = self.kept.copy()
        self._save_mode = self.setting("system global", "cfg-save")[0]


def _trusts(admin: Object, source: str) -> bool:
    """Return whether an account may be used from an address: from everywhere where no host is named."""
    hosts = [admin.value(f"trusthost{number}") for number in range(1, 5)]
    named = [f"{address}/{mask}" for address, mask in hosts if mask != "0.0.0.0"]  # noqa: S104 - no address to bind to
    return not named or any(IPv4Address(source) in IPv4Network(each, strict=False) for each in named)
