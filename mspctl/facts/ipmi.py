"""A management card answers. Raw: {"pong": hex of the RMCP answer, "capabilities": hex of the IPMI answer}.

ASF 2.0, section 3.2.4: https://www.dmtf.org/standards/asf
IPMI 2.0, section 22.13: https://www.intel.com/content/www/us/en/products/docs/servers/ipmi/ipmi-home.html
"""

from mspctl.facts.text import Facts, Raw, given
from mspctl.facts.wire import number, unhex

PACKET_BYTES = 128
_RMCP, _ASF, _IPMI = b"\x06\x00", 6, 7
_PONG, _CAPABILITIES = 0x40, 0x38
_ASF_OWN = 4542  # the standard's own enterprise number: no maker's


def ping() -> bytes:
    """Return the ASF presence ping."""
    return bytes.fromhex("0600ff06 000011be 80010000")


def capabilities_question() -> bytes:
    """Return Get Channel Authentication Capabilities, which is answered before any session."""
    head, body = bytes((0x20, 0x18)), bytes((0x81, 0x00, _CAPABILITIES, 0x8E, 0x04))  # 8E: IPMI 2.0 too
    message = head + bytes((-sum(head) & 0xFF,)) + body + bytes((-sum(body) & 0xFF,))
    return bytes.fromhex("0600ff07 00 00000000 00000000") + bytes((len(message),)) + message


def kind(packet: bytes) -> str:
    """Return which raw part a packet is: "pong", "capabilities" or "" for neither."""
    if packet[:2] != _RMCP:
        return ""
    if number(packet, 3, 1) & 0x1F == _ASF and number(packet, 8, 1) == _PONG:
        return "pong"
    is_answer = number(packet, 3, 1) & 0x1F == _IPMI and number(packet, 4, 1) == 0
    return "capabilities" if is_answer and number(packet, 19, 1) == _CAPABILITIES else ""


def parse(raw: Raw) -> Facts:
    """Return ipmi.card ("yes"), .version, .enterprise and .login ("anonymous" where no name is needed)."""
    pong = unhex(raw.get("pong"), PACKET_BYTES)
    answer = unhex(raw.get("capabilities"), PACKET_BYTES)
    found: Facts = {}
    if kind(pong) == "pong" and number(pong, 20, 1) & 0x80:  # supports IPMI
        maker = number(pong, 12, 4)
        found = {"ipmi.card": "yes", "ipmi.enterprise": str(maker) if maker not in (_ASF_OWN, -1, 0) else ""}
    if kind(answer) == "capabilities" and number(answer, 20, 1) == 0 and len(answer) >= 29:
        types, status, extended = answer[22], answer[23], answer[24]
        found["ipmi.card"] = "yes"
        found["ipmi.version"] = "2.0" if types & 0x80 and extended & 2 else "1.5"
        found["ipmi.login"] = "anonymous" if status & 0x03 else ""
        if maker := number(answer, 25, 3, little=True):
            found["ipmi.enterprise"] = str(maker)
    return given(found)
