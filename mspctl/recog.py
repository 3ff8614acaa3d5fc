"""A checkout of Rapid7 Recog, read as fingerprints beside ours: https://github.com/rapid7/recog

One file of Recog matches one answer of one protocol, its fingerprints from the particular to the general: a
Ladder. Its files are BSD-2 licensed and are not shipped; whoever wants them clones them. What they say counts
where ours say nothing, so that a checkout adds to a profile and never makes a value less sure.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from mspctl.errors import BadInput
from mspctl.fingerprints import Fingerprints, Ladder, Rule
from mspctl.records.client import Kind

_MOST_BYTES = 8_000_000
_CONFIDENCE = 0.7
_REPLY = r"^\d{3}[ -]"  # the code before an answer of FTP and SMTP


class _Source(NamedTuple):
    fact: str
    without: str = ""  # ours holds more of the line than Recog's patterns expect


_SOURCES = {  # what Recog says a file matches: our fact that holds the same text
    "dns.versionbind": _Source("dns.version"),
    "favicon.md5": _Source("http.favicon"),
    "ftp.banner": _Source("ftp.banner", _REPLY),
    "html_title": _Source("http.title"),
    "http_header.server": _Source("http.server"),
    "http_header.x-powered-by": _Source("http.powered_by"),
    "imap4.banner": _Source("imap.banner", r"^\* OK "),
    "pop3.banner": _Source("pop3.banner", r"^\+OK "),
    "sip_header.server": _Source("sip.product"),
    "sip_header.user_agent": _Source("sip.product"),
    "smtp.banner": _Source("smtp.banner", _REPLY),
    "snmp.sys_description": _Source("snmp.description"),
    "snmp.sys_object_id": _Source("snmp.object_id"),
    "ssh.banner": _Source("ssh.banner", r"^SSH-[\d.]+-"),
    "ssdp_header.server": _Source("upnp.server"),
    "telnet.banner": _Source("telnet.banner"),
}
_KINDS: dict[str, Kind] = {  # Recog's os.device and hw.device, where we have a word for it
    "adsl modem": "modem",
    "broadband router": "router",
    "cable modem": "modem",
    "device server": "console-server",
    "dvr": "nvr",
    "firewall": "firewall",
    "ip camera": "camera",
    "industrial control": "iot",
    "kvm": "console-server",
    "laptop": "laptop",
    "lights out management": "management-card",
    "load balancer": "load-balancer",
    "monitoring": "sensor",
    "multifunction device": "printer",
    "nas": "nas",
    "network camera": "camera",
    "network video recorder": "nvr",
    "point of sale": "workstation",
    "power device": "pdu",
    "print server": "printer",
    "printer": "printer",
    "router": "router",
    "scanner": "scanner",
    "storage": "nas",
    "switch": "switch",
    "ups": "ups",
    "video conferencing": "media",
    "voip": "phone",
    "voip gateway": "voice-gateway",
    "wap": "access-point",
    "web cam": "camera",
    "wireless controller": "wireless-controller",
}
_GENERAL = {"", "general"}  # a computer, as good as any


def load(folder: Path) -> Fingerprints:
    """Return the fingerprints of a checkout, or of a folder with files such as its `xml`.

    Files on answers that no probe of ours asks for are passed over. Raise BadInput where there are none.
    """
    home = folder / "xml" if (folder / "xml").is_dir() else folder
    files = sorted(home.glob("*.xml")) if home.is_dir() else []
    if not files:
        raise BadInput(f"{folder}: no fingerprints; needs a checkout of https://github.com/rapid7/recog")
    ladders = tuple(ladder for file in files for ladder in _ladders(file))
    if not ladders:
        raise BadInput(f"{folder}: none of its {len(files)} files is about an answer that mspctl asks for")
    return Fingerprints(ladders=ladders)


def read(name: str, document: bytes) -> Ladder | None:
    """Return what a file says; None for answers that no probe of ours asks for.

    A pattern that Python does not understand is left out. Raise BadInput naming the file for a mistake.
    """
    if b"<!DOCTYPE" in document or b"<!ENTITY" in document:
        raise BadInput(f"{name}: declares entities, which Recog's files never do")
    try:
        root = ElementTree.fromstring(document)  # noqa: S314  # without entities it is only text
    except ElementTree.ParseError as error:
        raise BadInput(f"{name}: no XML: {error}") from error
    source = _SOURCES.get(root.get("matches", ""))
    if root.tag != "fingerprints" or not source:
        return None
    stem = re.sub(r"[^a-z0-9]+", "-", name.lower().removesuffix(".xml"))
    every = enumerate(root.iter("fingerprint"), start=1)
    rules = [rule for place, found in every if (rule := _rule(f"recog.{stem}.{place}", source.fact, found))]
    return Ladder(id=f"recog.{stem}", fact=source.fact, rules=tuple(rules), without=source.without)


def _ladders(file: Path) -> Iterator[Ladder]:
    try:
        with file.open("rb") as opened:
            document = opened.read(_MOST_BYTES + 1)
    except OSError as error:
        raise BadInput(f"{file}: {error.strerror}") from error
    if len(document) > _MOST_BYTES:
        raise BadInput(f"{file}: over {_MOST_BYTES // 1_000_000} MB, which no file of Recog is")
    if ladder := read(file.name, document):
        yield ladder


def _rule(id_: str, fact: str, found: ElementTree.Element) -> Rule | None:
    """Return one fingerprint as a rule; also one that sets nothing, as it keeps later ones from matching."""
    pattern = _pattern(found.get("pattern", ""), found.get("flags", ""))
    if not pattern:
        return None
    return Rule(
        id=id_,
        when={fact: pattern},
        sets=_sets(_templates(found)) or {"os": ""},
        confidence=_CONFIDENCE,
        fallback=True,
    )


def _pattern(pattern: str, flags: str) -> str:
    """Return a pattern of Ruby's as Python reads it, with its own letter case; "" where it does not."""
    leading = re.match(r"\(\?([a-z]+)\)", pattern)
    options = set(leading[1] if leading else "")
    ignores_case = "i" in options or "ICASE" in flags or "IGNORECASE" in flags
    body = pattern[leading.end() :] if leading else pattern
    body = body.replace(r"\h", "[0-9a-fA-F]").replace(r"\A", "^").replace(r"\Z", "$").replace(r"\z", "$")
    python = f"(?:{body})" if ignores_case else f"(?-i:{body})"
    try:
        re.compile(python)
    except (re.error, OverflowError):
        return ""
    return python if body else ""


def _templates(found: ElementTree.Element) -> dict[str, str]:
    """Return what a fingerprint concludes: name of the parameter, and its text or the group that holds it."""
    told: dict[str, str] = {}
    for parameter in found.iter("param"):
        name, place = parameter.get("name", ""), parameter.get("pos", "0")
        told[name] = f"{{{place}}}" if place.isdigit() and int(place) else parameter.get("value", "")
    return {name: _inlined(text, told) for name, text in told.items()}


def _inlined(text: str, told: Mapping[str, str]) -> str:
    """Return a text with the parameters it names replaced, once: they hold groups or plain text."""
    return re.sub(r"\{([a-z_]+\.[a-z0-9_]+)\}", lambda name: told.get(name[1], ""), text)


def _sets(told: Mapping[str, str]) -> dict[str, str]:
    """Return our fields for Recog's parameters."""
    device = (told.get("hw.device") or told.get("os.device", "")).lower()
    is_device = device not in _GENERAL
    system, maker = told.get("os.product", ""), told.get("os.vendor", "")
    if system == "Linux" and maker:
        system = maker  # Recog's product of every distribution is Linux
    fields = {
        "vendor": told.get("hw.vendor") or (maker if is_device else ""),
        "model": told.get("hw.model") or told.get("hw.product", ""),
        "serial": told.get("hw.serial_number", ""),
        "os": "" if is_device else system.lower(),
        "os_version": told.get("os.version", ""),
        "hostname": told.get("host.name", ""),
        "domain": told.get("host.domain", ""),
        "kind": _KINDS.get(device, ""),
    }
    return {field: text for field, text in fields.items() if text}
