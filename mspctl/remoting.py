"""The way into a Windows host: what was seen of it and what the client allows → port, pin, names; pure."""

from collections.abc import Mapping
from typing import NamedTuple

from mspctl.records import Asset, WindowsConnection

TLS_PORT, PLAIN_PORT = WINRM_PORTS = (5986, 5985)
Certificates = Mapping[tuple[str, int], str]  # SHA-256 of the key first seen, by address and port


class Way(NamedTuple):
    """How a host is reached by its remote management, and how it is known to be itself."""

    port: int
    pin: str  # the SHA-256 of its certificate's key; "" where an authority vouches for it, or NTLM does
    names: tuple[str, ...]  # what a signed certificate may call it


def way_in(asset: Asset, windows: WindowsConnection, certificates: Certificates) -> Way | str:
    """Return the way into a Windows host, or why there is none."""
    ports = {service.port for service in asset.services}
    port = windows.port or TLS_PORT
    pin = windows.certificate or certificates.get((asset.addresses[0], port), "")
    if not windows.user or not windows.password:
        return "client.yml names no login for Windows (connection.windows: user, password)"
    if not windows.port and TLS_PORT not in ports:
        if PLAIN_PORT not in ports:
            return "does not answer to remote management (5986)"
        return (
            "answers on 5985 only, without TLS: give it a listener for HTTPS, or accept messages encrypted "
            "by NTLM with connection.windows.port: 5985"
        )
    if port != PLAIN_PORT and not pin and not windows.ca_file:
        return "its certificate was never seen: `mspctl discover` pins it"
    label, domain = asset.get("hostname") or asset.name, asset.get("domain")
    return Way(
        port=port,
        pin="" if windows.ca_file and not windows.certificate else pin,
        names=(label, *((f"{label}.{domain}",) if domain else ())),
    )
