"""What a web server says to one GET of /.

Raw: {"status": 200, "server": …, "powered_by": …, "realm": …, "location": …, "title": …,
"favicon": MD5 of the icon in hex}.
"""

import re

from mspctl.facts.text import Facts, Raw, given, line


def parse(raw: Raw) -> Facts:
    """Return http.status, http.server, http.powered_by, http.realm, http.location, .title and .favicon."""
    status = raw.get("status")
    known = isinstance(status, int) and not isinstance(status, bool) and 100 <= status <= 599
    texts = {
        f"http.{name}": line(raw.get(name), 256)
        for name in ("server", "powered_by", "realm", "location", "title")
    }
    icon = line(raw.get("favicon"), 32)
    found = texts | {"http.favicon": icon if re.fullmatch("[0-9a-f]{32}", icon) else ""}
    return given({"http.status": str(status) if known else ""} | found)
