"""The client's segments as podman networks, and this machine as a laptop in the office.

Only the office is on this machine's own link. The other segments are reached through the router, as they
would be at a client, so podman's own address is taken off their bridges.
"""

from tests.lab.description import PREFIX, Description, Host, Network
from tests.lab.podman import exists, inspect, podman
from tests.lab.process import attempt, run

CHAIN = "MSPCTL-LAB"
_JUMPS = (("raw", "PREROUTING"), ("raw", "OUTPUT"), ("nat", "POSTROUTING"), ("filter", "FORWARD"), ("filter", "INPUT"))


def create(description: Description) -> None:
    """Make the networks that are not there."""
    for network in description.networks:
        if not exists("network", network.podman_name):
            addresses = ["--subnet", str(network.cidr), "--gateway", str(network.gateway)]
            reach = [] if _holds_laptop(description, network) else ["--internal"]
            podman("network", "create", "--disable-dns", *reach, *addresses, network.podman_name)


def shape(description: Description) -> None:
    """Route the segments through the router and let them out. Podman undoes it with the last container of one."""
    office = next(network for network in description.networks if _holds_laptop(description, network))
    for network in description.networks:
        bridge = inspect("network", network.podman_name)["network_interface"]
        if network is office or attempt(["ip", "link", "show", bridge]).returncode != 0:
            continue
        run(["ip", "-4", "address", "flush", "dev", bridge])
        attempt(["ip", "route", "replace", str(network.cidr), "via", str(office.router)])
    run(["iptables-restore", "--wait", "--noflush"], text_input=_rules(description))
    for table, chain in _JUMPS:
        jump = ["-j", CHAIN]
        if attempt(["iptables", "--wait", "-t", table, "-C", chain, *jump]).returncode != 0:
            run(["iptables", "--wait", "-t", table, "-I", chain, *jump])


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
    run([*inside, "ip", "route", "replace", "default", "via", router])


def remove(description: Description) -> None:
    """Remove the networks, routes and rules of the lab, and nothing else."""
    for table, chain in _JUMPS:
        while attempt(["iptables", "--wait", "-t", table, "-D", chain, "-j", CHAIN]).returncode == 0:
            pass
    for table in sorted({table for table, _ in _JUMPS}):
        attempt(["iptables", "--wait", "-t", table, "-F", CHAIN])
        attempt(["iptables", "--wait", "-t", table, "-X", CHAIN])
    for network in description.networks:
        if not _holds_laptop(description, network):
            attempt(["ip", "route", "del", str(network.cidr)])
    names = podman("network", "ls", "--filter", f"name=^{PREFIX}", "--format", "{{.Name}}").split()
    for name in names:
        podman("network", "rm", "--force", name)


def _holds_laptop(description: Description, network: Network) -> bool:
    return description.laptop in network.cidr


def _rules(description: Description) -> str:
    """Return rules that leave traffic inside the lab alone and hide the lab behind this machine outside it.

    Bridged packets pass the machine's tables once per bridge: tracked, they would be translated on the way.
    """
    segments = [str(network.cidr) for network in description.networks]
    untracked = [f"-A {CHAIN} -s {source} -d {target} -j CT --notrack" for source in segments for target in segments]
    hidden = [f"-A {CHAIN} -s {source} -j MASQUERADE" for source in segments]
    accepted = [f"-A {CHAIN} -s {source} -j ACCEPT" for source in segments]
    accepted += [
        f"-A {CHAIN} -d {target} -m conntrack --ctstate ESTABLISHED,RELATED,UNTRACKED -j ACCEPT"
        for target in segments
    ]
    lines = []
    for table, rules in (("raw", untracked), ("nat", hidden), ("filter", accepted)):
        lines += [f"*{table}", f":{CHAIN} - [0:0]", *rules, "COMMIT"]
    return "\n".join(lines) + "\n"
