"""How templates are rendered: everything escaped, nothing undefined."""

from jinja2 import Environment, PackageLoader, StrictUndefined

from mspctl.events import plain


def environment() -> Environment:
    """Return the environment of all pages."""
    made = Environment(
        loader=PackageLoader("mspctl", "data/templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["plain"] = lambda text, limit=200: plain(str(text), limit)
    return made
