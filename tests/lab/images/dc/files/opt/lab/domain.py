"""Make the domain and the accounts that /etc/lab/domain.json describes, before Samba first starts."""

import base64
import json
import os
import secrets
import subprocess
import time
from pathlib import Path

from samba.auth import system_session
from samba.ndr import ndr_pack
from samba.param import LoadParm
from samba.provision.sambadns import ARecord
from samba.samdb import SamDB

DESCRIPTION = Path("/etc/lab/domain.json")
DISABLED, WORKSTATION = 0x2, 0x1000
EPOCH = 11_644_473_600  # seconds from 1601, where Windows begins to count, to 1970
DAY = 86_400


def main() -> None:
    """Provision, then add the reader, the computers and the addresses of those that have one."""
    wanted = json.loads(DESCRIPTION.read_text())
    settings = Path("/etc/samba/smb.conf")
    try:
        provision(wanted)
        settings.write_text(settings.read_text().replace("[global]", "[global]\n\t" + "\n\t".join(wanted["settings"])))
        parameters = LoadParm(str(settings))
        samdb = SamDB("/var/lib/samba/private/sam.ldb", session_info=system_session(), lp=parameters)
        samdb.newuser(wanted["reader"], wanted["password"])
        for user in wanted["users"]:
            samdb.newuser(user, secrets.token_urlsafe(24) + "-Aa1")
        for computer in wanted["computers"]:
            add(samdb, wanted["domain"], computer)
    except BaseException:
        settings.unlink(missing_ok=True)  # so that the next start begins anew
        raise


def provision(wanted: dict) -> None:
    """Make an empty domain; its administrator has a password nobody knows."""
    options = {
        "realm": wanted["domain"].upper(),
        "domain": wanted["netbios"],
        "host-name": os.uname().nodename,
        "host-ip": wanted["address"],
        "server-role": "dc",
        "dns-backend": "SAMBA_INTERNAL",
        "adminpass": secrets.token_urlsafe(24) + "-Aa1",
        "option": "posix:eadb = /var/lib/samba/private/eadb.tdb",  # containers keep no attributes of NT
    }
    argv = [f"--{name}={value}" for name, value in options.items()]
    subprocess.run(["samba-tool", "domain", "provision", "--quiet", *argv], check=True)


def add(samdb: SamDB, domain: str, computer: dict) -> None:
    """Add one computer's account, or complete the domain controller's own, and its address."""
    name = computer["name"]
    base = samdb.domain_dn()
    own = samdb.search(base, expression=f"(sAMAccountName={name}$)", attrs=["dn"])
    attributes = {key: computer[key] for key in ("location", "description") if key in computer}
    if "logon_days" in computer:
        seconds = int(time.time()) - int(computer["logon_days"] * DAY)
        attributes["lastLogonTimestamp"] = str((seconds + EPOCH) * 10_000_000)
    if own:
        lines = [f"dn: {own[0].dn}", "changetype: modify"]
        for key, value in attributes.items():
            lines += [f"replace: {key}", line(key, value), "-"]
    else:
        flags = WORKSTATION | (DISABLED if computer.get("disabled") else 0)
        lines = [f"dn: CN={name},CN=Computers,{base}", "changetype: add", "objectClass: computer"]
        attributes |= {
            "sAMAccountName": f"{name}$",
            "userAccountControl": str(flags),
            "dNSHostName": f"{name.lower()}.{domain}",
            "operatingSystem": computer["os"],
            "operatingSystemVersion": computer["os_version"],
        }
        if computer.get("managed_by"):
            attributes["managedBy"] = f"CN={computer['managed_by']},CN=Users,{base}"
        lines += [line(key, value) for key, value in attributes.items()]
        services = [f"HOST/{name}", f"HOST/{name.lower()}.{domain}", *computer.get("services", [])]
        lines += [f"servicePrincipalName: {service}" for service in services]
    samdb.modify_ldif("\n".join(lines) + "\n")
    if "address" in computer and not own:
        zone = f"DC={domain},CN=MicrosoftDNS,DC=DomainDnsZones,{base}"
        record = ndr_pack(ARecord(computer["address"]))
        samdb.add({"dn": f"DC={name.lower()},{zone}", "objectClass": ["top", "dnsNode"], "dnsRecord": [record]})


def line(key: str, value: str) -> str:
    """Return one attribute as LDIF, whatever its text holds."""
    return f"{key}:: {base64.b64encode(value.encode()).decode()}"


if __name__ == "__main__":
    main()
