"""Multicast DNS, asked of one machine at a time: nothing is sent to a group of machines.

https://www.rfc-editor.org/rfc/rfc6762#section-5.5
"""

from mspctl.discovery.datagrams import Datagrams
from mspctl.facts.dns_message import is_response
from mspctl.facts.mdns import PACKET_BYTES, PACKETS, first_questions, next_questions
from mspctl.records import Json

PORT = 5353
_LINGER_SECONDS = 0.15  # responders may spread their answer over several packets
_ROUNDS = 3  # types, instances, and what instances say of themselves


async def collect(post: Datagrams, address: str, port: int = PORT) -> dict[str, Json] | None:
    """Return the packets a machine answers with; None for silence."""
    asked = first_questions(address)
    packets: list[bytes] = []
    for _ in range(_ROUNDS):
        heard = await post.ask(address, port, *asked, linger=_LINGER_SECONDS)
        packets += heard
        if not heard or not (asked := next_questions(packets)):
            break
    answers: list[Json] = [packet[:PACKET_BYTES].hex() for packet in packets if is_response(packet)]
    return {"packets": answers[:PACKETS]} if answers else None
