"""NTP: the time is asked for, and the daemon's name where it still tells everyone."""

from mspctl.discovery.datagrams import Datagrams
from mspctl.facts.ntp import PACKET_BYTES, is_time, time_question, variables, variables_question
from mspctl.records import Json

PORT = 123


async def collect(post: Datagrams, address: str, port: int = PORT) -> dict[str, Json] | None:
    """Return what a clock answers; None for silence."""
    packets = await post.ask(address, port, time_question(), variables_question(), linger=0.1)
    answer = next(filter(is_time, packets), None)
    if answer is None:
        return None
    told = "".join(filter(None, map(variables, packets)))
    raw: dict[str, Json] = {"answer": answer[:PACKET_BYTES].hex()}
    return raw | {"variables": told} if told else raw
