"""A port that masscan found open. Raw: {"state": "open", "ttl": 64, "banner": {"service": …, "text": …}}."""

from mspctl.facts import tcp
from mspctl.facts.text import Facts, Raw, given, line

_FACTS = {"ssh": "ssh.banner", "title": "http.title", "http.server": "http.server"}


def parse(raw: Raw) -> Facts:
    """Return tcp.state, and what masscan says the service there called itself."""
    banner = raw.get("banner")
    said = banner if isinstance(banner, dict) else {}
    name = _FACTS.get(line(said.get("service"), 32), "")
    return tcp.parse(raw) | (given({name: line(said.get("text"), 255)}) if name else {})
