"""How much a scan asks: three profiles, each holding all that the one before it holds."""

from typing import NamedTuple

from mspctl.records import ProfileName

FIRST_CONTACT_PORTS = (22, 80, 135, 443, 445, 3389)
"""Where a machine beyond a router is knocked at first: nearly all answer at one, if only to refuse."""

QUICK_PORTS = (*FIRST_CONTACT_PORTS, 53, 139, 515, 631, 5985, 8080, 8443)
"""What is there and roughly what it is."""

DEFAULT_PORTS = (
    *(21, 22, 23, 25, 53, 80, 88, 110, 135, 139, 143, 179, 389, 443, 445, 515, 548, 554, 587, 631, 636),
    *(993, 995, 1433, 1521, 1883, 2049, 3306, 3389, 5060, 5432, 5900, 5985, 5986, 8080, 8443, 10050, 10051),
)
"""Ports that tell what a machine is for. Not 9100: a printer prints whatever it is sent there."""

MODBUS_PORT = 502
CONTROLLER_PORTS = (102, MODBUS_PORT, 789, 1911, 1962, 2404, 4911, 9600, 20000, 44818)
"""Siemens S7, Modbus, Red Lion, Niagara Fox (and over TLS), PCWorx, IEC 60870-5-104, FINS, DNP3 and
EtherNet/IP: what moves machines and buildings. Only the full profile connects to them; none is sent
anything, but that Modbus is asked for its name where that is allowed."""

FULL_PORTS = (
    *DEFAULT_PORTS,
    *CONTROLLER_PORTS,
    *(37, 49, 79, 81, 82, 106, 111, 113, 119, 144, 199, 427, 444, 465, 500, 513, 514, 541, 543, 544, 563),
    *(593, 646, 787, 808, 873, 880, 902, 990, 992, 1025, 1080, 1099, 1194, 1352, 1414, 1494, 1720, 1723),
    *(1755, 1801, 2000, 2001, 2022, 2082, 2083, 2121, 2181, 2222, 2375, 2376, 2379, 2483, 2484),
    *(2598, 3000, 3128, 3260, 3268, 3269, 3310, 3689, 4000, 4118, 4343, 4369, 4443, 4444, 4505, 4506),
    *(4567, 4786, 4848, 5000, 5001, 5040, 5061, 5101, 5222, 5269, 5357, 5400, 5480, 5555, 5601, 5631),
    *(5666, 5671, 5672, 5800, 5901, 5938, 5984, 6000, 6001, 6002, 6379, 6443, 6514, 6600, 6667, 7000),
    *(7001, 7070, 7547, 7680, 7777, 8000, 8001, 8006, 8008, 8009, 8010, 8014, 8081, 8082, 8083, 8088),
    *(8090, 8123, 8140, 8181, 8200, 8291, 8400, 8444, 8500, 8530, 8531, 8600, 8728, 8834, 8880, 8883),
    *(8888, 8989, 9000, 9001, 9042, 9080, 9090, 9091, 9092, 9191, 9200, 9392, 9418, 9443, 9999, 10000),
    *(10443, 11211, 15672, 16992, 16993, 20005, 25565, 27017, 32400, 32764, 32768, 37777, 49152, 49153),
    *(49154, 49155, 50000, 50070, 51413, 55443, 60443, 62078),
)
"""Whatever else is at home in offices. Still no print queue of 9100 to 9109: they are a client's to name."""

NEVER_TALKED_TO = frozenset({515, *range(9100, 9110), *CONTROLLER_PORTS})
"""Ports that are connected to once and sent nothing: print queues print what they get, controllers act."""


class Profile(NamedTuple):
    """What one profile asks; a client's own `extra_ports` come on top."""

    ports: tuple[int, ...]
    udp: frozenset[str] | None  # names of probes over UDP; None: every one there is
    industrial: bool = False  # whether controllers are asked for their names: Modbus and BACnet, nothing else


PROFILES: dict[ProfileName, Profile] = {
    "quick": Profile(QUICK_PORTS, frozenset({"snmp", "netbios"})),
    "standard": Profile(DEFAULT_PORTS, None),
    "full": Profile(FULL_PORTS, None, industrial=True),
}
