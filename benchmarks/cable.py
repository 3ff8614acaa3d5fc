"""A client's networks in namespaces of their own, made for a measurement; nothing leaves them.

A: on-link /22 with 161 machines; B: on-link /24 with 230; C: behind a router, /22 with 160; D: behind it, a
/16 with 160. Every second machine drops all but five ports, as Windows does; no other address answers.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from pathlib import Path
from random import Random
from typing import Any

ROOT = Path(__file__).parents[1]
NETWORKS = {"A": "10.77.0.0/22", "B": "10.77.4.0/24", "C": "10.77.8.0/22", "D": "10.78.0.0/16"}
_ALIVE = {"A": 161, "B": 230, "C": 160, "D": 160}
GATEWAY = "10.77.0.254"  # one of the machines of A, and the DNS server
OPEN, WINDOWS = (22, 80, 443, 8080, 5432), (135, 139, 445, 3389, 5985)
PORTS = tuple(sorted({*OPEN, *WINDOWS, *(21, 23, 25, 53, 88, 110, 143, 389, 515, 548, 554, 587, 631, 636),
                      *(993, 995, 1433, 3306, 5900, 9100)}))  # fmt: skip


def inside(namespace: str, argv: list[str]) -> list[str]:
    """Return what runs a program in a namespace."""
    return ["ip", "netns", "exec", namespace, *argv]


class Ends:
    """A scanner's namespace and another, joined by a cable; nothing else is in either."""

    def __init__(self) -> None:
        """Choose names that are free."""
        self.scanner, self.target = (f"mspctl-bench-{os.getpid()}-{side}" for side in "st")

    def run(self, namespace: str, argv: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a program in a namespace."""
        return subprocess.run(inside(namespace, argv), text=True, cwd=ROOT, **options)

    def ip(self, namespace: str, *lines: str) -> None:
        """Carry out lines of `ip` in a namespace."""
        subprocess.run(["ip", "-n", namespace, "-batch", "-"], input="\n".join(lines), text=True, check=True)

    def join(self) -> None:
        """Make both namespaces and lay the cable."""
        for name in (self.scanner, self.target):
            subprocess.run(["ip", "netns", "add", name], check=True)
        self.ip(self.scanner, f"link add cable type veth peer name cable netns {self.target}")
        for name in (self.scanner, self.target):
            self.ip(name, "link set lo up", "link set cable up")

    def remove(self) -> None:
        """Remove both, and with them the cable."""
        for name in (self.scanner, self.target):
            subprocess.run(["ip", "netns", "del", name], check=False)


class Cable(Ends):
    """A scanner and, at the other end of a cable, all machines of a client."""

    def __init__(self) -> None:
        """Choose who is alive."""
        super().__init__()
        chance = Random(77)
        self.alive: dict[str, list[str]] = {}
        for name, cidr in NETWORKS.items():
            taken = {"10.77.0.1", "10.77.4.1", GATEWAY}
            hosts = [str(host) for host in ip_network(cidr).hosts() if str(host) not in taken]
            self.alive[name] = chance.sample(hosts, _ALIVE[name] - (name == "A"))
        self.alive["A"].append(GATEWAY)
        self.windows = {host for hosts in self.alive.values() for host in hosts[1::2] if host != GATEWAY}

    def open(self, name: str) -> set[tuple[str, int]]:
        """Return the open ports of a network."""
        return {(host, port) for host in self.alive[name] for port in self.ports(host)}

    def ports(self, host: str) -> tuple[int, ...]:
        """Return the open ports of a machine."""
        return WINDOWS if host in self.windows else OPEN

    def join(self) -> None:
        """Make the networks and their machines."""
        super().join()
        for name in (self.scanner, self.target):
            self.run(name, ["sh", "-c", "for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 >$f; done"])
        self.ip(self.scanner, "addr add 10.77.0.1/22 dev cable", "addr add 10.77.4.1/24 dev cable",
                 *(f"route add {NETWORKS[name]} via {GATEWAY}" for name in "CD"))  # fmt: skip
        self.ip(
            self.target,
            *(f"addr add {host}/22 dev cable noprefixroute" for host in self.alive["A"]),
            *(f"addr add {host}/24 dev cable noprefixroute" for host in self.alive["B"]),
            *(f"addr add {host}/32 dev lo" for name in "CD" for host in self.alive[name]),
            "route add 10.77.0.0/21 dev cable",
        )
        windows, open_ports = ", ".join(sorted(self.windows)), ", ".join(map(str, WINDOWS))
        self._nft(
            self.target,
            f"set w {{ type ipv4_addr; elements = {{ {windows} }}; }}",
            "chain c { type filter hook input priority 0;",
            f"ip daddr @w tcp dport != {{ {open_ports} }} drop;",
            "ip daddr @w meta l4proto { udp, icmp } drop;",
            f"ip daddr != @w tcp dport {{ {open_ports} }} reject with tcp reset; }};",
        )
        time.sleep(0.5)  # the cable needs a moment to carry

    def _nft(self, namespace: str, *lines: str) -> None:
        text = "table inet bench {\n" + "\n".join(lines) + "\n}\n"
        self.run(namespace, ["nft", "-f", "-"], input=text, check=True)


@contextmanager
def cable() -> Iterator[Cable]:
    """Yield the networks with everything listening, and remove them."""
    made = Cable()
    serving = None
    try:
        made.join()
        argv = inside(made.target, [sys.executable, "-m", "benchmarks.machines"])
        serving = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        if not serving.stdout or serving.stdout.readline() != "ready\n":
            raise RuntimeError("the machines of the measurement did not start")
        yield made
    finally:
        if serving:
            serving.kill()
            serving.wait()
        made.remove()
