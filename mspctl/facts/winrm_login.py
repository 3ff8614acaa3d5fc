"""What a Windows machine says of itself to whom it lets in: mspctl/data/inspect/windows.ps1.

Raw: {"tls_key": hex of the SHA-256 of its certificate's key, "document": "{…}"}.
"""

import re
from typing import Any

from mspctl.facts import hardware
from mspctl.facts.document import document, number, row, rows
from mspctl.facts.text import FACT_CHARACTERS, Facts, Raw, given, host_name, line, mac_address

_PRODUCTS = {1: "workstation", 2: "domain-controller", 3: "server"}
_MACHINES = {  # by what a hypervisor calls the computer it makes
    "virtual machine": "microsoft",
    "vmware": "vmware",
    "virtualbox": "oracle",
    "kvm": "kvm",
    "qemu": "qemu",
    "standard pc": "qemu",
    "hvm domu": "xen",
    "parallels": "parallels",
    "amazon ec2": "amazon",
    "google compute": "google",
}


def parse(raw: Raw) -> Facts:
    """Return the facts of ssh_login, host.product besides, and tls.key: the login was to who holds it."""
    found = document(raw)
    if not found:
        return {}
    computer, system = row(found, "computer"), row(found, "system")
    key = line(raw.get("tls_key"), 64)
    name = host_name(computer.get("DNSHostName")) or host_name(computer.get("Name"))
    domain = host_name(computer.get("Domain")) if computer.get("PartOfDomain") is True else ""
    machine = hypervisor(computer)
    return given(
        {
            "host.os": "windows",
            "host.os_version": version(line(system.get("Caption"), 100)),
            "host.name": name,
            "host.full_name": f"{name}.{domain}" if name and "." in domain else "",
            "host.domain": domain if "." in domain else "",
            "host.product": _PRODUCTS.get(number(system.get("ProductType")) or 0, ""),
            "host.machine": machine,
            "host.is_virtual": "yes" if machine else "",
            "host.cards": line(" ".join(cards(found)), FACT_CHARACTERS),
            "host.vendor": hardware.make(computer.get("Manufacturer")),
            "host.model": hardware.make(computer.get("Model")),
            "host.chassis": chassis(found),
            "host.serial": hardware.serial(row(found, "firmware").get("SerialNumber")),
            "host.uuid": hardware.system_uuid(row(found, "product").get("UUID")),
            "tls.key": key if re.fullmatch("[0-9a-f]{64}", key) else "",
        }
    )


def version(caption: str) -> str:
    """Return the version in Windows' name: 11, 2022, 2012 R2."""
    seen = re.search(r"Windows (?:Server )?(\d{1,4}(?:\.\d)?(?: R2)?)\b", caption)
    return seen[1] if seen else ""


def hypervisor(computer: dict[str, Any]) -> str:
    """Return what a virtual machine runs on, "" for a real one."""
    named = f"{line(computer.get('Manufacturer'), 100)} {line(computer.get('Model'), 100)}".lower()
    return next((machine for phrase, machine in _MACHINES.items() if phrase in named), "")


def chassis(found: dict[str, Any]) -> str:
    """Return desktop, laptop or server; the first enclosure that says one of them."""
    numbers = (each for row in rows(found, "chassis") for each in _numbers(row.get("ChassisTypes")))
    return next((kind for each in numbers if (kind := hardware.chassis(str(each)))), "")


def cards(found: dict[str, Any]) -> tuple[str, ...]:
    """Return the hardware addresses of a machine's own cards, sorted."""
    rows_of = rows(found, "interfaces")
    own = (each for each in rows_of if "virtual" not in line(each.get("Description"), 200).lower())
    return tuple(sorted({mac for each in own if (mac := mac_address(each.get("MACAddress")))}))


def _numbers(value: object) -> list[object]:
    return value[:8] if isinstance(value, list) else [value]
