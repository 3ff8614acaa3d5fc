"""Discovery beside nmap, in one run on one machine: speed, recall, services, processor, memory.

    python -m benchmarks.sweep [--runs 3] [--only A,B,C,services,D] [--json]

Root makes the networks (benchmarks/cable.py); without nmap its figures are left out. A figure of a whole
process holds its start. The floors are the waits that cannot be left out: 1.5 s on-link (a silent port is
waited for 0.5 s and then, asked again, 1 s), 1.25 s beyond a router (0.5 s for a silent address, 0.75 s for
silent ports).
"""

import argparse
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from time import monotonic
from types import MappingProxyType
from typing import NamedTuple
from xml.etree import ElementTree

import msgspec

from benchmarks.cable import NETWORKS, PORTS, Cable, cable
from benchmarks.figures import Figure, middle, show
from benchmarks.machines import TALKING, said
from mspctl.discovery import ScanRequest
from mspctl.facts import facts
from mspctl.records import Observation, ScanRecord

PACKETS_PER_SECOND = 20_000  # nmap -T4 knows no cap; the default of mspctl is 5,000
FLOOR_SECONDS = {"A": 1.5, "B": 1.5, "C": 1.25}
KNOCKS = "-PS445,22,443,80,3389,9100"  # finds every machine of C, as ours does
Ports = set[tuple[str, int]]


class Run(NamedTuple):
    """What one run of a program found and cost."""

    seconds: float  # of the whole process
    found: Ports
    inner: float = 0.0  # of the scan alone
    cpu: float = 0.0
    megabytes: float = 0.0
    connections: int = 0
    products: Mapping[tuple[str, int], str] = MappingProxyType({})


def ours(
    at: Cable, networks: tuple[str, ...], ports: tuple[int, ...], *, whole: bool = False, rate: int
) -> Run:
    """Return a run of the sweep alone, or of a `whole` scan with its questions to services."""
    request = ScanRequest(
        scan="bench",
        networks=networks,
        ports=ports,
        packets_per_second=rate,
        dns=dict.fromkeys(networks, ("10.77.0.254",)),
    )
    argv = [sys.executable, "-m", "benchmarks.scan_here", msgspec.json.encode(request).decode()]
    began = monotonic()
    done = at.run(at.scanner, argv if whole else [*argv, "ports"], capture_output=True, check=True)
    seconds = monotonic() - began
    cost = msgspec.json.decode(done.stderr, type=dict[str, float])
    lines = done.stdout.splitlines()
    found, products = _of_log(lines) if whole else (_of_lines(lines), {})
    return Run(
        seconds, found, cost["seconds"], cost["cpu"], cost["megabytes"], int(cost["connections"]), products
    )


def nmap(at: Cable, *options: str) -> Run:
    """Return a run of nmap."""
    began = monotonic()
    argv = ["nmap", "-n", "-oX", "-", *options]
    done = at.run(at.scanner, argv, capture_output=True, check=True)
    seconds = monotonic() - began
    found, products = set(), {}
    for host in ElementTree.fromstring(done.stdout).iter("host"):
        address = next(
            each.get("addr", "") for each in host.iter("address") if each.get("addrtype") == "ipv4"
        )
        for port in host.iter("port"):
            state, service = port.find("state"), port.find("service")
            if state is not None and state.get("state") == "open":
                key = address, int(port.get("portid", "0"))
                found.add(key)
                if service is not None:
                    told = (service.get(name, "") for name in ("product", "version", "extrainfo"))
                    products[key] = " ".join(told)
    return Run(seconds, found, products=products)


def _of_lines(lines: list[str]) -> Ports:
    pairs = (line.split() for line in lines)
    return {(address, int(port)) for address, port in pairs if port != "0"}


def _of_log(lines: list[str]) -> tuple[Ports, dict[tuple[str, int], str]]:
    found, products = set(), {}
    for line in lines:
        seen = msgspec.json.decode(line, type=ScanRecord)
        if isinstance(seen, Observation) and seen.port:
            key = seen.address, seen.port
            if seen.raw.get("state") == "open":
                found.add(key)
            told = facts(seen)
            if product := told.get("ssh.banner") or told.get("http.server"):
                products[key] = product
    return found, products


def right(products: Mapping[tuple[str, int], str], truth: Ports) -> int:
    """Return at how many services both the product's name and its version were told."""
    count = 0
    for address, port in truth:
        name, version = re.split(r"[_/ ]|-(?=\d)", said(address, port))[:2]
        told = products.get((address, port), "").lower()
        count += name.lower().split("-")[-1] in told and version.lower() in told
    return count


def ports(at: Cable, name: str, runs: int, *, with_nmap: bool) -> Iterator[Figure]:
    """Yield the figures of a port scan of one network, and of the whole scan beside it."""
    network, truth = NETWORKS[name], at.open(name)
    where = {"A": "on-link /22, 161 alive", "B": "on-link /24, 230 alive", "C": "routed /22, 160 alive"}[name]
    mine = [ours(at, (network,), PORTS, rate=PACKETS_PER_SECOND) for _ in range(runs)]
    whole = [ours(at, (network,), PORTS, rate=PACKETS_PER_SECOND, whole=True) for _ in range(runs)]
    gentle = [ours(at, (network,), PORTS, rate=5_000, whole=True) for _ in range(runs)]
    fastest = middle(run.seconds for run in mine)
    all_of_it = middle(run.seconds for run in whole)
    floor = FLOOR_SECONDS[name]
    bound = "<= 1.5" if name in "AB" else "<= 2"
    yield Figure(f"{name} ports ({where})", middle(r.inner for r in mine), "s", floor, "floor", runs, bound)
    yield Figure(f"{name} processor", middle(run.cpu for run in mine), "CPU s", runs=runs)
    for what, timed in (("sweep", mine), ("whole scan", whole), ("whole scan, 5,000 packets/s", gentle)):
        lost = float(max(len(truth - run.found) for run in timed))
        yield Figure(f"{name} open ports lost, {what}", lost, f"of {len(truth)}", runs=runs, goal="0")
    yield Figure(f"{name} whole scan, 5,000 packets/s", middle(r.seconds for r in gentle), "s", runs=runs)
    if not with_nmap:
        return
    wanted = ("-p", ",".join(map(str, PORTS)), network)
    peers: dict[str, tuple[str, ...]] = {"nmap -sS -T4": ("-sS", "-T4")}
    if name == "C":
        peers["nmap, equal recall"] = ("-sS", "-T4", KNOCKS)
    for named, options in peers.items():
        theirs = [nmap(at, *options, *wanted) for _ in range(runs)]
        seconds = middle(run.seconds for run in theirs)
        goal = (">= 5" if "equal" in named else "") if name == "C" else ">= 4"
        yield Figure(f"{name} ports", fastest, "s", seconds, named, runs, goal)
        yield Figure(f"{name} whole scan, services too", all_of_it, "s", seconds, named, runs)
        lost = float(max(len(truth - run.found) for run in theirs))
        yield Figure(f"{name} open ports lost by {named}", lost, f"of {len(truth)}", runs=runs)


def services(at: Cable, runs: int, *, with_nmap: bool) -> Iterator[Figure]:
    """Yield the figures of telling what listens at known ports."""
    hosts = sorted(host for host in at.alive["A"] if host not in at.windows)
    talking = tuple(sorted(TALKING))
    truth = {(host, port) for host in hosts for port in talking}
    networks = tuple(f"{host}/32" for host in hosts)
    mine = [ours(at, networks, talking, whole=True, rate=PACKETS_PER_SECOND) for _ in range(runs)]
    seconds = middle(run.seconds for run in mine)
    share = float(min(right(run.products, truth) for run in mine))
    if not with_nmap:
        yield Figure("products and versions right", share, f"of {len(truth)}", runs=runs)
        yield Figure("services at known ports", seconds, "s", runs=runs)
        return
    theirs = nmap(at, "-sV", "-T4", "-Pn", "-p", ",".join(map(str, talking)), *hosts)
    named = "nmap -sV -T4"
    yield Figure("services at known ports", seconds, "s", theirs.seconds, named, runs, ">= 20")
    found = float(right(theirs.products, truth))
    unit = f"of {len(truth)}"
    yield Figure("products and versions right", share, unit, found, named, runs, ">= 1", more_is_better=True)


def large(at: Cable) -> Iterator[Figure]:
    """Yield what a /16 costs in which hardly anything answers."""
    run = ours(at, (NETWORKS["D"],), PORTS, rate=100_000)
    yield Figure("routed /16, 160 alive", run.seconds, "s")
    yield Figure("processor per TCP connection", run.cpu / run.connections * 1e6, "us", goal="< 80")
    yield Figure("memory of a /16 sweep", run.megabytes, "MB", goal="< 200")
    yield Figure(
        "open ports lost in a /16", float(len(at.open("D") - run.found)), f"of {len(at.open('D'))}", goal="0"
    )


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", default="A,B,C,services,D")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    missing = [program for program in ("ip", "nft") if not shutil.which(program)]
    if os.geteuid() or missing:
        sys.stderr.write(f"benchmarks.sweep needs root{''.join(f' and {name}' for name in missing)}\n")
        return 1
    has_nmap = bool(shutil.which("nmap"))
    if not has_nmap:
        sys.stderr.write(
            "benchmarks.sweep: nmap is missing (apt-get install nmap): no peer to compare with\n"
        )
    with cable() as at:
        parts: dict[str, Callable[[], Iterator[Figure]]] = {
            **{name: _ports_of(at, name, options.runs, has_nmap) for name in "ABC"},
            "services": lambda: services(at, options.runs, with_nmap=has_nmap),
            "D": lambda: large(at),
        }
        for name in options.only.split(","):
            show(f"Discovery: {name}", parts[name](), as_json=options.json)
    return 0


def _ports_of(at: Cable, name: str, runs: int, with_nmap: bool) -> Callable[[], Iterator[Figure]]:
    return lambda: ports(at, name, runs, with_nmap=with_nmap)


if __name__ == "__main__":
    sys.exit(main())
