"""The lab is what harbour.yml says: asked with tools that know nothing of how it was made."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.lab.description import Host, harbour

pytest_plugins = ["tests.lab.plugin"]
pytestmark = pytest.mark.lab

ROOT = Path(__file__).parents[2]
HOSTS = {host.name: host for host in harbour().hosts}
# Without 10050: an agent rolled out by another test may listen there.
COMMON_PORTS = (
    21, 22, 23, 25, 53, 80, 88, 110, 111, 135, 139, 143, 161, 389, 443, 445, 515, 548, 631, 636, 873, 993,
    1433, 2049, 2601, 2605, 3128, 3306, 3389, 5060, 5353, 5432, 5900, 5985, 6379, 8000, 8080, 8443, 9100,
    10051,
)  # fmt: skip


@pytest.mark.parametrize("host", HOSTS.values(), ids=HOSTS)
def test_open_ports_are_the_truth(lab: dict[str, Any], host: Host) -> None:
    with ThreadPoolExecutor(len(COMMON_PORTS)) as pool:
        found = pool.map(lambda port: connects(str(host.address), port), COMMON_PORTS)
        is_open = [port for port, answer in zip(COMMON_PORTS, found, strict=True) if answer == "open"]
    served = {443, 8000} if host.name == "depot" else set()  # once a test has made servers of it
    assert set(is_open) - served == set(host.truth["tcp_ports"])


def test_card_terminal_answers_ping_and_nothing_else(lab: dict[str, Any]) -> None:
    address = str(HOSTS["cardterm"].address)
    assert run("ping", "-c1", "-W1", address).returncode == 0
    assert {connects(address, port) for port in (22, 80, 443)} == {"silent"}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(0.5)
        client.connect((address, 161))
        client.send(b"anyone?")
        with pytest.raises(TimeoutError):
            client.recv(1)


def test_annexe_is_empty_but_for_the_router(lab: dict[str, Any]) -> None:
    with ThreadPoolExecutor(32) as pool:
        addresses = [f"10.203.21.{last}" for last in range(1, 33)]
        answers = pool.map(lambda address: run("ping", "-c1", "-W1", address).returncode == 0, addresses)
        assert [address for address, there in zip(addresses, answers, strict=True) if there] == [
            "10.203.21.1"
        ]


@pytest.mark.parametrize("name", ["files", "noc"])
def test_other_segments_lie_behind_the_router(lab: dict[str, Any], name: str) -> None:
    first_hop = run("ping", "-c1", "-W1", "-t1", str(HOSTS[name].address))
    assert "From 10.203.10.1 " in first_hop.stdout and "exceeded" in first_hop.stdout


@pytest.mark.parametrize("name", [name for name, host in HOSTS.items() if host.has_ssh])
def test_technician_enters_by_key_and_becomes_root_by_password(
    lab: dict[str, Any], name: str, tmp_path: Path
) -> None:
    assert ssh(lab, name, "hostname").stdout.strip() == name
    assert ssh(lab, name, "sudo -n true").returncode != 0
    become = ssh(lab, name, "sudo -S -p '' id -un", text_input=lab["ssh"]["become_password"] + "\n")
    assert become.stdout.strip() == "root"
    assert ssh(lab, name, "true", user="root").returncode != 0
    assert ssh(lab, name, "systemctl is-system-running").stdout.strip() == "running"


@pytest.mark.parametrize(
    ("name", "driver", "look", "refusal"),
    [
        ("rtr1", "cisco_ios", "show version", "% Unknown command"),
        ("sw-office", "cisco_ios", "show version", "% Invalid input"),
        ("sw-edge", "aruba_osswitch", "show version", "Invalid input"),
        ("sw-servers", "arista_eos", "show version", "% Invalid input"),
        ("fw-office", "fortinet", "get system status", "Unknown action"),
        ("rtr-dsl", "mikrotik_routeros", "/system resource print", "bad command name"),
    ],
)
def test_network_devices_say_over_ssh_what_they_are(
    lab: dict[str, Any], name: str, driver: str, look: str, refusal: str
) -> None:
    netmiko = pytest.importorskip("netmiko", reason="drives network devices: pip install netmiko")
    device = next(each for each in lab["network"]["devices"] if each["name"] == name)
    words = {"username": device["user"], "password": device.get("password", "")}
    if "key_file" in device:
        words |= {"use_keys": True, "key_file": device["key_file"]}
    with netmiko.ConnectHandler(device_type=driver, host=device["address"], **words) as cli:
        assert ("FRRouting" if name == "rtr1" else "simulated device") in cli.send_command(look)
        assert refusal in cli.send_command("frobnicate")


def test_the_router_takes_a_configuration_and_keeps_it(lab: dict[str, Any]) -> None:
    netmiko = pytest.importorskip("netmiko", reason="drives network devices: pip install netmiko")
    device = next(each for each in lab["network"]["devices"] if each["name"] == "rtr1")
    words = {"username": device["user"], "use_keys": True, "key_file": device["key_file"]}
    with netmiko.ConnectHandler(device_type="cisco_ios", host=device["address"], **words) as cli:
        assert "%" in cli.send_config_set(["frobnicate"])
        assert "[OK]" in cli.save_config()


def test_host_keys_differ(lab: dict[str, Any]) -> None:
    names = [name for name, host in HOSTS.items() if host.has_ssh]
    scan = run("ssh-keyscan", "-T", "3", "-t", "ed25519", *(str(HOSTS[name].address) for name in names))
    keys = [line.split()[2] for line in scan.stdout.splitlines() if not line.startswith("#")]
    assert len(set(keys)) == len(names)


@pytest.mark.parametrize("host", HOSTS.values(), ids=HOSTS)
def test_names_resolve_both_ways(lab: dict[str, Any], host: Host) -> None:
    server = f"@{lab['dns']['server']}"
    full_name = run("dig", "+short", server, "-x", str(host.address)).stdout.strip()
    assert full_name.partition(".")[0] == host.name
    assert str(host.address) in run("dig", "+short", server, full_name).stdout.split()


def test_snmp_devices_say_what_they_are(lab: dict[str, Any]) -> None:
    assert "printer" in snmp(lab, "printer-front", "1.3.6.1.2.1.1.1.0")
    assert "LK42-000317" in snmp(lab, "printer-front", "1.3.6.1.2.1.43.5.1.1.17.1")
    assert "BV-1500" in snmp(lab, "ups-rack", "1.3.6.1.2.1.33.1.1.2.0")
    assert "{{ lookup(" in snmp(lab, "ups-rack", "1.3.6.1.2.1.1.5.0")


def test_printer_records_what_it_printed(lab: dict[str, Any]) -> None:
    printed = Path(lab["printer"]["printed_file"])
    before = printed.read_bytes()
    with socket.create_connection((str(HOSTS["printer-front"].address), 9100), timeout=2) as client:
        client.sendall(b"a page\n")
        client.shutdown(socket.SHUT_WR)
        client.recv(1)
    assert printed.read_bytes() == before + b"a page\n"
    printed.write_bytes(before)


def test_zabbix_takes_the_generated_password_only(lab: dict[str, Any]) -> None:
    zabbix = lab["zabbix"]
    assert "result" in log_in(zabbix, zabbix["password"])
    assert "error" in log_in(zabbix, "zabbix")


def test_mirror_offers_the_signature(lab: dict[str, Any]) -> None:
    database = run("curl", "--silent", "--fail", lab["clamav"]["database_url"])
    assert database.stdout.startswith("Eicar-Test-Signature:")


def test_hosts_fetch_packages_through_the_router(lab: dict[str, Any]) -> None:
    become = lab["ssh"]["become_password"] + "\n"
    update = ssh(lab, "files", "sudo -S apt-get update --error-on=any", text_input=become)
    assert update.returncode == 0, update.stdout + update.stderr


@pytest.fixture
def stopped(lab: dict[str, Any]) -> Iterator[str]:
    command("stop", "ws-surgery2")
    yield "ws-surgery2"
    command("start", "ws-surgery2")


def test_host_goes_down_and_comes_back_as_itself(lab: dict[str, Any], stopped: str) -> None:
    address = str(HOSTS[stopped].address)
    assert connects(address, 22) != "open"
    command("start", stopped)
    assert ssh(lab, stopped, "hostname").stdout.strip() == stopped


def test_down_leaves_nothing_and_up_brings_all_back(lab: dict[str, Any]) -> None:
    command("down")
    try:
        left = run("ip", "route").stdout + run("iptables-save").stdout + run("podman", "ps", "-a").stdout
        assert "10.203.20." not in left and "MSPCTL-LAB" not in left and "mspctl-lab-noc" not in left
        assert "mspctl-lab-" not in run("podman", "network", "ls").stdout
    finally:
        command("up")
    assert json.loads((ROOT / "build/lab/lab.json").read_text()) == lab


def connects(address: str, port: int) -> str:
    """Return `open`, `closed`, or `silent` for a TCP port."""
    try:
        with socket.create_connection((address, port), timeout=1.5):
            return "open"
    except TimeoutError:
        return "silent"
    except OSError:
        return "closed"


def ssh(
    lab: dict[str, Any],
    name: str,
    command_line: str,
    *,
    user: str = "technician",
    text_input: str | None = None,
) -> subprocess.CompletedProcess[str]:
    """Return how a command ended on a host whose key must be the one the lab made."""
    key = (ROOT / "build/lab/hosts" / f"{name}_ed25519.pub").read_text()
    known = ROOT / "build/lab/hosts" / f"{name}_known_hosts"
    known.write_text(f"{HOSTS[name].address} {key}")
    options = ["-i", lab["ssh"]["key_file"], "-o", f"UserKnownHostsFile={known}", "-o", "BatchMode=yes"]
    options += ["-o", "StrictHostKeyChecking=yes", "-o", "IdentitiesOnly=yes"]
    return run("ssh", *options, f"{user}@{HOSTS[name].address}", command_line, text_input=text_input)


def snmp(lab: dict[str, Any], name: str, identifier: str) -> str:
    """Return one value as a string."""
    community = lab["snmp"]["community"]
    return run("snmpget", "-v2c", "-c", community, "-Oqv", str(HOSTS[name].address), identifier).stdout


def log_in(zabbix: dict[str, Any], password: str) -> dict[str, Any]:
    """Return the server's answer to a login."""
    parameters = {"username": zabbix["user"], "password": password}
    message = {"jsonrpc": "2.0", "method": "user.login", "params": parameters, "id": 1}
    url = f"{zabbix['url']}/api_jsonrpc.php"
    curl = [
        "curl",
        "--silent",
        "--cacert",
        zabbix["ca_file"],
        "--header",
        "Content-Type: application/json-rpc",
    ]
    answer: dict[str, Any] = json.loads(run(*curl, "--data", json.dumps(message), url).stdout)
    return answer


def command(*arguments: str) -> None:
    """Run one of the lab's commands; it must succeed."""
    done = run(sys.executable, "-m", "tests.lab", *arguments)
    assert done.returncode == 0, done.stderr


def run(*argv: str, text_input: str | None = None) -> subprocess.CompletedProcess[str]:
    """Return how a program ended."""
    stdin = subprocess.DEVNULL if text_input is None else None
    return subprocess.run(
        argv,
        cwd=ROOT,
        input=text_input,
        stdin=stdin,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
