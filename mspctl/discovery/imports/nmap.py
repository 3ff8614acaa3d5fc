"""nmap's XML: `nmap -oX FILE`. https://nmap.org/book/nmap-dtd.html"""

import ssl
from collections.abc import Iterable, Iterator
from datetime import datetime
from xml.etree.ElementTree import Element

from mspctl.discovery.imports.row import Asked, Row, Skipped, address_of, time_of
from mspctl.discovery.imports.trees import trees
from mspctl.discovery.probes.tls import decode
from mspctl.records import Json

_TEXT_CHARACTERS = 512
_MATCHES = 10
_UDP_PORTS = 64
_KEYS = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa")  # in the order in which our own probe asks
_SMB = {"server": "computer", "workgroup": "domain", "fqdn": "dns_name", "domain_dns": "dns_domain"}
_NTLM = {
    "NetBIOS_Computer_Name": "computer",
    "NetBIOS_Domain_Name": "domain",
    "DNS_Computer_Name": "dns_name",
    "DNS_Domain_Name": "dns_domain",
    "Product_Version": "build",
}

Raw = dict[str, Json]


def read(chunks: Iterable[bytes], asked: Asked) -> Iterator[Row | Skipped]:
    """Yield each machine that answered, and each of its open TCP ports."""
    for item in trees(chunks, "host"):
        if isinstance(item, Skipped):
            yield item
        elif is_there(item.element):
            yield from _host(item.element, asked.now)


def is_there(host: Element) -> bool:
    """Return whether a machine answered: with -Pn nmap calls every address up, with -sL none was asked."""
    status = host.find("status")
    if status is None or status.get("state") != "up":
        return False
    states = {state.get("state") for state in host.iterfind("ports/port/state")}
    states |= {group.get("state") for group in host.iterfind("ports/extraports")}
    return status.get("reason") != "user-set" or bool(states & {"open", "closed", "unfiltered"})


def _host(host: Element, now: datetime) -> Iterator[Row]:
    at = time_of(host.get("endtime") or host.get("starttime"), now)
    found = {each.get("addrtype"): each for each in host.iterfind("address")}
    name = found.get("ipv4", found.get("ipv6"))
    address = address_of(name.get("addr")) if name is not None else ""
    if not address:
        return
    yield Row("nmap", (address,), _machine(host, found.get("mac")), at)
    for port in host.iterfind("ports/port"):
        state, number = port.find("state"), port.get("portid", "")
        is_tcp_open = state is not None and state.get("state") == "open" and port.get("protocol") == "tcp"
        if is_tcp_open and number.isascii() and number.isdigit() and 0 < int(number[:6]) < 65_536:
            yield Row("nmap", (address,), _port(port), at, int(number))


def _machine(host: Element, mac: Element | None) -> Raw:
    names = [
        _text(each.get("name")) for each in host.iterfind("hostnames/hostname") if each.get("type") == "PTR"
    ]
    udp = [
        int(port.get("portid", "0")[:5])
        for port in host.iterfind("ports/port[@protocol='udp']")
        if port.find("state[@state='open']") is not None and port.get("portid", "").isdecimal()
    ]
    return _filled(
        {
            "mac": _text(mac.get("addr")) if mac is not None else "",
            "vendor": _text(mac.get("vendor")) if mac is not None else "",
            "names": list(names[:4]),
            "udp": list(udp[:_UDP_PORTS]),
            "os": [_match(each) for each in host.findall("os/osmatch")[:_MATCHES]],
            "ntlm": _said(host.find("hostscript/script[@id='smb-os-discovery']"), _SMB),
        }
    )


def _match(match: Element) -> Raw:
    kind = match.find("osclass")
    accuracy = match.get("accuracy", "")
    return _filled(
        {
            "name": _text(match.get("name")),
            "accuracy": int(accuracy[:3]) if accuracy.isascii() and accuracy.isdigit() else 0,
            "vendor": _text(kind.get("vendor")) if kind is not None else "",
            "family": _text(kind.get("osfamily")) if kind is not None else "",
            "generation": _text(kind.get("osgen")) if kind is not None else "",
            "type": _text(kind.get("type")) if kind is not None else "",
        }
    )


def _port(port: Element) -> Raw:
    service = port.find("service")
    known = service.attrib if service is not None and service.get("method") == "probed" else {}
    named = {"name": "name", "product": "product", "version": "version", "extra": "extrainfo"}
    scripts = {script.get("id", ""): script for script in port.iterfind("script")}
    ntlm = next((script for id_, script in sorted(scripts.items()) if id_.endswith("-ntlm-info")), None)
    return _filled(
        {
            "state": "open",
            "service": _filled({key: _text(known.get(name)) for key, name in named.items()}),
            "ssh": _host_key(scripts.get("ssh-hostkey")),
            "tls": _certificate(scripts.get("ssl-cert")),
            "ntlm": _said(ntlm, _NTLM),
            "http": _filled(
                {
                    "title": _said(scripts.get("http-title"), {"title": "title"}).get("title", ""),
                    "server": _text(scripts["http-server-header"].get("output"))
                    if "http-server-header" in scripts
                    else "",
                }
            ),
        }
    )


def _said(script: Element | None, names: dict[str, str]) -> Raw:
    """Return what a script told under some keys, by our names for them."""
    if script is None:
        return {}
    told = {
        names[key]: _text(each.text)
        for each in script.iterfind("elem")
        if (key := each.get("key", "")) in names
    }
    return _filled({name: text.replace("\\x00", "") for name, text in told.items()})


def _host_key(script: Element | None) -> str:
    """Return one host key of a server as "type base64"; "" where none was shown."""
    keys = {}
    for table in script.iterfind("table") if script is not None else ():
        said = {each.get("key"): each.text or "" for each in table.iterfind("elem")}
        keys[said.get("type", "")] = said.get("key", "")
    return next((f"{kind} {keys[kind]}" for kind in _KEYS if kind in keys), "")


def _certificate(script: Element | None) -> Raw:
    """Return what a server's certificate says, as our own probe reads it."""
    pem = script.find("elem[@key='pem']") if script is not None else None
    try:
        return decode(ssl.PEM_cert_to_DER_cert((pem.text or "").strip())) or {} if pem is not None else {}
    except ValueError:
        return {}


def _text(value: str | None) -> str:
    return (value or "")[:_TEXT_CHARACTERS].strip()


def _filled(raw: Raw) -> Raw:
    return {name: value for name, value in raw.items() if value not in ("", [], {})}
