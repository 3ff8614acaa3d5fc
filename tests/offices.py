"""Made-up client networks with switches that answer SNMP: as many assets as a test wants."""

from collections.abc import Iterator
from ipaddress import ip_address

from mspctl.records import (
    Asset,
    Authorisation,
    ClientFile,
    Identity,
    IdentityKind,
    Json,
    Network,
    Observation,
    Service,
    Site,
)
from tests.samples import NOW, value

SCAN = "20261121T093000Z"
_PORTS = 44
_NETWORKS = ("office", "servers", "voice", "guest")
_KINDS = {
    "office": ("workstation", "workstation", "laptop", "printer", "workstation", "", "iot"),
    "servers": ("server", "nas", "server", "ups", "management-card", "server"),
    "voice": ("phone", "phone", "pbx", "camera", "phone"),
    "guest": ("laptop", "", "media", "access-point"),
}


def client(networks: int = 4) -> ClientFile:
    """Return a client of one site with the networks 192.0.2.0/24, 10.20.1.0/24 and so on."""
    listed = tuple(
        Network(name=name, cidr=f"10.20.{number}.0/24") for number, name in enumerate(_NETWORKS[:networks])
    )
    return ClientFile(
        title="Harbour Dental & Sons",
        authorisation=Authorisation(by="J. Doe, owner", date="2026-11-01"),
        sites=(Site(name="main", networks=(*listed, Network(name="annexe", cidr="10.20.99.0/24"))),),
    )


def device(name: str, address: str, number: int, kind: str = "", **profile: str) -> Asset:
    """Return an asset with a MAC made of its number."""
    known = {"kind": kind, "vendor": "" if not kind else "Example", "hostname": name, **profile}
    network = next((n for i, n in enumerate(_NETWORKS) if address.startswith(f"10.20.{i}.")), "annexe")
    return Asset(
        id=f"a-{name}",
        name=name,
        site="main",
        network=network,
        addresses=(address,),
        profile={key: value(text) for key, text in known.items() if text},
        services=(Service(port=22, name="ssh"),) if kind == "server" else (),
        identities=(Identity(kind=IdentityKind.MAC, value=mac(number)),),
        first_seen=SCAN,
    )


def mac(number: int) -> str:
    """Return a MAC address of a maker's."""
    return ":".join(f"{octet:02x}" for octet in (0x00, 0x1B, 0x21, *number.to_bytes(3)))


def answer(address: str, **tables: Json) -> Observation:
    """Return what a device answers over SNMP."""
    return Observation(scan=SCAN, address=address, probe="snmp", at=NOW, raw={"values": {}, **tables})


def interfaces(count: int, first_mac: int, prefix: str = "Gi0/") -> list[Json]:
    """Return a device's own interfaces, each with a MAC."""
    return [
        {"interface": port, "name": f"{prefix}{port}", "type": 6, "status": 1, "mac": mac(first_mac + port)}
        for port in range(1, count + 1)
    ]


def office(count: int) -> tuple[tuple[Asset, ...], tuple[Observation, ...], ClientFile]:
    """Return `count` assets behind a router, a core switch and as many access switches as they need."""
    router = device("rtr1", "10.20.0.1", 1, "router", vendor="MikroTik", model="RB4011")
    core = device("sw-core", "10.20.0.2", 2, "switch", vendor="HPE", model="5130")
    hosts = list(_hosts(max(1, count - 3 - count // 40)))
    switches = [
        device(f"sw-access{number + 1}", f"10.20.0.{3 + number}", 3 + number, "switch", vendor="Cisco")
        for number in range(max(1, -(-len(hosts) // 40)))
    ]
    log = [_router(router, [*hosts, core, *switches]), _core(core, router, switches, hosts)]
    log += [
        _access(switch, number, core, hosts[number * 40 : number * 40 + 40])
        for number, switch in enumerate(switches)
    ]
    return (router, core, *switches, *(host for host, _ in hosts)), tuple(log), client()


def _hosts(count: int) -> Iterator[tuple[Asset, int]]:
    for number in range(count):
        place = 0 if number % 2 == 0 else 1 + (number // 2) % 3
        network = _NETWORKS[place]
        kinds = _KINDS[network]
        kind = kinds[number // 2 % len(kinds)]
        address = str(ip_address(f"10.20.{place}.20") + number // 2 % 230)
        yield device(f"{kind or 'host'}-{number}", address, 5_000 + number, kind), 5_000 + number


def _router(router: Asset, others: list[object]) -> Observation:
    addresses: list[Json] = [
        {"address": f"10.20.{place}.1", "interface": place + 1, "mask": "255.255.255.0"} for place in range(4)
    ]
    addresses.append({"address": "10.77.0.2", "interface": 9, "mask": "255.255.255.252"})
    arp: list[Json] = [{"interface": 1, "address": "10.20.0.250", "mac": mac(9_999)}]
    return answer(
        "10.20.0.1",
        interfaces=interfaces(9, 100, "ether"),
        addresses=addresses,
        arp=arp,
        ports=[],
        others=len(others),
    )


def _core(core: Asset, router: Asset, switches: list[Asset], hosts: list[tuple[Asset, int]]) -> Observation:
    lldp: list[Json] = [
        {
            "port": number + 1,
            "remote": 1,
            "chassis": mac(1_000 + number * 64 + 1),
            "chassis_type": 4,
            "remote_port": "GigabitEthernet0/48",
            "remote_port_type": 5,
            "name": switch.name,
            "capabilities": "bridge",
        }
        for number, switch in enumerate(switches)
    ]
    lldp.append(
        {
            "port": 47,
            "remote": 1,
            "chassis": "rtr1",
            "chassis_type": 7,
            "name": "rtr1",
            "remote_port": "ether1",
        }
    )
    lldp.append(
        {
            "port": 46,
            "remote": 1,
            "chassis": "70:3a:cb:00:00:01",
            "chassis_type": 4,
            "name": "ap-roof",
            "remote_port": "eth0",
            "capabilities": "bridge wlan",
        }
    )
    fdb: list[Json] = [
        {"mac": mac(number), "port": 1 + place // 40, "filter": 1} for place, (_, number) in enumerate(hosts)
    ]
    return answer("10.20.0.2", interfaces=interfaces(48, 600), lldp=lldp, fdb=fdb)


def _access(switch: Asset, number: int, core: Asset, hosts: list[tuple[Asset, int]]) -> Observation:
    """Return an access switch: one host a port, but for four that share one."""
    fdb: list[Json] = [
        {"mac": mac(own), "port": 40 if place in (5, 6, 7, 8) else place + 1, "filter": 1}
        for place, (_, own) in enumerate(hosts)
    ]
    fdb.append({"mac": mac(602), "port": 48})
    cdp: list[Json] = [
        {
            "interface": 48,
            "remote": 1,
            "name": "sw-core.harbour.example",
            "remote_port": f"Gi0/{number + 1}",
            "capabilities": 8,
        }
    ]
    return answer(switch.addresses[0], interfaces=interfaces(48, 1_000 + number * 64), fdb=fdb, cdp=cdp)
