"""What nmap found, at a machine as a whole or at one of its ports.

Raw of a machine: {"mac": …, "vendor": …, "names": […], "udp": [ports], "os": [{"name", "accuracy", "vendor",
"family", "generation", "type"}], "ntlm": {…}}. Raw of a port: {"state": "open", "service": {"name",
"product", "version", "extra"}, "ssh": "ssh-ed25519 AAAA…", "tls": as of the probe tls, "http": {"title",
"server"}, "ntlm": {"computer", "domain", "dns_name", "dns_domain", "build"}}.
"""

import re

from mspctl.facts import arp, ptr, ssh, tcp, tls
from mspctl.facts.text import Facts, Raw, given, host_name, line
from mspctl.records import Json

_SURE = 90  # per cent; below it nmap itself calls a match a guess
_BUILD = re.compile(r"\d{1,2}\.\d{1,2}\.\d{3,5}")


def parse(raw: Raw) -> Facts:
    """Return what nmap's findings mean, named as our own probes name the same things where there are such.

    Its own: nmap.service, .product, .version, .extra, .os, .os_family, .os_generation, .device and .udp. A
    host key is a mark and never a pin, so it is told as ssh.fingerprint alone.
    """
    found = arp.parse(raw) | ptr.parse(raw) | tcp.parse(raw) | _matches(raw.get("os"))
    service, http = _part(raw, "service"), _part(raw, "http")
    if key := ssh.public_key(raw.get("ssh")):
        found["ssh.fingerprint"] = ssh.fingerprint(key)
    ports = raw.get("udp")
    udp = [port for port in ports if isinstance(port, int)] if isinstance(ports, list) else []
    return (
        found
        | tls.parse(_part(raw, "tls"))
        | _names(_part(raw, "ntlm"))
        | given(
            {
                "nmap.service": line(service.get("name"), 40),
                "nmap.product": line(service.get("product"), 120),
                "nmap.version": line(service.get("version"), 80),
                "nmap.extra": line(service.get("extra"), 120),
                "nmap.udp": " ".join(str(port) for port in sorted(udp)[:64]),
                "http.title": line(http.get("title"), 256),
                "http.server": line(http.get("server"), 256),
            }
        )
    )


def _part(raw: Raw, name: str) -> dict[str, Json]:
    part = raw.get(name)
    return part if isinstance(part, dict) else {}


def _names(said: Raw) -> Facts:
    """Return what Windows or Samba told nmap's scripts before a login."""
    build = line(said.get("build"), 16)
    domain = host_name(said.get("dns_domain"))
    return given(
        {
            "ntlm.computer": line(said.get("computer"), 15),
            "ntlm.domain": line(said.get("domain"), 15),
            "ntlm.dns_name": host_name(said.get("dns_name")),
            "ntlm.dns_domain": domain if "." in domain else "",
            "ntlm.build": build if _BUILD.fullmatch(build) else "",
        }
    )


def _matches(said: Json) -> Facts:
    """Return the system nmap recognised by its packets; nothing of what its best matches disagree on."""
    matches = [each for each in said if isinstance(each, dict)] if isinstance(said, list) else []
    best = max((_accuracy(each) for each in matches), default=0)
    if best < _SURE:
        return {}
    alike = [each for each in matches if _accuracy(each) == best]
    found = {
        "nmap.os": _common(alike, "name"),
        "nmap.os_family": _common(alike, "family"),
        "nmap.os_generation": _common(alike, "generation"),
        "nmap.device": _common(alike, "type"),
    }
    return given(found)


def _accuracy(match: Raw) -> int:
    value = match.get("accuracy")
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 100 else 0


def _common(matches: list[dict[str, Json]], name: str) -> str:
    """Return what all matches say, "" where they say different things."""
    said = {line(each.get(name), 120) for each in matches}
    return said.pop() if len(said) == 1 else ""
