"""A simulated EOS switch: what its configuration does in ways of its own, whom it lets in, its sessions."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import ClassVar

from tests.lab.switches import hashes
from tests.lab.switches.access import permits
from tests.lab.switches.editor import Pending, Text
from tests.lab.switches.grammar import Match
from tests.lab.switches.lined import LinedDevice
from tests.lab.switches.lines import Line, everything

TIMER = "commit"
_SHOWN = re.compile(r"\$6\$|[0-9A-F]{14,}$|[0-9a-f]{40}$")  # hashes, hidden keys, keys made for one device


@dataclass
class Session:
    """A configuration in the making, beside the one that runs."""

    root: Line
    state: str = "pending"  # or pendingCommitTimer, completed, aborted


class Eos(LinedDevice):
    """One switch. What a commit with a timer replaced is kept until somebody confirms."""

    platform = "eos"
    server_version = "OpenSSH_8.7"
    more = " --More-- "
    indent: ClassVar[str] = "   "
    nameless: ClassVar[str] = "localhost"
    hides_host: ClassVar[bool] = False
    no_space: ClassVar[str] = (
        "% Error copying system:/running-config to flash:/startup-config (No space left)\n"
    )
    interfaces: ClassVar[tuple[str, ...]] = ("Ethernet", "Management", "Vlan", "Loopback", "Port-Channel")

    def _load(self, text: str) -> None:
        super()._load(text)
        self.configurations: dict[str, Session] = {}
        self.replaced: Line | None = None
        self.files: dict[str, Line] = {}

    def _hashed(self) -> tuple[str, ...]:
        """Return the secrets that are shown otherwise than they were typed."""
        words = (word for line in everything(self.kept) for word in line.words)
        return tuple(word for word in words if _SHOWN.match(word))

    # Who may come in.

    def admits(self, source: str) -> bool:
        ssh = self.root.find("management", "ssh")
        if not ssh:
            return True
        bound = ssh.find("ip", "access-group")
        return not ssh.find("shutdown") and (not bound or self._permitted(bound.words[2], source))

    def _permitted(self, name: str, source: str) -> bool:
        """Return whether a list permits an address; one that is not there permits nobody."""
        for words in (("standard", name), (name,)):
            if block := self.root.find("ip", "access-list", *words):
                return permits((line.words for line in block.below), IPv4Address(source))
        return False

    def knows(self, user: str, password: str, source: str) -> bool:
        """Ask the first method that answers; servers are simulated as out of reach."""
        chosen = self.root.find("aaa", "authentication", "login", "default")
        methods = chosen.value[0].split() if chosen else ["local"]
        if "local" not in methods:
            return "none" in methods
        line = self.root.find("username", user)
        # An account without a password is for the console alone.
        return bool(line) and hashes.matches(line.words[-1] if line else "", password)

    def is_privileged(self, user: str) -> bool:
        """Return whether a session starts with `#`."""
        line = self.root.find("username", user)
        asked = self.root.find("aaa", "authorization", "exec", "default")
        return bool(asked and line and "privilege 15 " in " ".join(line.words) + " ")

    def opens(self, password: str) -> bool:
        """Return whether this is the enable password; without one anybody may."""
        line = self.root.find("enable", "password")
        return line is None or hashes.matches(line.words[-1], password)

    def banner(self, kind: str) -> str:
        """Return a banner's text."""
        line = self.root.find("banner", kind)
        return (line.body or "").strip("\n").removesuffix("EOF") if line else ""

    def greeting(self) -> str:
        return self.banner("login")

    # What its configuration does in its own way.

    def edit_enable_password(self, block: Line, match: Match, *, negated: bool) -> Pending:
        if negated:
            block.drop(Match(match.rule, match.key, match.key_length))
        else:
            block.put(match, (*match.key, *_hashed(match.value)))
        return None

    def edit_username(self, block: Line, match: Match, *, negated: bool) -> Pending:
        """Take what is said beside what is known of an account already."""
        if negated:
            block.drop(Match(match.rule, match.key, match.key_length))
            return None
        old = block.find(*match.key)
        known, said = _parts(old.value if old else ()), _parts(match.value)
        if "nopassword" in said:
            known.pop("secret", None)
        elif "secret" in said:
            known.pop("nopassword", None)
            said["secret"] = _hashed(said["secret"])
        parts = {"privilege": ("1",)} | known | said
        words = [word for name in _ORDER if name in parts for word in (name, *parts[name])]
        block.put(match, (*match.key, *words))
        return None

    def edit_reversible(self, block: Line, match: Match, *, negated: bool) -> Pending:
        if negated:
            block.drop(Match(match.rule, match.key, match.key_length))
        else:
            block.put(match, (*match.key, *_hidden(match.value)))
        return None

    def edit_server_key(self, block: Line, match: Match, *, negated: bool) -> Pending:
        if negated:
            block.drop(Match(match.rule, match.key, match.key_length))
        else:
            key = ("key", *_hidden(match.value[1:])) if match.value else ()
            block.put(match, (*match.key, *key))
        return None

    def edit_snmp_user(self, block: Line, match: Match, *, negated: bool) -> Pending:
        """Keep the keys as made for this very device: not what was typed, and shown."""
        if negated:
            block.drop(Match(match.rule, match.key, match.key_length))
            return None
        words = list(match.value)
        for name in ("auth", "priv"):
            if name in words and "localized" not in words:
                at = words.index(name) + 2
                words[at] = hashes.sha1(f"{name} {words[at]}")
        made = words if "localized" in words else ["localized", "f5717f001c73aa000500", *words]
        block.put(match, (*match.key, *made))
        return None

    def edit_community(self, block: Line, match: Match, *, negated: bool) -> Pending:
        if negated:
            block.drop(Match(match.rule, match.key, match.key_length))
        else:
            block.put(match, (*match.key, *(match.value or ("ro",))))
        return None

    def edit_name_server(self, block: Line, match: Match, *, negated: bool) -> Pending:
        line = f"ip name-server vrf default {match.words[2]}"
        self.apply(block, self.grammar().match(line), negated=negated)
        return None

    def edit_ssh_access(self, block: Line, match: Match, *, negated: bool) -> Pending:
        """Take a list in place of the one bound before."""
        for line in list(block.all("ip", "access-group")):
            block.below.remove(line)
        if not negated:
            block.put(match)
        return None

    def edit_banner(self, block: Line, match: Match, *, negated: bool) -> Pending:
        if negated:
            block.drop(match)
            return None

        def finished(text: str) -> None:
            block.put(match, body=f"\n{text}\nEOF")

        return Text(
            "Enter TEXT message. Type 'EOF' on its own line to end.\n", "EOF", finished, is_whole_line=True
        )

    # Sessions.

    def commit(self, name: str, minutes: float | None = None) -> None:
        """Run what a session holds; with a time, go back after it unless the session is committed again."""
        session = self.configurations[name]
        if minutes is not None:
            self.replaced, session.state = self.root, "pendingCommitTimer"
            self.arm(TIMER, minutes, self.roll_back)
        else:
            session.state = "completed"
        self.replace(session.root.copy())

    def confirm(self, name: str) -> bool:
        """Let a commit with a timer stand; return False where none waits."""
        session = self.configurations.get(name)
        if not session or session.state != "pendingCommitTimer":
            return False
        if not self.faults.never_confirms:
            self.disarm(TIMER)
            self.replaced, session.state = None, "completed"
        return True

    async def roll_back(self) -> None:
        """Run again what ran before the commit that nobody confirmed."""
        self.disarm(TIMER)
        if self.replaced:
            self.replace(self.replaced)
            self.replaced = None
        for session in self.configurations.values():
            if session.state == "pendingCommitTimer":
                session.state = "aborted"

    def _restore_kept(self) -> None:
        super()._restore_kept()
        self.configurations.clear()


_ORDER = ("privilege", "role", "nopassword", "secret")


def _parts(value: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Return what is said of an account by name: `privilege 15 role x secret sha512 …`."""
    parts: dict[str, tuple[str, ...]] = {}
    name = ""
    for word in value:
        if word in _ORDER and name != "secret":
            name = word
            parts[name] = ()
        else:
            parts[name] = (*parts[name], word)
    return parts


def _hashed(value: tuple[str, ...]) -> tuple[str, ...]:
    *kind, secret = value
    if kind and kind[0] != "0":
        return value
    return "sha512", hashes.sha512_like(secret)


def _hidden(value: tuple[str, ...]) -> tuple[str, ...]:
    """Return a key as shown: never as typed."""
    *kind, secret = value
    return ("7", secret if kind == ["7"] else hashes.type_7(secret))


def changed_lines(before: str, after: str) -> Iterator[str]:
    """Yield the lines two configurations differ by."""
    old, new = before.splitlines(), after.splitlines()
    yield from (f"-{line}" for line in old if line not in new and not re.match(r"!", line))
    yield from (f"+{line}" for line in new if line not in old and not re.match(r"!", line))
