"""`mspctl backup`: what the provider does to a client's backups beside the server that keeps them."""

import getpass
import sys
import urllib.parse
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import NamedTuple

import click

from mspctl import catalog, enrolment, own_hosts, retention, sessions
from mspctl.cli.inventory import write_inventory
from mspctl.cli.options import client_argument, json_option
from mspctl.cli.output import answer, note, progress
from mspctl.cli.own_hosts import ready
from mspctl.cli.rollout import exit_code
from mspctl.errors import BadInput, Interrupted
from mspctl.events import told
from mspctl.inspection.script import fresh_mark
from mspctl.inventory import Inventory
from mspctl.records import HostOutcome, HostStatus, OwnHost, RunEnded, RunRecord, RunStarted, WaveStarted
from mspctl.records.provider import Enrolment
from mspctl.references import generated_name
from mspctl.retention import Look, Nothing, Policy, Refused, Thinned
from mspctl.sessions import Door, Errand, Lost, Said
from mspctl.workspace import Client, Workspace

PLAYBOOK = "backup_prune"  # no playbook: what the run is called among the others
_LOOK_SECONDS, _THIN_SECONDS = 900.0, 12 * 3600.0
_AT_ONCE = 2  # a store has one set of disks
_REASON = 300
_UNTOUCHED = "nothing is forgotten"


@click.group()
def backup() -> None:
    """Look after a client's backups where they lie."""


@backup.command()
@click.option("--apply", "apply_", is_flag=True, help="Forget them; without it the run only says which.")
@click.option("--ask-become-pass", "-K", is_flag=True, help="Ask for the password of sudo.")
@json_option
@client_argument
def prune(client: Client, apply_: bool, ask_become_pass: bool, as_json: bool) -> None:
    """Forget the client's old snapshots, on the provider's own host that keeps them.

    The client's hosts can only add; what stays is said by the settings keep_* of the backup service. A
    repository in which something looks wrong, such as snapshots from the future or more of them than the
    schedule makes, is left as it is. Exit code 5: some repositories were left so, or could not be thinned.

    \b
        mspctl backup prune acme             # what would go
        mspctl backup prune acme --apply
    """
    with client.lock(f"mspctl backup prune {client.name}"):
        records = thin(client, write_inventory(client), apply_, ask_become_pass)
    outcomes = sorted((each for each in records if isinstance(each, HostOutcome)), key=lambda each: each.host)
    answer(records, "\n".join(f"{each.host}: {_marked(each)}" for each in outcomes) or "no hosts", as_json)
    sys.exit(exit_code(records))


def _marked(outcome: HostOutcome) -> str:
    is_lost = outcome.status in (HostStatus.FAILED, HostStatus.UNREACHABLE)
    return f"{outcome.status}: {outcome.detail}" if is_lost else outcome.detail


class Repository(NamedTuple):
    """Where the snapshots of one of the client's hosts lie, and what opens them."""

    folder: str
    user: str
    password: str


def thin(client: Client, built: Inventory, is_applied: bool, ask_become: bool) -> tuple[RunRecord, ...]:
    """Thin the repositories of the client's hosts, or say what would go; one run, one commit.

    Needs the client's lock. Raise BadInput where no service keeps its backups at a host of mspctl.yml.
    """
    kept = _kept(client, built)
    servers = {each.server.name: each.server for each in kept}
    doors = {name: _door(client.workspace, server, ask_become) for name, server in servers.items()}
    underway = [
        (each.hosts, _Underway(*doors[each.server.name], each.policy, _repositories(client, built, each)))
        for each in kept
    ]
    hosts = tuple(sorted(host for each in kept for host in each.hosts))
    taken: list[RunRecord] = []
    run = client.fresh_id("runs", datetime.now(UTC))
    with client.log("runs", run) as append, progress(f"backups at {', '.join(servers)}") as report:

        def record(each: RunRecord) -> None:
            append(each)
            taken.append(each)

        now = datetime.now(UTC)
        record(
            RunStarted(
                run=run,
                playbook=PLAYBOOK,
                started_at=now,
                by=getpass.getuser(),
                check=not is_applied,
                waves=(hosts,),
            )
        )
        record(WaveStarted(wave=1, hosts=hosts, at=now))

        def take(outcome: HostOutcome) -> None:
            record(outcome)
            report(outcome.host, sum(isinstance(each, HostOutcome) for each in taken), len(hosts))

        status = "interrupted"
        try:
            for some, work in underway:
                work.run(some, is_applied, take)
            status = "complete"
        except Interrupted as error:
            note(str(error))
        record(RunEnded(ended_at=datetime.now(UTC), status=status))
    client.commit(_message(taken, is_applied))
    return tuple(taken)


def _message(records: Iterable[RunRecord], is_applied: bool) -> str:
    outcomes = [record for record in records if isinstance(record, HostOutcome)]
    changed = sum(1 for each in outcomes if each.status is HostStatus.CHANGED)
    lost = [each.host for each in outcomes if each.status in (HostStatus.FAILED, HostStatus.UNREACHABLE)]
    said = f"{changed} of {len(outcomes)} repositories {'thinned' if is_applied else 'would be thinned'}"
    return f"backup prune{'' if is_applied else ' (preview)'}: {said}" + (
        f", left as they are: {', '.join(lost)}" if lost else ""
    )


class _Kept(NamedTuple):
    """The backups that one product makes of some of a client's hosts, kept at one of our own."""

    service: str
    enrolment: Enrolment
    policy: Policy
    server: OwnHost
    hosts: tuple[str, ...]


def _kept(client: Client, built: Inventory) -> tuple[_Kept, ...]:
    """Return the backups that we keep. Raise BadInput where there are none."""
    found = []
    for service, choice in built.services.items():
        for product in choice.products():
            record = catalog.provider(service, product.provider, client.workspace.own_providers)
            if not record.enrolment or record.enrolment.role != retention.ROLE:
                continue
            settings = {name: each.default for name, each in record.settings.items()} | product.settings
            place = f"{service}.{product.part}" if product.part else service
            server = _server(client, place, str(product.settings.get("server", "")))
            hosts = (host.name for host in built.hosts if built.chosen_for(host).get(service) == product)
            found.append(_Kept(service, record.enrolment, retention.policy(settings), server, tuple(hosts)))
    if not found:
        raise BadInput(
            f"{client.shown('client.yml')}: services: none keeps its backups in a {retention.ROLE}"
        )
    return tuple(found)


def _server(client: Client, place: str, url: str) -> OwnHost:
    hosts = [host for host in client.workspace.settings().hosts if retention.ROLE in host.roles]
    named = urllib.parse.urlsplit(url).hostname or ""
    meant = [host for host in hosts if named in (host.address, host.name)] or hosts
    if len(meant) != 1:
        names = ", ".join(host.name for host in hosts)
        raise BadInput(
            f"{client.shown('client.yml')}: services.{place}.settings.server: '{named}' is the address of "
            f"none of the hosts in mspctl.yml that are a {retention.ROLE}{': ' + names if names else ''}"
        )
    return meant[0]


def _door(workspace: Workspace, host: OwnHost, ask_become: bool) -> tuple[Door, str]:
    """Return the door to one of the provider's own hosts, its key pinned, and the password of sudo there."""
    side = workspace.own_side()
    with side.lock("mspctl backup prune"):
        ready(workspace)
    vault, connection = side.vault(), host.connection

    def secret(reference: str | None) -> str | None:
        return vault.get(reference) if reference else None

    become = str(click.prompt("BECOME password", hide_input=True, err=True)) if ask_become else ""
    door = Door(
        host=host.name,
        address=host.address,
        port=connection.port or 22,
        user=connection.user or getpass.getuser(),
        host_key=own_hosts.pinned((host,), side.known_hosts()).get(host.name, ""),
        private_key=secret(connection.key),
        key_file=connection.key_file,
        password=secret(connection.password),
        written_in="mspctl.yml",
    )
    return door, become or secret(connection.become_password) or ""


def _repositories(client: Client, built: Inventory, kept: _Kept) -> dict[str, Repository]:
    """Return the repository of each host that has had its secrets made, by the host's name."""
    folder = kept.server.roles[retention.ROLE].settings.get(
        "folder", catalog.own_roles()[retention.ROLE]["folder"].default
    )
    vault = client.vault()
    known, mine = frozenset(vault.names()), frozenset(kept.hosts)
    found = {}
    for host in built.hosts:
        asset = str(host.connection["mspctl_asset"])
        name = generated_name(kept.service, retention.PASSWORD, asset)
        if host.name in mine and name in known:
            user = enrolment.user(kept.enrolment, client.name, asset)
            found[host.name] = Repository(str(folder), user, vault.get(name))
    return found


@dataclass
class _Underway:
    """The repositories of a client, thinned one after the other; one that cannot be holds up no other."""

    door: Door
    become: str = field(repr=False)
    policy: Policy
    repositories: Mapping[str, Repository] = field(repr=False)
    forget: dict[str, tuple[str, ...]] = field(default_factory=dict)  # host: the snapshots that go
    there: dict[str, int] = field(default_factory=dict)  # host: how many there are

    def run(self, hosts: Sequence[str], is_applied: bool, take: Callable[[HostOutcome], None]) -> None:
        """Look at all, then thin those that may be. Raise Interrupted on Ctrl-C; what was told stands."""
        for host in hosts:
            if host not in self.repositories:
                take(_outcome(host, HostStatus.SKIPPED, "no rollout made its repository yet"))

        def seen(host: str, said: object) -> None:
            outcome = self._judged(host, said, is_applied)
            if outcome:
                take(outcome)

        self._visit([host for host in hosts if host in self.repositories], seen, _LOOK_SECONDS)
        if is_applied:
            self._visit(list(self.forget), lambda host, said: take(self._done(host, said)), _THIN_SECONDS)

    def _judged(self, host: str, said: object, is_applied: bool) -> HostOutcome | None:
        """Return how a host comes out of a look, None where its repository is to be thinned."""
        if isinstance(said, Nothing):
            return _outcome(host, HostStatus.SKIPPED, said.nothing)
        if not isinstance(said, Look):
            return self._lost(host, said)
        if doubt := retention.doubt(said, self.policy):
            return _outcome(host, HostStatus.FAILED, f"{doubt}: {_UNTOUCHED}; look at them, remove by hand")
        self.there[host] = len(said.arrived)
        self.forget[host] = retention.forgotten(said, self.policy)
        if is_applied:
            return None
        status = HostStatus.CHANGED if self.forget[host] else HostStatus.OK
        return _outcome(host, status, f"{self._count(host)} would go")

    def _done(self, host: str, said: object) -> HostOutcome:
        if not isinstance(said, Thinned):
            return self._lost(host, said)
        status = HostStatus.CHANGED if self.forget[host] else HostStatus.OK
        freed = retention.in_words(said.freed_bytes)
        return _outcome(host, status, f"{self._count(host)} went, {freed} freed")

    def _count(self, host: str) -> str:
        return f"{len(self.forget[host])} of {self.there[host]} snapshots"

    def _lost(self, host: str, said: object) -> HostOutcome:
        if isinstance(said, Lost):
            return _outcome(host, HostStatus.UNREACHABLE, f"{self.door.host}: {said.reason}")
        text = said.refused if isinstance(said, Refused) else str(said)
        secrets = (self.become, *(each.password for each in self.repositories.values()))
        return _outcome(
            host, HostStatus.FAILED, told(text, _REASON, [secret for secret in secrets if secret])
        )

    def _visit(self, hosts: Sequence[str], take: Callable[[str, object], None], seconds: float) -> None:
        """Send the order for each host's repository to where it lies, and tell what came of it."""
        errands = []
        for host in hosts:
            mark = fresh_mark()
            folder, user, password = self.repositories[host]
            text = retention.text(
                mark, self.become, (folder, user), password, self.policy, self.forget.get(host)
            )
            command = retention.command(mark, with_password=bool(self.become))
            errands.append(Errand(door=replace(self.door, host=host), command=command, text=text))

        def tell(errand: Errand, said: Said | Lost) -> None:
            take(errand.door.host, said if isinstance(said, Lost) else _read(said))

        if errands:
            sessions.run(errands, tell, seconds=seconds, at_once=_AT_ONCE)


def _read(said: Said) -> object:
    """Return what the script answered, or what was said instead."""
    found = retention.answer(said.output)
    return found or said.errors.decode("utf-8", "replace").strip() or "did not answer with what was asked for"


def _outcome(host: str, status: HostStatus, detail: str) -> HostOutcome:
    return HostOutcome(
        wave=1,
        host=host,
        status=status,
        ok=int(status is HostStatus.OK),
        changed=int(status is HostStatus.CHANGED),
        failed=int(status is HostStatus.FAILED),
        detail=detail,
    )
