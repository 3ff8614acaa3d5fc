"""A vendor's product as data: data/providers/<capability>/<name>.yml."""

from mspctl.records.base import Record


class Provider(Record, frozen=True, kw_only=True):
    """Placeholder."""
