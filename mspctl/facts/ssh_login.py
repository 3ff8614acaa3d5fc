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
_FAMILIES = {"Darwin": "macos", "FreeBSD": "freebsd", "OpenBSD": "openbsd", "NetBSD": "netbsd"}


def parse(raw: Raw) -> Facts:
    """Return host.os, .os_version, .name, .full_name, .vendor, .model, .chassis, .machine, .container and
    .is_virtual, .cards, and ssh.key with ssh.fingerprint: the login was to who holds that key.

    Of a container nothing of the hardware is told: it is its host's.
    """
    kernel, release = fields(section(raw, "kernel")), fields(section(raw, "release"))
    names, made = fields(section(raw, "names")), fields(section(raw, "hardware"))
    container, machine = virtual(raw)
    family = _FAMILIES.get(kernel.get("system", ""), "")
    key = ssh.public_key(raw.get("host_key"))
    own = given(
        {
            "host.os": family or line(release.get("ID", "").lower() or kernel.get("system", "").lower(), 40),
            "host.os_version": line(kernel.get("macos", "") or release.get("VERSION_ID", ""), 40),
            "host.name": host_name(names.get("host", "").split(".")[0]),
            "host.full_name": full if "." in (full := host_name(names.get("full", ""))) else "",
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
