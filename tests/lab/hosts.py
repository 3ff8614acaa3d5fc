"""Make, start and stop the containers that are the client's hosts."""

import hashlib
from pathlib import Path

from tests.lab import credentials, machine, network, seed
from tests.lab.credentials import Credentials
from tests.lab.description import Description, Host
from tests.lab.podman import SPECIFICATION_LABEL, Container, inspect, podman

PRINTED = credentials.DIRECTORY / "printed"


def ensure(description: Description, host: Host, words: Credentials, found: Container | None) -> None:
    """Bring one host to the state harbour.yml describes: made anew when what it is made from has changed."""
    arguments = create_arguments(description, host)
    files = seed.files(description, host, machine.name_servers())
    image = inspect("image", description.image(host.image).tag)["Id"]
    specification = hashlib.sha256(repr((arguments, seed.digest(files), image, words)).encode()).hexdigest()
    if found and (found.label != specification or found.state == "created"):
        # Made from something else, or left behind before its files were in it.
        podman("rm", "--force", "--time", "0", host.container)
        found = None
    if not found:
        if host.name == "printer-front":
            PRINTED.mkdir(exist_ok=True)
            (PRINTED / "bytes").write_bytes(b"")
        podman("create", "--label", f"{SPECIFICATION_LABEL}={specification}", *arguments)
        root = Path(podman("mount", host.container).strip())
        seed.write(root, files, host, words)
        podman("umount", host.container)
    if not found or found.state != "running":
        podman("start", host.container)
        network.connect(host, description)


def stop(host: Host) -> None:
    """Take a host off the network at once, as a pulled plug would; it keeps its addresses and its disk."""
    podman("stop", "--time", "0", host.container)


def remove(names: list[str]) -> None:
    """Remove containers by name."""
    if names:
        podman("rm", "--force", "--time", "0", *names)


def create_arguments(description: Description, host: Host) -> list[str]:
    """Return podman's arguments for one host; its addresses outlive it."""
    arguments = ["--name", host.container, "--hostname", host.name, "--no-hosts", *machine.limit_options()]
    for index, (name, address) in enumerate(host.addresses.items()):
        place = f"ip={address},mac={network.link_address(address)},interface_name=eth{index}"
        arguments.append(f"--network={description.network(name).podman_name}:{place}")
    arguments += _resolver_arguments(description, host)
    arguments.append(f"--sysctl=net.ipv4.ip_forward={int(len(host.addresses) > 1)}")
    arguments += [f"--cap-add={capability}" for capability in host.capabilities]
    if host.name == "printer-front":
        arguments.append(f"--volume={PRINTED}:/var/spool/printed")
    arguments.append(f"--systemd={'false' if host.is_light else 'always'}")
    return [*arguments, description.image(host.image).tag, *host.command]


def _resolver_arguments(description: Description, host: Host) -> list[str]:
    """Return whom a host asks for names: the client's own server, and this machine's when that is silent."""
    infra = next(other for other in description.hosts if other.image == "infra")
    servers = machine.name_servers()
    if host.network != "provider":
        servers = ["127.0.0.1" if host is infra else str(infra.address), *servers]
    search = seed.full_name(description, host).partition(".")[2]
    return [*(f"--dns={server}" for server in servers), f"--dns-search={search}", "--dns-option=timeout:1"]
