"""What a name server calls itself, and whether it looks names up for others. Raw: {"answer": hex}.

https://www.rfc-editor.org/rfc/rfc4892#section-2
"""

from mspctl.facts.dns_message import TXT, is_response, question, records
from mspctl.facts.text import Facts, Raw, given
from mspctl.facts.wire import text, unhex

PACKET_BYTES = 1_024
_CHAOS = 3
_RECURSION_WANTED, _RECURSION_OFFERED = 0x0100, 0x80
_IDENTIFIER = 0x6D73
_VERSION = "version.bind"


def version_question() -> bytes:
    """Return the question for the server's version; it leads to no look-up elsewhere."""
    return question((_VERSION, TXT), klass=_CHAOS, identifier=_IDENTIFIER, flags=_RECURSION_WANTED)


def is_answer(packet: bytes) -> bool:
    """Return whether a packet answers our question, be it with a refusal."""
    return is_response(packet) and packet[:2] == _IDENTIFIER.to_bytes(2, "big")


def parse(raw: Raw) -> Facts:
    """Return dns.server ("yes"), dns.version where told, and dns.recursion where it is offered to us."""
    data = unhex(raw.get("answer"), PACKET_BYTES)
    if not is_answer(data):
        return {}
    texts = [r.strings[0] for r in records(data) if r.name.lower() == _VERSION and r.strings]
    return {"dns.server": "yes"} | given(
        {
            "dns.version": text(texts[0], limit=120) if texts else "",
            "dns.recursion": "offered" if data[3] & _RECURSION_OFFERED else "",
        }
    )
