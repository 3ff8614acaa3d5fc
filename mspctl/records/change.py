"""What differs between two looks at the client."""

from enum import StrEnum

from mspctl.records.base import Record


class ChangeKind(StrEnum):
    """How an asset differs."""

    NEW = "new"
    GONE = "gone"
    BACK = "back"
    MOVED = "moved"  # other addresses
    CHANGED = "changed"  # one value


class Change(Record, frozen=True, kw_only=True):
    """One difference of one asset."""

    asset: str  # its id
    name: str
    kind: ChangeKind
    what: str = ""  # addresses, services or a field of the profile
    before: str = ""
    now: str = ""
