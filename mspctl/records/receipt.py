"""What a rollout left on a host, so that the next one can prove that nothing has changed: receipts.jsonl."""

from typing import Literal

from msgspec import field

from mspctl.records.base import Record

ResourceKind = Literal["file", "directory", "path", "package", "unit", "user", "group", "command"]


class Resource(Record, frozen=True, kw_only=True):
    """One thing on a host that a service's rollout depends on, and how it was found."""

    kind: ResourceKind
    name: str
    state: dict[str, str]  # digests of contents are keyed
    command: tuple[str, ...] = ()  # the read-only question, of a command


class Receipt(Record, frozen=True, kw_only=True):
    """One service on one host as a rollout left it."""

    asset: str
    host: str
    service: str
    desired: str  # keyed digest of everything that the rollout's outcome depends on
    since: str  # the run that first left it so
    resources: tuple[Resource, ...] = field(default_factory=tuple)
