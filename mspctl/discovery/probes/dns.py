"""DNS: a name server's version, which it tells or refuses; no name of anybody's is looked up."""

from mspctl.discovery.datagrams import Datagrams
from mspctl.facts.dns import PACKET_BYTES, is_answer, version_question
from mspctl.records import Json

PORT = 53


async def collect(post: Datagrams, address: str, port: int = PORT) -> dict[str, Json] | None:
    """Return the server's answer; None for silence."""
    packets = await post.ask(address, port, version_question())
    answer = next(filter(is_answer, packets), None)
    return {"answer": answer[:PACKET_BYTES].hex()} if answer else None
