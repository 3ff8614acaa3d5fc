"""What a device starts with: a configuration written by hand in which every secret is marked.

In starts/ a secret stands between « and »; the marks are not part of the configuration. A marked secret may
have a name before a `=`: `«password=…»` is the technician's, `«enable=…»` the second one.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).with_name("starts")
_MARK = re.compile("«(?:([a-z]+)=)?([^»]+)»")
USER = "technician"


@dataclass(frozen=True)
class Start:
    """A configuration's text, the secrets planted in it, and the words that let a technician in."""

    text: str
    secrets: tuple[str, ...]
    password: str
    enable_password: str


@cache
def read(platform: str) -> Start:
    """Return what devices of a platform start with."""
    marked = (_FOLDER / f"{platform}.cfg").read_text()
    found = _MARK.findall(marked)
    named = {name: secret for name, secret in found if name}
    text = _MARK.sub(lambda mark: mark.group(2), marked)
    secrets = tuple(dict.fromkeys(secret for _, secret in found))
    return Start(text, secrets, named["password"], named.get("enable", ""))


def with_words(start: Start, words: Mapping[str, str]) -> Start:
    """Return a start configuration with another `password` or `enable`."""
    text, secrets = start.text, start.secrets
    for name, word in words.items():
        old = start.password if name == "password" else start.enable_password
        text = text.replace(old, word)
        secrets = tuple(word if secret == old else secret for secret in secrets)
    return Start(
        text, secrets, words.get("password", start.password), words.get("enable", start.enable_password)
    )
