"""A session on a simulated AOS-S switch."""

import re
from typing import ClassVar

from tests.lab.switches.aoss import Aoss
from tests.lab.switches.device import MODEL
from tests.lab.switches.editor import Refused
from tests.lab.switches.grammar import Match
from tests.lab.switches.lined import LinedShell
from tests.lab.switches.terminal import Gone, Terminal

_RELEASE = "WC.16.11.0016"
_CLEAR = "\x1b[2J\x1b[?7l\x1b[3;23r\x1b[?6l\x1b[1;1H\x1b[?25l"
_PROMPT_PLACE = "\x1b[24;1H\x1b[2K\x1b[?25h"
_AFTER = re.compile(r"(?:(?:(\d{1,2}):)?(\d{1,2}):)?(\d{1,4})$")


class AossShell(LinedShell):
    """What a manager or an operator talks to."""

    device: Aoss
    commands_anywhere: ClassVar[tuple[str, ...]] = ("show", "write", "copy")
    prompt_end: ClassVar[str] = " "
    wrong_secret: ClassVar[str] = "Invalid password\n"

    def __init__(self, device: Aoss, terminal: Terminal, user: str) -> None:
        super().__init__(device, terminal, user)
        self.is_privileged = device.is_manager(user)

    @property
    def prompt(self) -> str:
        """A full-screen terminal's: the cursor is put where the line begins."""
        return _PROMPT_PLACE + super().prompt if super().prompt else ""

    async def start(self) -> None:
        text = self.device.banner().replace("\n", "\r\n")
        self.terminal.write(f"{_CLEAR}{_RELEASE}\r\nCopyright: none; {MODEL}\r\n\r\n{text}\r\n")
        self.terminal.write("Press any key to continue")
        await self.terminal.key()
        self.terminal.write("\r\n" + _CLEAR)

    def refusal(self, reason: str, line: str, column: int) -> str:
        rest = line[column:].split()
        if reason == "incomplete":
            return f"Incomplete input: {line.split()[-1]}\n"
        if reason == "ambiguous":
            return f"Ambiguous input: {line.split()[0]}\n"
        return f"Invalid input: {rest[0] if rest else line.strip()}\n"

    def opens(self, password: str) -> bool:
        return self.device.opens(password)

    async def do_logout(self, match: Match) -> str:
        if (await self._key("Do you want to log out (y/n)? ")) != "y":
            return ""
        if self.device.running != self.device.startup:
            answer = await self._key("Do you want to save current configuration (y/n/^C)? ")
            if answer == "y":
                self.device.keep()
        raise Gone

    async def _key(self, question: str) -> str:
        """Return the key a question is answered with; Return after it goes with it."""
        self.terminal.write(question)
        key = (await self.terminal.key()).lower()
        self.terminal.write(key + "\r\n")
        return key

    async def do_page(self, match: Match) -> str:
        self.terminal.page_length = 0 if match.words[0] == "no" else self.device.page_length
        return ""

    async def do_length(self, match: Match) -> str:
        self.terminal.page_length = int(match.words[2])
        return ""

    async def do_version(self, match: Match) -> str:
        return f"Image stamp:    /ws/swbuildm/{MODEL}\n                {_RELEASE}\nBoot Image:     Primary\n"

    async def do_system(self, match: Match) -> str:
        up = self.device.uptime()
        return "\n".join((
            " Status and Counters - General System Information",
            "",
            f"  System Name        : {self.device.hostname}",
            "  System Contact     : reception",
            "",
            "  MAC Age Time (sec) : 300",
            f"  Software revision  : {_RELEASE}          Base MAC Addr      : 02c0ff-ee0005",
            "  ROM Version        : WC.16.01.0008          Serial Number      : SIMULATED5",
            f"  Product            : Aruba 2930F-24G, {MODEL}",
            f"  Up Time            : {up.seconds // 60} mins",
        ))  # fmt: skip

    async def do_sessions(self, match: Match) -> str:
        rows = [f"  {number}  {each.source}" for number, each in enumerate(self.device.sessions, 1)]
        return "\n".join([" Telnet Activity", *rows])

    async def do_running(self, match: Match) -> str:
        return "Running configuration:\n\n" + _headed(self.device.running)

    async def do_startup(self, match: Match) -> str:
        return "Startup configuration: 1\n\n" + _headed(self.device.startup)

    async def do_status(self, match: Match) -> str:
        is_kept = self.device.running == self.device.startup
        same = "is the same as" if is_kept else "has been changed and needs to be saved to"
        return f"Running configuration {same} the startup configuration."

    async def do_snmp_users(self, match: Match) -> str:
        users = self.device.root.all("snmpv3", "user")
        rows = [f"  {line.words[2]:<20} {' '.join(line.value[0:2])}" for line in users]
        return "\n".join([" Status and Counters - SNMPv3 Global Configuration Information", *rows])

    async def do_managers(self, match: Match) -> str:
        rows = [
            f" Address : {line.words[2]}  Mask : {line.words[3]}"
            for line in self.device.root.all("ip", "authorized-managers")
        ]
        return "\n".join([" IPV4 Authorized Managers", *rows])

    async def do_configure(self, match: Match) -> str:
        self.configure_running()
        return ""

    async def do_save(self, match: Match) -> str:
        self.device.keep()
        return ""

    # Restarts, which are the only way back.

    async def do_reload(self, match: Match) -> str:
        if (
            await self._key("This will reboot the system from the primary image.\r\nContinue (y/n)?  ")
        ) != "y":
            return ""
        if self.device.running != self.device.startup:
            answer = await self._key("Do you want to save current configuration (y/n/^C)? ")
            if answer == "\x03":
                return ""
            if answer == "y":
                self.device.keep()
        self.device.spawn(self.device.reboot())
        raise Gone

    async def do_reload_after(self, match: Match) -> str:
        """Restart after minutes, hours:minutes or days:hours:minutes; what is not saved by then is lost."""
        found = _AFTER.match(match.words[2])
        if not found:
            raise Refused(f"Invalid input: {match.words[2]}\n")
        days, hours, minutes = (int(part or 0) for part in found.groups())
        self.device.arm("reload", (days * 24 + hours) * 60 + minutes, self.device.reboot)
        return f"Reload scheduled in {days} days, {hours} hours, {minutes} minutes\n"

    async def do_reload_at(self, match: Match) -> str:
        found = re.match(r"(\d{1,2}):(\d{2})$", match.words[2])
        if not found:
            raise Refused(f"Invalid input: {match.words[2]}\n")
        now = self.device.now()
        minutes = (int(found[1]) * 60 + int(found[2]) - now.hour * 60 - now.minute) % 1440
        self.device.arm("reload", minutes, self.device.reboot)
        return f"Reload scheduled at {match.words[2]}\n"

    async def do_no_reload(self, match: Match) -> str:
        if not self.device.faults.never_confirms:
            self.device.disarm("reload")
        return ""

    async def do_reload_state(self, match: Match) -> str:
        armed = self.device.is_armed("reload")
        return "reload after scheduled" if armed else "reload after is not scheduled"


def _headed(text: str) -> str:
    stamp = "; Ver #14:6f.6f.f8.1d.fb.7f.bf.bb.ff.7c.59.fc.7b.ff.ff.fc.ff.ff.3f.ef:d4"
    return f"; JL253A Configuration Editor; Created on release #{_RELEASE}\n{stamp}\n{text}\n"
