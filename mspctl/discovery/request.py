"""What a scan is asked to do."""

from typing import Annotated

from msgspec import Meta, field

from mspctl.discovery.profiles import DEFAULT_PORTS
from mspctl.records import AuthenticationProtocol, PrivacyProtocol, ProfileName, Record


class SnmpLogin(Record, frozen=True, kw_only=True):
    """One way to be let in: a community of version 2c or 1, or a user of version 3. All of it is secret."""

    community: str = ""
    user: str = ""
    authentication: str = ""
    authentication_protocol: AuthenticationProtocol = "sha"
    privacy: str = ""
    privacy_protocol: PrivacyProtocol = "aes"

    def __repr__(self) -> str:
        """Return nothing that is secret."""
        return "SnmpLogin(<secret>)"

    def __rich_repr__(self) -> list[tuple[str, object]]:
        """Return what rich and its tracebacks may show: nothing."""
        return []


class ScanRequest(Record, frozen=True, kw_only=True):
    """One scan. Communities and passwords are secrets: shown nowhere, never leaving the machine in a log."""

    scan: str  # id of the log
    networks: tuple[str, ...]  # CIDR; nothing else is ever sent to, but for `dns`
    exclude: tuple[str, ...] = ()  # addresses and networks that are not touched
    ports: tuple[int, ...] = DEFAULT_PORTS
    profile: ProfileName = "standard"  # noted in the log, so that the scan can be resumed as it was
    udp: frozenset[str] | None = None  # the probes over UDP that are put to machines; None: all
    industrial: bool = False  # whether controllers of machines and buildings are asked for their names
    snmp_communities: tuple[str, ...] = ()
    snmp_users: tuple[SnmpLogin, ...] = ()
    dns: dict[str, tuple[str, ...]] = field(default_factory=dict)  # CIDR: servers that know its reverse names
    packets_per_second: Annotated[int, Meta(ge=1)] = 5_000
    timeout_seconds: Annotated[float, Meta(gt=0)] = 1.0  # for the first answer of an address; asked twice

    def asks(self, probe: str) -> bool:
        """Return whether a probe over UDP is part of this scan."""
        return self.udp is None or probe in self.udp

    def __repr__(self) -> str:
        """Return the request without its secrets."""
        secrets = f"<{len(self.snmp_communities)} communities>"
        return f"ScanRequest(scan={self.scan!r}, networks={self.networks!r}, snmp_communities={secrets})"

    def __rich_repr__(self) -> list[tuple[str, object]]:
        """Return what rich and its tracebacks may show: the same, without secrets."""
        return [("scan", self.scan), ("networks", self.networks)]
