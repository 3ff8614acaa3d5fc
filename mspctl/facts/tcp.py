"""How a port took a connection. Raw: {"state": "open" | "refused"}; both mean that a machine is there."""

from mspctl.facts.text import Facts, Raw


def parse(raw: Raw) -> Facts:
    """Return tcp.state, "open" or "refused"."""
    state = raw.get("state")
    return {"tcp.state": state} if isinstance(state, str) and state in ("open", "refused") else {}
