"""WS-Discovery: a probe sent to one machine, and its metadata, if they are on the machine itself."""

import re
from uuid import uuid4

from mspctl.discovery.datagrams import Datagrams
from mspctl.discovery.probes.ssdp import own_place
from mspctl.discovery.probes.web import exchange
from mspctl.facts.markup import MOST_BYTES
from mspctl.facts.wsd import DEVICE, device, get, match, probe
from mspctl.records import Json

PORT = 3702
_PLACES = 4
_ENDPOINT = re.compile(r"[A-Za-z0-9:._/-]{1,120}")  # it goes into the next question as it stands
_SOAP = {"Content-Type": "application/soap+xml"}


async def collect(
    post: Datagrams, address: str, port: int = PORT, seconds: float = 1.0
) -> dict[str, Json] | None:
    """Return what a device says to a probe and in its metadata; None for silence."""
    questions = probe(uuid4()), probe(uuid4(), DEVICE)
    answers = await post.ask(address, port, *questions, is_ours=lambda data: bool(match(data)))
    raw = next(filter(None, map(match, answers)), None)
    if raw is None:
        return None
    places = [own_place(word, address) for word in str(raw.get("places", "")).split()[:_PLACES]]
    place, endpoint = next(filter(None, places), None), str(raw.get("endpoint", ""))
    if place and _ENDPOINT.fullmatch(endpoint):
        post.guard(address)
        asked = get(endpoint, uuid4())
        answer = await exchange(address, *place, seconds, headers=_SOAP, body=asked, most=MOST_BYTES)
        if answer and answer.status == 200:
            raw["device"] = device(answer.body)
    return raw
