"""`mspctl discover`: what is on the client's networks."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path

import click

from mspctl import hostkeys, recog
from mspctl.assets import merge
from mspctl.cli.options import client_argument, fingerprints_option, json_option
from mspctl.cli.output import answer, note, progress, table
from mspctl.discovery import MODBUS_PORT, PROFILES, ScanRequest, SnmpLogin, plan, scan
from mspctl.errors import BadInput, Interrupted
from mspctl.fingerprints import Fingerprints, joined, shipped
from mspctl.inspection import inspections
from mspctl.records import (
    Ambiguous,
    Asset,
    AssetRecord,
    ClientFile,
    Network,
    ProfileName,
    ScanEnded,
    ScanRecord,
    ScanStarted,
    Site,
    SnmpUser,
    Unseen,
)
from mspctl.workspace import Client


@click.command()
@click.option(
    "--network", "-n", "only", multiple=True, metavar="NAME", help="Only this network of the client."
)
@click.option(
    "--profile",
    type=click.Choice(tuple(PROFILES)),
    help="How much is asked; standard unless said. Only full connects to controllers of machines.",
)
@fingerprints_option
@click.option("--resume", is_flag=True, help="Finish the last scan, which was killed or interrupted.")
@click.option(
    "--dry-run", is_flag=True, help="Say what would be sent, and about how long it takes; send nothing."
)
@json_option
@client_argument
def discover(
    client: Client,
    only: tuple[str, ...],
    profile: ProfileName | None,
    folders: tuple[Path, ...],
    resume: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Find what is on the client's networks; reads only, and only where the client allowed it.

    Every answer is on disk as it comes, so Ctrl-C keeps what was found.

    \b
        mspctl discover acme
        mspctl discover acme --network office --profile full --dry-run
        mspctl discover acme --resume
    """
    if resume and (only or profile):
        raise BadInput("--resume: a scan goes on with the networks and the profile it began with")
    if dry_run:
        log = _unfinished(client) if resume else ()
        estimate = plan(_request(client, client.file(), only, profile or "standard", "dry-run", log))
        answer(
            estimate,
            table(
                ("what", "number"),
                [
                    ("addresses", str(estimate.addresses)),
                    ("packets", str(estimate.packets)),
                    ("seconds, about", f"{estimate.seconds:.0f}"),
                ],
            ),
            as_json,
        )
        return
    with client.lock(f"mspctl discover {client.name}"):
        rules = fingerprints(client, folders)
        result = observe(client, only, profile or "standard", resume=resume, rules=rules)
    answer(result, found_tables(result), as_json)


def observe(
    client: Client,
    only: tuple[str, ...] = (),
    profile: ProfileName = "standard",
    *,
    resume: bool = False,
    rules: Fingerprints | None = None,
) -> tuple[AssetRecord, ...]:
    """Scan, and bring the assets up to date with what was seen; one commit. Needs the client's lock."""
    file = client.file()
    log = _unfinished(client) if resume else ()
    name = log[0].scan if log else client.fresh_id("observations", datetime.now(UTC))
    request = _request(client, file, only, profile, name, log)
    stopped: Interrupted | None = None
    with client.log("observations", name) as append, progress("discover") as report:
        try:
            scan(request, record=append, progress=report, log=log)
        except Interrupted as error:
            stopped = error
    before = {asset.id: asset for asset in client.assets() if isinstance(asset, Asset)}
    result = update(client, file, rules)
    client.commit(f"discover: {news(before, result)}{' (stopped early)' if stopped else ''}")
    for doubt in result:
        if isinstance(doubt, Ambiguous):
            note(f"{doubt.subject}: {doubt.detail}; {doubt.advice}")
    if stopped:
        raise stopped
    return result


def update(client: Client, file: ClientFile, rules: Fingerprints | None = None) -> tuple[AssetRecord, ...]:
    """Work the assets and the pinned host keys out of all observations, and save them."""
    overrides = client.overrides()
    records = tuple(client.scans())
    merged = merge(records, file, overrides, rules or fingerprints(client))
    pinned, conflicts = hostkeys.pin(client.known_hosts(), (*records, *merged), overrides)
    result = (*merged, *(conflict for conflict in conflicts if conflict not in merged))
    client.save("known_hosts", pinned)
    client.save_records("assets.jsonl", result)
    seen = inspections((each for each in result if isinstance(each, Asset)), records)
    if seen or client.inspections():
        client.save_records("inspections.jsonl", seen)
    return result


def fingerprints(client: Client, folders: Iterable[Path] = ()) -> Fingerprints:
    """Return what tells devices apart: ours, the provider's, and those of `folders`.

    Raise BadInput for a folder that holds none.
    """
    return _loaded(tuple(dict.fromkeys((*client.workspace.fingerprint_folders(), *folders))))


@cache
def _loaded(folders: tuple[Path, ...]) -> Fingerprints:
    return joined((shipped(), *map(recog.load, folders))) if folders else shipped()


def found_tables(found: Iterable[AssetRecord]) -> str:
    """Return the assets and, where there are any, the machines known and not seen, as tables for a person."""
    known = tuple(found)
    is_all_seen = not any(isinstance(each, Unseen) for each in known)
    return asset_table(known) + ("" if is_all_seen else f"\n\n{unseen_table(known)}")


def asset_table(found: Iterable[AssetRecord]) -> str:
    """Return assets as a table for a person."""
    return table(
        ("asset", "address", "kind", "role", "system", "vendor", "services"),
        (
            (
                asset.name + (" (gone)" if asset.gone_since else ""),
                " ".join(asset.addresses[:2]) + (" …" if len(asset.addresses) > 2 else ""),
                asset.get("kind") or "?",
                asset.get("role") or "?",
                asset.system() or "?",
                asset.get("vendor") or "?",
                " ".join(str(service.port) for service in asset.services),
            )
            for asset in sorted((a for a in found if isinstance(a, Asset)), key=lambda asset: asset.name)
        ),
    )


def unseen_table(found: Iterable[AssetRecord]) -> str:
    """Return the machines that registers know and no scan has seen, as a table for a person."""
    today = datetime.now(UTC).date()
    return table(
        ("not seen", "address", "system", "known to", "last active", "why"),
        (
            (
                each.name,
                " ".join(each.addresses),
                each.system or each.kind or "?",
                ", ".join(each.known_to),
                f"{each.last_active} ({(today - date.fromisoformat(each.last_active)).days} days ago)"
                if each.last_active
                else "",
                "; ".join(each.reasons),
            )
            for each in found
            if isinstance(each, Unseen)
        ),
    )


def _request(
    client: Client,
    file: ClientFile,
    only: tuple[str, ...],
    profile: ProfileName,
    name: str,
    log: Sequence[ScanRecord] = (),
) -> ScanRequest:
    """Return what may be scanned, and nothing but that; what is left of `log` where a scan goes on.

    Raise BadInput for a network that is not there.
    """
    started = next((record for record in log if isinstance(record, ScanStarted)), None)
    chosen = _resumed(client, file, started) if started else _chosen(client, file, only)
    asked = PROFILES[started.profile if started else profile]
    industrial = asked.industrial or file.discovery.industrial
    controllers = (MODBUS_PORT,) if industrial else ()
    ports = started.ports if started else (*asked.ports, *file.discovery.extra_ports, *controllers)
    spans = (span for _, network in chosen for span in network.exclude)
    return ScanRequest(
        scan=name,
        networks=tuple(network.cidr for _, network in chosen),
        exclude=(*spans, *(started.excluded if started else ())),
        ports=tuple(sorted({*ports})),
        profile=started.profile if started else profile,
        udp=asked.udp,
        industrial=industrial,
        snmp_communities=tuple(client.vault().get(name) for name in file.discovery.snmp.communities),
        snmp_users=tuple(_login(client, user) for user in file.discovery.snmp.users),
        dns={network.cidr: _servers(site) for site, network in chosen},
        packets_per_second=file.discovery.packets_per_second,
    )


def _chosen(client: Client, file: ClientFile, only: tuple[str, ...]) -> list[tuple[Site, Network]]:
    """Return the networks that are asked for, with their sites. Raise BadInput for one that is not there."""
    networks = [(site, network) for site in file.sites for network in site.networks]
    known = [network.name for _, network in networks]
    if unknown := sorted(set(only) - set(known)):
        raise BadInput(f"{client.shown('client.yml')}: no network '{unknown[0]}'; known: {', '.join(known)}")
    return [(site, network) for site, network in networks if not only or network.name in only]


def _resumed(client: Client, file: ClientFile, started: ScanStarted) -> list[tuple[Site, Network]]:
    """Return the networks of a scan that goes on. Raise BadInput for one the client no longer lists."""
    listed = {network.cidr: (site, network) for site in file.sites for network in site.networks}
    if gone := sorted(set(started.networks) - set(listed)):
        raise BadInput(
            f"{client.shown('client.yml')}: no network {gone[0]} any more, which scan {started.scan} began"
            " with; scan anew without --resume"
        )
    return [listed[cidr] for cidr in started.networks]


def _unfinished(client: Client) -> tuple[ScanRecord, ...]:
    """Return the log of the last scan. Raise BadInput where that is complete, or there is none."""
    records = tuple(client.scans())
    last = max((record.scan for record in records if isinstance(record, ScanStarted)), default="")
    log = [record for record in records if record.scan == last]
    ends = [record for record in log if isinstance(record, ScanEnded)]
    if not log or (ends and not ends[-1].interrupted):
        raise BadInput(f"{client.name}: no scan to finish; `mspctl discover {client.name}` begins one")
    return tuple(log)


def _login(client: Client, user: SnmpUser) -> SnmpLogin:
    """Return a user of SNMP version 3 with the passwords the vault holds."""
    return SnmpLogin(
        user=user.name,
        authentication=client.vault().get(user.authentication) if user.authentication else "",
        authentication_protocol=user.authentication_protocol,
        privacy=client.vault().get(user.privacy) if user.privacy else "",
        privacy_protocol=user.privacy_protocol,
    )


def _servers(site: Site) -> tuple[str, ...]:
    return tuple(str(address) for address in site.dns)


def news(before: dict[str, Asset], found: Iterable[AssetRecord]) -> str:
    """Return in a few words what a scan changed."""
    now = {asset.id: asset for asset in found if isinstance(asset, Asset)}
    counts = {
        "new": len(set(now) - set(before)),
        "gone": sum(
            1 for id_, a in now.items() if a.gone_since and (id_ not in before or not before[id_].gone_since)
        ),
        "changed": sum(
            1 for id_, a in now.items() if id_ in before and a != before[id_] and not a.gone_since
        ),
    }
    news = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    return f"{sum(1 for asset in now.values() if not asset.gone_since)} assets, {news or 'nothing new'}"
