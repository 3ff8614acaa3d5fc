"""How Windows' remote management wants to be logged in to.

Raw: {"status": 401, "server": …, "schemes": ["Negotiate", …], "challenge": hex of NTLM's}.
https://learn.microsoft.com/windows/win32/winrm/portal
"""

from mspctl.facts import ntlm
from mspctl.facts.text import Facts, Raw, given, line, strings


def parse(raw: Raw) -> Facts:
    """Return winrm.schemes, winrm.server and what NTLM tells."""
    schemes = sorted({scheme for scheme in strings(raw.get("schemes")) if scheme.isascii()})
    return given(
        {"winrm.schemes": line(" ".join(schemes), 120), "winrm.server": line(raw.get("server"), 120)}
    ) | ntlm.parse(raw.get("challenge"))
