"""Make the domain and the accounts that /etc/lab/domain.json describes, before Samba first starts."""

import base64
import json
import os
import secrets
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from samba.auth import system_session
from samba.ndr import ndr_pack
from samba.param import LoadParm
from samba.provision.sambadns import ARecord
from samba.samdb import SamDB

DESCRIPTION = Path("/etc/lab/domain.json")
SETTINGS = Path("/etc/samba/smb.conf")
DISABLED, WORKSTATION = 0x2, 0x1000
EPOCH = 11_644_473_600  # seconds from 1601, where Windows begins to count, to 1970
DAY = 86_400

Content = Mapping[str, Any]


def main() -> None:
    """Provision, then add the users, the computers and the addresses of those that have one."""
    wanted = json.loads(DESCRIPTION.read_text())
    try:
        provision(wanted)
        own = "\n\t".join(["[global]", *wanted["settings"]])
        SETTINGS.write_text(SETTINGS.read_text().replace("[global]", own))
        samdb = SamDB(
            "/var/lib/samba/private/sam.ldb", session_info=system_session(), lp=LoadParm(str(SETTINGS))
        )
        samdb.newuser(wanted["reader"], wanted["password"])
        for user in wanted["users"]:
            samdb.newuser(user, unknown_password())
        for computer in wanted["computers"]:
            add_computer(samdb, wanted["domain"], computer)
            if "address" in computer:
                add_address(samdb, wanted["domain"], computer)
    except BaseException:
        SETTINGS.unlink(missing_ok=True)  # so that the next start begins anew
        raise


def unknown_password() -> str:
    """Return a password nobody knows, which a domain's rules accept."""
    return secrets.token_urlsafe(24) + "-Aa1"


def provision(wanted: Content) -> None:
    """Make an empty domain."""
    options = {
        "realm": wanted["domain"].upper(),
        "domain": wanted["netbios"],
        "host-name": os.uname().nodename,
        "host-ip": wanted["address"],
        "server-role": "dc",
        "dns-backend": "SAMBA_INTERNAL",
        "adminpass": unknown_password(),
        "option": "posix:eadb = /var/lib/samba/private/eadb.tdb",  # containers keep no attributes of NT
    }
    argv = [f"--{name}={value}" for name, value in options.items()]
    subprocess.run(["samba-tool", "domain", "provision", "--quiet", *argv], check=True)


def add_computer(samdb: SamDB, domain: str, computer: Content) -> None:
    """Add a computer's account; the domain controller's own is there already."""
    name, base = computer["name"], samdb.domain_dn()
    known = {key: computer[key] for key in ("location", "description") if key in computer}
    if "logon_days" in computer:
        seconds = int(time.time()) - computer["logon_days"] * DAY
        known["lastLogonTimestamp"] = str((seconds + EPOCH) * 10_000_000)
    if own := samdb.search(base, expression=f"(sAMAccountName={name}$)", attrs=["dn"]):
        lines = [f"dn: {own[0].dn}", "changetype: modify"]
        for key, value in known.items():
            lines += [f"replace: {key}", attribute(key, value), "-"]
    else:
        known |= {
            "sAMAccountName": f"{name}$",
            "userAccountControl": str(WORKSTATION | (DISABLED if computer.get("disabled") else 0)),
            "dNSHostName": f"{name.lower()}.{domain}",
            "operatingSystem": computer["os"],
            "operatingSystemVersion": computer["os_version"],
        }
        if "managed_by" in computer:
            known["managedBy"] = f"CN={computer['managed_by']},CN=Users,{base}"
        services = [f"HOST/{name}", f"HOST/{name.lower()}.{domain}", *computer.get("services", ())]
        lines = [f"dn: CN={name},CN=Computers,{base}", "changetype: add", "objectClass: computer"]
        lines += [attribute(key, value) for key, value in known.items()]
        lines += [attribute("servicePrincipalName", service) for service in services]
    samdb.modify_ldif("\n".join(lines) + "\n")


def add_address(samdb: SamDB, domain: str, computer: Content) -> None:
    """Add the address of a computer's name to the domain's DNS."""
    zone = f"DC={domain},CN=MicrosoftDNS,DC=DomainDnsZones,{samdb.domain_dn()}"
    node = {"dn": f"DC={computer['name'].lower()},{zone}", "objectClass": ["top", "dnsNode"]}
    samdb.add(node | {"dnsRecord": [ndr_pack(ARecord(computer["address"]))]})


def attribute(key: str, value: str) -> str:
    """Return one attribute as LDIF, whatever its text holds."""
    return f"{key}:: {base64.b64encode(value.encode()).decode()}"


if __name__ == "__main__":
    main()
