"""An answer to an ICMP echo. Raw: {"ttl": 64}."""

from mspctl.facts.text import Facts, Raw


def parse(raw: Raw) -> Facts:
    """Return ping.alive, and ping.ttl where the time to live of the answer is known."""
    ttl = raw.get("ttl")
    known = isinstance(ttl, int) and not isinstance(ttl, bool) and 0 < ttl <= 255
    return {"ping.alive": "yes"} | ({"ping.ttl": str(ttl)} if known else {})
