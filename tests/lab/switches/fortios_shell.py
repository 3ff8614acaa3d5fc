"""A session on a simulated FortiOS firewall."""

import re
from collections.abc import Awaitable, Callable, Sequence

from tests.lab.switches import objects
from tests.lab.switches.device import MODEL, Shell
from tests.lab.switches.fortios import Failed, Fortios, ObjectEditor
from tests.lab.switches.objects import Object
from tests.lab.switches.terminal import Gone, Terminal

_VERSION = "v7.2.8,build1639,240313 (GA.M)"
_GREP = re.compile(r"^(.*?)\s\|\s*grep\s+((?:-[a-z]+\s+)*)(.+)$", re.DOTALL)
_CONTINUED = "> "


class FortiosShell(Shell):
    """What an administrator talks to."""

    device: Fortios

    def __init__(self, device: Fortios, terminal: Terminal, user: str) -> None:
        super().__init__(device, terminal, user)
        self._editor = ObjectEditor(lambda: device.root, device.committed)

    @property
    def prompt(self) -> str:
        where = f" ({self._editor.where})" if self._editor.where else ""
        return f"{self.device.hostname}{where} # "

    def is_configuring(self) -> bool:
        return bool(self._editor.where)

    async def start(self) -> None:
        """Have the notice accepted where one is to be shown after the login."""
        if self.device.setting("system global", "post-login-banner") == ("enable",):
            text = self.device.banner("post_admin-disclaimer-text").replace("\n", "\r\n")
            self.terminal.write(f"{text}\r\n(Press 'a' to accept):")
            if await self.terminal.key() != "a":
                raise Gone
            self.terminal.write("\r\n")

    async def asked(self) -> str:
        """Return the next line; one in which a quote is open goes on."""
        paged = self.device.setting("system console", "output") == ("more",)
        self.terminal.page_length = self.device.page_length if paged else 0
        line = await self.terminal.line(self.prompt)
        while objects.words_of(line) is None:
            line += "\n" + await self.terminal.line(_CONTINUED)
        return line

    async def execute(self, line: str) -> None:
        filtered = _GREP.match(line)
        words = objects.words_of(filtered.group(1) if filtered else line) or []
        if not words or words[0].startswith("#"):
            return
        try:
            if self.is_refused(line):
                raise Failed(f"command parse error before '{words[-1]}'", -61)
            text = await self._do(words)
        except Failed as error:
            text, filtered = f"\n{error}", None
        await self.terminal.show(_grep(text, filtered.group(2), filtered.group(3)) if filtered else text)

    async def _do(self, words: Sequence[str]) -> str:
        commands: dict[str, Callable[[Sequence[str]], Awaitable[str]]] = {
            "show": self._show,
            "get": self._get,
            "execute": self._execute,
            "exit": self._exit,
            "quit": self._exit,
        }
        if words[0] in commands:
            return await commands[words[0]](words[1:])
        self._editor.feed(words)
        return ""

    async def _exit(self, words: Sequence[str]) -> str:
        raise Gone

    async def _show(self, words: Sequence[str]) -> str:
        full = words[:1] == ["full-configuration"]
        path = " ".join(words[1:] if full else words)
        device = self.device
        if self._editor.where and not path:
            return "\n".join(_block(self._editor.where, self._editor.target, device.encrypt, full=full))
        if path:
            return "\n".join(_block(path, self._found(path), device.encrypt, full=full))
        head = (
            f"#config-version=FGT60F-7.2.8-FW-build1639-240313:opmode=0:vdom=0:user={self.user}\n"
            f"#conf_file_ver={4_620_000 + device.changes}\n#buildno=1639\n#global_vdom=1\n"
        )
        return head + device.text_of(device.root, device.encrypt, full=full)

    def _found(self, path: str) -> Object:
        """Return the object or table of a path. Raise Failed."""
        root = self.device.root
        if path in root.schema.inner:
            return root.into(path)
        above, _, key = path.rpartition(" ")
        if above in root.schema.inner and key in root.into(above).entries:
            table = root.into(above)
            return Object(table.schema, entries={key: table.entries[key]})
        raise Failed(f"command parse error before '{key}'", -61)

    async def _get(self, words: Sequence[str]) -> str:
        path = " ".join(words)
        if path == "system status":
            return self._status()
        if path == "system performance status":
            up = self.device.uptime()
            hours, minutes = divmod(up.seconds // 60, 60)
            return f"CPU states: 1% user\nUptime: {up.days} days,  {hours} hours,  {minutes} minutes"
        found = self._found(path) if path else self._editor.target
        if found.schema.keys and found.entries:
            return "\n".join(f"== [ {key} ]\nname: {key}" for key in found.entries)
        rows = []
        for name, attribute in found.schema.attributes.items():
            value = "*" if attribute.is_secret else " ".join(found.value(name))
            rows.append(f"{name:<20}: {value} ")
        return "\n".join(rows)

    def _status(self) -> str:
        device = self.device
        return "\n".join((
            f"Version: FortiGate-60F {_VERSION}",
            f"Label: {MODEL}",
            "Serial-Number: FGT60FSIMULATED1",
            f"Hostname: {device.hostname}",
            "Operation Mode: NAT",
            "Current virtual domain: root",
            "Max number of virtual domains: 10",
            "Virtual domains status: 1 in NAT mode, 0 in TP mode",
            "Virtual domain configuration: disable",
            "FIPS-CC mode: disable",
            "Current HA mode: standalone",
            f"System time: {device.now():%a %b %-d %H:%M:%S %Y}",
        ))  # fmt: skip

    async def _execute(self, words: Sequence[str]) -> str:
        match list(words):
            case ["cfg", "save"]:
                self.device.confirm()
                return ""
            case ["cfg", "reload"]:
                self.device.spawn(self.device.reboot())
                raise Gone
            case ["backup", "config", "flash", *_]:
                self.device.keep()
                return "Please wait...\nConfig backed up to flash disk done.\n"
            case ["reboot", *_]:
                self.terminal.write(
                    "This operation will reboot the system !\r\nDo you want to continue? (y/n)"
                )
                if await self.terminal.key() == "y":
                    self.device.spawn(self.device.reboot())
                    raise Gone
                return "\n"
        raise Failed(f"command parse error before '{words[-1] if words else ''}'", -61)


def _block(path: str, found: Object, encrypt: Callable[[str], str], *, full: bool) -> list[str]:
    return [f"config {path}", *found.lines(encrypt, full=full), "end"]


def _grep(text: str, options: str, wanted: str) -> str:
    """Return the lines that hold a word; `-v` those that do not, `-i` whatever its case."""
    expression = re.compile(re.escape(wanted.strip('"')), re.IGNORECASE if "i" in options else 0)
    kept = [line for line in text.splitlines() if bool(expression.search(line)) != ("v" in options)]
    return "\n".join(kept)
