"""Each probe against a real server of its protocol, in a namespace without a way out."""

import shlex
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mspctl.discovery.datagrams import Datagrams
from mspctl.discovery.probes import (
    banner,
    dns,
    ipmi,
    ipp,
    kerberos,
    ldap,
    mdns,
    modbus,
    mqtt,
    netbios,
    ntp,
    rdp,
    sip,
    smb,
    ssdp,
    wsd,
)
from mspctl.discovery.probes.reading import unverified_context
from mspctl.facts import Facts, facts
from mspctl.identify import identify
from mspctl.records import Observation
from tests.discovery.peers import ADDRESS, SECONDS, Place, Raw, needs, place

Collect = Callable[[Datagrams, str], Awaitable[Raw]]


@pytest.fixture(name="here", scope="module")
def _here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with place(tmp_path_factory.mktemp("peers")) as made:
        yield made


def observation(probe: str, port: int, raw: dict[str, Any]) -> Observation:
    """Return an answer as a scan records it."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Observation(scan="test", address=ADDRESS, probe=probe, port=port, at=at, raw=raw)


def meaning(probe: str, raw: dict[str, Any]) -> Facts:
    """Return what an answer says."""
    return facts(observation(probe, 0, raw))


def telling(fact: str, collect: Collect) -> Collect:
    """Return a question that counts as answered once the answer tells a fact: servers start bit by bit."""

    async def asked(post: Datagrams, address: str) -> Raw:
        raw = await collect(post, address)
        return raw if raw and fact in meaning(fact.split(".")[0], raw) else None

    return asked


SAMBA = """
[global]
netbios name = FILES
workgroup = HARBOUR
interfaces = cable
server min protocol = NT1
server signing = mandatory
state directory = {folder}
cache directory = {folder}
lock directory = {folder}
pid directory = {folder}
private dir = {folder}
ncalrpc dir = {folder}/ncalrpc
log file = {folder}/samba
"""


@needs("smbd", "samba")
def test_samba_tells_its_names_and_how_it_speaks(here: Place) -> None:
    file = here.write("smb.conf", SAMBA)
    for program in ("smbd", "nmbd"):
        here.start(program, "-F", "--no-process-group", "-s", str(file))
    raw = here.ask(lambda: smb.collect(ADDRESS, smb.PORT, SECONDS))
    said = meaning("smb", raw)
    assert (said["smb.dialect"], said["smb.signing"], said["smb.version1"]) == (
        "3.1.1",
        "required",
        "offered",
    )
    assert (said["ntlm.computer"], said["ntlm.samba"]) == ("FILES", "yes")
    said = meaning("netbios", here.ask_by_datagram(netbios.collect, patience=20))
    assert (said["netbios.name"], said["netbios.domain"]) == ("FILES", "HARBOUR")


@needs("samba-tool", "samba, samba-ad-provision, samba-dsdb-modules, samba-vfs-modules")
def test_a_domain_controller_is_known_as_one(tmp_path: Path) -> None:
    for folder in ("private", "state", "cache"):
        (tmp_path / folder).mkdir()
    provision = [
        f"--targetdir={tmp_path}",
        "--realm=CORP.EXAMPLE",
        "--domain=CORP",
        "--host-name=dc1",
        f"--host-ip={ADDRESS}",
    ]
    provision += ["--adminpass=Larkspur-4200", "--server-role=dc", "--dns-backend=NONE"]
    with place(tmp_path) as here:
        done = subprocess.run(
            ["ip", "netns", "exec", here.name, "samba-tool", "domain", "provision", *provision],
            capture_output=True,
            text=True,
            check=False,
        )
        if "not found - do you need to set LDB_MODULES_PATH" in done.stderr:
            pytest.skip("needs Debian's package samba-dsdb-modules")
        assert done.returncode == 0, done.stderr[-500:]
        options = ["interfaces=cable", "bind interfaces only=yes", f"pid directory={tmp_path}"]
        options += [f"ncalrpc dir={tmp_path}/ncalrpc", "server services=s3fs, rpc, nbt, ldap, kdc"]
        conf = str(tmp_path / "etc" / "smb.conf")
        words = ["samba", "-i", "-s", conf, *(f"--option={each}" for each in options)]
        here.start("sh", "-c", f"mount -t tmpfs none /run; exec {shlex.join(words)}", own_run=True)
        controllers = telling("netbios.controller", netbios.collect)
        seen = [
            ("ldap", ldap.PORT, here.ask(lambda: ldap.collect(ADDRESS, ldap.PORT, SECONDS), 30)),
            (
                "kerberos",
                kerberos.PORT,
                here.ask(lambda: kerberos.collect(ADDRESS, kerberos.PORT, SECONDS), 30),
            ),
            ("smb", smb.PORT, here.ask(lambda: smb.collect(ADDRESS, smb.PORT, SECONDS), 30)),
            ("netbios", netbios.PORT, here.ask_by_datagram(controllers, 30)),
        ]
    said = {name: text for probe, _, raw in seen for name, text in meaning(probe, raw).items()}
    assert said["ldap.active_directory"] == "yes" and said["ldap.dns_name"] == "dc1.corp.example"
    assert said["netbios.controller"] == "yes" and said["kerberos.error"] == "6"  # nobody of that name
    assert (said["ntlm.domain"], said["ntlm.dns_domain"]) == ("CORP", "corp.example")
    profile = identify([observation(*each) for each in seen])
    assert (profile["role"].value, profile["kind"].value) == ("domain-controller", "server")
    assert (profile["hostname"].value, profile["domain"].value) == ("dc1", "corp.example")
    assert "os" not in profile or profile["os"].value == "linux"  # not Windows, whatever it plays


@needs("slapd", "slapd")
def test_openldap_is_no_active_directory(here: Place) -> None:
    text = "include /etc/ldap/schema/core.schema\npidfile {folder}/slapd.pid\nmodulepath /usr/lib/ldap\n"
    text += "moduleload back_mdb\ndatabase mdb\n"
    text += 'suffix "dc=harbour,dc=example"\ndirectory {folder}\n'
    file = here.write("slapd.conf", text)
    here.start("slapd", "-d", "0", "-f", str(file), "-h", f"ldap://{ADDRESS}")
    said = meaning("ldap", here.ask(lambda: ldap.collect(ADDRESS, ldap.PORT, SECONDS)))
    assert said["ldap.product"] == "OpenLDAP" and said["ldap.domain"] == "harbour.example"
    assert "ldap.active_directory" not in said


@needs("xrdp", "xrdp")
def test_a_remote_desktop_shows_its_certificate(here: Place) -> None:
    key = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=desk1.harbour.example"]
    key += ["-keyout", f"{here.folder}/key.pem", "-out", f"{here.folder}/cert.pem"]
    subprocess.run(key, check=True, capture_output=True)
    text = "[Globals]\nini_version=1\nfork=true\nport=3389\nsecurity_layer=negotiate\n"
    text += "certificate={folder}/cert.pem\nkey_file={folder}/key.pem\nssl_protocols=TLSv1.2, TLSv1.3\n"
    text += "[Logging]\nLogFile={folder}/xrdp\n[Xorg]\nname=Xorg\nlib=libxup.so\nip=127.0.0.1\nport=-1\n"
    file = here.write("xrdp.ini", text)
    here.start("sh", "-c", f"mount -t tmpfs none /run; exec xrdp --nodaemon -c {file}", own_run=True)
    raw = here.ask(lambda: rdp.collect(ADDRESS, rdp.PORT, SECONDS, unverified_context()))
    said = meaning("rdp", raw)
    assert said["rdp.security"] == "tls" and said["rdp.subject"] == "CN=desk1.harbour.example"
    assert len(said["rdp.key"]) == 64


BUS = """<busconfig><listen>unix:path=/run/dbus/system_bus_socket</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/>
<allow own="*"/></policy></busconfig>"""
AVAHI = "[server]\nhost-name=front-desk\nuse-ipv6=no\nallow-interfaces=cable\n"
AVAHI += "[publish]\npublish-workstation=yes\n"


@needs("ippeveprinter", "cups-ipp-utils")
@needs("avahi-daemon", "avahi-daemon, dbus-daemon")
def test_a_printer_is_known_by_multicast_dns_and_by_ipp(here: Place) -> None:
    bus, avahi = here.write("bus.conf", BUS), here.write("avahi.conf", AVAHI)
    script = (
        "mount -t tmpfs none /run; mkdir -p /run/dbus /run/avahi-daemon; chown avahi /run/avahi-daemon;"
        f"dbus-daemon --nofork --config-file={bus} & sleep 0.5;"
        f"avahi-daemon --no-drop-root --no-chroot -f {avahi} & sleep 1;"
        f"exec ippeveprinter -p 631 -M Larkspur -m LP-4200 -l 'Front desk' -d {here.folder} front"
    )
    here.start("sh", "-c", script, own_run=True)
    printer = here.ask(lambda: ipp.collect(ADDRESS, ipp.PORT, SECONDS), 20)
    announced = here.ask_by_datagram(telling("mdns.uuid", mdns.collect), 20)
    said = meaning("ipp", printer)
    assert said["ipp.make_and_model"] == "Larkspur LP-4200" and said["ipp.location"] == "Front desk"
    heard = meaning("mdns", announced)
    assert heard["mdns.name"] == "front-desk" and {"ipp", "workstation"} <= set(
        heard["mdns.services"].split()
    )
    assert heard["mdns.uuid"] == said["ipp.uuid"]
    profile = identify([observation("ipp", ipp.PORT, printer), observation("mdns", mdns.PORT, announced)])
    assert (profile["kind"].value, profile["model"].value) == ("printer", "Larkspur LP-4200")


@needs("miniupnpd", "miniupnpd-nftables")
def test_a_gateway_describes_itself_over_upnp(here: Place) -> None:
    text = "ext_ifname=lo\next_ip=8.8.4.4\nlistening_ip=cable\nport=5555\nenable_natpmp=no\nserial=LK0001\n"
    text += "uuid=4d2c1a55-9b1f-4c3e-8f00-0123456789ab\nfriendly_name=Gateway\nlease_file={folder}/leases\n"
    here.start("miniupnpd", "-d", "-f", str(here.write("upnp.conf", text)), "-P", f"{here.folder}/upnp.pid")
    said = meaning("ssdp", here.ask_by_datagram(ssdp.collect))
    assert said["upnp.type"] == "InternetGatewayDevice" and said["upnp.name"] == "Gateway"
    assert said["upnp.uuid"] == "4d2c1a55-9b1f-4c3e-8f00-0123456789ab"


@needs("wsdd2", "wsdd2")
def test_a_computer_is_discovered_as_windows_does_it(here: Place) -> None:
    here.start("wsdd2", "-i", "cable", "-N", "FILES", "-G", "HARBOUR")
    said = meaning("wsd", here.ask_by_datagram(wsd.collect))
    assert said["wsd.types"] == "Computer Device" and said["wsd.computer"] == "FILES"
    assert said["wsd.domain"] == "HARBOUR" and len(said["wsd.uuid"]) == 36


@needs("kamailio", "kamailio")
def test_a_telephone_exchange_names_itself(here: Place) -> None:
    (here.folder / "kamailio").mkdir()
    listen = ["-l", f"udp:{ADDRESS}:5060", "-l", f"tcp:{ADDRESS}:5060"]
    folder = f"{here.folder}/kamailio"
    here.start("kamailio", "-DD", "-E", *listen, "-Y", folder, "-w", folder, own_run=True)
    by_udp = meaning("sip", here.ask_by_datagram(sip.collect))
    by_tcp = meaning("sip", here.ask(lambda: sip.collect_tcp(ADDRESS, sip.PORT, SECONDS)))
    assert by_udp == by_tcp and by_udp["sip.product"].startswith("kamailio (")


@needs("ntpd", "ntpsec")
def test_a_clock_is_known(here: Place) -> None:
    file = here.write("ntp.conf", "server 127.127.1.0\ndriftfile {folder}/drift\n")
    here.start("ntpd", "-n", "-c", str(file), "-p", f"{here.folder}/ntp.pid")
    assert meaning("ntp", here.ask_by_datagram(ntp.collect))["ntp.server"] == "yes"


IPMI = """name "card"
set_working_mc 0x20
  startlan 1
    addr {address} 623
    priv_limit admin
    allowed_auths_admin none md2 md5 straight
    guid a123456789abcdefa123456789abcdef
  endlan
"""
CARD = "mc_setbmc 0x20\nmc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr\nmc_enable 0x20\n"


@needs("ipmi_sim", "openipmi")
def test_a_management_card_is_known(here: Place) -> None:
    files = ["-c", str(here.write("lan.conf", IPMI)), "-f", str(here.write("card", CARD))]
    here.start("ipmi_sim", *files, "-s", str(here.folder), "-n")
    raw = here.ask_by_datagram(ipmi.collect)
    assert raw.keys() == {"pong", "capabilities"}
    assert meaning("ipmi", raw)["ipmi.version"] == "2.0"
    assert identify([observation("ipmi", ipmi.PORT, raw)])["kind"].value == "management-card"


@needs("mosquitto", "mosquitto")
@pytest.mark.parametrize(("anonymous", "access"), [("true", "open"), ("false", "login")])
def test_a_broker_lets_in_whom_it_likes(tmp_path: Path, anonymous: str, access: str) -> None:
    with place(tmp_path) as here:
        text = f"listener 1883 {ADDRESS}\nallow_anonymous {anonymous}\nuser root\n"
        here.start("mosquitto", "-c", str(here.write("mosquitto.conf", text)))
        raw = here.ask(lambda: mqtt.collect(ADDRESS, mqtt.PORT, SECONDS))
    assert meaning("mqtt", raw) == {"mqtt.access": access}


@needs("dnsmasq", "dnsmasq-base")
def test_a_name_server_tells_its_version(here: Place) -> None:
    listen = [f"--listen-address={ADDRESS}", "--bind-interfaces", "--pid-file="]
    here.start("dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", *listen)
    said = meaning("dns", here.ask_by_datagram(dns.collect))
    assert said["dns.version"].startswith("dnsmasq-") and said["dns.recursion"] == "offered"


MODBUS = """
from pymodbus.server import StartTcpServer
from pymodbus.device import ModbusDeviceIdentification
from pymodbus.datastore import ModbusServerContext, ModbusSlaveContext
names = ModbusDeviceIdentification()
names.VendorName, names.ProductCode, names.MajorMinorRevision = "Larkspur", "LC-7", "2.4"
one = ModbusServerContext(slaves=ModbusSlaveContext(), single=True)
StartTcpServer(context=one, identity=names, address=("{address}", 502))
"""


@needs("/usr/lib/python3/dist-packages/pymodbus/__init__.py", "python3-pymodbus, python3-serial-asyncio")
def test_a_controller_tells_its_names(here: Place) -> None:
    here.start("/usr/bin/python3", str(here.write("controller.py", MODBUS)))
    said = meaning("modbus", here.ask(lambda: modbus.collect(ADDRESS, modbus.PORT, SECONDS)))
    assert (said["modbus.vendor"], said["modbus.product"], said["modbus.version"]) == (
        "Larkspur",
        "LC-7",
        "2.4",
    )


def greeting(here: Place, port: int) -> str:
    """Return what a service says first."""
    service = banner.PORTS[port]
    raw = here.ask(lambda: banner.collect(ADDRESS, port, SECONDS, service))
    return meaning("banner", raw)[f"{service}.banner"]


@needs("vsftpd", "vsftpd")
def test_a_file_server_greets(here: Place) -> None:
    text = "listen=YES\nlisten_ipv6=NO\nanonymous_enable=YES\nbackground=NO\nftpd_banner=Harbour files\n"
    here.start("vsftpd", str(here.write("vsftpd.conf", text + "secure_chroot_dir={folder}\n")))
    assert greeting(here, 21) == "220 Harbour files"


@needs("smtpd", "opensmtpd")
def test_a_mail_server_greets(here: Place) -> None:
    text = 'listen on {address} port 25\naction "l" mbox\nmatch for local action "l"\n'
    here.start(
        "sh",
        "-c",
        f"mount -t tmpfs none /run; exec smtpd -d -f {here.write('smtpd.conf', text)}",
        own_run=True,
    )
    assert greeting(here, 25).endswith("ESMTP OpenSMTPD")


@needs("dovecot", "dovecot-imapd, dovecot-pop3d")
def test_mailboxes_greet(here: Place) -> None:
    text = "base_dir = {folder}/dovecot\nstate_dir = {folder}/state\nlog_path = {folder}/mail\n"
    text += "listen = {address}\nprotocols = imap pop3\nssl = no\n"
    text += "passdb {\n driver = static\n args = nopassword=y\n}\n"
    here.start("dovecot", "-F", "-c", str(here.write("dovecot.conf", text)))
    assert "Dovecot" in greeting(here, 143) and greeting(here, 110).startswith("+OK Dovecot")
