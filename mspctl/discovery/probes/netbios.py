"""NetBIOS node status: which names a machine holds. https://www.rfc-editor.org/rfc/rfc1002#section-4.2.17"""

from mspctl.discovery.datagrams import Datagrams
from mspctl.facts.netbios import MOST_BYTES, question
from mspctl.records import Json

PORT = 137


async def collect(post: Datagrams, address: str, port: int = PORT) -> dict[str, Json] | None:
    """Return the answer to a node status request; None for silence."""
    answers = await post.ask(address, port, question())
    return {"answer": answers[0][:MOST_BYTES].hex()} if answers else None
