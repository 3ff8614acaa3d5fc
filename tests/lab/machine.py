"""What the lab needs of the machine it runs on, and what that machine allows."""

import os
import re
import resource
from pathlib import Path

from tests.lab.errors import LabError
from tests.lab.process import attempt, run

PACKAGES = (
    "podman", "runc", "netavark", "aardvark-dns", "uidmap", "iptables", "nftables", "mmdebstrap",
    "curl", "iproute2", "iputils-ping", "util-linux", "openssl", "openssh-client", "snmp",
    "bind9-dnsutils", "debian-archive-keyring",
)  # fmt: skip
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")  # whom this machine trusts
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
RESOLVER_FILES = (
    Path("/etc/resolv.conf"),
    Path("/run/systemd/resolve/resolv.conf"),
    Path("/run/NetworkManager/no-stub-resolv.conf"),
)


def require_root_on_debian() -> None:
    """Raise LabError unless the lab can be built here at all."""
    release = Path("/etc/os-release")
    text = release.read_text() if release.exists() else ""
    if not re.search(r"^ID=\"?debian\"?$", text, re.MULTILINE):
        raise LabError("the lab is built from Debian packages: run it on a Debian 12 machine")
    if os.geteuid() != 0:
        raise LabError("the lab makes networks and containers: run it as root (sudo)")


def install_packages() -> None:
    """Install what is missing, from the package sources this machine already has."""
    missing = [package for package in PACKAGES if not is_installed(package)]
    if not missing:
        return
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", "update"], environment=environment)
    install = ["apt-get", "install", "--yes", "--no-install-recommends", *missing]
    run(install, environment=environment, timeout_seconds=1800)


def is_installed(package: str) -> bool:
    """Return whether dpkg knows the package as fully installed."""
    status = attempt(["dpkg-query", "--show", "--showformat=${db:Status-Status}", package])
    return status.returncode == 0 and status.stdout == "installed"


def debian_sources(release: str) -> str:
    """Return lines of sources.list for a release at this machine's mirrors. Raise LabError without any."""
    columns = "$(REPO_URI)|$(RELEASE)|$(CODENAME)|$(ORIGIN)|$(COMPONENT)"
    listing = ["apt-get", "indextargets", "--format", columns, "Created-By: Packages"]
    if "|Debian|main" not in run(listing):
        run(["apt-get", "update"])
    lines = []
    for target in run(listing).splitlines():
        address, suite, codename, origin, component = target.split("|")
        if origin == "Debian" and component == "main":
            suite = suite.replace(codename.partition("-")[0], release)
            lines.append(f"deb [signed-by={KEYRING}] {address} {suite} main")
    if not lines:
        raise LabError(
            "apt knows no Debian package source with the component main: check /etc/apt/sources.list"
        )
    return "\n".join(dict.fromkeys(lines)) + "\n"


def apt_proxy_options() -> list[str]:
    """Return the apt settings by which this machine reaches its sources through a proxy."""
    dump = run(["apt-config", "dump", "--format", '%f "%v";%n'])
    return [
        line for line in dump.splitlines() if re.match(r"Acquire::https?::(proxy|[^ ]+::proxy) ", line, re.I)
    ]


def name_servers() -> list[str]:
    """Return the machine's resolvers that a container can reach: none on loopback."""
    for file in RESOLVER_FILES:
        if file.exists():
            servers = re.findall(r"^nameserver\s+(\d+\.\d+\.\d+\.\d+)\s*$", file.read_text(), re.MULTILINE)
            reachable = [server for server in servers if not server.startswith("127.")]
            if reachable:
                return reachable
    return []


def podman_options() -> list[str]:
    """Return podman's global options for this machine's control groups and service manager."""
    options = []
    if not Path("/sys/fs/cgroup/cgroup.controllers").exists():
        # crun refuses the legacy and hybrid control group layouts; runc takes them.
        options += ["--runtime", "runc"]
    if not Path("/run/systemd/system").exists():
        options += ["--cgroup-manager", "cgroupfs", "--events-backend", "file"]
    return options


def limit_options() -> list[str]:
    """Return ulimit options no higher than this machine's own: raising them needs CAP_SYS_RESOURCE."""
    # Podman lowers its own process limit to the kernel's pid_max, 32768 by default.
    limits = (("nofile", resource.RLIMIT_NOFILE, 65536), ("nproc", resource.RLIMIT_NPROC, 16384))
    options = []
    for name, number, wanted in limits:
        hard = resource.getrlimit(number)[1]
        value = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        options += ["--ulimit", f"{name}={value}:{value}"]
    return options
