"""`mspctl inspect`: what machines have, seen from inside."""

import sys
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import click
from msgspec import structs

from mspctl import logins as planning
from mspctl import rollout as engine
from mspctl import sessions, winrm
from mspctl.cli.discover import update
from mspctl.cli.options import client_argument, json_option
from mspctl.cli.output import answer, note, progress, table
from mspctl.errors import BadInput, ExitCode, Interrupted
from mspctl.events import mask, told
from mspctl.facts.document import MOST_CHARACTERS
from mspctl.inspection import script
from mspctl.inventory import build, files
from mspctl.logins import LeftOut, Login
from mspctl.records import Asset, Json, LoginFailed, Observation, Record, WindowsConnection
from mspctl.sessions import Door, Errand, Lost, Said
from mspctl.workspace import Client

SECONDS = 120.0
_REASON = 300


class Outcome(Record, frozen=True, kw_only=True):
    """How one machine came out."""

    asset: str
    name: str
    result: str  # seen | partly | lost | left out | would
    detail: str = ""


@click.command()
@click.option("--limit", "-l", metavar="PATTERN", help="Only these hosts or groups, as in Ansible.")
@click.option("--dry-run", is_flag=True, help="Say who would be logged in to, and how; log in to nobody.")
@click.option(
    "--timeout", default=SECONDS, show_default=True, metavar="SECONDS", type=click.FloatRange(5, 3600),
    help="What one machine may take.",
)  # fmt: skip
@click.option(
    "--at-once", default=sessions.AT_ONCE, show_default=True, type=click.IntRange(1, 500),
    help="Machines logged in to at the same time.",
)  # fmt: skip
@json_option
@client_argument
def inspect(
    client: Client, limit: str | None, dry_run: bool, timeout: float, at_once: int, as_json: bool
) -> None:
    """Log in to the client's machines and see what they have: software, updates, accounts, disks, agents …

    Reads only: one connection and one script a machine, over SSH or, for Windows, WinRM; nothing written
    there, nothing fetched. A machine whose host key or certificate is not the pinned one is not logged in
    to. Exit code 5: some machines were not seen.

    \b
        mspctl inspect acme --dry-run
        mspctl inspect acme
        mspctl inspect acme -l 'server:!db'
        mspctl assets show acme web            # what was seen
    """
    if dry_run:
        outcomes = [_would(each) for each in _planned(client, limit)]
    else:
        with client.lock(f"mspctl inspect {client.name}"):
            outcomes = look(client, _planned(client, limit), timeout, at_once)
    rows = [(each.name, each.result, each.detail) for each in outcomes]
    answer(outcomes, table(("asset", "result", "detail"), rows), as_json)
    sys.exit(ExitCode.HOSTS_FAILED if any(each.result == "lost" for each in outcomes) else ExitCode.OK)


def look(client: Client, planned: Sequence[Login | LeftOut], seconds: float, at_once: int) -> list[Outcome]:
    """Log in to who is planned, and bring assets and inspections up to date; one commit.

    Needs the client's lock. What was seen until Ctrl-C is kept.
    """
    chosen = [each for each in planned if isinstance(each, Login)]
    outcomes = [
        Outcome(asset=each.asset, name=each.name, result="left out", detail=each.reason)
        for each in planned
        if isinstance(each, LeftOut)
    ]
    name = client.fresh_id("observations", datetime.now(UTC))
    secrets = _opened(client, chosen)
    stopped: Interrupted | None = None
    if chosen:
        with client.log("observations", name) as append, progress("inspect") as report:

            def record(login: Login, records: Sequence[Observation | LoginFailed], outcome: Outcome) -> None:
                for each in records:
                    append(each)
                outcomes.append(outcome)
                report(login.name, len(outcomes), len(planned))
                if outcome.result != "seen":
                    note(f"{outcome.name}: {outcome.result}: {outcome.detail}")

            by_ssh = [each for each in chosen if each.by == "ssh"]
            by_winrm = [each for each in chosen if each.by == "winrm"]
            try:
                _by_ssh(by_ssh, secrets, name, seconds, at_once, record)
                _by_winrm(by_winrm, secrets, name, seconds, at_once, record, client.workspace.root)
            except Interrupted as error:
                stopped = error
    update(client, client.file())
    seen = sum(1 for each in outcomes if each.result in ("seen", "partly"))
    client.commit(f"inspect: {seen} of {len(chosen)} machines seen{' (stopped early)' if stopped else ''}")
    if stopped:
        raise stopped
    return sorted(outcomes, key=lambda each: each.name)


Take = Callable[[Login, Sequence[Observation | LoginFailed], Outcome], None]


def _by_ssh(
    chosen: Sequence[Login], secrets: dict[str, str], scan: str, seconds: float, at_once: int, take: Take
) -> None:
    """Log in over SSH and hand over what each machine said."""
    by_name = {login.name: login for login in chosen}
    marks = {login.name: script.fresh_mark() for login in chosen}
    errands = [
        Errand(
            door=_door(login, secrets),
            command=script.COMMAND,
            text=script.text(marks[login.name], _secret(login.connection.become_password, secrets)),
        )
        for login in chosen
    ]

    def tell(errand: Errand, said: Said | Lost) -> None:
        login = by_name[errand.door.host]
        at = datetime.now(UTC)
        found = said.reason if isinstance(said, Lost) else script.answer(said.output, marks[login.name])
        if isinstance(found, str):
            reason = told(found, _REASON, tuple(secrets.values()))
            _lose(login, scan, at, reason, take)
            return
        detail = script.told_by_sudo(found.become)
        outcome = Outcome(
            asset=login.asset, name=login.name, result="partly" if detail else "seen", detail=detail
        )
        take(login, _observations(login, scan, at, found, tuple(secrets.values())), outcome)

    sessions.run(errands, tell, seconds=seconds, at_once=at_once)


def _by_winrm(
    chosen: Sequence[Login],
    secrets: dict[str, str],
    scan: str,
    seconds: float,
    at_once: int,
    take: Take,
    root: Path,
) -> None:
    """Log in to Windows and hand over what each machine said."""
    by_name = {login.name: login for login in chosen}
    marks = {login.name: script.fresh_mark() for login in chosen}
    errands = [
        winrm.Errand(_windows_door(login, secrets, root), script.windows_text(marks[login.name]))
        for login in chosen
    ]

    def tell(errand: winrm.Errand, said: Said | Lost) -> None:
        login = by_name[errand.door.host]
        at = datetime.now(UTC)
        document = "" if isinstance(said, Lost) else script.windows_answer(said.output, marks[login.name])
        if not document:
            reason = said.reason if isinstance(said, Lost) else "did not answer with the document asked for"
            _lose(login, scan, at, told(reason, _REASON, tuple(secrets.values())), take)
            return
        raw: dict[str, Json] = {"tls_key": login.pin, "document": mask(document, tuple(secrets.values()))}
        seen = Observation(
            scan=scan, address=login.address, probe="winrm_login", at=at, port=login.port, raw=raw
        )
        take(login, (seen,), Outcome(asset=login.asset, name=login.name, result="seen"))

    winrm.run(errands, tell, seconds=seconds, most_bytes=MOST_CHARACTERS, at_once=at_once)


def _lose(login: Login, scan: str, at: datetime, reason: str, take: Take) -> None:
    failed = LoginFailed(scan=scan, address=login.address, at=at, reason=reason)
    take(login, (failed,), Outcome(asset=login.asset, name=login.name, result="lost", detail=reason))


def _observations(
    login: Login, scan: str, at: datetime, found: script.Answer, secrets: tuple[str, ...]
) -> list[Observation]:
    """Return what a machine said as what was seen, rid of every secret: it was told one."""

    def seen(probe: str, sections: dict[str, str], **more: Json) -> Observation:
        kept: dict[str, Json] = {name: mask(text, secrets) for name, text in sections.items() if text}
        return Observation(
            scan=scan,
            address=login.address,
            probe=probe,
            at=at,
            port=login.port,
            raw={"host_key": login.pin, "sections": kept, **more},
        )

    cut: dict[str, Json] = {"cut": list(found.cut)} if found.cut else {}
    records = [seen("ssh_login", found.plain(), become=mask(found.become, secrets), **cut)]
    if (privileged := found.privileged()) and not script.told_by_sudo(found.become):
        records.append(seen("ssh_become", privileged))
    return records


def _planned(client: Client, limit: str | None) -> tuple[Login | LeftOut, ...]:
    """Return who is to be logged in to. Raise BadInput where nobody is there, or the limit names nobody."""
    assets = [each for each in client.assets() if isinstance(each, Asset)]
    if not assets:
        raise BadInput(f"{client.name}: no assets yet; `mspctl discover {client.name}` finds them")
    only = _limited(client, assets, limit) if limit is not None else None
    pins = planning.pins(client.known_hosts(), client.scans())
    return planning.logins(client.file(), assets, client.overrides(), pins, date.today(), only)


def _limited(client: Client, assets: Sequence[Asset], pattern: str) -> frozenset[str]:
    """Return the names that Ansible's reading of `-l pattern` selects. Raise BadInput where it selects none.

    The services play no part: what is wrong with their choice does not keep anybody from looking.
    """
    file = structs.replace(client.file(), services={}, exclusions=())
    built = build(client.name, file, client.workspace.settings(), assets, client.overrides(), date.today())
    with tempfile.TemporaryDirectory() as folder:
        hosts = Path(folder) / "hosts.json"
        hosts.write_text(files(built)["hosts.json"], encoding="utf-8")
        return engine.limited(hosts, pattern)


def _opened(client: Client, chosen: Sequence[Login]) -> dict[str, str]:
    """Return the secrets the logins need, by reference. Raise BadInput for each that is not in the vault."""
    vault = client.vault()
    wanted = sorted({reference for login in chosen for reference in planning.secrets_of(login)})
    return {reference: vault.get(reference) for reference in wanted}


def _door(login: Login, secrets: dict[str, str]) -> Door:
    connection = login.connection
    return Door(
        host=login.name,
        address=login.address,
        port=login.port,
        user=connection.user or "",
        host_key=login.pin,
        private_key=secrets[connection.key] if connection.key else None,
        key_file=connection.key_file,
        password=secrets[connection.password] if connection.password else None,
    )


def _windows_door(login: Login, secrets: dict[str, str], root: Path) -> winrm.Door:
    windows = login.connection.windows or WindowsConnection()
    return winrm.Door(
        host=login.name,
        address=login.address,
        port=login.port,
        user=windows.user or "",
        password=_secret(windows.password, secrets),
        transport=windows.transport or "ntlm",
        key_sha256=login.pin,
        ca_file=str(root / Path(windows.ca_file).expanduser()) if windows.ca_file else None,
        names=login.names,
    )


def _secret(reference: str | None, secrets: dict[str, str]) -> str:
    return secrets[reference] if reference else ""


def _would(each: Login | LeftOut) -> Outcome:
    if isinstance(each, LeftOut):
        return Outcome(asset=each.asset, name=each.name, result="left out", detail=each.reason)
    windows = each.connection.windows
    user = windows.user if each.by == "winrm" and windows else each.connection.user
    where = f"{each.by} to {each.address} port {each.port} as {user}"
    return Outcome(asset=each.asset, name=each.name, result="would", detail=where)
