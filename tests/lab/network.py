"""The client's segments as podman networks, and this machine as a laptop in the office.

Only the office is on this machine's own link. The other segments are reached through the router, as they
would be at a client, so podman's own address is taken off their bridges.
"""

from ipaddress import IPv4Address

from tests.lab.description import PREFIX, Description, Host, Network
from tests.lab.podman import exists, inspect, podman
from tests.lab.process import attempt, run

CHAIN = "MSPCTL-LAB"
OUTPUT_CHAIN = f"{CHAIN}-OUTPUT"
_JUMPS = (
    ("raw", "PREROUTING", CHAIN),
    ("raw", "OUTPUT", OUTPUT_CHAIN),
    ("nat", "POSTROUTING", CHAIN),
    ("filter", "FORWARD", CHAIN),
    ("filter", "INPUT", CHAIN),
)


def create(description: Description) -> None:
    """Make the networks that are not there."""
    for network in description.networks:
        if not exists("network", network.podman_name):
            addresses = ["--subnet", str(network.cidr), "--gateway", str(network.gateway)]
            reach = [] if network is _office(description) else ["--internal"]
            podman("network", "create", "--disable-dns", *reach, *addresses, network.podman_name)


def shape(description: Description) -> None:
    """Route the segments through the router and let them out, again after podman made one of them anew."""
    office = _office(description)
    for network in description.networks:
        bridge = inspect("network", network.podman_name)["network_interface"]
        if network is office or attempt(["ip", "link", "show", bridge]).returncode != 0:
            continue
        run(["ip", "-4", "address", "flush", "dev", bridge])
        attempt(["ip", "route", "replace", str(network.cidr), "via", str(office.router)])
    run(["iptables-restore", "--wait", "--noflush"], text_input=_rules(description))
    for table, hook, chain in _JUMPS:
        if attempt(["iptables", "--wait", "-t", table, "-C", hook, "-j", chain]).returncode != 0:
            run(["iptables", "--wait", "-t", table, "-I", hook, "-j", chain])


def connect(host: Host, description: Description) -> None:
    """Give a running container its way out: the router of its segment."""
    process = str(inspect("container", host.container)["State"]["Pid"])
    inside = ["nsenter", "--net", "--target", process]
    if len(host.addresses) > 1:
        # The way out and the office share a link: a router would tell each office host to bypass it.
        for name in ("all", "default", *(f"eth{index}" for index in range(len(host.addresses)))):
            run([*inside, "sysctl", "--quiet", f"net.ipv4.conf.{name}.send_redirects=0"])
        return
    router = str(description.network(host.network).router)
    run([*inside, "ip", "route", "flush", "exact", "default"])
    run([*inside, "ip", "route", "add", "default", "via", router])


def remove(description: Description) -> None:
    """Remove the networks, routes and rules of the lab, and nothing else."""
    for table, hook, chain in _JUMPS:
        while attempt(["iptables", "--wait", "-t", table, "-D", hook, "-j", chain]).returncode == 0:
            pass
    for table, chain in {(table, chain) for table, _, chain in _JUMPS}:
        attempt(["iptables", "--wait", "-t", table, "-F", chain])
        attempt(["iptables", "--wait", "-t", table, "-X", chain])
    for network in description.networks:
        if network is not _office(description):
            attempt(["ip", "route", "del", str(network.cidr)])
    names = podman("network", "ls", "--filter", f"name=^{PREFIX}", "--format", "{{.Name}}").split()
    for name in names:
        podman("network", "rm", "--force", name)


def link_address(address: IPv4Address) -> str:
    """Return the link address of a host: made from its address, so that it outlives the container."""
    return "02:00:" + ":".join(f"{byte:02x}" for byte in address.packed)


def _office(description: Description) -> Network:
    return next(network for network in description.networks if description.laptop in network.cidr)


def _rules(description: Description) -> str:
    """Return rules that leave traffic inside the lab alone and hide the lab behind this machine outside it.

    Packets between containers pass this machine's tables too, once per bridge they cross. Tracked, they would
    be translated half way. Only what the router hands over for the world outside is tracked, on this machine.
    """
    segments = [str(network.cidr) for network in description.networks]
    router = link_address(_office(description).router)
    into_lab = [f"-d {target} -j CT --notrack" for target in segments]
    bridged = [f"-s {source} -m mac ! --mac-source {router} -j CT --notrack" for source in segments]
    hidden = [f"-s {source} -j MASQUERADE" for source in segments]
    accepted = [f"-s {source} -j ACCEPT" for source in segments]
    states = "-m conntrack --ctstate ESTABLISHED,RELATED,UNTRACKED"
    accepted += [f"-d {target} {states} -j ACCEPT" for target in segments]
    tables = {
        "raw": {CHAIN: into_lab + bridged, OUTPUT_CHAIN: into_lab},
        "nat": {CHAIN: hidden},
        "filter": {CHAIN: accepted},
    }
    lines = []
    for table, chains in tables.items():
        lines += [f"*{table}", *(f":{chain} - [0:0]" for chain in chains)]
        lines += [f"-A {chain} {rule}" for chain, rules in chains.items() for rule in rules]
        lines.append("COMMIT")
    return "\n".join(lines) + "\n"
