"""The certificate a TLS server shows. It is looked at, never trusted."""

import asyncio
import hashlib
import ssl
from contextlib import suppress

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mspctl.discovery.probes.reading import FAILURES, connection
from mspctl.records import Json

_CERTIFICATE_BYTES = 65_536
_NAMES = 16


async def collect(address: str, port: int, seconds: float, context: ssl.SSLContext) -> dict[str, Json] | None:
    """Return what the server's certificate says; None where no TLS is spoken."""
    try:
        async with asyncio.timeout(seconds * 4), connection(address, port, context) as (_, writer):
            tls = writer.get_extra_info("ssl_object")
            return decode(tls.getpeercert(binary_form=True) or b"")
    except FAILURES:
        return None


def decode(certificate: bytes) -> dict[str, Json] | None:
    """Return subject, issuer, names, end and key of a certificate in DER; what cannot be read is left out."""
    if not 0 < len(certificate) <= _CERTIFICATE_BYTES:
        return None
    # The library reads lazily and refuses malformed parts with many kinds of errors: each part on its own.
    raw: dict[str, Json] = {}
    with suppress(Exception):
        parsed = x509.load_der_x509_certificate(certificate)
        with suppress(Exception):
            spki = parsed.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            raw["spki_sha256"] = hashlib.sha256(spki).hexdigest()
        with suppress(Exception):
            raw["subject"] = parsed.subject.rfc4514_string()[:256]
        with suppress(Exception):
            raw["issuer"] = parsed.issuer.rfc4514_string()[:256]
        with suppress(Exception):
            raw["not_after"] = parsed.not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%SZ")
        with suppress(Exception):
            names = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            raw["names"] = [name[:253] for name in names.get_values_for_type(x509.DNSName)[:_NAMES]]
    return raw or None
