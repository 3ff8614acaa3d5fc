"""The certificate a TLS server shows, whoever signed it.

Raw: {"subject": …, "issuer": …, "names": […], "not_after": "2027-01-01T00:00:00Z", "spki_sha256": hex}.
"""

import re

from mspctl.facts.text import Facts, Raw, given, line, strings


def parse(raw: Raw) -> Facts:
    """Return tls.subject, tls.issuer, tls.names, tls.not_after and tls.key, the SHA-256 of its public key."""
    key = line(raw.get("spki_sha256"), 64)
    return given(
        {
            "tls.subject": line(raw.get("subject"), 256),
            "tls.issuer": line(raw.get("issuer"), 256),
            "tls.names": line(" ".join(strings(raw.get("names")))),
            "tls.not_after": line(raw.get("not_after"), 32),
            "tls.key": key if re.fullmatch("[0-9a-f]{64}", key) else "",
        }
    )
