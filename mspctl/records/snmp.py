"""Users of SNMP version 3: as discovery asks devices, and as the baseline makes them."""

from typing import Annotated, Literal

from msgspec import Meta

from mspctl.records.base import Record, SecretRef

AuthenticationProtocol = Literal["md5", "sha", "sha224", "sha256", "sha384", "sha512"]
PrivacyProtocol = Literal["des", "aes", "aes192", "aes256"]


class SnmpUser(Record, frozen=True, kw_only=True):
    """A user of SNMP version 3."""

    name: Annotated[str, Meta(min_length=1, max_length=32)]
    authentication: SecretRef | None = None  # none: noAuthNoPriv
    authentication_protocol: AuthenticationProtocol = "sha"
    privacy: SecretRef | None = None
    privacy_protocol: PrivacyProtocol = "aes"
