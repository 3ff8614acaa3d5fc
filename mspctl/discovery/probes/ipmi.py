"""IPMI: whether a management card is there, and which version; no session is opened."""

from mspctl.discovery.datagrams import Datagrams
from mspctl.facts.ipmi import PACKET_BYTES, capabilities_question, kind, ping
from mspctl.records import Json

PORT = 623


async def collect(post: Datagrams, address: str, port: int = PORT) -> dict[str, Json] | None:
    """Return what a management card answers; None for silence."""
    packets = await post.ask(address, port, ping(), capabilities_question(), linger=0.2)
    raw: dict[str, Json] = {}
    for packet in packets:
        if name := kind(packet):
            raw.setdefault(name, packet[:PACKET_BYTES].hex())
    return raw or None
