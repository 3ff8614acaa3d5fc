"""What raw answers mean: one pure module a probe, each with `parse(raw) -> Facts`.

The probes under mspctl/discovery/probes touch the network and store what came back as `Observation.raw`;
the modules here own the meaning of that raw material. Both sides import this package and it imports
neither: so classification and merging run again, offline, on any old log, and stay free of input and output.

Raw material is hostile. No parser raises, whatever it is given; every fact is one printable, bounded line.
"""

from mspctl.facts import (
    arp,
    bacnet,
    banner,
    csv,
    dhcp,
    directory,
    dns,
    http,
    ipmi,
    ipp,
    kerberos,
    ldap,
    masscan,
    mdns,
    modbus,
    mqtt,
    netbios,
    nmap,
    ntp,
    ping,
    ptr,
    rdp,
    route,
    sip,
    smb,
    snmp,
    ssdp,
    ssh,
    ssh_become,
    ssh_login,
    tcp,
    tls,
    winrm,
    winrm_login,
    wsd,
)
from mspctl.facts.text import Facts
from mspctl.records import Listing, Observation

_PARSERS = {
    "arp": arp.parse,
    "bacnet": bacnet.parse,
    "banner": banner.parse,
    "csv": csv.parse,
    "dhcp": dhcp.parse,
    "directory": directory.parse,
    "dns": dns.parse,
    "http": http.parse,
    "ipmi": ipmi.parse,
    "ipp": ipp.parse,
    "kerberos": kerberos.parse,
    "ldap": ldap.parse,
    "masscan": masscan.parse,
    "mdns": mdns.parse,
    "modbus": modbus.parse,
    "mqtt": mqtt.parse,
    "netbios": netbios.parse,
    "nmap": nmap.parse,
    "ntp": ntp.parse,
    "ping": ping.parse,
    "ptr": ptr.parse,
    "rdp": rdp.parse,
    "route": route.parse,
    "sip": sip.parse,
    "smb": smb.parse,
    "snmp": snmp.parse,
    "ssdp": ssdp.parse,
    "ssh": ssh.parse,
    "ssh_become": ssh_become.parse,
    "ssh_login": ssh_login.parse,
    "tcp": tcp.parse,
    "tls": tls.parse,
    "winrm": winrm.parse,
    "winrm_login": winrm_login.parse,
    "wsd": wsd.parse,
}
HEARSAY = frozenset({"ptr", "route"})  # said of an address by others: no proof that anything lives there


def facts(observation: Observation | Listing) -> Facts:
    """Return what was seen or listed, as `name: text`; nothing for a probe this version does not know."""
    parser = _PARSERS.get(observation.probe)
    return parser(observation.raw) if parser else {}


__all__ = ["HEARSAY", "Facts", "facts"]
