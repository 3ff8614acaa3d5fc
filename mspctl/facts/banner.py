"""The greeting of a service that speaks first. Raw: {"service": "smtp", "text": …}."""

from mspctl.facts.text import Facts, Raw, given, line

SERVICES = ("ftp", "imap", "pop3", "smtp", "telnet")
_IAC, _SUB, _SUB_END = 255, 250, 240
_TEXT_BYTES = 1_024


def text_of(service: str, data: bytes) -> str:
    """Return the text of a greeting: its first line, of telnet all that is left without its options."""
    data = _without_options(data[:_TEXT_BYTES]) if service == "telnet" else data.partition(b"\n")[0]
    return data[:_TEXT_BYTES].decode("utf-8", "replace").strip()


def _without_options(data: bytes) -> bytes:
    """Return what telnet shows: https://www.rfc-editor.org/rfc/rfc854"""
    shown = bytearray()
    place = 0
    while place < len(data):
        if data[place] != _IAC:
            shown.append(data[place])
            place += 1
        elif data[place + 1 : place + 2] == bytes((_SUB,)):
            end = data.find(bytes((_IAC, _SUB_END)), place)
            place = end + 2 if end >= 0 else len(data)
        elif data[place + 1 : place + 2] == bytes((_IAC,)):
            shown.append(_IAC)
            place += 2
        else:
            place += 3 if place + 1 < len(data) and data[place + 1] >= 251 else 2
    return bytes(shown)


def parse(raw: Raw) -> Facts:
    """Return ftp.banner, smtp.banner and so on, after the service."""
    service = raw.get("service")
    if not isinstance(service, str) or service not in SERVICES:
        return {}
    return given({f"{service}.banner": line(raw.get("text"), 255)})
