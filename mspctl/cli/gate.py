"""The gate: hosts on which a rollout would change nothing are proved so, and left out of it.

A host is left out when every service it is to have has a receipt of the same desired state, and everything
the receipt names is on the host as it was. Whatever cannot be proved is rolled out; a gate that fails
holds nobody back.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from msgspec import structs

from mspctl import receipts, sessions, waves
from mspctl.cli.doors import Doors
from mspctl.cli.output import note
from mspctl.desired import Desired, desired
from mspctl.errors import BadInput, Interrupted, MspctlError
from mspctl.events import mask, told
from mspctl.inventory import CAPABILITIES, Inventory
from mspctl.receipts import Report, Thing
from mspctl.records import Receipt, Resource, RunRecord, RunStarted, WaveStarted
from mspctl.rollout import Order, Unlock
from mspctl.sessions import Errand, Lost, Said
from mspctl.workspace import Client, encode

KEY = "receipts_key"  # its name in the client's vault
SECONDS = 90.0  # what one host may take
_REASON = 200
_FILE = "receipts.jsonl"

T = TypeVar("T")
Seen = Mapping[Thing, dict[str, str]]


def make_key(client: Client, order: Order) -> None:
    """Make the key of receipts before the first rollout that leaves any; one commit. Needs the client's lock.

    A client without any secret has no vault, and no receipts.
    """
    names = client.vault().names()
    if names and KEY not in names and not order.check and is_whole(order):
        client.vault().set(KEY, receipts.fresh_key())
        client.commit("vault: a key for receipts")


def is_whole(order: Order) -> bool:
    """Whether a rollout brings services to hosts, each with all of its tasks."""
    return (
        order.playbook == "rollout"
        and set(order.tags) <= set(CAPABILITIES)
        and set(order.skip_tags) <= set(CAPABILITIES)
        and "managed_agent_state" not in order.variables
        and not changes_versions(order)
    )


def changes_versions(order: Order) -> bool:
    """Whether a rollout brings in another version of what is there, or puts back the one before."""
    return order.variables.get("managed_agent_release", "keep") != "keep"


@dataclass
class Gate:
    """What is known of the hosts before a run, and what the roles say during it."""

    client: Client
    built: Inventory
    order: Order
    keys: Unlock
    before: dict[tuple[str, str], Desired] = field(default_factory=dict)
    reports: dict[tuple[str, str], Report] = field(default_factory=dict)
    doors: Doors = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Take with it how the hosts are logged in to."""
        self.doors = Doors(self.client, self.built, self.keys.become_password)

    def narrowed(self, full: bool = False) -> Order:
        """Return the order less the hosts that are proved unchanged; all of it where nothing can be told."""
        if not self.keys.receipts_key or not is_whole(self.order):
            return self.order
        return self._guarded(lambda: self._narrowed(full), self.order, "every host is rolled out to")

    def manage(self, host: str, raw: Mapping[str, Any]) -> None:
        """Take what a role manages on a host."""
        if report := receipts.reported(raw):
            self.reports[host, report.capability] = report

    def keep(self, records: Sequence[RunRecord]) -> None:
        """Keep a receipt for every host that a run left as it should be; others lose theirs.

        One that changes versions leaves them alone: they name the versions, and a host with another is not
        proved by them.
        """
        if not self.order.check and self.order.playbook == "rollout" and not changes_versions(self.order):
            self._guarded(lambda: self._keep(records), None, "no receipt is kept of this run")

    def _guarded(self, work: Callable[[], T], otherwise: T, meaning: str) -> T:
        try:
            return work()
        except Interrupted:
            raise
        except Exception as error:  # noqa: BLE001 the gate saves work and may not cost any
            words = str(error) if isinstance(error, MspctlError) else f"{type(error).__name__}: {error}"
            note(f"{self.client.name}: gate: {told(words, _REASON, self.keys.secrets)}; {meaning}")
            return otherwise

    def _narrowed(self, full: bool) -> Order:
        hosts = [host for wave in self.order.waves for host in wave]
        self.before = self._desired(hosts)
        if full:
            return self.order
        known = self._current(hosts)
        seen = self._observed({host: _resources(found) for host, found in known.items()})
        proved: dict[str, str] = {}
        for host, found in known.items():
            reason = _difference(found, seen[host])
            if reason:
                note(f"{host}: {told(reason, _REASON, self.keys.secrets)}")
            else:
                proved[host] = f"as run {max(each.since for each in found)} left it"
        rest = waves.only(self.order.waves, set(hosts) - set(proved))
        if proved:
            note(f"{self.client.name}: {len(proved)} of {len(hosts)} hosts proved unchanged")
        return structs.replace(self.order, waves=rest, proved=proved)

    def _desired(self, hosts: Sequence[str]) -> dict[tuple[str, str], Desired]:
        return desired(self.client, self.built, self.order.variables, hosts, self.keys.receipts_key)

    def _services(self, host: str) -> tuple[str, ...]:
        """Return the services that the order brings to a host."""
        groups = next((each.groups for each in self.built.hosts if each.name == host), ())
        chosen = set(self.order.tags) or set(self.built.services)
        return tuple(sorted((set(groups) & set(self.built.services) & chosen) - set(self.order.skip_tags)))

    def _current(self, hosts: Sequence[str]) -> dict[str, tuple[Receipt, ...]]:
        """Return the receipts of the hosts that have one of the same desired state for every service."""
        receipts_ = {(each.host, each.service): each for each in self.client.receipts()}
        found = {}
        for host in hosts:
            mine = [(receipts_.get((host, each)), self.before[host, each]) for each in self._services(host)]
            kept = tuple(
                receipt
                for receipt, state in mine
                if receipt and receipt.desired == state.digest and not state.doubt
            )
            if kept and len(kept) == len(mine):
                found[host] = kept
        return found

    def _observed(self, wanted: Mapping[str, Sequence[Resource | receipts.Managed]]) -> dict[str, Seen | str]:
        """Return how things stand on each host, or why nobody knows; all hosts side by side."""
        found: dict[str, Seen | str] = dict.fromkeys(wanted, "nobody logs in to it")
        mark, asked, errands = receipts.fresh_mark(), {}, []
        for login in self.doors.logins(wanted):
            door, become = self.doors.door(login)
            asked[login.name] = receipts.things(wanted[login.name])
            text = receipts.question(mark, asked[login.name], become)
            if text is None:
                found[login.name] = "more is managed on it than may be asked"
            else:
                command = receipts.command(mark, with_password=bool(become))
                errands.append(Errand(door=door, command=command, text=text))

        def tell(errand: Errand, said: Said | Lost) -> None:
            host = errand.door.host
            if isinstance(said, Lost):
                found[host] = said.reason
                return
            states = receipts.answer(said.output, mark, asked[host], self.keys.receipts_key)
            found[host] = "it does not say how things stand on it" if states is None else states

        if errands:
            sessions.run(errands, tell, seconds=SECONDS)
        return found

    def _keep(self, records: Sequence[RunRecord]) -> None:
        begun = {host for record in records if isinstance(record, WaveStarted) for host in record.hosts}
        run = next((record.run for record in records if isinstance(record, RunStarted)), "")
        came_out = waves.outcomes(records)
        done = [host for host in sorted(begun) if came_out.get(host) in waves.DONE]
        known = self._readable()
        renewed = self._renewed([host for host in done if self._is_reported(host)], run, known)
        dropped = {(host, service) for host in begun for service in self._services(host) or CAPABILITIES}
        present = {host.name for host in self.built.hosts}
        kept = [each for each in known if (each.host, each.service) not in dropped and each.host in present]
        if (self.client.path / _FILE).exists() or renewed:
            self.client.save_records(_FILE, (*kept, *renewed))

    def _readable(self) -> tuple[Receipt, ...]:
        """Return the receipts there are; of a broken file nothing is left, and it is written anew."""
        try:
            return self.client.receipts()
        except BadInput:
            return ()

    def _is_reported(self, host: str) -> bool:
        services = self._services(host)
        return bool(services) and all((host, service) in self.reports for service in services)

    def _renewed(self, hosts: Sequence[str], run: str, known: Sequence[Receipt]) -> list[Receipt]:
        """Return the receipts of hosts a run has just left: observed anew, and as the roles leave them."""
        if not hosts or not self.before or not is_whole(self.order):
            return []
        now = self._desired(hosts)
        seen = self._observed(
            {
                host: [
                    each for service in self._services(host) for each in self.reports[host, service].resources
                ]
                for host in hosts
            }
        )
        old = {(each.host, each.service): each for each in known}
        ids = {host.name: str(host.connection["mspctl_asset"]) for host in self.built.hosts}
        renewed = []
        for host in hosts:
            for service in self._services(host):
                found = self._receipt(host, service, now[host, service], seen[host])
                if isinstance(found, str):
                    note(f"{host}: {service}: no receipt: {told(found, _REASON, self.keys.secrets)}")
                    continue
                receipt = Receipt(
                    asset=ids[host],
                    host=host,
                    service=service,
                    desired=now[host, service].digest,
                    since=run,
                    resources=found,
                )
                before = old.get((host, service))
                is_same = before and structs.replace(before, since=run) == receipt
                renewed.append(before if before and is_same else receipt)
        return renewed

    def _receipt(self, host: str, service: str, now: Desired, seen: Seen | str) -> tuple[Resource, ...] | str:
        """Return what a service's receipt holds, or why there is none."""
        if now.doubt:
            return now.doubt
        if now != self.before.get((host, service)):
            return "what it is to be was changed during the run"
        if isinstance(seen, str):
            return seen
        found = receipts.resources(self.reports[host, service].resources, seen)
        if not isinstance(found, str) and self._holds_secret(found):
            return "what is asked of the host holds a secret"
        return found

    def _holds_secret(self, found: Sequence[Resource]) -> bool:
        text = "".join(encode(each) for each in found)
        return mask(text, self.keys.secrets) != text


def _resources(found: Sequence[Receipt]) -> tuple[Resource, ...]:
    return tuple(each for receipt in found for each in receipt.resources)


def _difference(found: Sequence[Receipt], seen: Seen | str) -> str:
    """Return what is not as the receipts have it, "" where all is."""
    return seen if isinstance(seen, str) else receipts.difference(_resources(found), seen)
