"""`mspctl rollout`: the client's services onto its hosts, in waves."""

import sys
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

import click
from msgspec import structs

from mspctl import catalog, history, waves, windows
from mspctl import rollout as engine
from mspctl.cli import gate
from mspctl.cli.enrolment import admit
from mspctl.cli.gate import Gate
from mspctl.cli.inventory import write_inventory
from mspctl.cli.options import ansible_options, client_argument, extra_variables, json_option, listed
from mspctl.cli.output import answer, note, progress, table
from mspctl.cli.secret import generate, missing_secrets
from mspctl.errors import BadInput, ExitCode
from mspctl.events import MASK
from mspctl.handwritten import nearest
from mspctl.inventory import WINRM, Inventory
from mspctl.records import (
    Asset,
    CoverageState,
    HostOutcome,
    HostStatus,
    RunEnded,
    RunRecord,
    TaskResult,
    WaveStarted,
)
from mspctl.rollout import Order, Unlock
from mspctl.workspace import Client

PLAYBOOK = "rollout"
NO_MODULES = "pip install 'mspctl[windows]'"
_VERSIONS = {"newest": "upgrade", "previous": "rollback"}


@click.command()
@click.option(
    "--apply", "apply_", is_flag=True, help="Change the hosts; without it the run only looks (--check)."
)
@click.option("--check", is_flag=True, help="Only look, change nothing: what happens without --apply.")
@click.option("--diff", "-D", is_flag=True, help="Keep what each file would become or became.")
@click.option("--resume", is_flag=True, help="Go on with the last run, less the hosts that are done.")
@click.option("--retry-failed", is_flag=True, help="Only the hosts the last run lost.")
@click.option(
    "--missing", is_flag=True, help="Only hosts that the last verify found without a service, and new ones."
)
@click.option("--uninstall", is_flag=True, help="Take the services off the hosts instead.")
@click.option(
    "--upgrade",
    is_flag=True,
    help="Bring in newer versions of what is there, or those agreed upon; nothing else.",
)
@click.option("--rollback", is_flag=True, help="Put back the versions from before the last upgrade.")
@click.option(
    "--outside-window", "any_time", is_flag=True, help="Change hosts also outside their maintenance window."
)
@click.option("--full", is_flag=True, help="Go to every host, also to those that are proved unchanged.")
@ansible_options
@json_option
@client_argument
def rollout(
    client: Client,
    apply_: bool,
    check: bool,
    diff: bool,
    resume: bool,
    retry_failed: bool,
    missing: bool,
    uninstall: bool,
    upgrade: bool,
    rollback: bool,
    any_time: bool,
    full: bool,
    limit: str | None,
    tags: tuple[str, ...],
    skip_tags: tuple[str, ...],
    extra_vars: tuple[str, ...],
    forks: int | None,
    ask_become_pass: bool,
    verbose: int,
    as_json: bool,
) -> None:
    """Roll the chosen services out: pilots first, then a share of the hosts, then the rest.

    A host that is down or breaks fails alone; too many failures in a wave stop the run. A host that is proved
    to be as the last rollout left it is left out, unless --full. Every result is in runs/. Exit code 5: some
    hosts failed or were not reached.

    \b
        mspctl rollout acme --diff                 # a preview: nothing is changed
        mspctl rollout acme --apply
        mspctl rollout acme --apply --resume       # after an interruption
        mspctl rollout acme --apply -t antivirus -l 'server:!db'
        mspctl rollout acme --apply --missing      # hosts that were off, and new ones
        mspctl rollout acme --upgrade              # which versions would become which
    """
    if check and apply_:
        raise click.UsageError("--check only looks and --apply changes: give one of them")
    if resume and (retry_failed or missing or limit is not None or tags or uninstall or upgrade or rollback):
        raise click.UsageError(
            "--resume goes on with the run as it was; "
            "-l, -t, --retry-failed, --missing, --uninstall, --upgrade, --rollback do not go with it"
        )
    if missing + uninstall + upgrade + rollback > 1:
        raise click.UsageError(
            "--missing brings services to hosts, --uninstall takes them off, --upgrade and --rollback change "
            "versions: give one of them"
        )
    _check_tags((*listed(tags), *listed(skip_tags)))
    with client.lock(f"mspctl rollout {client.name}"):
        built = write_inventory(client)
        wanted = Order(
            playbook=PLAYBOOK,
            waves=(),
            check=not apply_,
            diff=diff,
            tags=listed(tags),
            skip_tags=listed(skip_tags),
            variables={
                **extra_variables(extra_vars),
                **({"managed_agent_state": "absent"} if uninstall else {}),
                **({"managed_agent_release": "newest"} if upgrade else {}),
                **({"managed_agent_release": "previous"} if rollback else {}),
            },
            pilots_must_pass=upgrade,
            forks=forks or client.workspace.settings().rollout.forks,
            failure_budget=client.workspace.settings().rollout.failure_budget,
            verbosity=verbose,
        )
        gaps = without_service(client, built, wanted.tags) if missing else None
        if gaps is not None and not gaps:
            answer([], f"{client.name}: no host is without a service it should have", as_json)
            sys.exit(ExitCode.OK)
        order = (
            resumed(client, built, wanted)
            if resume
            else cut(client, built, wanted, limit, retry_failed, only=gaps)
        )
        records = run_order(client, built, order, ask_become_pass, any_time=any_time, full=full)
    answer(records, summary(records), as_json)
    sys.exit(exit_code(records))


def _check_tags(given: Sequence[str]) -> None:
    """Raise BadInput for tags that no task carries: Ansible would run nothing and say nothing."""
    known = sorted(catalog.tags())
    lines = [
        f"-t {tag}: no task has this tag{nearest(tag, known) or '; known: ' + ', '.join(known)}"
        for tag in given
        if tag not in known
    ]
    if lines:
        raise BadInput(lines)


def cut(
    client: Client,
    built: Inventory,
    order: Order,
    limit: str | None = None,
    retry_failed: bool = False,
    only: Container[str] | None = None,
) -> Order:
    """Return `order` with the waves of the hosts it concerns. Raise BadInput where it concerns none."""
    hosts = targets(built, order.tags)
    if only is not None:
        hosts = {name: likeness for name, likeness in hosts.items() if name in only}
    if limit is not None:
        chosen = engine.limited(client.path / "hosts.json", limit)
        hosts = {name: likeness for name, likeness in hosts.items() if name in chosen}
    if retry_failed:
        hosts = {name: hosts[name] for name in waves.lost(client.last_run(order.playbook)) if name in hosts}
    if not hosts:
        raise BadInput(
            f"{client.name}: no managed host to change; `mspctl inventory {client.name}` says why not"
        )
    planned = waves.cut(hosts, client.workspace.settings().rollout.share)
    return structs.replace(order, waves=waves.apart(planned, built.redundant))


def targets(built: Inventory, tags: Sequence[str] = ()) -> dict[str, str]:
    """Return the hosts with a chosen service (of those the tags name), each with what it is alike to."""
    services = _services(built, tags)
    return {
        host.name: " ".join(host.discovered.get(key, "") for key in ("kind", "os", "os_version"))
        for host in built.hosts
        if services & set(host.groups)
    }


def _services(built: Inventory, tags: Sequence[str]) -> set[str]:
    """Return the chosen services that tags name, all where they name none."""
    return set(tags) & set(built.services) or set(built.services)


def without_service(client: Client, built: Inventory, tags: Sequence[str] = ()) -> frozenset[str]:
    """Return the hosts that nobody has yet proved to have every service chosen for them."""
    proved = {
        (found.asset, found.service)
        for found in client.coverage()
        if found.state in (CoverageState.COVERED, CoverageState.EXCLUDED)
    }
    wanted = _services(built, tags)
    return frozenset(
        host.name
        for host in built.hosts
        if any((host.name, service) not in proved for service in wanted & set(host.groups))
    )


def resumed(client: Client, built: Inventory, order: Order) -> Order:
    """Return the order that goes on with the last run, less the hosts that have left since.

    Raise BadInput where that run is finished, or was of another kind.
    """
    last = client.last_run(order.playbook)
    started = waves.started(last)
    present = targets(built, started.tags if started else ())
    left = waves.only(waves.remaining(last), present)
    if not waves.is_unfinished(last) or not left or not started:
        raise BadInput(f"{client.name}: no unfinished rollout; start one with `mspctl rollout {client.name}`")
    if started.check != order.check:
        mode = "a preview; go on without --apply" if started.check else "with --apply; go on with it too"
        raise BadInput(f"{client.name}: run {started.run} was {mode}")
    hidden = [key for key, value in started.variables.items() if MASK in str(value)]
    if lacking := sorted(set(hidden) - set(order.variables)):
        raise BadInput(
            f"{client.name}: run {started.run} was given secrets, which no record holds; "
            f"give them again: {' '.join(f'-e {key}=…' for key in lacking)}"
        )
    return structs.replace(
        order,
        waves=left,
        tags=started.tags,
        skip_tags=started.skip_tags,
        variables={**started.variables, **order.variables},
        pilots_must_pass=started.variables.get("managed_agent_release") == "newest",
        resumes=started.run,
    )


def run_order(
    client: Client,
    built: Inventory,
    order: Order,
    ask_become: bool = False,
    *,
    any_time: bool = False,
    full: bool = False,
) -> tuple[RunRecord, ...]:
    """Run `order`; return its records. One commit; needs the client's lock.

    Hosts outside their maintenance window are left out of a change, unless `any_time`; hosts that are proved
    unchanged are left out, unless `full`. Secrets of the hosts' own are made, and the hosts enrolled at the
    provider's own, before anything reaches them; hosts that the services were taken off are let in no more.
    Raise BadInput before anything starts when a secret is missing, or no window is open.
    """
    if lines := missing_secrets(client.workspace, client.name):
        raise BadInput(lines)
    order = _within_reach(client, built, order)
    if order.playbook == PLAYBOOK:
        if not order.check and not any_time:
            order = within_windows(client, order, datetime.now(UTC))
        generate(client, built)
        if not _is_removal(order) and not gate.changes_versions(order):
            admit(client, built, _services(built, order.tags), order.check)
    gate.make_key(client, order)
    keys = unlock(client, ask_become)
    guard = Gate(client, built, order, keys)
    order = guard.narrowed(full)
    name = client.fresh_id("runs", datetime.now(UTC))
    taken: list[RunRecord] = []
    try:
        with client.log("runs", name) as append, watching(order) as watch:

            def record(each: RunRecord) -> None:
                append(each)
                taken.append(each)
                watch(each)

            own = client.workspace.own_providers
            ended = engine.run(order, client.path / "hosts.json", name, keys, own, record, guard.manage)
        if ended.status != "interrupted":
            guard.keep(taken)
    finally:
        if order.playbook == PLAYBOOK:  # a look at the hosts is committed with what it proved
            client.commit(message_of(order, taken))
    if _is_removal(order) and not order.check:
        freed = {host for host, status in waves.outcomes(taken).items() if status in waves.DONE}
        admit(client, built, _services(built, order.tags), check=False, left=freed)
    return tuple(taken)


def _within_reach(client: Client, built: Inventory, order: Order) -> Order:
    """Return `order` less the Windows hosts where Ansible lacks the modules for them, which is said."""
    windows_hosts = {host.name for host in built.hosts if host.connection.get("ansible_connection") == WINRM}
    left = sorted(windows_hosts & {host for wave in order.waves for host in wave})
    if not left or engine.has_windows_modules():
        return order
    line = (
        f"{client.name}: left out, as Ansible lacks its modules for Windows: {', '.join(left)}; {NO_MODULES}"
    )
    rest = waves.only(order.waves, {host for wave in order.waves for host in wave} - set(left))
    if not rest:
        raise BadInput(line)
    note(line)
    return structs.replace(order, waves=rest)


def _is_removal(order: Order) -> bool:
    return order.variables.get("managed_agent_state") == "absent"


def within_windows(client: Client, order: Order, now: datetime) -> Order:
    """Return `order` less the hosts whose window is closed, and with when each other one closes.

    Raise BadInput where every window is closed.
    """
    file = client.file()
    sites = windows.of_sites(file)
    where = {asset.name: asset.site for asset in client.assets() if isinstance(asset, Asset)}
    deadlines: dict[str, datetime] = {}
    closed: dict[str, list[str]] = {}
    for host in (host for wave in order.waves for host in wave):
        maintenance = sites.get(where.get(host, ""), file.maintenance)
        if closes := windows.closes_at(maintenance, now):
            deadlines[host] = closes
        else:
            opens = windows.opens_at(maintenance, now)
            when = windows.local(opens, maintenance) if opens else "never"
            closed.setdefault(when, []).append(host)
    for when, hosts in sorted(closed.items()):
        note(f"{client.name}: left out until their maintenance window, {when}: {', '.join(sorted(hosts))}")
    if not deadlines:
        opening = ", ".join(sorted(closed))
        raise BadInput(
            f"{client.name}: outside every maintenance window; the next opens {opening};"
            " --outside-window changes hosts now"
        )
    return structs.replace(order, waves=waves.only(order.waves, deadlines), deadlines=deadlines)


def unlock(client: Client, ask_become: bool = False) -> Unlock:
    """Return what opens the client's hosts; asks for the vault's password only where there are secrets."""
    vault = client.vault()
    names = vault.names()
    become = str(click.prompt("BECOME password", hide_input=True, err=True)) if ask_become else ""
    secrets = (*(vault.get(name) for name in names), *([become] if become else []))
    password = client.workspace.password() if names else ""
    key = vault.get(gate.KEY) if gate.KEY in names else ""
    return Unlock(vault_password=password, become_password=become, secrets=secrets, receipts_key=key)


def exit_code(records: Sequence[RunRecord]) -> ExitCode:
    """Return how a run ends the command."""
    ended = next((record for record in reversed(records) if isinstance(record, RunEnded)), None)
    if ended and ended.status == "interrupted":
        return ExitCode.INTERRUPTED
    lost = [record for record in records if isinstance(record, HostOutcome) and record.status in waves.LOST]
    return ExitCode.HOSTS_FAILED if lost or not ended or ended.status != "complete" else ExitCode.OK


def summary(records: Sequence[RunRecord]) -> str:
    """Return a run as a table for a person, and its verdict."""
    rows = [
        (
            record.host,
            str(record.wave),
            record.status.value,
            str(record.ok),
            str(record.changed),
            record.detail,
        )
        for record in records
        if isinstance(record, HostOutcome)
    ]
    versions = [
        (each.host, each.service, each.package, each.before, each.after, "yes" if each.is_kept else "no")
        for each in history.versions(records)
    ]
    told = table(("host", "wave", "result", "ok", "changed", "what happened"), rows)
    if versions:
        headers = ("host", "service", "package", "before", "after", "can be put back")
        told += f"\n\n{table(headers, versions)}"
    if products := history.replaced(records):
        told += f"\n\n{table(('host', 'service', 'taken off for it'), products)}"
    return f"{told}\n\n{verdict(records)}"


def verdict(records: Sequence[RunRecord]) -> str:
    """Return a run in one line."""
    outcomes = [record for record in records if isinstance(record, HostOutcome)]
    started = waves.started(records)
    if not started:
        return "not started"
    ended = next((record for record in records if isinstance(record, RunEnded)), None)
    changed = sum(record.changed for record in outcomes)
    lost = [record.host for record in outcomes if record.status in waves.LOST]
    proved = waves.proved(records)
    words = [f"{len(outcomes)} hosts{f' ({len(proved)} proved unchanged, no run needed)' if proved else ''}"]
    if changed:
        verb = "would change" if started.check else "changed"
        words.append(f"{changed} tasks {verb} {sum(1 for record in outcomes if record.changed)} hosts")
    else:
        words.append(
            "nothing changed: every host is already as it should be" if not lost else "nothing changed"
        )
    if lost:
        words.append(f"{len(lost)} failed or not reached: {', '.join(lost)}")
    if ended and ended.status != "complete":
        left = sum(len(wave) for wave in started.waves) - len(outcomes) + len(proved)
        words.append(f"{ended.status} ({ended.reason}), {left} hosts not begun; go on with --resume")
    mode = "preview" if started.check else "run"
    return f"{mode} {started.run}: {'; '.join(words)}"


@contextmanager
def watching(order: Order) -> Iterator[Callable[[RunRecord], None]]:
    """Show hosts as they get through their waves: a bar on a terminal, a line a host elsewhere."""
    total = sum(len(wave) for wave in order.waves)
    done: list[str] = []
    with progress("preview" if order.check else order.playbook) as report:

        def watch(record: RunRecord) -> None:
            if isinstance(record, WaveStarted):
                note(f"wave {record.wave} of {len(order.waves)}: {', '.join(record.hosts)}")
            elif isinstance(record, TaskResult):
                report(f"{record.host}: {record.task}", len(done), total)
                if record.status in waves.LOST:
                    note(f"{record.host}: {record.status}: {record.task}: {record.detail}")
            elif isinstance(record, HostOutcome) and record.wave:
                done.append(record.host)
                report(record.host, len(done), total)
                changes = f", {record.changed} changes" if record.changed else ""
                note(f"{record.host}: {record.status}{changes}")

        yield watch


def message_of(order: Order, records: Sequence[RunRecord]) -> str:
    """Return the commit message of a run: what it did to whom."""
    outcomes = [record for record in records if isinstance(record, HostOutcome)]
    lost = [record.host for record in outcomes if record.status in waves.LOST]
    changed = [record.host for record in outcomes if record.status is HostStatus.CHANGED]
    what = (
        "uninstall"
        if _is_removal(order)
        else _VERSIONS.get(str(order.variables.get("managed_agent_release")), order.playbook)
    )
    parts = [f"{len(changed)} hosts changed" if changed else "nothing changed"]
    if lost:
        parts.append(f"{len(lost)} lost: {', '.join(lost)}")
    mode = " (preview)" if order.check else ""
    total = sum(map(len, order.waves)) + len(order.proved)
    return f"{what}{mode}: {len(outcomes)} of {total} hosts, {', '.join(parts)}"
