"""A clock that others may set theirs by. Raw: {"answer": hex of its time, "variables": text of mode 6}.

https://www.rfc-editor.org/rfc/rfc5905#section-7.3 https://www.rfc-editor.org/rfc/rfc9327
"""

import re

from mspctl.facts.text import Facts, Raw, given, line
from mspctl.facts.wire import unhex

PACKET_BYTES = 48
_VARIABLE = re.compile(r'\b(?P<name>version|system|processor)="?(?P<value>[^",\r\n]{1,120})')
_SERVER, _CONTROL = 4, 6


def time_question() -> bytes:
    """Return the question for the time; it tells none of our own."""
    return b"\x23" + bytes(47)  # version 4, mode 3


def variables_question() -> bytes:
    """Return the question for the daemon's variables."""
    return bytes.fromhex("1602000100000000 00000000")  # version 2, mode 6, read variables


def is_time(packet: bytes) -> bool:
    """Return whether a packet is a server's answer."""
    return len(packet) >= PACKET_BYTES and packet[0] & 7 == _SERVER


def variables(packet: bytes) -> str:
    """Return the daemon's variables in a packet, "" for what is no answer with any."""
    if len(packet) <= 12 or packet[0] & 7 != _CONTROL or packet[1] & 0xC0 != 0x80:
        return ""
    return packet[12:1_024].decode("ascii", "replace")


def parse(raw: Raw) -> Facts:
    """Return ntp.server ("yes"), and ntp.version, .system and .processor where they are shown."""
    if not is_time(unhex(raw.get("answer"), PACKET_BYTES)):
        return {}
    # Stratum and reference change from look to look, and tell nothing of the machine.
    said = {match["name"]: match["value"] for match in _VARIABLE.finditer(line(raw.get("variables"), 1_024))}
    return {"ntp.server": "yes"} | given({f"ntp.{name}": line(value, 120) for name, value in said.items()})
