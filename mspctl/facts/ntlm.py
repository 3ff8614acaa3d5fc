"""What a Windows machine or Samba tells everyone who begins a login: names, domain and build.

It stands in the CHALLENGE message of NTLM, whichever protocol carries it (SMB, RDP, WinRM):
https://learn.microsoft.com/openspecs/windows_protocols/ms-nlmp/801a4681-8809-4be9-ab0d-61dcfe762786
"""

import struct

from mspctl.facts.text import Facts, given, host_name
from mspctl.facts.wire import number, text, unhex

MOST_BYTES = 2_048
_MARK = b"NTLMSSP\0"
_UNICODE, _OEM, _REQUEST_TARGET, _NTLM, _ALWAYS_SIGN = 0x1, 0x2, 0x4, 0x200, 0x8000
_EXTENDED, _VERSION, _KEY_128, _KEY_56 = 0x80000, 0x2000000, 0x20000000, 0x80000000
_NAMES = {1: "ntlm.computer", 2: "ntlm.domain", 3: "ntlm.dns_name", 4: "ntlm.dns_domain", 5: "ntlm.forest"}
_SAMBA = "6.1.0"  # a build no Windows has: what Samba says


def negotiate() -> bytes:
    """Return the NEGOTIATE message, which begins a login and names nobody."""
    flags = _UNICODE | _OEM | _REQUEST_TARGET | _NTLM | _ALWAYS_SIGN
    flags |= _EXTENDED | _VERSION | _KEY_128 | _KEY_56
    return struct.pack("<8sII8s8s8s", _MARK, 1, flags, bytes(8), bytes(8), bytes.fromhex("0a00614a0000000f"))


def challenge(data: bytes) -> bytes:
    """Return the CHALLENGE message found in an answer; b"" where there is none."""
    place = data.find(_MARK + b"\x02\0\0\0")
    return data[place : place + MOST_BYTES] if place >= 0 else b""


def parse(value: object) -> Facts:
    """Return ntlm.computer, .domain, .dns_name, .dns_domain, .forest and .build of a CHALLENGE in hex."""
    data = unhex(value, MOST_BYTES)
    if not data.startswith(_MARK + b"\x02\0\0\0"):
        return {}
    found = _target(data)
    for name in ("ntlm.dns_name", "ntlm.dns_domain", "ntlm.forest"):
        found[name] = host_name(found.get(name, ""))
    if number(data, 20, 4, little=True) & _VERSION and len(data) >= 56:
        build = f"{data[48]}.{data[49]}.{number(data, 50, 2, little=True)}"
        found["ntlm.build"] = build if data[48] in (5, 6, 10) else ""
        found["ntlm.samba"] = "yes" if build == _SAMBA else ""
    if found.get("ntlm.computer", "").lower() == found.get("ntlm.domain", "").lower():
        found["ntlm.domain"] = ""  # of a machine in no domain, its own name
    if "." not in found.get("ntlm.dns_domain", ""):
        found["ntlm.dns_domain"] = ""
    return given(found)


def _target(data: bytes) -> Facts:
    """Return the names among the attribute-value pairs of the target."""
    size, offset = number(data, 40, 2, little=True), number(data, 44, 4, little=True)
    pairs = data[offset : offset + size] if size > 0 and offset >= 48 else b""
    found: Facts = {}
    while len(pairs) >= 4:
        kind, length = struct.unpack_from("<HH", pairs)
        if kind == 0:
            break
        if kind in _NAMES:
            found[_NAMES[kind]] = text(pairs[4 : 4 + length], "utf-16-le", 254)
        pairs = pairs[4 + length :]
    return found
