"""The certificate of a TLS server, who signed it, and how old a TLS it speaks. Nothing of it is trusted."""

import asyncio
import hashlib
import ssl
import warnings
from contextlib import suppress
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mspctl.discovery.probes.reading import FAILURES, connection, unverified_context
from mspctl.records import Json

_CERTIFICATE_BYTES = 65_536
_NAMES = 16
_CHAIN = 8  # certificates beside its own
_DER = 2  # of `_ssl`: the encoding
_OLD = frozenset({"SSLv3", "TLSv1", "TLSv1.1"})


async def collect(address: str, port: int, seconds: float, context: ssl.SSLContext) -> dict[str, Json] | None:
    """Return what the server's certificate says, its chain and versions; None where no TLS is spoken."""
    try:
        async with asyncio.timeout(seconds * 4), connection(address, port, context) as (_, writer):
            tls = writer.get_extra_info("ssl_object")
            raw = decode(tls.getpeercert(binary_form=True) or b"")
            versions, chain = [tls.version()], _chain(tls)
    except FAILURES:
        return None
    if raw is None:
        return None
    if chain:
        raw["chain"] = list[Json](chain)
    if versions[0] not in _OLD and (old := await _old_version(address, port, seconds)):
        versions.insert(0, old)
    return raw | {"versions": list[Json](str(version) for version in versions if version)}


async def _old_version(address: str, port: int, seconds: float) -> str:
    """Return the newest version before 1.2 that a server accepts, "" where it rightly accepts none."""
    context = unverified_context()
    with warnings.catch_warnings():  # that they are old is what is asked about
        warnings.simplefilter("ignore", DeprecationWarning)
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with suppress(*FAILURES):
        async with asyncio.timeout(seconds * 2), connection(address, port, context) as (_, writer):
            return str(writer.get_extra_info("ssl_object").version() or "")
    return ""


def _chain(tls: Any) -> list[str]:
    """Return the subjects of the certificates a server sent beside its own, as it ordered them.

    Python before 3.13 has no public way to them.
    """
    reader = getattr(tls, "get_unverified_chain", None) or getattr(
        getattr(tls, "_sslobj", None), "get_unverified_chain", None
    )
    subjects = []
    for certificate in (reader() or [])[1 : _CHAIN + 1] if reader else []:
        der = certificate if isinstance(certificate, bytes) else certificate.public_bytes(_DER)
        if said := decode(der):
            subjects.append(str(said.get("subject", "")))
    return subjects


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
