"""How a message broker takes somebody without a name. Raw: {"answer": hex of CONNACK}.

https://docs.oasis-open.org/mqtt/mqtt/v3.1.1/os/mqtt-v3.1.1-os.html#_Toc398718033
"""

from mspctl.facts.text import Facts, Raw
from mspctl.facts.wire import unhex

_CONNACK = b"\x20\x02"
_CODES = {0: "open", 1: "other version", 2: "refused", 3: "unavailable", 4: "login", 5: "login"}
DISCONNECT = b"\xe0\x00"


def question() -> bytes:
    """Return CONNECT without name and password, for a session that is forgotten at once."""
    client = b"mspctl"
    body = b"\0\4MQTT\4\2\0\x0a" + len(client).to_bytes(2, "big") + client
    return b"\x10" + bytes((len(body),)) + body


def is_answer(data: bytes) -> bool:
    """Return whether a broker has answered."""
    return len(data) >= 4 and data.startswith(_CONNACK)


def parse(raw: Raw) -> Facts:
    """Return mqtt.access: "open" to everyone, "login", or why not."""
    data = unhex(raw.get("answer"), 4)
    return {"mqtt.access": _CODES.get(data[3], "refused")} if is_answer(data) else {}
