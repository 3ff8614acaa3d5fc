"""What a telephone or an exchange says to OPTIONS. Raw: {"status": 200, "user_agent": …, "server": …}.

https://www.rfc-editor.org/rfc/rfc3261#section-11
"""

import re

from mspctl.facts.text import Facts, Raw, given, line
from mspctl.records import Json

_KEPT = {"user-agent": "user_agent", "server": "server", "allow": "allow"}


def answer(data: bytes) -> dict[str, Json] | None:
    """Return what an answer says; None for what is no SIP."""
    lines = data[:4_096].decode("utf-8", "replace").split("\n")
    status = re.match(r"SIP/2\.0 (\d{3})", lines[0])
    if not status:
        return None
    raw: dict[str, Json] = {"status": int(status[1])}
    for text in lines[1:64]:
        name, _, value = text.partition(":")
        if field := _KEPT.get(name.strip().lower()):
            raw.setdefault(field, value.strip()[:256])
    return raw


def parse(raw: Raw) -> Facts:
    """Return sip.status and sip.product, what the other side calls itself."""
    status = raw.get("status")
    if not isinstance(status, int) or isinstance(status, bool) or not 100 <= status <= 699:
        return {}
    product = line(raw.get("server"), 200) or line(raw.get("user_agent"), 200)
    # A missing login or a full house is a matter of the moment: that SIP is spoken is what counts.
    return {"sip.spoken": "yes"} | given({"sip.product": product})
