"""The certificate a TLS server shows, whoever signed it.

Raw: {"subject": …, "issuer": …, "names": […], "not_after": "2027-01-01T00:00:00Z", "spki_sha256": hex,
"chain": [subject, …] of the certificates sent beside it, "versions": [an old one it accepts, the newest]}.
"""

import re

from mspctl.facts.text import Facts, Raw, given, line, strings


def parse(raw: Raw) -> Facts:
    """Return tls.subject, .issuer, .names, .not_after, .chain, .versions, .key: SHA-256 of its public key."""
    key = line(raw.get("spki_sha256"), 64)
    return given(
        {
            "tls.subject": line(raw.get("subject"), 256),
            "tls.issuer": line(raw.get("issuer"), 256),
            "tls.names": line(" ".join(strings(raw.get("names")))),
            "tls.chain": line(" < ".join(strings(raw.get("chain"), 8))),
            "tls.versions": line(" ".join(strings(raw.get("versions"), 4)), 64),
            "tls.not_after": line(raw.get("not_after"), 32),
            "tls.key": key if re.fullmatch("[0-9a-f]{64}", key) else "",
        }
    )
