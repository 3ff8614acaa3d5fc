"""Reverse names of an address. Raw: {"names": ["files.harbour.example", …]}."""

from mspctl.facts.text import Facts, Raw, host_name, strings


def parse(raw: Raw) -> Facts:
    """Return ptr.name, the first of the names in alphabetical order."""
    names = sorted(filter(None, map(host_name, strings(raw.get("names")))))
    return {"ptr.name": names[0]} if names else {}
