"""Configurations without their secrets, and the doubt about every line that might still hold one; pure.

What a platform's record knows to be a secret is masked. Then every line is suspected: one that names a
password, a key or the like and goes on with anything but the mask, or that holds what looks like a hash or a
key, is told by its number, and nothing of the device is written down until somebody has cleared it up.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise

from mspctl.records import Platform

MASK = "<removed>"
_LONG_NUMBER = 32  # digits: more than any count or identifier has
_RESTLESS = 7  # changes between digits, capitals and small letters: GigabitEthernet1 has five

_VALUE = r"(?:(?:ENC|encrypted|plaintext|ascii|hex|sha1|sha256|sha512|md5|clear|\d{1,2}) )?"
_COMMON = (  # for platforms whose record says less, and what theirs leave out
    r".*?\b(?:password|passwd|passphrase|psksecret|pre-shared-key|preshared-key|shared-secret|community)"
    rf"(?: (?:cipher|simple|irreversible-cipher|hash|user-name \S+))? {_VALUE}(\S.*)",
    rf".*?\b(?:encrypted-password|plaintext-password|pre-shared-secret|authentication-key) {_VALUE}(\S.*)",
    r".*?[ ,]\w*(?:password|passphrase|secret|psk|token)=(\S+).*",
)
_LOGIN_IN_URL = re.compile(r"://[^\s:/@]*:([^\s@]+)@")
_HASHES = re.compile(
    r"\$(?:1|2[aby]?|5|6|8|9|14|sha1|y|7)\$[^\s\"]{8,}"  # crypt and Cisco
    r"|\b(?:sha1|sha256|sha512|SH2|AK1)[: ]?[A-Za-z0-9+/=]{20,}"
    r"|-----BEGIN [A-Z0-9 ]*(?:PRIVATE KEY|CERTIFICATE)[A-Z0-9 ]*-----"
)
_WORDS = re.compile(
    r"(?i)(?:secret|passw(?:or)?d|passphrase|passwd|passcode|psk|pre-?shared|community|credential|token"
    r"|(?<![a-z])(?:\w*-)?key(?!board)(?:-?(?:string|value|chain))?|auth-pwd|priv-pwd|bearer|authorization|(?<=\s)auth(?=\s)|(?<=\s)priv(?=\s)|\bENC\b)"
    r"[\w-]*[ =:]+(?P<value>\S+)"
)
_LONG = re.compile(
    r"(?<![\w.:/-])(?:[0-9A-Fa-f]{20,}|[A-Za-z0-9+]{20,}|[A-Za-z0-9+/]{28,}={0,2}|[A-Za-z0-9+/]{16,}={1,2})(?![\w.:/-])"
)
_GROUPED_HEX = re.compile(r"(?:[0-9A-Fa-f]{8}[ ]+){3,}[0-9A-Fa-f]{2,8}")
_PEM_END = re.compile(r".*-----END .*")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_HARMLESS_VALUES = re.compile(r"(?:enable|disable|yes|no|none|default|required|optional|<removed>)[;,\"]*")


def redact(text: str, platform: Platform) -> str:
    """Return a cleaned configuration with every known secret masked; as many lines as before."""
    blocks = [(re.compile(first), re.compile(last)) for first, last in platform.blocks]
    return "\n".join(_outside_blocks(text.split("\n"), platform, blocks))


def _outside_blocks(
    lines: Sequence[str], platform: Platform, blocks: Sequence[tuple[re.Pattern[str], re.Pattern[str]]]
) -> Iterator[str]:
    """Yield lines masked: blocks whole, a quoted secret to its end, every other by itself and its section."""
    until: re.Pattern[str] | None = None
    quoted = False
    section = _Section(platform)
    for line in lines:
        indent = line[: len(line) - len(line.lstrip())]
        if until is not None:
            ended = until.fullmatch(line) is not None
            yield line if ended and "-----" not in line else f"{indent}{MASK}"
            until = None if ended else until
        elif quoted:  # a secret goes on over the end of its line
            quoted = line.count('"') % 2 == 0
            yield f"{indent}{MASK}"
        elif begun := next((last for first, last in blocks if first.fullmatch(line)), None):
            yield line if "-----" not in line else _words_before(line)
            until = begun
        elif "-----BEGIN " in line:
            yield _words_before(line)
            until = None if _PEM_END.fullmatch(line) else _PEM_END
        else:
            masked = _masked(line, platform, section.patterns(line))
            quoted = masked != line and line.count('"') % 2 == 1
            yield masked


class _Section:
    """The section a line stands in, of those that say what is a secret."""

    def __init__(self, platform: Platform) -> None:
        self._known = [(re.compile(first), re.compile(secret)) for first, secret in platform.inside]
        self._depth, self._found = -1, list[re.Pattern[str]]()

    def patterns(self, line: str) -> Sequence[re.Pattern[str]]:
        depth = len(line) - len(line.lstrip())
        if self._found and line.strip() and depth <= self._depth:
            self._found = []
        found = list(self._found)
        if not self._found and self._known:
            body = line.strip()
            self._found = [secret for first, secret in self._known if first.fullmatch(body)]
            self._depth = depth
        return found


def _words_before(line: str) -> str:
    return line.partition("-----BEGIN ")[0].rstrip('"') + MASK


def _masked(line: str, platform: Platform, more: Sequence[re.Pattern[str]]) -> str:
    """Return a line with every secret in it masked: what the platform knows, else what is common."""
    body = line.strip()
    found = _all_masked(body, (*more, *_compiled(platform.secrets)))
    for pattern in (_LOGIN_IN_URL, *_compiled(platform.pairs)):
        found = pattern.sub(_without_groups, found)
    if found == body and not _fits(body, _compiled(platform.harmless)):
        found = _all_masked(body, _compiled(_COMMON))
    return line[: len(line) - len(line.lstrip())] + found


def _all_masked(body: str, patterns: Iterable[re.Pattern[str]]) -> str:
    for pattern in patterns:
        if match := pattern.fullmatch(body):
            body = _without_groups(match)
    return body


def _without_groups(match: re.Match[str]) -> str:
    text, shift = match[0], match.start()
    spans = [match.span(number) for number in range(1, match.re.groups + 1) if match[number]]
    for start, end in sorted(spans, reverse=True):
        text = f"{text[: start - shift]}{MASK}{text[end - shift :]}"
    return text


def suspicious(redacted: str, platform: Platform, cleared: Iterable[str] = ()) -> tuple[int, ...]:
    """Return the numbers of the lines that may still hold a secret, from 1.

    `cleared` are patterns of whole lines that an engineer looked at; they and the platform's are let off.
    """
    harmless = _compiled((*platform.harmless, *cleared))
    return tuple(
        number
        for number, line in enumerate(redacted.split("\n"), 1)
        if _is_suspicious(line.strip()) and not _fits(line, harmless)
    )


def bare(lines: Iterable[str], platform: Platform) -> tuple[str, ...]:
    """Return lines, each after its sections, as they may be shown: in doubt only the mask."""
    found = []
    for line in lines:
        path, between, last = line.rpartition(" / ")
        masked = redact(last, platform)
        found.append(f"{path}{between}{MASK if suspicious(masked, platform) else masked}")
    return tuple(found)


def _is_suspicious(line: str) -> bool:
    if not line:
        return False
    if _HASHES.search(line) or _GROUPED_HEX.search(line):
        return True
    if any(_is_random(found[0]) for found in _LONG.finditer(_UUID.sub("", line))):
        return True
    return any(
        not _HARMLESS_VALUES.fullmatch(found["value"].strip('"')) and MASK not in line[found.start() :]
        for found in _WORDS.finditer(line)
    )


def _is_random(text: str) -> bool:
    """Return whether a long word looks made by a machine: its digits and cases change all the time."""
    if text.isdecimal():
        return len(text) >= _LONG_NUMBER
    kinds = ["digit" if each.isdigit() else "upper" if each.isupper() else "lower" for each in text]
    changes = sum(1 for before, after in pairwise(kinds) if before != after)
    return changes >= _RESTLESS or text.endswith("=")


def _fits(line: str, patterns: Iterable[re.Pattern[str]]) -> bool:
    return any(pattern.fullmatch(line.strip()) for pattern in patterns)


@lru_cache(maxsize=64)
def _compiled(patterns: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(pattern) for pattern in patterns)
