"""dnsmasq's leases, usually /var/lib/misc/dnsmasq.leases: `expiry MAC address name client-id`.

https://thekelleys.org.uk/dnsmasq/docs/dnsmasq-man.html
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from mspctl.discovery.imports.leases import lease
from mspctl.discovery.imports.lines import lines
from mspctl.discovery.imports.row import Asked, Row, Skipped, address_of


def read(chunks: Iterable[bytes], asked: Asked) -> Iterator[Row | Skipped]:
    """Yield the leases; one whose time is over has ended, an expiry of 0 never comes."""
    for number, text in lines(chunks):
        words = (text or "").split()
        if text is None or (words and not _is_lease(words)):
            if words[:1] != ["duid"]:
                yield Skipped(number, "no lease of dnsmasq; left out")
            continue
        if not words:
            continue
        expiry, mac, address, name = words[:4]
        ends = _time(expiry)
        yield lease(
            address_of(address),
            mac=mac.rpartition("-")[2],  # what is no Ethernet stands with its type before it
            name="" if name == "*" else name,
            state="ended" if ends and ends < asked.now else "active",
            ends=ends,
        )


def _is_lease(words: list[str]) -> bool:
    return len(words) >= 4 and words[0].isascii() and words[0].isdigit() and bool(address_of(words[2]))


def _time(seconds: str) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(seconds[:20]), UTC) if int(seconds[:20]) else None
    except (ValueError, OverflowError, OSError):
        return None
