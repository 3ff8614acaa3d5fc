"""Assets as two scans left them → what is new, gone, moved and changed; pure."""

from collections.abc import Iterable, Iterator

from mspctl.records import Asset, Change, ChangeKind, ScanRecord, ScanStarted


def scans(log: Iterable[ScanRecord]) -> tuple[str, ...]:
    """Return the names of all scans in a log, oldest first; a look at machines from inside is none."""
    return tuple(sorted({record.scan for record in log if isinstance(record, ScanStarted)}))


def until(log: Iterable[ScanRecord], scan: str) -> tuple[ScanRecord, ...]:
    """Return the log as it was when a scan had ended."""
    return tuple(record for record in log if record.scan <= scan)


def changes(before: Iterable[Asset], now: Iterable[Asset]) -> tuple[Change, ...]:
    """Return every difference, in the order of the kinds, then of the names."""
    old = {asset.id: asset for asset in before}
    found: list[Change] = []
    for asset in now:
        known = old.get(asset.id)
        if known is None or bool(known.gone_since) != bool(asset.gone_since):
            found += _presence(known, asset)
        if known and not asset.gone_since:
            found += _differences(known, asset)
    return tuple(
        sorted(found, key=lambda change: (_ORDER[change.kind], change.name, change.asset, change.what))
    )


_ORDER = {kind: place for place, kind in enumerate(ChangeKind)}


def _presence(known: Asset | None, asset: Asset) -> Iterator[Change]:
    """Yield that an asset came or went; nothing for one that came and went in between."""
    addresses = " ".join(asset.addresses)
    if asset.gone_since:
        if known:
            yield Change(
                asset=asset.id, name=asset.name, kind=ChangeKind.GONE, what="addresses", before=addresses
            )
    else:
        kind = ChangeKind.BACK if known else ChangeKind.NEW
        yield Change(asset=asset.id, name=asset.name, kind=kind, what="addresses", now=addresses)


def _differences(known: Asset, asset: Asset) -> Iterator[Change]:
    """Yield each value that is not what it was."""
    if set(known.addresses) != set(asset.addresses):
        yield _change(
            asset, ChangeKind.MOVED, "addresses", " ".join(known.addresses), " ".join(asset.addresses)
        )
    if known.name != asset.name:
        yield _change(asset, ChangeKind.CHANGED, "name", known.name, asset.name)
    for field in sorted({*known.profile, *asset.profile}):
        if known.get(field) != asset.get(field):
            yield _change(asset, ChangeKind.CHANGED, field, known.get(field), asset.get(field))
    old, new = (
        {f"{each.port}/{each.protocol}": each.product for each in one.services} for one in (known, asset)
    )
    for port in sorted({*old, *new}, key=lambda text: (int(text.partition("/")[0]), text)):
        if (port in old) != (port in new):
            states = ("open", "closed") if port in old else ("closed", "open")
            yield _change(asset, ChangeKind.CHANGED, f"port {port}", *states)
        elif old[port] != new[port]:
            yield _change(asset, ChangeKind.CHANGED, f"service {port}", old[port], new[port])


def _change(asset: Asset, kind: ChangeKind, what: str, before: str, now: str) -> Change:
    return Change(asset=asset.id, name=asset.name, kind=kind, what=what, before=before, now=now)
