"""Sections of what one script said: {"sections": {"kernel": "system=Linux\\n…", …}}."""

from collections.abc import Iterator

from mspctl.facts.text import Raw, line

LINE_CHARACTERS = 1_024


def section(raw: Raw, name: str) -> str:
    """Return the text of one section, "" where there is none."""
    sections = raw.get("sections")
    text = sections.get(name) if isinstance(sections, dict) else None
    return text if isinstance(text, str) else ""


def lines(text: str, most: int = 20_000) -> Iterator[str]:
    """Yield the lines that say something, without what a terminal would act upon."""
    for count, each in enumerate(text.splitlines()):
        if count >= most:
            return
        if shown := line(each.replace("\t", " "), LINE_CHARACTERS):
            yield shown


def fields(text: str) -> dict[str, str]:
    """Return `name=value` lines; of a name said twice the first value that says something."""
    found: dict[str, str] = {}
    for each in lines(text, 2_000):
        name, separator, value = each.partition("=")
        if separator and value.strip() and name not in found:
            found[name] = line(value.strip().strip("\"'"))
    return found
