"""Which platform a device is: what discovery saw first, then two or three candidates to be asked; pure."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from mspctl.records import Asset, Platform

KINDS = frozenset(
    {
        *("router", "switch", "firewall", "load-balancer", "network-device"),
        *("wireless-controller", "access-point", "modem", "radio-link"),
    }
)
_MOST_CANDIDATES = 3


class Told(NamedTuple):
    """What is known of a device's platform without logging in."""

    platform: str = ""
    reason: str = ""
    candidates: tuple[str, ...] = ()  # to be asked of the device itself


def told(asset: Asset, chosen: str | None, banner: str, platforms: Mapping[str, Platform]) -> Told:
    """Return the platform that client.yml or the evidence names, else the few that it may be."""
    if chosen:
        if chosen not in platforms:
            return Told(reason=f"client.yml names a platform that is not known: {chosen}")
        return Told(chosen, "named in client.yml")
    system, vendor = asset.get("os"), asset.get("vendor")
    if system:
        if found := next((each.name for each in platforms.values() if system in each.systems), ""):
            return Told(found, f"system {system} ({asset.profile['os'].rule})")
        if not _is_general(system):
            return Told(reason=f"unsupported: no platform for {system}")
    by_banner = [
        each.name for each in platforms.values() if any(re.match(pattern, banner) for pattern in each.banners)
    ]
    if len(by_banner) == 1:
        return Told(by_banner[0], f"SSH banner {banner[:60]}")
    by_vendor = [
        each.name
        for each in sorted(platforms.values(), key=lambda each: (not each.configured, each.name))
        if vendor and any(re.fullmatch(pattern, vendor) for pattern in each.vendors)
    ]
    candidates = tuple(dict.fromkeys((*by_banner, *by_vendor)))[:_MOST_CANDIDATES]
    what = " ".join(filter(None, (vendor, asset.get("model")))) or "nobody knows what it is"
    return Told(reason=f"unsupported: {what}" if not candidates else "", candidates=candidates)


def _is_general(system: str) -> bool:
    """Whether a system says nothing of the device: many run on one of these below their own."""
    return system in ("linux", "freebsd", "debian", "busybox")
