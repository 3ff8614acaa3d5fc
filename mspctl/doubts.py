"""What the evidence does not decide: told to the engineer with advice, never guessed; pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from mspctl.facts import facts
from mspctl.identity import Machines
from mspctl.records import Ambiguous, Asset, Identity, IdentityKind, OverridesFile
from mspctl.sightings import History, Sighting, changed_host_key, host_port

_PROXIED = 8
_CLONED = {
    IdentityKind.SSH_HOST_KEY: (
        "SSH host key",
        "cloned from one image: give each machine its own key (ssh-keygen -A)",
    ),
    IdentityKind.SYSTEM_UUID: (
        "system UUID",
        "cloned virtual machines: give each its own UUID in the hypervisor; agents and licences go by it",
    ),
}
_SHOWN = 6


def all_doubts(
    assets: Sequence[Asset],
    sightings: Mapping[str, tuple[Sighting, ...]],
    history: History,
    found: Machines,
    overrides: OverridesFile,
    seen: Collection[str],
) -> tuple[Ambiguous, ...]:
    """Return every doubt once, by subject.

    `seen` are the ids of all machines, before any were joined by hand.
    """
    trusted = {each.asset: each.trusted_host_key for each in overrides.assets if each.trusted_host_key}
    doubts = {
        *_cloned_keys(assets, found),
        *_proxies(found, history),
        *_two_cards(assets, sightings),
        *_silent_networks(assets),
        *_unknown_overrides(seen, overrides),
        *(
            doubt
            for a in assets
            if not a.gone_since
            for doubt in _changed_keys(a, sightings[a.id], trusted.get(a.id, ""))
        ),
    }
    return tuple(sorted(doubts, key=lambda doubt: (doubt.subject, doubt.detail)))


def is_phantom(group: tuple[Sighting, ...], found: Machines) -> bool:
    """Return whether nothing but a router's answers on behalf of others speaks for a machine."""
    return all(
        {seen.probe for seen in sighting.observations} <= {"arp", "ptr"}
        and any(_is_proxied(found, mac, sighting.scan) for mac in sighting.macs)
        for sighting in group
    )


def _is_proxied(found: Machines, mac: str, scan: str) -> bool:
    bearers = found.shared.get((IdentityKind.MAC, mac), ())
    return sum(1 for sighting in bearers if sighting.scan == scan) > _PROXIED


def _cloned_keys(assets: Sequence[Asset], found: Machines) -> Iterator[Ambiguous]:
    """Yield a doubt for each host key, and each number of a firmware, that different machines show now."""
    for kind, value in found.shared:
        mark = Identity(kind=kind, value=value)
        holders = [asset for asset in assets if mark in asset.identities and not asset.gone_since]
        if kind in _CLONED and len(holders) > 1:
            what, advice = _CLONED[kind]
            addresses = sorted(asset.addresses[0] for asset in holders)
            yield Ambiguous(
                subject=addresses[0],
                detail=f"{what} {value} is shown by different machines: {_listed(addresses)}",
                advice=advice,
            )


def _proxies(found: Machines, history: History) -> Iterator[Ambiguous]:
    newest = next((scan.id for scan in reversed(history.scans) if scan.networks), "")
    for (kind, value), bearers in found.shared.items():
        if kind is IdentityKind.MAC and _is_proxied(found, value, newest):
            addresses = sorted({sighting.address for sighting in bearers if sighting.scan == newest})
            yield Ambiguous(
                subject=value,
                detail=f"answers ARP for {len(addresses)} addresses: {_listed(addresses)}",
                advice="a router with proxy ARP: those of them that answer nothing else are left out",
            )


def _two_cards(assets: Iterable[Asset], sightings: Mapping[str, tuple[Sighting, ...]]) -> Iterator[Ambiguous]:
    """Yield a doubt for each address that two network cards claim."""
    for asset in assets:
        for address in asset.addresses if not asset.gone_since else ():
            newest = next((s for s in reversed(sightings[asset.id]) if s.address == address), None)
            macs = newest.marks.get(IdentityKind.MAC, frozenset()) if newest else frozenset()
            if len(macs) > 1:
                yield Ambiguous(
                    subject=address,
                    detail=f"two machines answer for this address: {', '.join(sorted(macs))}",
                    advice="find the second one and give it an address of its own",
                )


def _silent_networks(assets: Iterable[Asset]) -> Iterator[Ambiguous]:
    """Yield a doubt for each network in which all machines went silent at once: the way may be down."""
    by_network: dict[str, list[Asset]] = {}
    for asset in assets:
        by_network.setdefault(asset.network, []).append(asset)
    for network, members in sorted(by_network.items()):
        scans = {asset.gone_since for asset in members}
        if len(members) > 1 and len(scans) == 1 and (scan := scans.pop()):
            yield Ambiguous(
                subject=network,
                detail=f"none of its {len(members)} machines answered since scan {scan}",
                advice="make sure the way there works, then scan again",
            )


def _unknown_overrides(seen: Collection[str], overrides: OverridesFile) -> Iterator[Ambiguous]:
    named = [override.asset for override in overrides.assets]
    for id_ in (*named, *(id_ for joined in overrides.joined for id_ in joined.assets)):
        if id_ not in seen:
            yield Ambiguous(
                subject=id_,
                detail="overrides.yml names an asset that no scan has seen",
                advice="correct the id or remove the entry",
            )


def _changed_keys(asset: Asset, sightings: Iterable[Sighting], trusted: str) -> Iterator[Ambiguous]:
    """Yield a doubt for each address whose newest host key is neither its first nor the accepted one."""
    keys: dict[str, list[tuple[str, str]]] = {}
    for sighting in sightings:
        for seen in sighting.observations:
            said = facts(seen)
            if "ssh.key" in said and sighting.address in asset.addresses:
                keys.setdefault(host_port(seen), []).append((said["ssh.key"], said["ssh.fingerprint"]))
    accepted = " ".join(trusted.split()[:2])
    for subject, shown in sorted(keys.items()):
        first = next((pair for pair in shown if pair[0] == accepted), shown[0])
        if shown[-1] != first:
            yield changed_host_key(subject, first[1], shown[-1][1])


def _listed(addresses: Sequence[str]) -> str:
    more = f" and {len(addresses) - _SHOWN} more" if len(addresses) > _SHOWN else ""
    return ", ".join(addresses[:_SHOWN]) + more
