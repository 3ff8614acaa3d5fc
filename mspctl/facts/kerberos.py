"""A key distribution centre refuses somebody who does not exist. Raw: {"answer": hex of the KRB-ERROR}.

https://www.rfc-editor.org/rfc/rfc4120#section-5.9.1
"""

from mspctl.facts.text import Facts, Raw, given, host_name
from mspctl.facts.wire import ber, ber_path, text, unhex

MOST_BYTES = 1_024
NOBODY = "mspctl-nobody"
REALM = "MSPCTL.INVALID"  # https://www.rfc-editor.org/rfc/rfc2606#section-2
_ERROR = 0x7E
_ETYPES = (18, 17, 23)  # AES-256, AES-128, RC4


def question() -> bytes:
    """Return the request for a ticket of somebody who does not exist."""
    body = ber(
        0x30,
        ber(0xA0, ber(3, bytes(5))),
        ber(0xA1, _name(1, NOBODY)),
        ber(0xA2, ber(0x1B, REALM.encode())),
        ber(0xA3, _name(2, "krbtgt", REALM)),
        ber(0xA5, ber(0x18, b"20370913024805Z")),
        ber(0xA7, ber(2, b"\x1f\x1e\xb9\xd9")),
        ber(0xA8, ber(0x30, *(ber(2, bytes((kind,))) for kind in _ETYPES))),
    )
    head = ber(0xA1, ber(2, b"\5")) + ber(0xA2, ber(2, b"\x0a"))
    return ber(0x6A, ber(0x30, head, ber(0xA4, body)))


def parse(raw: Raw) -> Facts:
    """Return kerberos.error, its number, and kerberos.realm where the centre names its own."""
    error = ber_path(unhex(raw.get("answer"), MOST_BYTES), _ERROR, 0x30)
    code = ber_path(error, 0xA6, 2)
    if not 0 < len(code) <= 4:
        return {}
    names = (ber_path(error, tag, 0x1B) for tag in (0xA9, 0xA7))
    realm = next((own for name in names if (own := host_name(text(name))) and own != REALM.lower()), "")
    return {"kerberos.error": str(int.from_bytes(code, "big"))} | given({"kerberos.realm": realm})


def _name(kind: int, *parts: str) -> bytes:
    strings = ber(0x30, *(ber(0x1B, part.encode()) for part in parts))
    return ber(0x30, ber(0xA0, ber(2, bytes((kind,)))), ber(0xA1, strings))
