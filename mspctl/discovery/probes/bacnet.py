"""BACnet/IP: a building's controller is asked for its names; nothing is written, nothing broadcast.

Only where the client's file or the scan's profile allows industrial questions.
"""

from mspctl.discovery.datagrams import Datagrams
from mspctl.facts.bacnet import PACKET_BYTES, PACKETS, is_bacnet, questions
from mspctl.records import Json

PORT = 47808


async def collect(post: Datagrams, address: str, port: int = PORT) -> dict[str, Json] | None:
    """Return the controller's answers; None for silence."""
    packets = await post.ask(address, port, *questions(), linger=0.3)
    answers = [packet[:PACKET_BYTES].hex() for packet in packets if is_bacnet(packet)][:PACKETS]
    return {"packets": list(answers)} if answers else None
