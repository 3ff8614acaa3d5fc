"""How a server speaks SMB, and who it says it is.

Raw: {"negotiate": hex of the head of the SMB2 answer, "challenge": hex of NTLM's, "version1": bool}.
https://learn.microsoft.com/openspecs/windows_protocols/ms-smb2/63abf97c-0d09-47e2-88d6-6bfa552949a5
"""

from mspctl.facts import ntlm
from mspctl.facts.text import Facts, Raw, given
from mspctl.facts.wire import number, unhex

HEAD_BYTES = 128  # header and fixed part of the answer
_DIALECTS = {0x202: "2.0.2", 0x210: "2.1", 0x300: "3.0", 0x302: "3.0.2", 0x311: "3.1.1"}
_SIGNING = {1: "enabled", 2: "required", 3: "required"}


def parse(raw: Raw) -> Facts:
    """Return smb.dialect, smb.signing, smb.version1 ("offered" or "refused") and what NTLM tells."""
    head = unhex(raw.get("negotiate"), HEAD_BYTES)
    found: Facts = {}
    if head.startswith(b"\xfeSMB") and number(head, 8, 4) == 0:
        found["smb.dialect"] = _DIALECTS.get(number(head, 68, 2, little=True), "")
        found["smb.signing"] = _SIGNING.get(number(head, 66, 2, little=True), "off")
    version1 = raw.get("version1")
    if isinstance(version1, bool):
        found["smb.version1"] = "offered" if version1 else "refused"
    return given(found) | ntlm.parse(raw.get("challenge"))
