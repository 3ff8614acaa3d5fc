"""`mspctl assets`: what was found, how it is known, and what the engineer knows better."""

from pathlib import Path
from typing import Any, get_args

import click
import msgspec

from mspctl import assets as merging
from mspctl import topology as mapping
from mspctl.changes import changes, scans, until
from mspctl.cli.discover import fingerprints, found_tables, update
from mspctl.cli.options import client_argument, fingerprints_option, json_option
from mspctl.cli.output import answer, note, table
from mspctl.errors import BadInput
from mspctl.events import plain
from mspctl.fingerprints import FIELDS
from mspctl.handwritten import nearest
from mspctl.inspection.summary import summary
from mspctl.inventory import names_of
from mspctl.records import Ambiguous, Asset, Candidate, Change
from mspctl.records.client import Kind
from mspctl.reports.exports import as_csv, as_drawio, as_netbox
from mspctl.workspace import Client

SETTABLE = ("name", "kind", "role", "vendor", "model", "os", "os_version", "serial", "location")


@click.group()
def assets() -> None:
    """List, show and correct the client's assets."""


@assets.command("list")
@json_option
@client_argument
def list_(client: Client, as_json: bool) -> None:
    """List the assets of a client.

    \b
        mspctl assets list acme
    """
    found = client.assets()
    text = found_tables(found)
    doubts = [(doubt.subject, doubt.detail, doubt.advice) for doubt in found if isinstance(doubt, Ambiguous)]
    answer(found, text + (f"\n\n{table(('unclear', 'what', 'advice'), doubts)}" if doubts else ""), as_json)


@assets.command()
@json_option
@client_argument
@click.argument("asset")
def show(client: Client, asset: str, as_json: bool) -> None:
    """Show one asset: its profile, addresses, services, identity, and what `inspect` saw of it.

    ASSET is a name, an id or an address.

    \b
        mspctl assets show acme web
    """
    found = find(client, asset)
    known = [
        (
            key,
            value.value,
            f"{value.confidence:.2f}",
            value.rule,
            value.probe,
            f"{value.since:%Y-%m-%d}",
            value.evidence,
        )
        for key, value in sorted(found.profile.items())
    ]
    rest = [
        *(("address", address, "") for address in found.addresses),
        *(
            ("service", f"{service.port}/{service.protocol} {service.name}", service.product)
            for service in found.services
        ),
        *(("identity", f"{mark.kind} {mark.value}", "") for mark in found.identities),
        *(("merged", reason, "") for reason in found.merged_because),
    ]
    parts = [
        plain(f"{found.name} ({found.id})", 200),
        table(("what", "value", "sure", "rule", "probe", "since", "evidence"), known),
        table(("what", "value", "it says"), rest),
    ]
    inside = next((each for each in client.inspections() if each.asset == found.id), None)
    if inside:
        parts.append(table(("seen from inside", "value", "more"), summary(inside)))
    told = msgspec.to_builtins(found) | ({"inspection": msgspec.to_builtins(inside)} if inside else {})
    answer(told, "\n\n".join(parts), as_json)


@assets.command()
@json_option
@client_argument
@click.argument("asset")
@click.argument("field", required=False)
@fingerprints_option
def explain(client: Client, asset: str, field: str | None, folders: tuple[Path, ...], as_json: bool) -> None:
    """Show how each value of a profile was reached, and what else was thought of.

    Every candidate of every field with its reasons: the one that stands, those that contradict it, those
    too unsure to be shown. FIELD shows one field only.

    \b
        mspctl assets explain acme web
        mspctl assets explain acme web role
    """
    found = find(client, asset)
    if field and field not in FIELDS:
        raise BadInput(f"'{field}': no such field{nearest(field, FIELDS) or '; one of ' + ', '.join(FIELDS)}")
    rules = fingerprints(client, folders)
    every = merging.explain(client.scans(), client.file(), client.overrides(), found.id, rules)
    candidates = [each for each in every if field in (None, each.field)]
    corrected = [value for name, value in found.profile.items() if value.rule == "override"]
    rows = [row for each in candidates for row in _reasons(each, found)]
    parts = [
        plain(f"{found.name} ({found.id})", 200),
        table(("field", "value", "", "strength", "rule", "alone", "probe", "evidence"), rows),
    ]
    if corrected:
        parts.append(f"{len(corrected)} set by hand in overrides.yml, which wins: `mspctl assets show`")
    answer(candidates, "\n\n".join(parts), as_json)


def _reasons(candidate: Candidate, asset: Asset) -> list[tuple[str, ...]]:
    """Return a candidate's grounds as rows; what is the same as above is not said again."""
    value = asset.profile.get(candidate.field)
    weighed = value and candidate.outcome == "stands" and value.confidence != candidate.strength
    strength = f"{candidate.strength:.2f}" + (f" → {value.confidence:.2f}" if value and weighed else "")
    first = (candidate.field, candidate.value, candidate.outcome, strength)
    return [
        (
            *(first if place == 0 else ("", "", "", "")),
            each.rule,
            f"{each.confidence:.2f}",
            each.probe,
            each.evidence,
        )
        for place, each in enumerate(candidate.grounds)
    ]


@assets.command()
@json_option
@client_argument
@click.argument("scan1", required=False)
@click.argument("scan2", required=False)
def diff(client: Client, scan1: str | None, scan2: str | None, as_json: bool) -> None:
    """Show what is new, gone, moved and changed between two scans: the last two unless named.

    One name compares that scan with the last.

    \b
        mspctl assets diff acme
        mspctl assets diff acme 20261121T093000Z 20261122T093000Z
    """
    found = differences(client, scan1, scan2)
    rows = [(each.kind.value, each.name, each.what, each.before, each.now) for each in found]
    answer(found, table(("", "asset", "what", "before", "now"), rows), as_json)


@assets.command()
@client_argument
@click.option(
    "--format",
    "form",
    type=click.Choice(("csv", "json", "netbox", "drawio")),
    default="csv",
    show_default=True,
    help="csv: a spreadsheet; netbox: its import of devices; drawio: the network map.",
)
def export(client: Client, form: str) -> None:
    """Print the assets for another program.

    \b
        mspctl assets export acme --format netbox > devices.csv
    """
    found = [each for each in client.assets() if isinstance(each, Asset)]
    if form == "json":
        answer(found, "", as_json=True)
    elif form == "drawio":
        drawn = mapping.topology(found, client.scans(), client.file())
        click.echo(as_drawio(drawn, {asset.id: asset.get("kind") for asset in found}), nl=False)
    else:
        click.echo(as_netbox(found) if form == "netbox" else as_csv(found), nl=False)


def differences(client: Client, scan1: str | None = None, scan2: str | None = None) -> tuple[Change, ...]:
    """Return what changed from one scan to another. Raise BadInput for a scan that is not there."""
    log = tuple(client.scans())
    known = scans(log)
    now = scan2 or next(iter(known[-1:]), "")
    earlier = [scan for scan in known if scan < now]
    before = scan1 or next(iter(earlier[-1:]), "")
    for scan in (before, now):
        if scan not in known:
            few = "" if len(known) > 1 else f"; it needs two: `mspctl discover {client.name}`"
            raise BadInput(f"{client.name}: no scan '{scan}'; there are: {', '.join(known) or 'none'}{few}")
    file, overrides, rules = client.file(), client.overrides(), fingerprints(client)
    old, new = (merging.merge(until(log, scan), file, overrides, rules) for scan in (before, now))
    return changes(*([each for each in side if isinstance(each, Asset)] for side in (old, new)))


@assets.command("set")
@client_argument
@click.argument("asset")
@click.argument("values", nargs=-1, required=True, metavar="KEY=VALUE…")
@click.option("--note", "why", default="", help="Why; it stands in overrides.yml.")
def set_(client: Client, asset: str, values: tuple[str, ...], why: str) -> None:
    """Correct what the scan could not know; it survives every rescan. An empty value takes it back.

    \b
        mspctl assets set acme host-192-0-2-7 name=till kind=workstation --note "seen on site"
    """
    given = dict(_pair(text) for text in values)
    with client.lock(f"mspctl assets set {client.name}"):
        found = find(client, asset)

        def change(data: Any) -> None:
            entry = _entry(data, found)
            for key, value in given.items():
                entry.setdefault("values", {})[key] = value
                if not value:
                    del entry["values"][key]
            if why:
                entry["note"] = why

        client.edit_overrides(change)
        update(client, client.file())
        client.commit(f"assets set: {found.name}: {', '.join(values)}")


@assets.command()
@client_argument
@click.argument("same", nargs=-1, required=True, metavar="ASSET ASSET…")
@click.option("--note", "why", default="", help="Why; it stands in overrides.yml.")
@click.option("--undo", is_flag=True, help="Take it back: they are told apart again.")
def join(client: Client, same: tuple[str, ...], why: str, undo: bool) -> None:
    """Say that assets are one machine, where nothing they showed says so; it survives every rescan.

    The first one's id is kept, and with it what was set for it.

    \b
        mspctl assets join acme nas host-192-0-2-7 --note "its second card, seen on site"
        mspctl assets join acme nas --undo
    """
    with client.lock(f"mspctl assets join {client.name}"):
        found = [find(client, asset) for asset in same]
        ids = list(dict.fromkeys(asset.id for asset in found))
        if undo:
            if not any(set(ids) & set(each.assets) for each in client.overrides().joined):
                raise BadInput(f"{client.shown('overrides.yml')}: nothing was joined with {same[0]} by hand")
        elif len(ids) < 2:
            raise BadInput(f"{' and '.join(same)}: one asset already; name two or more")

        def change(data: Any) -> None:
            kept = [each for each in data.get("joined") or [] if not set(ids) & set(each["assets"])]
            before = [each for each in data.get("joined") or [] if each not in kept]
            whole = list(dict.fromkeys([*ids, *(id_ for each in before for id_ in each["assets"])]))
            if not undo:
                note = why or ", ".join(asset.name for asset in found)
                kept.append({"assets": whole, "note": note})
            data["joined"] = kept
            if not kept:
                del data["joined"]

        client.edit_overrides(change)
        update(client, client.file())
        verb = "told apart again" if undo else "one machine"
        client.commit(f"assets join: {', '.join(asset.name for asset in found)}: {verb}")


@assets.command()
@client_argument
@click.argument("asset")
def trust(client: Client, asset: str) -> None:
    """Accept the SSH host key an asset shows now in place of the pinned one, after verifying it on site.

    \b
        mspctl assets trust acme web
    """
    with client.lock(f"mspctl assets trust {client.name}"):
        found = find(client, asset)
        key = newest_host_key(client, found)

        def change(data: Any) -> None:
            _entry(data, found)["trusted_host_key"] = key

        client.edit_overrides(change)
        update(client, client.file())
        client.commit(f"assets trust: new host key of {found.name} accepted")
    note(f"{found.name}: pinned {key}")


def find(client: Client, asset: str) -> Asset:
    """Return the asset that is called so. Raise BadInput where there is none, with the nearest name."""
    known = [found for found in client.assets() if isinstance(found, Asset)]
    for found in known:
        if asset in names_of(found):
            return found
    hint = (
        nearest(asset, [found.name for found in known]) or f"; `mspctl assets list {client.name}` names them"
    )
    raise BadInput(f"{client.name}: no asset '{asset}'{hint}")


def newest_host_key(client: Client, asset: Asset) -> str:
    """Return the host key that the newest scan saw at an asset. Raise BadInput where none did."""
    from mspctl.records import Observation

    keys = [
        str(record.raw["host_key"])
        for record in client.scans()
        if isinstance(record, Observation) and record.probe == "ssh" and record.address in asset.addresses
        if record.raw.get("host_key")
    ]
    if not keys:
        raise BadInput(f"{asset.name}: no scan saw an SSH host key; `mspctl discover {client.name}` first")
    return keys[-1]


def _entry(data: Any, asset: Asset) -> Any:
    """Return the asset's mapping in overrides.yml, made where there is none."""
    entries = data.setdefault("assets", [])
    for entry in entries:
        if entry.get("asset") == asset.id:
            return entry
    entries.append({"asset": asset.id, "note": f"{asset.name} at {asset.addresses[0]}"})
    return entries[-1]


def _pair(text: str) -> tuple[str, str]:
    key, separator, value = text.partition("=")
    if not separator:
        raise BadInput(f"'{text}': write KEY=VALUE; known: {', '.join(SETTABLE)}")
    if key not in SETTABLE:
        hint = nearest(key, list(SETTABLE)) or f"; known: {', '.join(SETTABLE)}"
        raise BadInput(f"'{text}': write KEY=VALUE{hint}")
    kinds = sorted(get_args(Kind))
    if key == "kind" and value and value not in kinds:
        raise BadInput(f"'{text}': no such kind{nearest(value, kinds) or '; one of ' + ', '.join(kinds)}")
    return key, value
