"""UPnP: a search sent to one machine, and the description it points to, if that is on the machine itself."""

from urllib.parse import urlsplit

from mspctl.discovery.datagrams import Datagrams
from mspctl.discovery.probes.web import exchange
from mspctl.discovery.profiles import NEVER_TALKED_TO
from mspctl.facts.markup import MOST_BYTES
from mspctl.facts.ssdp import device, headers
from mspctl.records import Json

PORT = 1900


async def collect(
    post: Datagrams, address: str, port: int = PORT, seconds: float = 1.0
) -> dict[str, Json] | None:
    """Return what a device says to a search and in its description; None for silence."""
    answers = await post.ask(address, port, search(address, port), is_ours=lambda data: bool(headers(data)))
    raw = next(filter(None, map(headers, answers)), None)
    if raw is None:
        return None
    if place := own_place(str(raw.get("location", "")), address):
        post.guard(address)
        if (answer := await exchange(address, *place, seconds, most=MOST_BYTES)) and answer.status == 200:
            raw["device"] = device(answer.body)
    return raw


def search(address: str, port: int) -> bytes:
    """Return the search for root devices."""
    lines = [
        "M-SEARCH * HTTP/1.1",
        f"HOST: {address}:{port}",
        'MAN: "ssdp:discover"',
        "MX: 1",
        "ST: upnp:rootdevice",
        "",
        "",
    ]
    return "\r\n".join(lines).encode()


def own_place(location: str, address: str) -> tuple[int, str] | None:
    """Return port and path of a description on the machine itself; None for one anywhere else."""
    try:
        parts = urlsplit(location)
        port = parts.port or 80
    except ValueError:
        return None
    if parts.scheme != "http" or parts.hostname != address or port in NEVER_TALKED_TO:
        return None
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return (port, path[:512]) if path.isascii() and path.isprintable() and " " not in path else None
