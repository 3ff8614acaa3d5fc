"""A session on a simulated Cisco IOS-XE switch: what it shows, keeps, takes back and restarts."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from tests.lab.switches import hashes
from tests.lab.switches.device import MODEL
from tests.lab.switches.grammar import Match
from tests.lab.switches.ios import Ios, after
from tests.lab.switches.lined import LinedShell
from tests.lab.switches.terminal import Gone, Terminal

_VERSION = "17.09.04a"
_SURE = (
    "This will apply all necessary additions and deletions\n"
    "to replace the current running configuration with the\n"
    "contents of the specified configuration file, which is\n"
    "assumed to be a complete configuration, not a partial\n"
    "configuration. Enter Y if you are sure you want to proceed. ? [no]: "
)


class IosShell(LinedShell):
    """A session on an IOS switch."""

    device: Ios

    def __init__(self, device: Ios, terminal: Terminal, user: str) -> None:
        super().__init__(device, terminal, user)
        self.is_privileged = device.privilege(user) == 15
        self.is_changed = False

    @property
    def prompt(self) -> str:
        """A long name is cut in configuration mode, as IOS does."""
        if self.editor and not self.editor.is_collecting:
            return f"{self.device.hostname[:20]}({self.editor.mode or 'config'})#"
        return super().prompt

    async def start(self) -> None:
        if not self.device.may_start(self.user):
            self.terminal.write("% Authorization failed.\r\n")
            raise Gone
        text = self.device.banner("motd") + "\n" + self.device.banner("exec")
        self.terminal.write(text.replace("\n", "\r\n") + "\r\n")

    def refusal(self, reason: str, line: str, column: int) -> str:
        if reason == "incomplete":
            return "% Incomplete command.\n\n"
        if reason == "ambiguous":
            return f'% Ambiguous command:  "{line.strip()}"\n'
        marker = " " * (len(self.prompt) + column) + "^"
        return f"{marker}\n% Invalid input detected at '^' marker.\n\n"

    def opens(self, password: str) -> bool:
        return self.device.opens(password)

    def changed(self) -> None:
        self.device.changed_at, self.device.changed_by = self.device.now(), self.user

    async def do_length(self, match: Match) -> str:
        self.terminal.page_length = int(match.words[2])
        return ""

    async def do_version(self, match: Match) -> str:
        up = self.device.uptime()
        return "\n".join((
            f"Cisco IOS XE Software, Version {_VERSION}",
            f"Cisco IOS Software, Catalyst L3 Switch Software (CAT9K_LITE_IOSXE), Version {_VERSION}",
            f"({MODEL})",
            "",
            f"{self.device.hostname} uptime is {_spoken(up)}",
            'System image file is "flash:packages.conf"',
            "Last reload reason: Reload Command",
            "",
            f"cisco C9200L-24T-4G (ARM64) processor with 519006K/3071K bytes of memory. ({MODEL})",
            "Processor board ID SIMULATED01",
            "2 Virtual Ethernet interfaces",
            "28 Gigabit Ethernet interfaces",
            "2048K bytes of non-volatile configuration memory.",
            "",
            "Model Number                       : C9200L-24T-4G",
            "System Serial Number               : SIMULATED01",
            "Configuration register is 0x102",
        ))  # fmt: skip

    async def do_clock(self, match: Match) -> str:
        return f"*{self.device.now():%H:%M:%S.%f UTC %a %b %-d %Y}"

    async def do_privilege(self, match: Match) -> str:
        return f"Current privilege level is {15 if self.is_privileged else 1}"

    async def do_users(self, match: Match) -> str:
        rows = [
            f"  {number} vty {number}   {each.source}" for number, each in enumerate(self.device.sessions)
        ]
        return "\n".join(["    Line       Location", *rows])

    async def do_inventory(self, match: Match) -> str:
        name = f'NAME: "Switch 1", DESCR: "C9200L-24T-4G, {MODEL}"'
        return f"{name}\nPID: C9200L-24T-4G     , VID: V01  , SN: SIMULATED01\n"

    async def do_interface_brief(self, match: Match) -> str:
        rows = ["Interface              IP-Address      OK? Method Status                Protocol"]
        for line in self.device.root.all("interface"):
            address = line.find("ip", "address")
            where = address.value[0] if address and address.value else "unassigned"
            state = "administratively down" if line.find("shutdown") else "up"
            rows.append(f"{line.words[1]:<22} {where:<15} YES NVRAM  {state:<21} {state.split()[-1]}")
        return "\n".join(rows)

    async def do_interfaces(self, match: Match) -> str:
        rows = []
        for line in self.device.root.all("interface"):
            state = "administratively down" if line.find("shutdown") else "up"
            rows.append(f"{line.words[1]} is {state}, line protocol is {state.split()[-1]} ")
            rows += [f"  Description: {said.value[0]}" for said in line.all("description")]
            rows.append("  MTU 1500 bytes, BW 1000000 Kbit/sec, DLY 10 usec,")
        return "\n".join(rows)

    async def do_no_neighbours(self, match: Match) -> str:
        return "Total entries displayed: 0\n"

    async def do_ip_ssh(self, match: Match) -> str:
        return "SSH Enabled - version 2.0\nAuthentication timeout: 120 secs; Authentication retries: 3"

    async def do_running(self, match: Match) -> str:
        device = self.device
        text = hashes.salted_anew(device.running) if device.faults.changes_hashes else device.running
        head = (
            f"Building configuration...\n\nCurrent configuration : {len(text)} bytes\n!\n"
            f"! Last configuration change at {_stamp(device.changed_at)} by {device.changed_by}\n"
            f"! NVRAM config last updated at {_stamp(device.saved_at)} by {device.changed_by}\n!\n"
        )
        defaults = list(_defaults(device)) if "all" in match.words else []
        device.looks += 1
        period = f"ntp clock-period {17_179_000 + device.looks}\n"
        body = text + ("\n".join(defaults) + "\n" if defaults else "")
        return head + body + period + "end\n\n"

    async def do_startup(self, match: Match) -> str:
        text = self.device.startup
        saved = _stamp(self.device.saved_at)
        head = f"Using {len(text)} out of 2097152 bytes\n!\n! Last configuration change at {saved}\n!\n"
        return f"{head}{text}end\n\n"

    async def do_access_lists(self, match: Match) -> str:
        rows = []
        for line in self.device.root.all("ip", "access-list"):
            rows.append(f"{line.words[2].title()} IP access list {line.words[3]}")
            rows += [f"    {entry.text}" for entry in line.below]
        return "\n".join(rows)

    async def do_snmp_user(self, match: Match) -> str:
        rows = []
        for line in self.device.root.all("snmp-server", "user"):
            words = line.words
            privacy = " ".join(after(words, "priv")[:2]).upper() if "priv" in words else "None"
            rows += [
                f"User name: {words[2]}",
                "Engine ID: 800000090300C0FFEE000001",
                "storage-type: nonvolatile\t active",
                f"Authentication Protocol: {after(words, 'auth')[0].upper()}",
                f"Privacy Protocol: {privacy}",
                f"Group-name: {words[3]}",
                "",
            ]
        return "\n".join(rows)

    # Configuration mode, and the clock that takes it back.

    async def do_configure(self, match: Match) -> str:
        said = ""
        if "revert" in match.words:
            said = self.device.arm_rollback(int(match.words[-1]))
        self.configure_running()
        return said + "Enter configuration commands, one per line.  End with CNTL/Z."

    async def do_confirm(self, match: Match) -> str:
        device = self.device
        if not device.is_armed("rollback"):
            return "%No Rollback Confirmed Change pending\n"
        if not device.faults.never_confirms:
            device.disarm("rollback")
            device.rollback = None
        return ""

    async def do_revert_now(self, match: Match) -> str:
        if not self.device.disarm("rollback"):
            return "%No Rollback Confirmed Change pending\n"
        await self.device.roll_back()
        return "Rollback Done\n"

    async def do_revert_timer(self, match: Match) -> str:
        if not self.device.is_armed("rollback"):
            return "%No Rollback Confirmed Change pending\n"
        self.device.arm("rollback", int(match.words[-1]), self.device.roll_back)
        return ""

    async def do_rollback_timer(self, match: Match) -> str:
        armed = self.device.is_armed("rollback")
        return (
            "Rollback Confirmed Change is pending\n" if armed else "%No Rollback Confirmed Change pending\n"
        )

    async def do_replace(self, match: Match) -> str:
        device, source = self.device, match.words[2]
        wanted = device.kept if source.startswith("nvram:") else device.files.get(_file(source))
        if wanted is None:
            return f"%Error opening {source} (No such file or directory)\n"
        if "force" not in match.words and (await self.ask(_SURE.replace("\n", "\r\n"))).lower() not in (
            "y",
            "yes",
        ):
            return ""
        said = device.arm_rollback(int(match.words[-1])) if "time" in match.words else ""
        device.replace(wanted.copy())
        self.changed()
        return said + "\nTotal number of passes: 1\nRollback Done\n"

    # Keeping.

    async def do_save(self, match: Match) -> str:
        self.device.keep()
        return "Building configuration...\n[OK]"

    async def do_save_as(self, match: Match) -> str:
        await self.ask("Destination filename [startup-config]? ")
        return await self.do_save(match)

    async def do_copy(self, match: Match) -> str:
        name = _file(match.words[2])
        name = await self.ask(f"Destination filename [{name}]? ") or name
        return self._store(name)

    async def do_archive(self, match: Match) -> str:
        return self._store(f"archive-{len(self.device.files) + 1}").partition("\n")[2]

    def _store(self, name: str) -> str:
        if self.device.faults.disk_full:
            return f"%Error writing flash:/{name} (No space left on device)\n"
        self.device.files[name] = self.device.root.copy()
        return f"{len(self.device.running)} bytes copied in 0.42 secs\n"

    async def do_archive_list(self, match: Match) -> str:
        rows = [f"   {number}        flash:{name}" for number, name in enumerate(self.device.files, 1)]
        return "\n".join(["The maximum archive configurations allowed is 14.", " Archive #  Name", *rows])

    async def do_dir(self, match: Match) -> str:
        rows = [
            f"   {12 + number}  -rw-  {len(self.device.text_of(root))}  {name}"
            for number, (name, root) in enumerate(self.device.files.items())
        ]
        return "\n".join(
            ["Directory of flash:/", "", *rows, "", "1956839424 bytes total (812345344 bytes free)"]
        )

    async def do_more(self, match: Match) -> str:
        root = self.device.files.get(_file(match.words[1]))
        return (
            self.device.text_of(root)
            if root
            else f"%Error opening {match.words[1]} (No such file or directory)\n"
        )

    async def do_delete(self, match: Match) -> str:
        self.device.files.pop(_file(match.words[-1]), None)
        return ""

    # Restarts.

    async def do_reload(self, match: Match) -> str:
        await self._ask_to_save()
        if await self.is_confirmed("Proceed with reload? [confirm]"):
            self.device.spawn(self.device.reboot())
            raise Gone
        return ""

    async def do_reload_later(self, match: Match) -> str:
        hours, _, rest = match.words[2].rpartition(":")
        if match.words[1] == "at" or not (hours + rest).isdecimal():
            return "% Only `reload in` is simulated\n"
        minutes = int(hours or 0) * 60 + int(rest)
        await self._ask_to_save()
        self.terminal.write(
            f"Reload scheduled (in {minutes} minutes) by {self.user} on vty0\r\n"
            "Reload reason: Reload Command\r\n"
        )
        if await self.is_confirmed("Proceed with reload? [confirm]"):
            self.device.arm("reload", minutes, self.device.reboot)
            self.device.broadcast(
                f"\r\n\r\n***\r\n*** --- SHUTDOWN in {minutes // 60}:{minutes % 60:02}:00 ---\r\n***\r\n\r\n"
            )
        return ""

    async def _ask_to_save(self) -> None:
        if self.device.running != self.device.startup:
            answer = await self.ask("System configuration has been modified. Save? [yes/no]: ")
            if answer.lower() in ("y", "yes"):
                self.device.keep()

    async def do_reload_cancel(self, match: Match) -> str:
        if self.device.disarm("reload"):
            self.device.broadcast("\r\n\r\n***\r\n*** --- SHUTDOWN ABORTED ---\r\n***\r\n\r\n")
            return ""
        return "%No reload is scheduled\n"

    async def do_reload_state(self, match: Match) -> str:
        return "Reload scheduled" if self.device.is_armed("reload") else "No reload is scheduled."


def _defaults(device: Ios) -> Iterator[str]:
    """Yield what `show running-config all` shows beyond the rest: what is on unless told otherwise."""
    for rule in device.grammar().rules:
        words = tuple(str(element) for element in rule.key)
        if rule.default == "+" and not device.root.says_no(*words) and not rule.hook:
            yield " ".join(words)


def _file(name: str) -> str:
    return name.rpartition(":")[2].lstrip("/")


def _stamp(moment: datetime) -> str:
    return f"{moment:%H:%M:%S UTC %a %b %-d %Y}"


def _spoken(up: timedelta) -> str:
    minutes = int(up.total_seconds()) // 60
    return f"{minutes // 1440} days, {minutes // 60 % 24} hours, {minutes % 60} minutes"
