"""A session on a simulated RouterOS router."""

from collections.abc import Iterator

from tests.lab.switches.console import CHANGES, Command, is_unfinished
from tests.lab.switches.device import MODEL, Shell
from tests.lab.switches.menus import Item, Menu, Unfit, quoted
from tests.lab.switches.routeros import Routeros, bare
from tests.lab.switches.terminal import Gone, Terminal

_VERSION = "7.14.2"
_CONTROL_D, _CONTROL_X = "\x04", "\x18"
_HIJACK = "Hijacking Safe Mode from someone - unroll/release/don't take it [u/r/d]: "


class RouterosShell(Shell):
    """What a user talks to; whether it holds safe mode is the device's to say."""

    device: Routeros

    def __init__(self, device: Routeros, terminal: Terminal, user: str) -> None:
        super().__init__(device, terminal, user)
        self._console = device.console()

    @property
    def is_safe(self) -> bool:
        """Whether this session holds safe mode."""
        return bool(self.device.safe) and self.device.safe[0] is self  # type: ignore[index]

    @property
    def prompt(self) -> str:
        path = self._console.path.replace(" ", "/")
        mark = "<SAFE> " if self.is_safe else "> "
        return f"[{bare(self.user)}@{self.device.hostname}] {path}{mark}"

    def is_configuring(self) -> bool:
        return True

    async def start(self) -> None:
        note = self.device.menus["/system note"]
        text = note.value(note.items[0], "note")
        if text and note.value(note.items[0], "show-at-login") == "yes":
            self.terminal.write("\r\n".join(text.splitlines()) + "\r\n\r\n")

    def left(self) -> None:
        """A session that breaks off takes what it did in safe mode with it."""
        self.device.leave_safe_mode(self, undo=True)

    async def asked(self) -> str:
        line = await self.terminal.line(self.prompt, keys=(_CONTROL_D, _CONTROL_X))
        while is_unfinished(line):
            more = await self.terminal.line('"... ' if '"' in line else "... ")
            line = line[:-1] + more.lstrip() if line.endswith("\\") else f"{line}\r\n{more}"
        return line

    async def hear(self, line: str) -> None:
        if line == _CONTROL_D:
            raise Gone
        if line == _CONTROL_X:
            return await self._switch_safe_mode()
        if not set(CHANGES) & set(line.replace("/", " ").split()):
            return await self._hear_quietly(line)
        return await super().hear(line)

    async def _hear_quietly(self, line: str) -> None:
        """Hear a line that changes nothing: it does not count as one that configures."""
        heard = len(self.device.heard_lines)
        await super().hear(line)
        del self.device.heard_lines[heard:]

    async def _switch_safe_mode(self) -> None:
        device = self.device
        if self.is_safe:
            if not device.faults.never_confirms:
                device.leave_safe_mode(self, undo=False)
            self.terminal.write("\r\n[Safe Mode released]\r\n")
            return
        if device.safe and not await self._is_hijacked():
            return
        device.take_safe_mode(self)
        self.terminal.write("\r\n[Safe Mode taken]\r\n")

    async def _is_hijacked(self) -> bool:
        self.terminal.write("\r\n" + _HIJACK)
        key = await self.terminal.key()
        self.terminal.write("\r\n")
        if key in ("u", "r") and self.device.safe:
            self.device.leave_safe_mode(self.device.safe[0], undo=key == "u")
        return key in ("u", "r")

    async def execute(self, line: str) -> None:
        if not line.strip() or line.lstrip().startswith("#"):
            return
        try:
            if self.is_refused(line):
                raise Unfit(f"bad command name {line.split()[0].strip('/')} (line 1 column 1)")
            command = self._console.read(line)
            text = await self._do(command) if command else ""
        except Unfit as error:
            text = str(error)
        await self.terminal.show(text)

    async def _do(self, command: Command) -> str:
        if command.verb == "export":
            return self._export(command)
        if command.verb in CHANGES:
            self.device.change(self._console, command)
            return ""
        if command.verb == "print" and command.path in self.device.menus:
            return _printed(self.device.menus[command.path], command.words)
        match command.path, command.verb:
            case "", "quit":
                self.device.leave_safe_mode(self, undo=False)
                raise Gone
            case "/system", "reboot":
                return await self._reboot()
            case "/system backup", _:
                return self._back_up(command)
            case "/file", _:
                names = [f"{number} {name}.backup" for number, name in enumerate(self.device.backups)]
                return "\n".join(["Columns: NAME", "# NAME", *names])
        facts = self._resource() if command.path == "/system resource" else self._board()
        return "\n".join(f"{name:>24}: {value}" for name, value in facts)

    async def _reboot(self) -> str:
        self.terminal.write("Reboot, yes? [y/N]: \r\n")
        if (await self.terminal.key()).lower() != "y":
            return ""
        self.device.spawn(self.device.reboot())
        raise Gone

    def _back_up(self, command: Command) -> str:
        name = command.values.get("name", "backup")
        if command.verb == "save":
            self.device.backups[name] = self.device.copy()
            return "Saving system configuration\nConfiguration backup saved"
        if name not in self.device.backups:
            raise Unfit("failure: no such file")
        self.device.menus = {path: menu.copy() for path, menu in self.device.backups[name].items()}
        self.device.spawn(self.device.reboot())
        raise Gone

    def _resource(self) -> Iterator[tuple[str, str]]:
        up = self.device.uptime()
        yield "uptime", f"{up.days}d{up.seconds // 3600}h{up.seconds // 60 % 60}m{up.seconds % 60}s"
        yield "version", f"{_VERSION} (stable)"
        yield "factory-software", "7.4"
        yield "free-memory", "841.1MiB"
        yield "cpu-load", "1%"
        yield "architecture-name", "arm64"
        yield "board-name", f"RB5009UG+S+ ({MODEL})"
        yield "platform", "MikroTik"

    @staticmethod
    def _board() -> Iterator[tuple[str, str]]:
        yield "routerboard", "yes"
        yield "model", f"RB5009UG+S+ ({MODEL})"
        yield "serial-number", "SIMULATED3"
        yield "current-firmware", _VERSION

    def _export(self, command: Command) -> str:
        words = command.words
        unknown = [token for token in command.targets if token.text not in _EXPORT_WORDS]
        if unknown:
            raise Unfit(f"expected end of command {unknown[0].place}")
        lines = [
            f"# {self.device.now():%Y-%m-%d %H:%M:%S} by RouterOS {_VERSION}",
            "# software id = SIMU-LATE",
            "#",
            f"# model = RB5009UG+S+ ({MODEL})",
            "# serial number = SIMULATED3",
        ]
        for path, menu in self.device.menus.items():
            if f"{path} ".startswith(f"{command.path} ") or not command.path:
                lines += menu.export(
                    sensitive="show-sensitive" in words, verbose="verbose" in words, terse="terse" in words
                )
        return "\n".join(lines)


_EXPORT_WORDS = ("compact", "verbose", "terse", "show-sensitive", "hide-sensitive")


def _printed(menu: Menu, words: set[str]) -> str:
    """Return what `print` says: a value a line, or an item a line."""
    names = [
        name for name, each in menu.kind.fields.items() if not each.is_secret or "show-sensitive" in words
    ]
    if not menu.kind.holds_items:
        width = max(map(len, names)) + 2
        return "\n".join(f"{name:>{width}}: {menu.value(menu.items[0], name)}" for name in names)
    rows = []
    for number, item in enumerate(menu.items):
        pairs = " ".join(f"{name}={quoted(menu.value(item, name))}" for name in names if name != "disabled")
        rows.append(f"{number:>2} {_flags(menu, item):<2} {pairs}")
    return "\n".join(["Flags: X - disabled; * - default", *rows])


def _flags(menu: Menu, item: Item) -> str:
    is_disabled = "disabled" in menu.kind.fields and menu.value(item, "disabled") == "yes"
    return ("X" if is_disabled else "") + ("*" if item.origin else "")
