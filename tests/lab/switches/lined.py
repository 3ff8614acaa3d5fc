"""Devices with a command line like IOS': commands to do, lines to configure, words abbreviated."""

import re
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import ClassVar

from tests.lab.switches import grammar
from tests.lab.switches.device import Device, Shell
from tests.lab.switches.editor import Editor, Pending, Refused
from tests.lab.switches.grammar import Grammar, Match, NotUnderstood
from tests.lab.switches.lines import Line
from tests.lab.switches.terminal import Gone, Terminal

_GRAMMARS = Path(__file__).with_name("grammars")
_FILTER = re.compile(r"^(.*?)\s\|\s*(include|exclude|begin|section|inc|i|b|s|e|grep)\s+(.+)$")


class LinedDevice(Device):
    """A device whose configuration is a tree of lines; it is the dialect of its own configuration mode."""

    interfaces: ClassVar[Sequence[str]] = ()
    indent: ClassVar[str] = " "
    comments: ClassVar[str] = "!"
    separator: ClassVar[str | None] = "!"  # between groups of lines
    closing: ClassVar[str | None] = None  # the last line of a block
    nameless: ClassVar[str] = "Switch"  # the name of a device that has none
    hides_host: ClassVar[bool] = True  # shows `permit 192.0.2.1` for `permit host 192.0.2.1`
    no_space: ClassVar[str] = "startup-config file open failed (Not enough space)\n"

    @property
    def running(self) -> str:
        return self.text_of(self.root)

    @property
    def startup(self) -> str:
        return self.text_of(self.kept)

    def text_of(self, root: Line) -> str:
        """Return a configuration as it is shown, without what differs at every look."""
        return "\n".join(root.render(self.indent, self.separator, self.closing)) + "\n"

    def grammar(self) -> Grammar:
        return Grammar(grammar.read(_GRAMMARS / f"{self.platform}.txt"), self.interfaces)

    def commands(self) -> Grammar:
        """Return the commands outside configuration mode."""
        return Grammar(grammar.read(_GRAMMARS / f"{self.platform}_commands.txt"), self.interfaces)

    def change(self, block: Line, match: Match, *, negated: bool) -> Pending:
        """Do what a configuration line says: a method `edit_…` does, where the grammar names one."""
        if match.rule.hook:
            edit: Callable[..., Pending] = getattr(self, f"edit_{match.rule.hook}")
            return edit(block, match, negated=negated)
        self.apply(block, match, negated=negated)
        return None

    def apply(self, block: Line, match: Match, *, negated: bool) -> None:
        """Set or negate a line as most are."""
        if negated:
            block.drop(match)
        else:
            block.put(match)

    def enter(self, block: Line, match: Match) -> list[Line]:
        return [line for line in block.below if line.rule is match.rule and line.key == match.key]

    def _load(self, text: str) -> None:
        self.root = Line()
        Editor(self, self.root).load(text, self.comments)
        self.kept, self.saved_at = self.root.copy(), self.now()
        self.generation = 0

    def replace(self, root: Line) -> None:
        """Run another configuration; whoever stood in a block of the old one stands outside all now."""
        self.root = root
        self.generation += 1

    def _restore_kept(self) -> None:
        self.replace(self.kept.copy())

    def keep(self) -> None:
        """Write the running configuration where a restart finds it."""
        if self.faults.disk_full:
            raise Refused(self.no_space)
        self.kept, self.saved_at = self.root.copy(), self.now()

    def _entry(self, words: tuple[str, ...]) -> tuple[str, ...]:
        """Return the words of an access list's entry as shown."""
        split = " ".join(words).split()
        if self.hides_host and len(split) == 3 and split[1] == "host":
            split.pop(1)
        return tuple(split)

    def edit_ace(self, block: Line, match: Match, *, negated: bool) -> Pending:
        """Number an entry that has no number; refuse a number that another entry has."""
        number = match.words[0] if match.words[0].isdecimal() else None
        entry = self._entry(match.words[1:] if number else match.words)
        same = next((line for line in block.below if line.words[1:] == entry), None)
        taken = next((line for line in block.below if line.words[0] == number), None)
        if negated:
            found = taken if number and (not entry or taken is same) else same if not number else None
            if found:
                block.below.remove(found)
            return None
        if not entry:
            raise Refused("% Incomplete command.\n")
        if taken and taken is not same:
            raise Refused("% Duplicate sequence number\n")
        if not same:
            number = number or str(
                max((int(line.words[0]) for line in block.below), default=0) // 10 * 10 + 10
            )
            made = Match(match.rule, (number, *entry), 1 + len(entry))
            block.put(made)
        return None

    def rename(self, hostname: str) -> None:
        for root in (self.root, self.kept):
            Editor(self, root).load(f"hostname {hostname}")

    @property
    def hostname(self) -> str:
        """The name in the prompt."""
        line = self.root.find("hostname")
        return line.words[1] if line else self.nameless


class LinedShell(Shell):
    """A session: unprivileged, privileged or configuring."""

    device: LinedDevice
    prompt_end: ClassVar[str] = ""
    commands_anywhere: ClassVar[Sequence[str]] = ()  # also while configuring, without a `do`

    def __init__(self, device: LinedDevice, terminal: Terminal, user: str) -> None:
        super().__init__(device, terminal, user)
        self.is_privileged = False
        self.editor: Editor | None = None
        self._generation = device.generation

    @abstractmethod
    def refusal(self, reason: str, line: str, column: int) -> str:
        """Return what is said to a line that is not understood."""

    @property
    def prompt(self) -> str:
        if self.editor and self.editor.is_collecting:
            return ""
        if self.editor:
            return f"{self.device.hostname}({self.editor.mode or 'config'})#{self.prompt_end}"
        return self.device.hostname + ("#" if self.is_privileged else ">") + self.prompt_end

    def is_configuring(self) -> bool:
        return self.editor is not None

    async def asked(self) -> str:
        return await self.terminal.line(self.prompt, keys="\x1a")

    async def execute(self, line: str) -> None:
        if line == "\x1a":
            self.terminal.write("^Z\r\n")
            return await self.leave()
        if self.editor and self.editor.is_collecting:
            self.editor.feed(line)
            return None
        if not line.strip() or line.lstrip().startswith(self.device.comments):
            return None
        try:
            if self.is_refused(line):
                raise NotUnderstood("invalid", len(line) - len(line.lstrip()))
            await (self.configure(line) if self.editor else self.command(line))
        except NotUnderstood as error:
            await self.terminal.show(self.refusal(error.reason, line, error.column))
        except Refused as error:
            await self.terminal.show(str(error))
        return None

    async def configure(self, line: str) -> None:
        """Take a line of configuration mode."""
        if self._generation != self.device.generation:
            self._generation = self.device.generation
            self.editor = Editor(self.device, self.device.root)
        editor, words = self.editor, line.split()
        if not editor:
            return
        if words[0].lower() == "do" and len(words) > 1:
            await self.command(line.strip()[2:].strip())
        elif words[0].lower() in self.commands_anywhere:
            await self.command(line.strip())
        elif words[0].lower() == "end":
            await self.leave()
        elif words[0].lower() in ("exit", "quit"):
            if not editor.up():
                await self.leave()
        else:
            await self.terminal.show(editor.feed(line))
            await self._answer(editor)
            self.changed()

    async def _answer(self, editor: Editor) -> None:
        if question := editor.question:
            self.terminal.write(question)
            key = await self.terminal.key()
            self.terminal.write("\r\n")
            editor.answer(key)

    def changed(self) -> None:
        """Take note that somebody configured."""

    async def leave(self) -> None:
        """Leave configuration mode."""
        self.editor = None

    def configure_running(self) -> None:
        """Enter configuration mode."""
        self._generation = self.device.generation
        self.editor = Editor(self.device, self.device.root)

    async def command(self, line: str) -> None:
        """Do a command: the method `do_…` that its grammar names. Raise NotUnderstood."""
        filtered = _FILTER.match(line)
        bare = filtered.group(1) if filtered else line
        match = self.device.commands().match(bare)
        if match.rule.mode == "privileged" and not self.is_privileged:
            raise NotUnderstood("invalid", len(line) - len(line.lstrip()))
        act: Callable[[Match], Awaitable[str | None]] = getattr(self, f"do_{match.rule.hook}")
        text = await act(match)
        if filtered and text is not None:
            text = _filter(text, filtered.group(2), filtered.group(3).strip())
        if text:
            await self.terminal.show(text)

    async def do_nothing(self, match: Match) -> str:
        return ""

    async def do_logout(self, match: Match) -> str:
        raise Gone

    async def do_disable(self, match: Match) -> str:
        self.is_privileged = False
        return ""

    async def do_enable(self, match: Match) -> str:
        """Become privileged, with the second password where there is one."""
        for _ in range(3):
            if self.is_privileged:
                return ""
            password = await self.terminal.line("Password: ", echo=False)
            if not self.device.faults.refuses_password and self.opens(password):
                self.is_privileged = True
                return ""
        return self.wrong_secret

    wrong_secret: ClassVar[str] = "% Bad secrets\n"

    @abstractmethod
    def opens(self, password: str) -> bool:
        """Return whether this is the second password."""

    async def ask(self, question: str) -> str:
        """Return the line typed in answer to a question."""
        return (await self.terminal.line(question)).strip()

    async def is_confirmed(self, question: str) -> bool:
        """Return whether a `[confirm]` was answered by Return or `y`."""
        self.terminal.write(question)
        key = await self.terminal.key()
        self.terminal.write("\r\n")
        return key in ("\r", "\n", "y", "Y")


def _filter(text: str, how: str, wanted: str) -> str:
    """Return the lines of an answer that a filter lets through."""
    expression = re.compile(wanted.strip('"')) if _is_expression(wanted) else re.compile(re.escape(wanted))
    lines = text.splitlines()
    hits = [bool(expression.search(line)) for line in lines]
    if how.startswith("e"):
        chosen = [line for line, hit in zip(lines, hits, strict=True) if not hit]
    elif how.startswith("b"):
        chosen = lines[hits.index(True) :] if True in hits else []
    elif how.startswith("s"):
        chosen = _sections(lines, hits)
    else:
        chosen = [line for line, hit in zip(lines, hits, strict=True) if hit]
    return "\n".join(chosen)


def _is_expression(text: str) -> bool:
    try:
        re.compile(text.strip('"'))
    except re.error:
        return False
    return True


def _sections(lines: Sequence[str], hits: Sequence[bool]) -> list[str]:
    """Return the lines that match, each with what is indented below it."""
    chosen, inside = [], False
    for line, hit in zip(lines, hits, strict=True):
        inside = hit if not line.startswith(" ") else inside or hit
        if inside:
            chosen.append(line)
    return chosen
