"""What others know of a client's network: files of scanners, of DHCP servers, of directories, and lists.

One module a format, `read(chunks, asked)`: bytes in, rows out, bounded and never an exception. Files and the
network are touched elsewhere (intake.py, addresses.py, ldap.py); what a row means stands in mspctl/facts.
"""

from mspctl.discovery.imports import ad_computers, csv, dnsmasq, isc_dhcp, masscan, nmap, windows_dhcp
from mspctl.discovery.imports.intake import Intake, chunks_of, inside, take
from mspctl.discovery.imports.recognise import recognise
from mspctl.discovery.imports.row import Asked, Reader, Row, Skipped

FORMATS: dict[str, Reader] = {
    "nmap": nmap.read,
    "masscan": masscan.read,
    "csv": csv.read,
    "dnsmasq": dnsmasq.read,
    "isc-dhcp": isc_dhcp.read,
    "windows-dhcp": windows_dhcp.read,
    "ad-computers": ad_computers.read,
}

__all__ = [
    "FORMATS",
    "Asked",
    "Intake",
    "Reader",
    "Row",
    "Skipped",
    "chunks_of",
    "inside",
    "recognise",
    "take",
]
