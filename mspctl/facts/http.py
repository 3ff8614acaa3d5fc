"""What a web server says to one GET of /.

Raw: {"status": 200, "server": …, "powered_by": …, "realm": …, "location": …, "title": …}.
"""

from mspctl.facts.text import Facts, Raw, given, line


def parse(raw: Raw) -> Facts:
    """Return http.status, http.server, http.powered_by, http.realm, http.location and http.title."""
    status = raw.get("status")
    known = isinstance(status, int) and not isinstance(status, bool) and 100 <= status <= 599
    texts = {
        f"http.{name}": line(raw.get(name), 256)
        for name in ("server", "powered_by", "realm", "location", "title")
    }
    return given({"http.status": str(status) if known else ""} | texts)
