"""The files that make a container this host and no other: written into it before its first start."""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.lab import antivirus, credentials
from tests.lab.credentials import Credentials
from tests.lab.description import Description, Host, directory

TECHNICIAN_ID, NETOPS_ID = 1000, 1001
_SWITCHES = Path(__file__).with_name("switches")


@dataclass(frozen=True)
class File:
    """One file of a container's own."""

    path: str
    content: bytes
    mode: int = 0o644
    owner: int = 0


def files(description: Description, host: Host, resolvers: list[str]) -> tuple[File, ...]:
    """Return all the files of a host; `resolvers` are the machine's, for names outside the lab."""
    made = list(_identity(description, host))
    if host.has_ssh:
        made += _access(host)
    if host.image == "router":
        made += _network_access()
    if host.image == "network":
        made += _simulation(host)
    if host.image in ("web", "noc"):
        made += _certificate(full_name(description, host), host)
    if host.image == "dc":
        made += _certificate(f"{host.name}.{directory()['domain']}", host)
        made += _domain(description, host)
    if host.image == "infra":
        made += _names(description, resolvers)
    if host.image == "noc":
        made += [File(f"/var/www/mirror/clamav/{name}", body) for name, body in antivirus.databases().items()]
    return tuple(made)


def write(root: Path, made: tuple[File, ...], host: Host, words: Credentials) -> None:
    """Write files below the root of a container that does not run yet."""
    for file in made:
        target = root / file.path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.content)
        target.chmod(file.mode)
        if file.owner:
            os.chown(target, file.owner, file.owner)
    if host.has_ssh:
        shadow = root / "etc/shadow"
        entry = f"technician:{words.become_hash}:"
        shadow.write_text(
            re.sub(r"^technician:[^:]*:", lambda _: entry, shadow.read_text(), flags=re.MULTILINE)
        )


def digest(made: tuple[File, ...]) -> str:
    """Return what changes when any of the files does."""
    return hashlib.sha256(repr(made).encode()).hexdigest()


def _identity(description: Description, host: Host) -> Iterator[File]:
    names = f"127.0.0.1 localhost\n{host.address} {full_name(description, host)} {host.name}\n"
    yield File("/etc/hosts", names.encode())


def full_name(description: Description, host: Host) -> str:
    """Return a host's name with its zone; the provider has one of its own."""
    return f"{host.name}.{'provider.example' if host.network == 'provider' else description.zone}"


def _access(host: Host) -> Iterator[File]:
    key = credentials.host_key(host.name)
    yield File("/etc/ssh/ssh_host_ed25519_key", key.read_bytes(), 0o600)
    yield File("/etc/ssh/ssh_host_ed25519_key.pub", key.with_suffix(".pub").read_bytes())
    allowed = credentials.TECHNICIAN_KEY.with_suffix(".pub").read_bytes()
    yield File("/home/technician/.ssh/authorized_keys", allowed, 0o600, TECHNICIAN_ID)


def _network_access() -> Iterator[File]:
    """Let `netops` in, whose shell is the router's own."""
    allowed = credentials.TECHNICIAN_KEY.with_suffix(".pub").read_bytes()
    yield File("/home/netops/.ssh/authorized_keys", allowed, 0o600, NETOPS_ID)


def _simulation(host: Host) -> Iterator[File]:
    """Yield the simulation that a network device runs, with the key and the password of its own."""
    yield File("/etc/lab/host_key", credentials.host_key(host.name).read_bytes(), 0o600)
    yield File("/etc/lab/password", credentials.switch_password().encode(), 0o600)
    for folder in ("tests", "tests/lab"):
        yield File(f"/opt/lab/{folder}/__init__.py", b"")
    for file in sorted(_SWITCHES.rglob("*")):
        if file.is_file() and file.suffix != ".pyc":
            yield File(f"/opt/lab/tests/lab/switches/{file.relative_to(_SWITCHES)}", file.read_bytes())


def _certificate(name: str, host: Host) -> Iterator[File]:
    certificate, key = credentials.certificate(name, host.address)
    yield File("/etc/ssl/certs/lab.pem", certificate.read_bytes())
    yield File("/etc/ssl/private/lab.key", key.read_bytes(), 0o600)


def _domain(description: Description, host: Host) -> Iterator[File]:
    """Yield what the domain controller makes its domain of."""
    infra = next(other for other in description.hosts if other.image == "infra")
    settings = [
        f"dns forwarder = {infra.address}",
        f"interfaces = lo {host.address}",
        "bind interfaces only = yes",
        "tls enabled = yes",
        "tls keyfile = /etc/ssl/private/lab.key",
        "tls certfile = /etc/ssl/certs/lab.pem",
        "tls cafile =",
    ]
    content = directory() | {
        "address": str(host.address),
        "password": credentials.directory_password(),
        "settings": settings,
    }
    yield File("/etc/lab/domain.json", json.dumps(content).encode(), 0o600)


def _names(description: Description, resolvers: list[str]) -> Iterator[File]:
    """Yield dnsmasq's settings: names and addresses of the client, and leases for its servers' segment."""
    domain = directory()["domain"]
    settings = [
        # Naming the link lifts Debian's restriction to askers of the same segment.
        "interface=eth0", "no-resolv", "no-hosts", "addn-hosts=/etc/harbour-hosts",
        f"domain={description.zone}", f"local=/{description.zone}/",
        *(f"server=/{domain}/{each.address}" for each in description.hosts if each.image == "dc"),
        *(f"server={resolver}" for resolver in resolvers),
        "dhcp-range=10.203.20.100,10.203.20.150,1h",
        f"dhcp-option=option:router,{description.network('servers').router}",
    ]  # fmt: skip
    yield File("/etc/dnsmasq.d/harbour.conf", ("\n".join(settings) + "\n").encode())
    hosts = [
        f"{address} {full_name(description, host)}"
        for host in description.hosts
        for address in host.addresses.values()
    ]
    hosts.append(f"{description.laptop} laptop.{description.zone}")
    yield File("/etc/harbour-hosts", ("\n".join(hosts) + "\n").encode())
