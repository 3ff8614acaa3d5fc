"""What a Unix machine says of itself to whom it lets in: mspctl/data/inspect/posix.sh.

Raw: {"host_key": "ssh-ed25519 AAAA…", "sections": {"kernel": "system=Linux…", "release": …}}.
"""

import re

from mspctl.facts import hardware, ssh
from mspctl.facts.sections import fields, lines, section
from mspctl.facts.text import FACT_CHARACTERS, Facts, Raw, given, host_name, line, mac_address

_VIRTUAL_CARDS = re.compile(
    r"lo\d*$|docker|veth|br-|virbr|vnet|tun|tap|wg|cali|flannel|cni|zt|tailscale|dummy|ifb|bond"
)
_NOWHERE = frozenset({"local", "localdomain", "lan", "home", "internal"})  # no domain of anybody's
_FAMILIES = {"Darwin": "macos", "FreeBSD": "freebsd", "OpenBSD": "openbsd", "NetBSD": "netbsd"}


def parse(raw: Raw) -> Facts:
    """Return host.os, .os_version, .name, .full_name, .domain, .vendor, .model, .chassis, .machine,
    .container, .is_virtual, .cards, and ssh.key with ssh.fingerprint: the login was to who holds that key.

    Of a container nothing of the hardware is told: it is its host's.
    """
    kernel, release = fields(section(raw, "kernel")), fields(section(raw, "release"))
    names, made = fields(section(raw, "names")), fields(section(raw, "hardware"))
    container, machine = virtual(raw)
    family = _FAMILIES.get(kernel.get("system", ""), "")
    key = ssh.public_key(raw.get("host_key"))
    full = full if "." in (full := host_name(names.get("full", ""))) else ""
    local = full.partition(".")[2]
    own = given(
        {
            "host.os": family or line(release.get("ID", "").lower() or kernel.get("system", "").lower(), 40),
            "host.os_version": line(kernel.get("macos", "") or release.get("VERSION_ID", ""), 40),
            "host.name": host_name(names.get("host", "").split(".")[0]),
            "host.full_name": full,
            "host.domain": host_name(directory(raw)[0]) or ("" if local in _NOWHERE else local),
            "host.machine": machine,
            "host.container": container,
            "host.is_virtual": "yes" if machine and not container else "",
            "host.cards": line(" ".join(cards(raw)), FACT_CHARACTERS),
            "ssh.key": key,
            "ssh.fingerprint": ssh.fingerprint(key) if key else "",
        }
    )
    if container:
        return own
    return own | given(
        {
            "host.vendor": hardware.make(made.get("sys_vendor")),
            "host.model": hardware.make(made.get("product_name")) or hardware.make(made.get("tree")),
            "host.chassis": hardware.chassis(made.get("chassis_type")),
            "host.serial": hardware.serial(made.get("product_serial")),
            "host.uuid": hardware.system_uuid(made.get("product_uuid")),
        }
    )


def virtual(raw: Raw) -> tuple[str, str]:
    """Return the kind of container and of virtual machine it is, "" for each where it is none."""
    found = {"container": "", "machine": ""}
    for each in lines(section(raw, "virtual") + "\n" + section(raw, "root_virtual"), 50):
        name, _, value = each.partition("=")
        if name in found and value not in ("", "none", "wsl") and not found[name]:
            found[name] = line(value, 40)
    return found["container"], found["machine"]


def directory(raw: Raw) -> tuple[str, str]:
    """Return the directory a machine is joined to and by what, "" where it is in none."""
    found: dict[str, str] = {}
    for each in lines(section(raw, "domain"), 200):
        name, separator, value = each.partition(":")
        if separator and value.strip():
            found.setdefault(name.strip(), line(value.strip(), 100))
    if name := found.get("domain-name", ""):
        return name.lower(), found.get("client-software", "") or "ad"
    if found.get("samba-server role", "").lower() == "active directory domain controller":
        return found.get("samba-realm", "").lower(), "domain controller"
    if found.get("samba-security", "").lower() in ("ads", "domain"):
        return found.get("samba-realm", found.get("samba-workgroup", "")).lower(), "winbind"
    return "", ""


def cards(raw: Raw) -> tuple[str, ...]:
    """Return the hardware addresses of a machine's own cards, sorted; those made by software are left out."""
    found: set[str] = set()
    name: re.Match[str] | None = None
    for each in lines(section(raw, "interfaces"), 4_000):
        name = re.match(r"\d+: ([^:@ ]+)", each) or re.match(r"(\w+): flags", each) or name
        mac = re.search(r"(?:link/ether|ether|HWaddr) (\S+)", each)
        if name and mac and not _VIRTUAL_CARDS.match(name[1]) and (address := mac_address(mac[1])):
            found.add(address)
    return tuple(sorted(found))
