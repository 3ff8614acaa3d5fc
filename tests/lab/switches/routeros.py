"""A simulated RouterOS router: its menus, whom it lets in, and safe mode, which belongs to a session."""

from collections.abc import Callable
from ipaddress import ip_address, ip_network
from pathlib import Path

from tests.lab.switches import menus
from tests.lab.switches.console import Command, Console
from tests.lab.switches.device import Device
from tests.lab.switches.menus import Menu, Unfit

_GRAMMAR = Path(__file__).with_name("grammars") / "routeros.txt"
_REMEMBERED = 100  # actions that safe mode can undo
_ENTRANCE = ("bridge1", "LAN")  # the interface, and its list, that all sessions of a test come in by
OTHER_COMMANDS = {
    "": ("quit", "export"),
    "/system": ("reboot",),
    "/system resource": ("print",),
    "/system routerboard": ("print",),
    "/system backup": ("save", "load"),
    "/file": ("print",),
}


class Routeros(Device):
    """One router. What is set is kept at once; `safe` is who holds safe mode, and what it goes back to."""

    platform = "routeros"
    server_version = "ROSSSH"
    page_length = 0

    def _load(self, text: str) -> None:
        self.menus = menus.fresh(menus.read(_GRAMMAR))
        self.safe: tuple[object, dict[str, Menu]] | None = None
        self.unsaid = 0  # actions since safe mode was taken
        self.backups: dict[str, dict[str, Menu]] = {}
        console = self.console()
        for line in text.splitlines():
            if line and not line.startswith("#"):
                try:
                    if command := console.read(line):
                        console.change(command)
                except Unfit as error:
                    raise ValueError(f"start configuration: {line!r}: {error}") from error

    def console(self) -> Console:
        """Return a place among the menus."""
        return Console(lambda: self.menus, dict(OTHER_COMMANDS))

    # What a test asks.

    @property
    def running(self) -> str:
        lines: list[str] = []
        for menu in self.menus.values():
            lines += menu.export(sensitive=True, verbose=False, terse=True, hidden=True)
        return "\n".join(lines) + "\n"

    @property
    def startup(self) -> str:
        return self.running

    @property
    def hostname(self) -> str:
        menu = self.menus["/system identity"]
        return menu.value(menu.items[0], "name")

    def rename(self, hostname: str) -> None:
        self.menus["/system identity"].items[0].values["name"] = hostname

    # Who may come in.

    def admits(self, source: str) -> bool:
        services = self.menus["/ip service"]
        ssh = next(item for item in services.items if services.value(item, "name") == "ssh")
        if services.value(ssh, "disabled") == "yes":
            return False
        return _is_within(source, services.value(ssh, "address")) and self._is_filtered_in(source)

    def _is_filtered_in(self, source: str) -> bool:
        """Return what the input chain says of a new connection to SSH: it is let in unless a rule says no."""
        menu = self.menus["/ip firewall filter"]
        for item in menu.items:
            rule = {name: menu.value(item, name) for name in menu.kind.fields}
            if rule["chain"] == "input" and rule["disabled"] == "no" and self._is_meant(rule, source):
                if rule["action"] in ("accept", ""):
                    return True
                if rule["action"] in ("drop", "reject"):
                    return False
        return True

    def _is_meant(self, rule: dict[str, str], source: str) -> bool:
        ports = rule["dst-port"]
        return (
            rule["protocol"] in ("", "tcp", "6")
            and (not ports or "22" in ports.split(","))
            and (not rule["connection-state"] or "new" in rule["connection-state"])
            and _agrees(rule["src-address"], lambda wanted: _is_within(source, wanted))
            and _agrees(rule["src-address-list"], lambda wanted: self._is_listed(source, wanted))
            and _agrees(rule["in-interface"], lambda wanted: wanted == _ENTRANCE[0])
            and _agrees(rule["in-interface-list"], lambda wanted: wanted in (_ENTRANCE[1], "all"))
        )

    def _is_listed(self, source: str, name: str) -> bool:
        menu = self.menus["/ip firewall address-list"]
        members = [item for item in menu.items if menu.value(item, "list") == name]
        return any(_is_within(source, menu.value(item, "address")) for item in members)

    def knows(self, user: str, password: str, source: str) -> bool:
        menu = self.menus["/user"]
        for item in menu.items:
            if menu.value(item, "name") == bare(user) and menu.value(item, "disabled") == "no":
                is_right = menu.value(item, "password") == password
                return is_right and _is_within(source, menu.value(item, "address"))
        return False

    # Keeping and going back.

    def change(self, console: Console, command: Command) -> None:
        """Do what a command says to a menu, and take note for safe mode. Raise Unfit."""
        if self.faults.disk_full:
            raise Unfit("failure: not enough space to save the configuration")
        console.change(command)
        self.unsaid += 1
        if self.unsaid > _REMEMBERED:
            self.safe = None

    def take_safe_mode(self, session: object) -> bool:
        """Remember what is set now, for a session; return False where another one holds safe mode."""
        if self.safe and self.safe[0] is not session:
            return False
        self.safe, self.unsaid = (session, self.copy()), 0
        return True

    def leave_safe_mode(self, session: object, *, undo: bool) -> None:
        """Let what was set stand, or undo it all, whoever set it."""
        if self.safe and self.safe[0] is session:
            before, self.safe = self.safe[1], None
            if undo and not self.faults.timer_is_dead:
                self.menus = before

    def copy(self) -> dict[str, Menu]:
        """Return what is set, changeable on its own."""
        return {path: menu.copy() for path, menu in self.menus.items()}

    def _restore_kept(self) -> None:
        if self.safe:
            self.leave_safe_mode(self.safe[0], undo=True)


def bare(user: str) -> str:
    """Return a user's name without the options of the console that may follow it: `admin+ct80w`."""
    return user.partition("+")[0]


def _is_within(address: str, networks: str) -> bool:
    """Return whether an address is in one of some networks; nothing named is everything."""
    nets = [ip_network(each) for each in networks.split(",") if each]
    return not nets or any(ip_address(address) in each for each in nets)


def _agrees(wanted: str, test: Callable[[str], bool]) -> bool:
    """Return whether a condition of a rule holds: one not made does, `!` turns it round."""
    if not wanted:
        return True
    return test(wanted.removeprefix("!")) != wanted.startswith("!")
