"""A session on a simulated EOS switch."""

import re
from typing import ClassVar

from tests.lab.switches.device import MODEL
from tests.lab.switches.editor import Editor, Refused
from tests.lab.switches.eos import Eos, Session, changed_lines
from tests.lab.switches.grammar import Match
from tests.lab.switches.lined import LinedShell
from tests.lab.switches.terminal import Gone, Terminal

_VERSION = "4.28.3M"
_TIMER = re.compile(r"commit timer (\d{1,2}):(\d{2}):(\d{2})$")


class EosShell(LinedShell):
    """A session: unprivileged, privileged, configuring, or in a configuration session."""

    device: Eos
    commands_anywhere: ClassVar[tuple[str, ...]] = ("show", "write", "copy")
    wrong_secret: ClassVar[str] = "% Bad secret\n"

    def __init__(self, device: Eos, terminal: Terminal, user: str) -> None:
        super().__init__(device, terminal, user)
        self.is_privileged = device.is_privileged(user)
        self._session = ""

    @property
    def prompt(self) -> str:
        prompt = super().prompt
        if not self._session or not self.editor or self.editor.is_collecting:
            return prompt
        mode = self.editor.mode.removeprefix("config")
        return f"{self.device.hostname}(config-s-{self._session[:6]}{mode})#"

    async def start(self) -> None:
        self.terminal.write(self.device.banner("motd").replace("\n", "\r\n") + "\r\n")

    def refusal(self, reason: str, line: str, column: int) -> str:
        if reason == "incomplete":
            return "% Incomplete command\n"
        number = len(line[:column].split())
        words = line.split()
        word = words[min(number, len(words) - 1)]
        kind = "Ambiguous command" if reason == "ambiguous" else "Invalid input"
        return f"% {kind} (at token {number}: '{word}')\n"

    def opens(self, password: str) -> bool:
        return self.device.opens(password)

    # Configuration sessions.

    async def configure(self, line: str) -> None:
        """In a session, `commit`, `commit timer` and `abort` end it; what runs is not touched before."""
        text = line.strip().lower()
        if not self._session:
            return await super().configure(line)
        timer = _TIMER.match(text)
        if text == "commit":
            self.device.commit(self._session)
        elif timer:
            hours, minutes, seconds = map(int, timer.groups())
            self.device.commit(self._session, hours * 60 + minutes + seconds / 60)
        elif text == "abort":
            self.device.configurations[self._session].state = "aborted"
        else:
            self._generation = self.device.generation  # others may replace what runs meanwhile
            return await super().configure(line)
        await self.leave()
        return None

    async def leave(self) -> None:
        self._session = ""
        await super().leave()

    async def do_configure_session(self, match: Match) -> str:
        device = self.device
        name = match.words[2] if len(match.words) > 2 else f"sess-{len(device.configurations) + 1}"
        known = device.configurations.get(name)
        if not known or known.state != "pending":
            device.configurations[name] = Session(device.root.copy())
        self._session = name
        self.editor = Editor(device, device.configurations[name].root)
        return ""

    async def do_session_end(self, match: Match) -> str:
        name, act = match.words[2:4]
        if name not in self.device.configurations:
            raise Refused(f"% Session {name} does not exist\n")
        if act == "abort":
            if self.device.configurations[name].state == "pendingCommitTimer":
                await self.device.roll_back()
            self.device.configurations[name].state = "aborted"
        elif not self.device.confirm(name):
            self.device.commit(name)
        return ""

    async def do_sessions(self, match: Match) -> str:
        rows = [f"  {name:<20} {each.state}" for name, each in self.device.configurations.items()]
        return "\n".join(["Maximum number of completed sessions: 1", "  Name                 State", *rows])

    async def do_session_config(self, match: Match) -> str:
        name = match.words[3] if len(match.words) > 3 else self._session
        session = self.device.configurations.get(name)
        return self.device.text_of(session.root) if session else "% Not in a session\n"

    async def do_session_diffs(self, match: Match) -> str:
        session = self.device.configurations.get(self._session)
        if not session:
            return "% Not in a session\n"
        lines = changed_lines(self.device.running, self.device.text_of(session.root))
        return "\n".join(
            ["--- system:/running-config", f"+++ session:/{self._session}-session-config", *lines]
        )

    # What it shows.

    async def do_length(self, match: Match) -> str:
        self.terminal.page_length = int(match.words[2])
        return "Pagination disabled." if match.words[2] == "0" else ""

    async def do_width(self, match: Match) -> str:
        return f"Width set to {match.words[2]} columns."

    async def do_version(self, match: Match) -> str:
        up = self.device.uptime()
        return "\n".join((
            f"Arista DCS-7010TX-48 ({MODEL})",
            "Hardware version: 11.00",
            "Serial number: SIMULATED2",
            "Hardware MAC address: 02c0.ffee.0002",
            "",
            f"Software image version: {_VERSION}",
            "Architecture: x86_64",
            f"Uptime: {up.days} days, {up.seconds // 3600} hours and {up.seconds // 60 % 60} minutes",
            "Total memory: 4009100 kB",
            "Free memory: 2806124 kB",
        ))  # fmt: skip

    async def do_clock(self, match: Match) -> str:
        return f"{self.device.now():%a %b %-d %H:%M:%S %Y}\nTimezone: UTC\nClock source: local"

    async def do_hostname(self, match: Match) -> str:
        return f"Hostname: {self.device.hostname}\nFQDN:     {self.device.hostname}.harbour.example"

    async def do_privilege(self, match: Match) -> str:
        return f"Current privilege level is {15 if self.is_privileged else 1}"

    async def do_users(self, match: Match) -> str:
        rows = [f"  {number} vty {each.source}" for number, each in enumerate(self.device.sessions)]
        return "\n".join(["    Line      Host(s)", *rows])

    async def do_running(self, match: Match) -> str:
        head = f"! device: {self.device.hostname} (DCS-7010TX-48, EOS-{_VERSION}), {MODEL}"
        boot = "! boot system flash:/EOS.swi"
        return f"! Command: show running-config\n{head}\n!\n{boot}\n!\n{self.device.running}!\nend"

    async def do_startup(self, match: Match) -> str:
        saved = f"{self.device.saved_at:%a %b %-d %H:%M:%S %Y}"
        head = f"! Command: show startup-config\n! Startup-config last modified at  {saved} by {self.user}"
        return f"{head}\n{self.device.startup}!\nend"

    async def do_snmp_user(self, match: Match) -> str:
        rows = []
        for line in self.device.root.all("snmp-server", "user"):
            rows += [
                f"User name      : {line.words[2]}",
                "Security model : v3",
                f"Group          : {line.words[3]}",
            ]
        return "\n".join(rows)

    async def do_access_lists(self, match: Match) -> str:
        rows = []
        for block in self.device.root.all("ip", "access-list"):
            rows += [f"IP Access List {block.words[-1]}", *(f"        {line.text}" for line in block.below)]
        return "\n".join(rows)

    async def do_configure(self, match: Match) -> str:
        self.configure_running()
        return ""

    # Keeping and restarts.

    async def do_save(self, match: Match) -> str:
        self.device.keep()
        return "Copy completed successfully."

    async def do_copy(self, match: Match) -> str:
        self.device.files[_file(match.words[2])] = self.device.root.copy()
        return "Copy completed successfully."

    async def do_replace(self, match: Match) -> str:
        name = match.words[2]
        wanted = self.device.kept if name == "startup-config" else self.device.files.get(_file(name))
        if wanted is None:
            return f"% Error: {name}: No such file or directory\n"
        self.device.replace(wanted.copy())
        return ""

    async def do_dir(self, match: Match) -> str:
        return "\n".join(
            ["Directory of flash:/", "", *(f"       -rw-  {name}" for name in self.device.files)]
        )

    async def do_reload(self, match: Match) -> str:
        if "now" not in match.words:
            if self.device.running != self.device.startup:
                question = "System configuration has been modified. Save? [yes/no/cancel/diff]:"
                answer = (await self.ask(question)).lower()
                if answer.startswith("c"):
                    return ""
                if answer.startswith("y"):
                    self.device.keep()
            if not await self.is_confirmed("Proceed with reload? [confirm]"):
                return ""
        self.device.spawn(self.device.reboot())
        raise Gone

    async def do_reload_in(self, match: Match) -> str:
        hours, _, minutes = match.words[2].rpartition(":")
        if not (hours + minutes).isdecimal():
            return "% Invalid input\n"
        if await self.is_confirmed("Proceed with reload? [confirm]"):
            self.device.arm("reload", int(hours or 0) * 60 + int(minutes), self.device.reboot)
            return f"Reload scheduled in {match.words[2]}"
        return ""

    async def do_no_reload(self, match: Match) -> str:
        return "Scheduled reload cancelled" if self.device.disarm("reload") else "No reload is scheduled"


def _file(name: str) -> str:
    return name.rpartition(":")[2].lstrip("/")
