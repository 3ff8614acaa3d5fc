"""`mspctl import`: what others know of a client becomes observations of ours."""

import asyncio
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import Path

import click

from mspctl.assets import merge
from mspctl.cli.discover import fingerprints, news, unseen_table, update
from mspctl.cli.options import client_argument, json_option
from mspctl.cli.output import Report, answer, note, progress, table
from mspctl.discovery.imports import FORMATS, Asked, Intake, Row, chunks_of, inside, recognise, take
from mspctl.discovery.imports.ad_computers import computer
from mspctl.discovery.imports.addresses import Addresses
from mspctl.discovery.imports.ldap import Asking, computers
from mspctl.errors import BadInput, MspctlError
from mspctl.facts.csv import FIELDS
from mspctl.facts.directory import domain_of
from mspctl.handwritten import nearest
from mspctl.records import Asset, AssetRecord, ClientFile, DirectoryAccess, Record, Unseen
from mspctl.workspace import Client


class Imported(Record, frozen=True, kw_only=True):
    """What an import brought; numbers count machines unless they say otherwise."""

    source: str
    format: str
    seen: int  # by another scanner
    listed: int  # by a register
    outside: int  # rows at addresses outside the client's networks
    ended: int  # leases that are over
    skipped: int  # parts of the file that were not understood
    left_out: int  # rows beyond what one import takes
    news: str
    unseen: tuple[Unseen, ...]  # known to registers, this one or another, and to no scan
    dry_run: bool = False


@click.group("import")
def import_() -> None:
    """Take in what others know: files of scanners and DHCP servers, directories, lists.

    What another scanner saw counts as seen. A register (a directory, a DHCP server, a list) proves nothing:
    it tells more of the machines that were seen, and names those that were not.
    """


@import_.command("file")
@click.option("--format", "form", type=click.Choice(tuple(FORMATS)), help="Recognised unless said.")
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="FIELD=COLUMN",
    help=f"Which column of a CSV file holds what; repeat. Fields: {', '.join(FIELDS)}.",
)
@click.option(
    "--source",
    metavar="NAME",
    help="Whose word it is; what the same source listed before is replaced. The domain of a directory, else"
    " the file's name, unless said.",
)
@click.option("--dry-run", is_flag=True, help="Say what it would bring; save nothing.")
@json_option
@client_argument
@click.argument("file", type=click.Path(path_type=Path))
def file_(
    client: Client,
    file: Path,
    form: str | None,
    columns: tuple[str, ...],
    source: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Import a file: nmap -oX, masscan, CSV, leases of dnsmasq, ISC and Windows, AD computers (CSV, LDIF).

    \b
        mspctl import file acme scan.xml
        mspctl import file acme leases.csv --dry-run
        mspctl import file acme machines.csv --column address="Mgmt IP" --column serial=Tag
    """
    chunks = chunks_of(file)
    head = list(islice(chunks, 1))
    if not head:
        raise BadInput(f"{file}: empty")
    chosen = form or recognise(head[0])
    if not chosen:
        raise BadInput(f"{file}: line 1: no format we know; say which with --format ({', '.join(FORMATS)})")
    asked = Asked(datetime.now(UTC), dict(_column(text) for text in columns))
    intake = take(FORMATS[chosen](chain(head, chunks), asked), inside(client.file()))
    _tell(str(file), intake)
    said = source or _domain(intake) or file.name
    result = bring_in(client, intake, said, chosen, asked.now, dry_run=dry_run)
    answer(result, imported_table(result), as_json)


@import_.command()
@click.option("--server", "only", metavar="NAME", help="Only this one of the client's directories.")
@click.option("--dry-run", is_flag=True, help="Ask, and say what it would bring; save nothing.")
@json_option
@client_argument
def directory(client: Client, only: str | None, dry_run: bool, as_json: bool) -> None:
    """Import the computers of Active Directory, asked live over a sealed connection.

    Which servers, and by which account, stands in client.yml under discovery.directories. A read-only
    account is enough. Addresses are asked of the client's own name servers.

    \b
        mspctl import directory acme
        mspctl import directory acme --dry-run --json
    """
    file = client.file()
    known = [each.server for each in file.discovery.directories]
    chosen = [each for each in file.discovery.directories if only in (None, each.server)]
    if not chosen:
        advice = (
            f"known: {', '.join(known)}"
            if known
            else "list one under discovery.directories: server, user, password"
        )
        raise BadInput(f"{client.shown('client.yml')}: no directory{f' {only!r}' if only else ''}; {advice}")
    results, mistakes = [], []
    for access in chosen:
        try:
            results.append(_asked(client, file, access, dry_run))
        except MspctlError as error:  # one directory's failure is its own
            mistakes.append(str(error))
    answer(results, "\n\n".join(map(imported_table, results)), as_json)
    if mistakes:
        raise MspctlError("\n".join(mistakes))


def _asked(client: Client, file: ClientFile, access: DirectoryAccess, dry_run: bool) -> Imported:
    """Ask one directory and bring in what it says."""
    password = client.vault().get(access.password)
    ca_file = client.workspace.root / access.ca_file if access.ca_file else None
    if access.encryption == "none":
        note(f"{access.server}: asked in clear, as client.yml has it: the password can be read on the way")
    names = Addresses(list(dict.fromkeys(str(address) for site in file.sites for address in site.dns)))
    with progress("import") as report:
        rows = asyncio.run(_rows(access, password, ca_file, names, report))
    if names.is_silent:
        note(f"{access.server}: the name servers do not answer: addresses are missing")
    intake = take(rows, inside(file))
    _tell(access.server, intake)
    source = _domain(intake) or access.server
    return bring_in(client, intake, source, "directory", datetime.now(UTC), dry_run=dry_run)


async def _rows(
    access: DirectoryAccess, password: str, ca_file: Path | None, names: Addresses, report: Report
) -> list[Row]:
    """Return a directory's computers with their addresses."""
    address = next(iter(await names.of(access.server)), access.server)
    asking = Asking(access=access, address=address, password=password, ca_file=ca_file)
    found = await computers(asking, lambda count: report(access.server, count, 0))
    known = {place: next(iter(each.get("dnshostname", ())), "") for place, each in enumerate(found)}
    addresses = await names.all(name for name in known.values() if name)
    return [computer(each, addresses.get(known[place], ())) for place, each in enumerate(found)]


def bring_in(
    client: Client, intake: Intake, source: str, form: str, now: datetime, *, dry_run: bool
) -> Imported:
    """Write an import's log and bring the assets up to date with it, as one commit; nothing if `dry_run`."""
    before = {asset.id: asset for asset in client.assets() if isinstance(asset, Asset)}
    if dry_run:
        log = (*client.scans(), *intake.records("dry-run", source, now))
        return _result(
            intake,
            source,
            form,
            before,
            merge(log, client.file(), client.overrides(), fingerprints(client)),
            dry_run,
        )
    with client.lock(f"mspctl import {client.name}"):
        name = client.fresh_id("observations", now)
        with client.log("observations", name) as append:
            for record in intake.records(name, source, now):
                append(record)
        result = _result(intake, source, form, before, update(client, client.file()), dry_run)
        client.commit(f"import: {form} {source}: {result.seen} seen, {result.listed} listed; {result.news}")
    return result


def imported_table(result: Imported) -> str:
    """Return what an import brought, for a person."""
    numbers = {
        "seen by another scanner": result.seen,
        "listed": result.listed,
        "of these, leases that ended": result.ended,
        "outside the client's networks": result.outside,
        "not understood": result.skipped,
        "more than one import takes": result.left_out,
    }
    rows = [(f"{result.format}: {what}", str(number)) for what, number in numbers.items() if number]
    text = f"{table(('what', 'number'), rows)}\n\n{result.news}"
    return text + (f"\n\n{unseen_table(result.unseen)}" if result.unseen else "")


def _result(
    intake: Intake,
    source: str,
    form: str,
    before: dict[str, Asset],
    found: tuple[AssetRecord, ...],
    dry_run: bool,
) -> Imported:
    return Imported(
        source=source,
        format=form,
        seen=intake.machines,
        listed=len(intake.listings),
        outside=intake.outside,
        ended=intake.ended,
        skipped=intake.skipped,
        left_out=intake.left_out,
        news=news(before, found),
        unseen=tuple(each for each in found if isinstance(each, Unseen)),
        dry_run=dry_run,
    )


def _tell(shown: str, intake: Intake) -> None:
    """Say what was not taken and why. Raise BadInput where nothing is left."""
    mistakes = [f"{shown}: line {each.line}: {each.what}" for each in intake.mistakes]
    if more := intake.skipped - len(mistakes):
        mistakes.append(f"{shown}: {more} more like these")
    if not intake.observations and not intake.listings:
        why = (
            f"all its {intake.outside} entries lie outside the client's networks (client.yml)"
            if intake.outside
            else "it names no machine; is it complete, and is --format right?"
        )
        raise BadInput([*mistakes, f"{shown}: nothing to import: {why}"])
    for mistake in mistakes:
        note(mistake)
    if intake.outside:
        note(f"{shown}: {intake.outside} entries at addresses outside the client's networks (client.yml)")
    if intake.left_out:
        note(f"{shown}: {intake.left_out} rows are more than one import takes; split the file")


def _domain(intake: Intake) -> str:
    """Return the domain of a directory's accounts, whose exports are all one source; "" for other files."""
    for row in intake.listings:
        names = row.raw.get("distinguishedname")
        if isinstance(names, list) and (domain := domain_of(str(names[0]))):
            return domain
    return ""


def _column(text: str) -> tuple[str, str]:
    field, separator, column = text.partition("=")
    if not separator or field not in FIELDS:
        hint = nearest(field, list(FIELDS)) or f"; fields: {', '.join(FIELDS)}"
        raise BadInput(f"--column {text!r}: write FIELD=COLUMN{hint}")
    return field, column
