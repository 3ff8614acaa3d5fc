"""A simulated AOS-S switch: what its configuration does in ways of its own, and whom it lets in."""

from ipaddress import IPv4Address, IPv4Network
from typing import ClassVar

from tests.lab.switches import hashes
from tests.lab.switches.editor import Pending, Text
from tests.lab.switches.grammar import Match
from tests.lab.switches.lined import LinedDevice
from tests.lab.switches.lines import Line


class Aoss(LinedDevice):
    """One switch. It has no rollback of its own: a restart that was announced before is all there is."""

    platform = "aoss"
    server_version = "Mocana SSH 6.3"
    more = "-- MORE --, next page: Space, next line: Enter, quit: Control-C"
    indent: ClassVar[str] = "   "
    comments: ClassVar[str] = ";"
    closing: ClassVar[str | None] = "exit"
    separator: ClassVar[str | None] = None

    def _hashed(self) -> tuple[str, ...]:
        return tuple(line.words[-1].strip('"') for line in self.kept.all("password"))

    @property
    def hostname(self) -> str:
        line = self.root.find("hostname")
        return line.words[1].strip('"') if line else "Aruba-2930F-24G"

    # Who may come in.

    def admits(self, source: str) -> bool:
        if self.root.says_no("ip", "ssh"):
            return False
        managers = list(self.root.all("ip", "authorized-managers"))
        return not managers or any(_permits(line, source) for line in managers)

    def knows(self, user: str, password: str, source: str) -> bool:
        """Ask the first method, then the second; servers are simulated as out of reach."""
        chosen = self.root.find("aaa", "authentication", "ssh", "login")
        if chosen and "local" not in chosen.value:
            return False
        return any(
            line.words[3].strip('"') == user and line.words[-1].strip('"') == hashes.sha1(password)
            for line in self.root.all("password")
            if "user-name" in line.words
        )

    def is_manager(self, user: str) -> bool:
        """Return whether a user may change things."""
        return any(f'"{user}"' in line.words for line in self.root.all("password", "manager"))

    def opens(self, password: str) -> bool:
        """Return whether this is the manager's password."""
        shown = f'"{hashes.sha1(password)}"'
        return any(shown in line.words for line in self.root.all("password", "manager"))

    # What its configuration does in its own way.

    def text_of(self, root: Line) -> str:
        """Show who may log in only where credentials are to be included."""
        text = super().text_of(root)
        if root.find("include-credentials"):
            return text
        kept = [line for line in text.splitlines() if not line.startswith("password ")]
        return "\n".join(kept) + "\n"

    def edit_password(self, block: Line, match: Match, *, negated: bool) -> Pending:
        """Keep a password as its SHA-1; the user's name stays where none is said."""
        if negated:
            block.drop(Match(match.rule, match.key, match.key_length))
            return None
        words = list(match.value)
        if "plaintext" in words:
            at = words.index("plaintext")
            words[at:] = ["sha1", f'"{hashes.sha1(words[at + 1].strip(chr(34)))}"']
        if "user-name" not in words:
            words = ["user-name", f'"{match.key[-1]}"', *words]
        block.put(match, (*match.key, *words))
        return None

    def edit_web(self, block: Line, match: Match, *, negated: bool) -> Pending:
        self.apply(block, self.grammar().match("web-management"), negated=negated)
        return None

    def edit_manager(self, block: Line, match: Match, *, negated: bool) -> Pending:
        """Fill in what is so unless told otherwise."""
        key = match.key if len(match.key) == 4 else (*match.key, "255.255.255.255")
        full = Match(match.rule, (*key, *match.value), 4)
        if negated:
            block.drop(Match(match.rule, key, 4))
        else:
            block.put(full, (*key, *(match.value or ("access", "manager"))))
        return None

    def edit_community(self, block: Line, match: Match, *, negated: bool) -> Pending:
        if negated:
            block.drop(Match(match.rule, match.key, match.key_length))
        else:
            block.put(match, (*match.key, *(match.value or ("operator",))))
        return None

    def edit_enabled(self, block: Line, match: Match, *, negated: bool) -> Pending:
        self.apply(block, self.grammar().within(block.rule).match("disable"), negated=not negated)
        return None

    def edit_banner(self, block: Line, match: Match, *, negated: bool) -> Pending:
        """Take a text between quotes, or lines up to a character."""
        if negated:
            block.drop(Match(match.rule, match.key, match.key_length))
            return None
        typed = match.value[0]

        def finished(text: str) -> None:
            shown = text.strip("\n").replace("\n", "\\n")
            block.put(match, (*match.key, f'"{shown}"'))

        hint = f"Enter TEXT message. End with the character'{typed[0]}'\n"
        return Text(hint, typed[0], finished, begun=typed[1:])

    def banner(self) -> str:
        """Return the text shown before the prompt."""
        line = self.root.find("banner", "motd")
        return line.words[-1].strip('"').replace("\\n", "\n") if line else ""

    def greeting(self) -> str:
        return self.banner()


def _permits(line: Line, source: str) -> bool:
    if "access-method" in line.value and not {"all", "ssh"} & set(line.value):
        return False
    return IPv4Address(source) in IPv4Network(f"{line.words[2]}/{line.words[3]}", strict=False)
