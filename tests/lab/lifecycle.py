"""The whole lab: up, down, and back to where it began."""

import json
import shutil
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.lab import credentials, hosts, images, machine, network, probe, seed, zabbix
from tests.lab.credentials import Credentials
from tests.lab.description import Description, Host, directory
from tests.lab.podman import containers
from tests.lab.switches.start import USER, read, with_words

FILE = credentials.DIRECTORY / "lab.json"
_READY_SECONDS = 60  # and one more for each host


def prepare(description: Description) -> None:
    """Install what the machine lacks and build the images."""
    machine.require_root_on_debian()
    machine.install_packages()
    images.build_all(description)


def up(description: Description) -> None:
    """Bring every host to what harbour.yml describes, whatever state the lab is in."""
    prepare(description)
    words = credentials.ensure()
    hosts.remove(sorted(containers().keys() - {host.container for host in description.hosts}))
    network.create(description)
    _ensure(description, description.hosts, words)
    write_private_description(description, words)


def down(description: Description) -> None:
    """Remove containers, networks, routes and rules; keep images and credentials."""
    machine.require_root_on_debian()
    FILE.unlink(missing_ok=True)
    if not machine.is_installed("podman"):
        return
    hosts.remove(sorted(containers()))
    network.remove(description)


def purge(description: Description) -> None:
    """Remove the lab with its images and credentials."""
    down(description)
    if machine.is_installed("podman"):
        images.remove_all(description)
    shutil.rmtree(credentials.DIRECTORY, ignore_errors=True)


def start(description: Description, host: Host) -> None:
    """Bring a stopped host back."""
    _ensure(description, [host], credentials.ensure())


def reset(description: Description, chosen: Sequence[Host]) -> None:
    """Make hosts afresh and have the monitoring server forget them."""
    words = credentials.ensure()
    hosts.remove([host.container for host in chosen])
    _ensure(description, chosen, words)
    forgotten = zabbix.forget(zabbix_url(description), words, [host.address for host in chosen])
    print(f"reset: {len(chosen)} hosts made afresh, {forgotten} forgotten by Zabbix", file=sys.stderr)


def status(description: Description) -> list[dict[str, Any]]:
    """Return each host's state as podman sees it and whether it answers as it should."""
    found = containers()
    states = [
        found[host.container].state if host.container in found else "absent" for host in description.hosts
    ]
    with ThreadPoolExecutor(len(description.hosts)) as pool:
        answering = pool.map(
            # Without the lab's networks a packet would leave this machine for somebody else's.
            lambda host, state: state == "running" and probe.answers(description, host),
            description.hosts,
            states,
        )
    return [
        {
            "name": host.name,
            "address": str(host.address),
            "network": host.network,
            "state": state,
            "answers": answers,
        }
        for host, state, answers in zip(description.hosts, states, answering, strict=True)
    ]


def zabbix_url(description: Description) -> str:
    """Return where the frontend and the API are."""
    return f"https://{description.host('noc').address}/zabbix"


def write_private_description(description: Description, words: Credentials) -> None:
    """Write lab.json: all that tests and the demonstration need to know."""
    noc = description.host("noc")
    content = {
        "networks": [{"name": item.name, "cidr": str(item.cidr)} for item in description.networks],
        "hosts": [_host(host) for host in description.hosts],
        "ssh": {
            "user": "technician",
            "key_file": str(credentials.TECHNICIAN_KEY),
            "become_password": words.become_password,
        },
        "snmp": {"community": description.community},
        "zabbix": {
            "url": zabbix_url(description),
            "ca_file": str(credentials.AUTHORITY),
            "user": "Admin",
            "password": words.zabbix_password,
            "server": str(noc.address),
            "port": 10051,
            "psk_identity": words.psk_identity,
            "psk": words.psk,
        },
        "clamav": {
            "mirror_url": f"http://{noc.address}/clamav",
            "database_url": f"http://{noc.address}/clamav/mspctl-lab.ndb",
        },
        "depot": _depot(description),
        "dns": {"server": str(description.host("infra").address), "zone": description.zone},
        "directory": {
            "server": f"dc1.{directory()['domain']}",
            "address": str(description.host("dc1").address),
            "domain": directory()["domain"],
            "ca_file": str(credentials.AUTHORITY),
            "user": f"{directory()['reader']}@{directory()['domain']}",
            "password": credentials.directory_password(),
            "computers": directory()["computers"],
        },
        "network": {"devices": [_router(description), *map(_device, description.simulated)]},
        "printer": {"printed_file": str(hosts.PRINTED / "bytes")},
    }
    credentials.write_private(FILE, json.dumps(content, indent=2) + "\n")


def _depot(description: Description) -> dict[str, Any]:
    """Return what an engineer brings along to make a backup server of the depot."""
    host = description.host("depot")
    name = seed.full_name(description, host)
    certificate, key = credentials.certificate(name, host.address, is_rsa=True)  # MeshCentral knows no other
    return {
        "address": str(host.address),
        "host_key": " ".join(credentials.host_key(host.name).with_suffix(".pub").read_text().split()[:2]),
        "certificate_file": str(certificate),
        "key_file": str(key),
        "ca_file": str(credentials.AUTHORITY),
    }


def _host(host: Host) -> dict[str, Any]:
    return {
        "name": host.name,
        "address": str(host.address),
        "network": host.network,
        "container": host.container,
        "truth": dict(host.truth),
    }


def _router(description: Description) -> dict[str, Any]:
    """Return how to come in to the router's own command line: real FRR, with a key."""
    router = next(host for host in description.hosts if host.image == "router")
    place = {"name": router.name, "address": str(router.address), "platform": "frr"}
    return place | {"user": "netops", "key_file": str(credentials.TECHNICIAN_KEY)}


def _device(host: Host) -> dict[str, Any]:
    """Return how to come in to a simulated device, with a password; and what must never be told of it."""
    platform = host.command[-1]
    password = credentials.switch_password()
    begun = with_words(read(platform), {"password": password})
    place = {"name": host.name, "address": str(host.address), "platform": platform}
    words = {"user": USER, "password": password, "enable_password": begun.enable_password}
    key = credentials.host_key(host.name).with_suffix(".pub").read_text().split()[:2]
    return place | words | {"host_key": " ".join(key), "planted": list(begun.secrets)}


def _ensure(description: Description, chosen: Sequence[Host], words: Credentials) -> None:
    """Make or start hosts, join them to the network, and wait until they answer."""
    found = containers()
    # The server takes longest to come up, so it goes first.
    ordered = sorted(chosen, key=lambda host: host.image != "noc")
    with ThreadPoolExecutor(3) as pool:
        list(
            pool.map(lambda host: hosts.ensure(description, host, words, found.get(host.container)), ordered)
        )
    network.shape(description)
    if any(host.image == "noc" for host in chosen):
        zabbix.configure(zabbix_url(description), words)
    probe.wait(description, list(chosen), timeout_seconds=_READY_SECONDS + len(chosen))
