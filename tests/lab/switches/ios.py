"""A simulated Cisco IOS-XE switch: what its configuration does in ways of its own, and whom it lets in."""

import re
import time
from ipaddress import IPv4Address
from typing import ClassVar

from tests.lab.switches import hashes
from tests.lab.switches.access import permits
from tests.lab.switches.editor import Pending, Question, Refused, Text
from tests.lab.switches.grammar import Match
from tests.lab.switches.lined import LinedDevice
from tests.lab.switches.lines import Line, everything

_CONFIRM_USER = (
    "This operation will remove all username related configurations with same name."
    "Do you want to continue? [confirm]"
)


class Ios(LinedDevice):
    """One switch. `files` is its flash, `rollback` what an unconfirmed change goes back to."""

    platform = "ios"
    server_version = "Cisco-1.25"
    more = " --More-- "
    interfaces: ClassVar[tuple[str, ...]] = (
        *("GigabitEthernet", "FastEthernet", "TenGigabitEthernet"),
        *("Vlan", "Loopback", "Port-channel", "Tunnel"),
    )

    def _load(self, text: str) -> None:
        self.is_loading = True
        super()._load(text)
        self.is_loading = False
        self.files: dict[str, Line] = {}
        self.rollback: Line | None = None
        self.changed_at, self.changed_by = self.now(), "console"
        self.looks = 0  # the clock's drift is another number at every one
        self._failed_at: list[float] = []

    def _hashed(self) -> tuple[str, ...]:
        """Return the secrets that are shown otherwise than they were typed."""
        shown = (word for line in everything(self.kept) for word in line.words)
        return tuple(word for word in shown if re.match(r"\$[5689]\$|[0-9A-F]{2}[0-9A-F]{6,}$", word))

    # Who may come in.

    def admits(self, source: str) -> bool:
        """A line for terminals must be free, take SSH, and its access class must permit the address."""
        line = self._terminal_line(len(self.sessions))
        if line is None:
            return False
        excepted = self.root.find("login", "quiet-mode", "access-class")
        if self._is_quiet() and not (excepted and self.permitted(excepted.value[0], source)):
            return False
        transport = line.find("transport", "input")
        if transport and not {"ssh", "all"} & set(transport.value):
            return False
        bound = line.find("access-class")
        return not bound or "in" not in bound.value or self.permitted(bound.words[1], source)

    def permitted(self, name: str, source: str) -> bool:
        """Return whether a list permits an address; one that is not there or is empty permits everybody."""
        for kind in ("standard", "extended"):
            block = self.root.find("ip", "access-list", kind, name)
            if block and any("remark" not in entry.words[:2] for entry in block.below):
                return permits([entry.words for entry in block.below], IPv4Address(source))
        return True

    def _terminal_line(self, number: int) -> Line | None:
        for line in self.root.all("line", "vty"):
            low, high = _span(line.words)
            if low <= number <= high:
                return line
        return None

    def knows(self, user: str, password: str, source: str) -> bool:
        is_right = self._is_right(user, password)
        if not is_right:
            self._failed_at.append(time.monotonic())
        return is_right

    def _is_quiet(self) -> bool:
        """Return whether too many wrong logins have closed the door for a while (`login block-for`)."""
        block = self.root.find("login", "block-for")
        if not block:
            return False
        closed, within = (int(block.value[at]) / 60 * self.minute_seconds for at in (0, 4))
        wanted = int(block.value[2])
        recent = self._failed_at[-wanted:]
        is_burst = len(recent) == wanted and recent[-1] - recent[0] <= within
        return is_burst and time.monotonic() - recent[-1] < closed

    def _is_right(self, user: str, password: str) -> bool:
        """Ask each method in turn; servers are simulated as out of reach, so they have no say."""
        for method in self._login_methods():
            if method in ("local", "local-case"):
                return self._knows_locally(user, password)
            if method == "enable":
                return self.opens(password)
            if method == "line":
                line = self._terminal_line(0)
                shown = line.find("password") if line else None
                return bool(shown) and _reveals(shown.value if shown else (), password)
            if method == "none":
                return True
        return False

    def _login_methods(self) -> tuple[str, ...]:
        line = self._terminal_line(0)
        login = line.find("login") if line else None
        if not self.root.find("aaa", "new-model"):
            return ("local",) if login and login.value == ("local",) else ("line",)
        name = login.value[1] if login and login.value[:1] == ("authentication",) else "default"
        chosen = self.root.find("aaa", "authentication", "login", name)
        return _methods(chosen) if chosen else ("local",)

    def _knows_locally(self, user: str, password: str) -> bool:
        line = self.root.find("username", user)
        return bool(line) and _reveals(after(line.value if line else (), "secret", "password"), password)

    def may_start(self, user: str) -> bool:
        """Return whether AAA lets a user have a shell at all."""
        chosen = self.root.find("aaa", "authorization", "exec", "default")
        if not self.root.find("aaa", "new-model") or not chosen:
            return True
        return any(method in ("local", "none", "if-authenticated") for method in _methods(chosen))

    def privilege(self, user: str) -> int:
        """Return the level a session starts with."""
        line = self.root.find("username", user)
        level = after(line.value if line else (), "privilege")
        is_asked = not self.root.find("aaa", "new-model") or self.root.find("aaa", "authorization", "exec")
        return int(level[0]) if level and is_asked else 1

    def opens(self, password: str) -> bool:
        """Return whether this is the enable secret, or the enable password where there is none."""
        line = self.root.find("enable", "secret") or self.root.find("enable", "password")
        return line is not None and _reveals(line.value, password)

    def greeting(self) -> str:
        return self.banner("login")

    def banner(self, kind: str) -> str:
        """Return a banner's text."""
        line = self.root.find("banner", kind)
        return (line.body or "").removeprefix("^C").removesuffix("^C") if line else ""

    # What its configuration does in its own way.

    def edit_hostname(self, block: Line, match: Match, *, negated: bool) -> Pending:
        if not negated and not re.fullmatch(r"[A-Za-z]([\w.-]{0,61}[A-Za-z0-9])?", match.words[1]):
            raise Refused("% Hostname contains one or more illegal characters.\n")
        self.apply(block, match, negated=negated)
        return None

    def edit_enable_secret(self, block: Line, match: Match, *, negated: bool) -> Pending:
        if negated:
            block.drop(match)
        else:
            block.put(match, (*match.key, *_hashed(match.value)))
        return None

    def edit_reversible(self, block: Line, match: Match, *, negated: bool) -> Pending:
        if negated:
            block.drop(match)
        else:
            block.put(match, (*match.key, *self._hidden(match.value)))
        return None

    def edit_password_encryption(self, block: Line, match: Match, *, negated: bool) -> Pending:
        self.apply(block, match, negated=negated)
        for line in everything(self.root) if not negated else ():
            if line.rule.hook == "reversible":
                line.words = (*line.key, *self._hidden(line.value))
            elif line.rule.hook == "username" and "password" in line.value:
                at = line.words.index("password") + 1
                line.words = (*line.words[:at], *self._hidden(line.words[at:]))
        return None

    def _hidden(self, value: tuple[str, ...]) -> tuple[str, ...]:
        """Return a password's words as shown: type 7 where the service is on."""
        *before, secret = value
        if before[-1:] in (["7"], ["6"]) or not self.root.find("service", "password-encryption"):
            return tuple(word for word in value if word != "0" or word is secret)
        return (*(before[:-1] if before[-1:] == ["0"] else before), "7", hashes.type_7(secret))

    def edit_username(self, block: Line, match: Match, *, negated: bool) -> Pending:
        if negated:
            return Question(_CONFIRM_USER, lambda: _nothing(block.drop(match)))
        old = block.find(*match.key)
        before = old.value if old else ()
        level = after(match.value, "privilege")[:1] or after(before, "privilege")[:1]
        words = ("privilege", *level) if level and level != ("1",) else ()
        for value in (match.value, before):
            if secret := after(value, "secret"):
                block.put(match, (*match.key, *words, "secret", *_hashed(secret)))
                return None
            if password := after(value, "password"):
                block.put(match, (*match.key, *words, "password", *self._plain(self._hidden(password))))
                return None
        block.put(match, (*match.key, *words))
        return None

    @staticmethod
    def _plain(words: tuple[str, ...]) -> tuple[str, ...]:
        return words if len(words) > 1 else ("0", *words)

    def edit_community(self, block: Line, match: Match, *, negated: bool) -> Pending:
        value = [word.upper() if word.lower() in ("ro", "rw") else word for word in match.value]
        if negated:
            block.drop(Match(match.rule, match.key, match.key_length))
        else:
            block.put(match, (*match.key, *(value or ["RO"])))
        return None

    def edit_ntp_key(self, block: Line, match: Match, *, negated: bool) -> Pending:
        secret, *kind = match.value or ("",)
        shown = secret if kind == ["7"] else hashes.type_7(secret)
        if negated:
            block.drop(Match(match.rule, match.key, match.key_length))
        else:
            block.put(match, (*match.key, shown, "7"))
        return None

    def edit_access_class(self, block: Line, match: Match, *, negated: bool) -> Pending:
        """Take a list in place of the one bound before: one a direction."""
        for line in list(block.all("access-class")):
            if line.value[:1] == match.value[:1] or not match.value:
                block.below.remove(line)
        if not negated:
            block.put(match)
        return None

    def edit_transport(self, block: Line, match: Match, *, negated: bool) -> Pending:
        """Show the default too, which is none."""
        if negated:
            match = self.grammar().within(block.rule).match("transport input none")
        block.put(match)
        return None

    def edit_interface(self, block: Line, match: Match, *, negated: bool) -> Pending:
        physical = "Ethernet" in match.words[1]
        known = block.find(*match.words)
        if negated and physical:
            raise Refused("% Removal of physical interfaces is not permitted\n")
        if not negated and physical and not known and not self.is_loading:
            raise Refused("% Invalid interface type and number\n")
        self.apply(block, match, negated=negated)
        return None

    def edit_vty(self, block: Line, match: Match, *, negated: bool) -> Pending:
        """Make the lines that are not there yet; others are only entered, however they were grouped."""
        low, high = _span(match.words)
        taken = [_span(line.words)[1] for line in block.all("line", "vty")]
        first = max([low, *(end + 1 for end in taken)])
        if negated:
            block.drop(match)
        elif first <= high:
            block.put(match, ("line", "vty", str(first), str(high)))
        return None

    def enter(self, block: Line, match: Match) -> list[Line]:
        if match.rule.hook != "vty":
            return super().enter(block, match)
        low, high = _span(match.words)
        lines = [(line, _span(line.words)) for line in block.all("line", "vty")]
        return [line for line, (first, last) in lines if first <= high and last >= low]

    def edit_numbered_ace(self, block: Line, match: Match, *, negated: bool) -> Pending:
        """Keep `access-list 10 permit …` as `ip access-list standard 10`, as newer systems do."""
        number = match.words[1]
        kind = "standard" if int(number) < 100 else "extended"
        opening = self.grammar().match(f"ip access-list {kind} {number}")
        if negated:
            block.drop(opening)
            return None
        if len(match.words) < 3:
            raise Refused("% Incomplete command.\n")
        opened = block.put(opening)
        if opened:
            inner = self.grammar().within(opening.rule).match(" ".join(match.words[2:]))
            self.edit_ace(opened, inner, negated=False)
        return None

    def edit_domain_name(self, block: Line, match: Match, *, negated: bool) -> Pending:
        return self._as_typed(block, "ip domain name", match, negated=negated)

    def edit_domain_lookup(self, block: Line, match: Match, *, negated: bool) -> Pending:
        return self._as_typed(block, "ip domain lookup", match, negated=negated)

    def edit_logging_host(self, block: Line, match: Match, *, negated: bool) -> Pending:
        return self._as_typed(block, f"logging host {match.words[1]}", match, negated=negated)

    def _as_typed(self, block: Line, words: str, match: Match, *, negated: bool) -> Pending:
        """Take the older form of a line for the one that is shown."""
        line = " ".join((words, *match.value))
        return self.change(block, self.grammar().match(line, only_key=negated), negated=negated)

    def edit_crypto_key(self, block: Line, match: Match, *, negated: bool) -> Pending:
        """Make no key: the one that is there stays, and nothing is shown of it in the configuration."""
        return None

    def edit_banner(self, block: Line, match: Match, *, negated: bool) -> Pending:
        if negated:
            block.drop(Match(match.rule, match.key, match.key_length))
            return None
        typed = match.value[0]
        end = "^C" if self.is_loading and typed.startswith("^C") else typed[0]

        def finished(text: str) -> None:
            block.put(match, match.key, f"^C{text}^C")

        hint = f"Enter TEXT message.  End with the character '{end}'.\n"
        return Text(hint, end, finished, begun=typed.removeprefix(end))

    # Keeping and going back.

    def arm_rollback(self, minutes: int) -> str:
        """Go back to what runs now after so many minutes, unless confirmed."""
        archive = self.root.find("archive")
        path = archive.find("path") if archive else None
        if not path:
            raise Refused("%Rollback Confirmed Change: archive path is not configured\n")
        self.rollback = self.root.copy()
        self.arm("rollback", minutes, self.roll_back)
        return f"Rollback Confirmed Change: Backing up current running config to {path.value[0]}\n"

    async def roll_back(self) -> None:
        """Run again what ran before the change that nobody confirmed."""
        if self.rollback:
            self.broadcast("\r\nRollback Confirmed Change: rolling back to the archived configuration\r\n")
            self.replace(self.rollback)
            self.rollback = None


def _nothing(_: bool) -> None:
    return None


def _span(words: tuple[str, ...]) -> tuple[int, int]:
    return int(words[2]), int(words[-1])


def after(value: tuple[str, ...], *names: str) -> tuple[str, ...]:
    """Return the words behind the first of these names; none where it is not said."""
    return next((value[at + 1 :] for at, word in enumerate(value) if word in names), ())


def _methods(line: Line) -> tuple[str, ...]:
    """Return a list's methods; of `group NAME` the first word only."""
    words = " ".join(line.value).split()
    return tuple(word for at, word in enumerate(words) if not at or words[at - 1] != "group")


def _hashed(value: tuple[str, ...]) -> tuple[str, str]:
    """Return a secret's type and hash as shown: what is typed in the clear is hashed."""
    *kind, secret = value
    return (kind[0], secret) if kind and kind[0] != "0" else ("9", hashes.new_type_9(secret))


def _reveals(value: tuple[str, ...], password: str) -> bool:
    """Return whether the words of a secret stand for this password."""
    if not value:
        return False
    *kind, shown = value
    if kind[-1:] == ["7"]:
        return hashes.type_7_matches(shown, password)
    return shown == password if not kind or kind[-1] == "0" else hashes.matches(shown, password)
