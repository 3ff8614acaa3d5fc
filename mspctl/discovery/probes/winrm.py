"""Windows' remote management: the ways to log in it offers, and the names NTLM tells; no login is tried."""

import base64
import binascii
import ssl

from mspctl.discovery.probes.web import Answer, exchange
from mspctl.facts import ntlm
from mspctl.records import Json

PORTS = (5985, 5986)
_PATH = "/wsman"
_SCHEMES = 8


async def collect(
    address: str, port: int, seconds: float, context: ssl.SSLContext | None = None
) -> dict[str, Json] | None:
    """Return what the service says before a login; None where it is not there."""
    token = base64.b64encode(ntlm.negotiate()).decode()
    headers = {"Authorization": f"Negotiate {token}", "Content-Type": "application/soap+xml;charset=UTF-8"}
    answer = await exchange(address, port, _PATH, seconds, context=context, headers=headers, body=b"")
    return decode(answer) if answer else None


def decode(answer: Answer) -> dict[str, Json] | None:
    """Return what a refusal tells; None for one that offers no way to log in."""
    offers = [value for name, value in answer.headers if name == "www-authenticate"][:_SCHEMES]
    if answer.status != 401 or not offers:
        return None
    raw: dict[str, Json] = {
        "status": answer.status,
        "server": answer.header("server")[:120],
        "schemes": [offer.split()[0][:32] for offer in offers if offer.split()],
    }
    for offer in offers:
        if told := ntlm.challenge(_decoded(offer.partition(" ")[2])):
            raw["challenge"] = told.hex()
    return raw


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text.strip()[:8192].encode("ascii"))
    except (UnicodeEncodeError, binascii.Error):
        return b""
