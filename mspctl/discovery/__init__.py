"""Look at a client's networks and write down every answer, raw, as it comes.

One event loop over raw sockets finds what is alive (sweep), then each found machine is asked what it is
(services, probes). What the answers mean stands in mspctl/facts; nothing is concluded here.
"""

from mspctl.discovery.plan import ScanPlan, plan
from mspctl.discovery.profiles import DEFAULT_PORTS, MODBUS_PORT, PROFILES
from mspctl.discovery.request import ScanRequest, SnmpLogin
from mspctl.discovery.scan import scan

__all__ = [
    "DEFAULT_PORTS",
    "MODBUS_PORT",
    "PROFILES",
    "ScanPlan",
    "ScanRequest",
    "SnmpLogin",
    "plan",
    "scan",
]
