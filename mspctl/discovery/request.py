"""What a scan is asked to do."""

from typing import Annotated

from msgspec import Meta, field

from mspctl.records import Record

DEFAULT_PORTS = (
    *(21, 22, 23, 25, 53, 80, 88, 110, 135, 139, 143, 179, 389, 443, 445, 515, 548, 554, 587, 631, 636),
    *(993, 995, 1433, 1521, 2049, 3306, 3389, 5060, 5432, 5900, 5985, 5986, 8080, 8443, 10050, 10051),
)
"""Ports that tell what a machine is for. Not 9100: a printer prints whatever it is sent there."""

NEVER_TALKED_TO = frozenset({515, *range(9100, 9110)})
"""Ports that, when asked for, are connected to once and sent nothing: print queues print what they get."""

FIRST_CONTACT_PORTS = (22, 80, 135, 443, 445, 3389)
"""Where a machine beyond a router is knocked at first: nearly all answer at one, if only to refuse."""


class ScanRequest(Record, frozen=True, kw_only=True):
    """One scan. The communities are secrets: they are shown nowhere and never leave the machine in a log."""

    scan: str  # id of the log
    networks: tuple[str, ...]  # CIDR; nothing else is ever sent to, but for `dns`
    exclude: tuple[str, ...] = ()  # addresses and networks that are not touched
    ports: tuple[int, ...] = DEFAULT_PORTS
    snmp_communities: tuple[str, ...] = ()
    dns: dict[str, tuple[str, ...]] = field(default_factory=dict)  # CIDR: servers that know its reverse names
    packets_per_second: Annotated[int, Meta(ge=1)] = 5_000
    timeout_seconds: Annotated[float, Meta(gt=0)] = 1.0  # for the first answer of an address; asked twice

    def __repr__(self) -> str:
        """Return the request without its secrets."""
        secrets = f"<{len(self.snmp_communities)} communities>"
        return f"ScanRequest(scan={self.scan!r}, networks={self.networks!r}, snmp_communities={secrets})"

    def __rich_repr__(self) -> list[tuple[str, object]]:
        """Return what rich and its tracebacks may show: the same, without secrets."""
        return [("scan", self.scan), ("networks", self.networks)]
