"""How a remote desktop wants to be spoken to.

Raw: {"answer": hex of the negotiation, "certificate": as in mspctl/facts/tls, "challenge": hex of NTLM's}.
https://learn.microsoft.com/openspecs/windows_protocols/ms-rdpbcgr/b2975bdc-6d56-49ee-9c57-f2ff3a0b6817
"""

from mspctl.facts import ntlm, tls
from mspctl.facts.text import Facts, Raw, given
from mspctl.facts.wire import number, unhex

MOST_BYTES = 64
_RESPONSE, _FAILURE = 2, 3
_CHOSEN = {0: "rdp", 1: "tls", 2: "nla", 8: "nla"}
_REFUSALS = {1: "tls", 2: "rdp", 3: "rdp", 5: "nla"}  # what the server insists on, by failure code


def selected(answer: bytes) -> str:
    """Return the security a server chose: rdp (its own, old), tls, nla; "" for no remote desktop."""
    if answer[:1] != b"\x03" or number(answer, 5, 1) != 0xD0:
        return ""
    kind, chosen = number(answer, 11, 1), number(answer, 15, 4, little=True)
    if kind == _RESPONSE:
        return _CHOSEN.get(chosen, "")
    return _REFUSALS.get(chosen, "") if kind == _FAILURE else "rdp"


def parse(raw: Raw) -> Facts:
    """Return rdp.security, the certificate as rdp.subject and rdp.key, and what NTLM tells."""
    certificate = raw.get("certificate")
    shown = tls.parse(certificate) if isinstance(certificate, dict) else {}
    return given(
        {
            "rdp.security": selected(unhex(raw.get("answer"), MOST_BYTES)),
            "rdp.subject": shown.get("tls.subject", ""),
            "rdp.key": shown.get("tls.key", ""),
        }
    ) | ntlm.parse(raw.get("challenge"))
