"""Read harbour.yml: what the lab builds and what is true of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import yaml

from tests.lab.errors import LabError

FILE = Path(__file__).with_name("harbour.yml")
PREFIX = "mspctl-lab-"


@dataclass(frozen=True)
class Network:
    """One segment; the router is its .1, and podman's own address in it is its .254."""

    name: str
    cidr: IPv4Network

    @property
    def podman_name(self) -> str:
        return PREFIX + self.name

    @property
    def router(self) -> IPv4Address:
        return self.cidr[1]

    @property
    def gateway(self) -> IPv4Address:
        return self.cidr[-2]


@dataclass(frozen=True)
class Host:
    """One container: where it stands, what it runs, and the truth tests hold findings against."""

    name: str
    image: str
    addresses: Mapping[str, IPv4Address]
    truth: Mapping[str, Any]
    command: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()

    @property
    def container(self) -> str:
        return PREFIX + self.name

    @property
    def address(self) -> IPv4Address:
        return next(iter(self.addresses.values()))

    @property
    def network(self) -> str:
        return next(iter(self.addresses))

    @property
    def is_light(self) -> bool:
        """Whether it runs one program, as a device does, in place of systemd."""
        return bool(self.command)

    @property
    def has_ssh(self) -> bool:
        """Whether the technician comes in with a key, as on every host that is no mere device."""
        return 22 in self.truth["tcp_ports"] and not self.is_light


@dataclass(frozen=True)
class Image:
    """One image, built from images/<folder>/Containerfile on its parent, or on the bare root of a release."""

    name: str
    parent: str | None = None
    release: str = "bookworm"
    folder: str = ""  # its own name where none is given

    @property
    def tag(self) -> str:
        return f"localhost/{PREFIX}{self.name}"


@dataclass(frozen=True)
class Description:
    """The whole of harbour.yml."""

    client: str
    zone: str
    community: str
    laptop: IPv4Address
    networks: tuple[Network, ...]
    images: tuple[Image, ...]
    hosts: tuple[Host, ...]
    prefetch: tuple[str, ...] = field(default=())

    def host(self, name: str) -> Host:
        """Return a host by name. Raise LabError when there is none."""
        for host in self.hosts:
            if host.name == name:
                return host
        raise LabError(
            f"no host {name!r} in the lab; there are: {', '.join(host.name for host in self.hosts)}"
        )

    def network(self, name: str) -> Network:
        """Return a network by name."""
        return next(network for network in self.networks if network.name == name)

    def image(self, name: str) -> Image:
        """Return an image by name."""
        return next(image for image in self.images if image.name == name)

    @property
    def simulated(self) -> tuple[Host, ...]:
        """The network devices that are simulated; each is started with the name of its platform."""
        return tuple(host for host in self.hosts if host.image == "network")

    @property
    def used_images(self) -> tuple[str, ...]:
        """The images that hosts run on, what those stand on left out."""
        return tuple(dict.fromkeys(host.image for host in self.hosts))

    @property
    def client_hosts(self) -> tuple[Host, ...]:
        """The hosts of the client: all but the router, which holds the lab together, and the provider's."""
        return tuple(host for host in self.hosts if host.network != "provider" and len(host.addresses) == 1)


@cache
def directory() -> dict[str, Any]:
    """Return directory.yml: what the client's domain controller believes."""
    content: dict[str, Any] = yaml.safe_load(FILE.with_name("directory.yml").read_text())
    return content


@cache
def harbour(annexe: int = 0) -> Description:
    """Return the lab's description, with so many workstations in the annexe, which is empty otherwise."""
    raw = yaml.safe_load(FILE.read_text())
    reception = next(item for item in raw["hosts"] if item["image"] == "workstation")
    more = [
        reception | {"name": f"ws-annexe-{number:02}", "addresses": {"annexe": f"10.203.21.{10 + number}"}}
        for number in range(1, annexe + 1)
    ]
    return Description(
        client=raw["client"],
        zone=raw["zone"],
        community=raw["community"],
        laptop=IPv4Address(raw["laptop"]),
        networks=tuple(Network(item["name"], IPv4Network(item["cidr"])) for item in raw["networks"]),
        images=tuple(Image(**item) for item in raw["images"]),
        hosts=tuple(_host(item) for item in [*raw["hosts"], *more]),
        prefetch=tuple(raw["prefetch"]),
    )


def _host(item: Mapping[str, Any]) -> Host:
    addresses = {network: IPv4Address(address) for network, address in item["addresses"].items()}
    return Host(
        item["name"],
        item["image"],
        addresses,
        item["truth"],
        tuple(item.get("command", ())),
        tuple(item.get("capabilities", ())),
    )
