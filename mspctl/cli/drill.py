"""`mspctl drill`: proves that monitoring alerts, by stopping a unit of our own on every host."""

import math
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import click
from msgspec import structs

from mspctl import catalog, consoles, drills, sessions
from mspctl import verify as stage
from mspctl.cli.doors import Doors
from mspctl.cli.inventory import write_inventory
from mspctl.cli.options import client_argument, json_option
from mspctl.cli.output import answer, note, progress, table
from mspctl.cli.report import write_page
from mspctl.cli.rollout import unlock
from mspctl.errors import BadInput, ExitCode, MspctlError
from mspctl.events import told
from mspctl.handwritten import nearest
from mspctl.inventory import Inventory, names_of
from mspctl.records import Asset, Drill, DrillAnswer, Record
from mspctl.records.provider import ConsoleQuery
from mspctl.sessions import Errand, Lost, Said
from mspctl.vault import no_password
from mspctl.workspace import Client, Workspace

_POLL_SECONDS = 3
_HOST_SECONDS = 60.0  # what stopping or starting a unit may take
_MARGIN_SECONDS = 120  # after which a host starts its unit by itself
_REASON = 200


class Outcome(Record, frozen=True, kw_only=True):
    """How one host came out of a drill."""

    host: str
    service: str
    result: str  # proved | failed | not drilled
    drill: Drill | None = None  # none: it was not begun, or broken off
    reason: str = ""


def complete_hosts(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the hosts of the client that begin so, for the shell."""
    name = context.params.get("client_name")
    try:
        found = Workspace.find(context.params.get("directory") or Path(), no_password)
    except BadInput:
        return []
    if name not in found.clients():
        return []
    assets = (each for each in found.client(name).assets() if isinstance(each, Asset))
    return [each.name for each in assets if each.name.startswith(incomplete)]


@click.command()
@client_argument
@click.argument("hosts", metavar="[HOST]...", nargs=-1, shell_complete=complete_hosts)
@click.option(
    "--wait",
    "wait_seconds",
    type=click.IntRange(30, 3600),
    default=240,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for each step: until the server watches, until alerts fire, until they clear.",
)
@click.option("--ask-become-pass", "-K", is_flag=True, help="Ask for the password of sudo.")
@json_option
def drill(
    client: Client, hosts: tuple[str, ...], wait_seconds: int, ask_become_pass: bool, as_json: bool
) -> None:
    """Prove that an alert fires when a service stops, and clears when it is back, on every host or on HOST.

    No service of the client's is touched: a rollout of monitoring brings a unit of our own,
    mspctl-drill.service, which does nothing. It is stopped until the server shows a problem, and started
    again in any case; a host that nobody comes back to starts it by itself. What came of it is evidence.
    Exit code 4 when an alert did not fire, or not clear, or a host could not be drilled.

    \b
        mspctl drill acme
        mspctl drill acme web db --wait 120
    """
    with client.lock(f"mspctl drill {client.name}"):
        outcomes = hold(client, write_inventory(client), hosts, wait_seconds, ask_become_pass)
    rows = [_row(each) for each in outcomes]
    text = table(("host", "service", "result", "alert after", "cleared after", "why"), rows)
    proved = sum(1 for each in outcomes if each.result == "proved")
    answer(outcomes, f"{text}\n\n{proved} of {len(outcomes)} hosts proved to alert", as_json)
    sys.exit(ExitCode.OK if proved == len(outcomes) else ExitCode.NOT_COVERED)


def hold(
    client: Client, built: Inventory, named: Sequence[str], seconds: int, ask_become: bool
) -> tuple[Outcome, ...]:
    """Drill the hosts, all of them side by side; save what came of it; one commit. Needs the client's lock.

    Raise BadInput where nothing is to be drilled, MspctlError where the server cannot be asked at the
    beginning, when nothing was stopped yet, and Interrupted or KeyboardInterrupt after a Ctrl-C, when the
    units were told to start again.
    """
    chosen = _chosen(client, built, named)
    keys = unlock(client, ask_become)
    doors = Doors(client, built, keys.become_password)
    found: list[Outcome] = []
    try:
        for (service, provider), hosts in chosen.items():
            underway = _Underway(client, service, provider, doors, seconds, keys.secrets)
            try:
                underway.run(hosts)
            finally:
                found += underway.outcomes(hosts)
    finally:
        _save(client, built, found)
    return tuple(found)


@dataclass
class _Underway:
    """A drill of the hosts of one service."""

    client: Client
    service: str
    provider: str
    doors: Doors
    seconds: int
    secrets: tuple[str, ...] = field(repr=False)
    asked: dict[str, None] = field(default_factory=dict)  # where somebody went, and it may be stopped
    begun: dict[str, tuple[datetime, float]] = field(default_factory=dict)  # host: when it was stopped
    fired: dict[str, int] = field(default_factory=dict)
    started: dict[str, float] = field(default_factory=dict)
    cleared: dict[str, int] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)
    unasked: frozenset[str] = frozenset()  # hosts of which the server could not be asked last
    is_over: bool = False  # it was not broken off

    def run(self, hosts: Sequence[str]) -> None:
        """Stop the unit on the hosts, wait for the alerts, start it again, wait until they are gone."""
        self._say(f"asking whether the server watches {len(hosts)} hosts")
        watched = self._until(hosts, lambda said: said.is_watched and not said.is_firing, is_strict=True)
        try:
            self._stop(watched)
            if stopped := tuple(self.begun):
                self._say(f"stopped the unit on {len(stopped)} hosts; waiting for alerts")
                self._until(stopped, lambda said: said.is_firing, self._has_fired)
        finally:
            self._start()
        if self.started:
            self._say(f"started the unit on {len(self.started)} hosts; waiting until the alerts clear")
            waiting = tuple(host for host in self.fired if host in self.started)
            self._until(waiting, lambda said: said.is_watched and not said.is_firing, self._has_cleared)
        self.is_over = True

    def _stop(self, hosts: Sequence[str]) -> None:
        def take(host: str, said: Said | Lost) -> None:
            if isinstance(said, Said) and said.exit_status == 0:
                self.begun[host] = (datetime.now(UTC), time.monotonic())
            elif isinstance(said, Said) and said.exit_status == drills.NOT_THERE:
                self.why[host] = f"{drills.UNIT} does not run on it: `mspctl rollout` brings it"
            else:
                self.why[host] = self._complaint(said)

        # Waiting, going to all of them twice, a margin: only a host nobody came back to starts it by itself.
        rounds = 2 * math.ceil(len(hosts) / sessions.AT_ONCE)
        seconds = self.seconds + rounds * int(_HOST_SECONDS) + _MARGIN_SECONDS
        self._visit(hosts, lambda become: drills.stop(seconds, with_password=become), take)

    def _start(self) -> None:
        """Start the unit wherever it may be stopped; a second Ctrl-C does not keep anybody from it."""

        def take(host: str, said: Said | Lost) -> None:
            if isinstance(said, Said) and said.exit_status == 0:
                self.started[host] = time.monotonic()
            else:
                self.why[host] = f"not started again: {self._complaint(said)}"
                self._say(f"{host}: {self.why[host]}; it starts it by itself within minutes")

        with _undisturbed():
            self._visit(tuple(self.asked), lambda become: drills.start(with_password=become), take)

    def _visit(
        self, hosts: Sequence[str], command: Callable[[bool], str], take: Callable[[str, Said | Lost], None]
    ) -> None:
        """Run a command, given whether sudo gets a password, on hosts side by side."""
        logins = self.doors.logins(hosts)
        errands = []
        for login in logins:
            door, become = self.doors.door(login)
            if {"\n", "\0"} & set(become):
                self.why[login.name] = "the password of sudo is no line"
                continue
            self.asked[login.name] = None
            errands.append(Errand(door=door, command=command(bool(become)), text=f"{become}\n".encode()))
        for host in set(hosts) - {login.name for login in logins}:
            self.why[host] = "nobody logs in to it: `mspctl inspect --dry-run` says why"
        if errands:
            sessions.run(errands, lambda errand, said: take(errand.door.host, said), seconds=_HOST_SECONDS)

    def _complaint(self, said: Said | Lost) -> str:
        text = said.reason if isinstance(said, Lost) else said.errors.decode("utf-8", "replace")
        return told(text, _REASON, self.secrets) or "refused"

    def _has_fired(self, host: str) -> None:
        self.fired[host] = round(time.monotonic() - self.begun[host][1])
        self._say(f"{host}: an alert fired after {self.fired[host]} s")

    def _has_cleared(self, host: str) -> None:
        self.cleared[host] = round(time.monotonic() - self.started[host])
        self._say(f"{host}: the alert cleared after {self.cleared[host]} s")

    def _say(self, text: str) -> None:
        note(f"{self.client.name}: {self.service}: {text}")

    def outcomes(self, hosts: Sequence[str]) -> list[Outcome]:
        """Return how each host came out."""
        return [self._outcome(host) for host in hosts]

    def _outcome(self, host: str) -> Outcome:
        if host not in self.begun or not self.is_over:
            reason = self.why.get(host) or "the drill was broken off"
            return Outcome(host=host, service=self.service, result="not drilled", reason=reason)
        came = Drill(
            host=host,
            service=self.service,
            provider=self.provider,
            at=self.begun[host][0],
            fired_seconds=self.fired.get(host),
            cleared_seconds=self.cleared.get(host),
        )
        if drills.is_proof(came):
            return Outcome(host=host, service=self.service, result="proved", drill=came)
        if host in self.unasked or host not in self.started:  # that tells nothing of the monitoring
            return Outcome(
                host=host, service=self.service, result="not drilled", reason=self.why.get(host, "")
            )
        what = "the alert did not clear" if host in self.fired else "no alert"
        reason = f"{what} within {self.seconds} s" + (f": {said}" if (said := self.why.get(host)) else "")
        came = structs.replace(came, reason=reason)
        return Outcome(host=host, service=self.service, result="failed", drill=came, reason=reason)

    def _until(
        self,
        hosts: Sequence[str],
        is_so: Callable[[DrillAnswer], bool],
        tell: Callable[[str], None] = lambda _host: None,
        is_strict: bool = False,
    ) -> tuple[str, ...]:
        """Return the hosts of which the server said that it is so, in time; `tell` is told as it says it.

        A server that cannot be asked is asked again; with `is_strict` MspctlError is raised at once.
        """
        so: dict[str, None] = {}
        self.why = {host: why for host, why in self.why.items() if host not in hosts}
        deadline = time.monotonic() + self.seconds
        with progress("drill") as report:
            while len(so) < len(hosts):
                waiting = tuple(host for host in hosts if host not in so)
                try:
                    said = self._ask(waiting)
                    self.unasked -= set(waiting)
                except MspctlError as error:
                    if is_strict:
                        raise
                    said = {}
                    self.unasked |= set(waiting)
                    self.why |= dict.fromkeys(waiting, told(str(error), _REASON, ()))
                for host, each in sorted(said.items()):
                    if is_so(each):
                        so[host] = None
                        self.why.pop(host, None)
                        tell(host)
                    else:
                        self.why[host] = each.detail or ("a problem is open" if each.is_firing else "")
                report(f"{len(so)} of {len(hosts)} hosts", len(so), len(hosts))
                if len(so) == len(hosts) or time.monotonic() >= deadline:
                    break
                time.sleep(_POLL_SECONDS)
        return tuple(so)

    def _ask(self, hosts: tuple[str, ...]) -> dict[str, DrillAnswer]:
        query = _query(self.client, self.service, self.provider)
        if query is None:
            raise MspctlError(f"{self.provider}: its record names no server")
        return consoles.drill(query, *self.client.workspace.console(self.provider), self.client.name, hosts)


def _chosen(client: Client, built: Inventory, named: Sequence[str]) -> dict[tuple[str, str], tuple[str, ...]]:
    """Return the hosts to drill by product. Raise BadInput for one that is not there, or where none is."""
    names = {
        called: asset.name
        for asset in client.assets()
        if isinstance(asset, Asset)
        for called in names_of(asset)
    }
    if lines := [
        f"{client.name}: no host '{each}'{nearest(each, sorted(names))}"
        for each in named
        if each not in names
    ]:
        raise BadInput(lines)
    only = {names[each] for each in named}
    watched = {
        product: hosts
        for product, hosts in built.by_product().items()
        if (query := _query(client, *product)) and consoles.drills(query)
    }
    found = {
        product: tuple(host for host in hosts if not only or host in only)
        for product, hosts in watched.items()
    }
    if strangers := sorted(only - {host for hosts in found.values() for host in hosts}):
        raise BadInput(f"{client.name}: not watched by a server that drills: {', '.join(strangers)}")
    found = {product: hosts for product, hosts in found.items() if hosts}
    if not found:
        raise BadInput(f"{client.name}: no host is watched by a server that drills (Zabbix, Prometheus)")
    return found


def _query(client: Client, service: str, provider: str) -> ConsoleQuery | None:
    return catalog.provider(service, provider, client.workspace.own_providers).console


def _save(client: Client, built: Inventory, outcomes: Sequence[Outcome]) -> None:
    """Keep what came of the drills, as records and as proofs of coverage; one commit."""
    new = [each.drill for each in outcomes if each.drill]
    if not new:
        return
    members = {service: built.members(service) for service in built.services}
    every = drills.kept(client.drills(), new, members)
    client.save_records("drills.jsonl", every)
    now = datetime.now(UTC)
    proofs = drills.proofs(every, now, client.workspace.settings().drills.valid_days)
    if before := client.coverage():
        since = now.strftime("%Y%m%dT%H%M%SZ")
        client.save_records("evidence.jsonl", stage.with_drills(before, proofs, since))
        write_page(client)
    proved = sum(1 for each in new if drills.is_proof(each))
    client.commit(f"drill: {proved} of {len(new)} hosts proved to alert")


def _row(each: Outcome) -> tuple[str, ...]:
    fired = each.drill.fired_seconds if each.drill else None
    cleared = each.drill.cleared_seconds if each.drill else None
    seconds = tuple("-" if value is None else f"{value} s" for value in (fired, cleared))
    return each.host, each.service, each.result, *seconds, each.reason


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let no Ctrl-C in."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
