"""No change on a host gets past the gate, and what a rollout would not change needs none.

One systemd host of the tests' own, with two services. Every resource of its receipts is changed in every way
that its kind can be; a change the gate does not see would be a host skipped wrongly.
"""

import os
import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from mspctl.cli import main
from mspctl.cli.gate import KEY, Gate
from mspctl.cli.inventory import write_inventory
from mspctl.cli.rollout import cut, unlock
from mspctl.records import HostOutcome, HostStatus, Json, Resource, RunStarted
from mspctl.rollout import Order
from mspctl.workspace import Client
from tests import fleet
from tests.fleet import Fleet, Machine

pytestmark = [
    pytest.mark.lab,
    pytest.mark.gate,
    pytest.mark.skipif(os.geteuid() != 0, reason="makes containers: run as root"),
]
ROOT = Path(__file__).parent.parent
HASH = "d41d8cd98f00b204e9800998ecf8427e:68:Gate.Test"
PSK = "0f1e2d3c4b5a69788796a5b4c3d2e1f0" * 2
SERVICES: dict[str, Json] = {
    "monitoring": {
        "provider": "zabbix",
        "settings": {"server": "127.0.0.1", "psk_identity": "gate"},
        "secrets": {"psk": "vault:psk"},
    },
    "antivirus": {
        "provider": "clamav",
        "settings": {"standard_databases": False, "database_urls": ["file:///srv/gate.hdb"]},
    },
}


@dataclass(frozen=True)
class Office:
    """The host, and the client it belongs to."""

    client: Client
    host: Machine

    def mspctl(self, *arguments: str) -> Result:
        """Return how a command of mspctl ended."""
        return CliRunner().invoke(main, [*arguments, "-C", str(self.client.workspace.root)])

    def applied(self, *more: str) -> Result:
        """Return how a rollout ended that has to go well."""
        done = self.mspctl("rollout", self.client.name, "--apply", *more)
        assert done.exit_code == 0, done.output
        return done

    def outcome(self) -> HostStatus:
        """Return how the host came out of the last rollout."""
        found = [each for each in self.client.last_run("rollout") if isinstance(each, HostOutcome)]
        assert [each.host for each in found] == [self.host.name]
        return found[0].status

    def is_skipped(self) -> bool:
        """Return whether the gate would leave the host out of a rollout now."""
        return self.gate()()

    def gate(self) -> Callable[[], bool]:
        """Return what says whether the host would be left out, as long as the client's files are the same."""
        with self.client.lock("test"):
            built = write_inventory(self.client)
        keys = unlock(self.client)
        order = cut(self.client, built, Order(playbook="rollout", waves=()))
        return lambda: self.host.name in Gate(self.client, built, order, keys).narrowed().proved

    def resources(self, *kinds: str) -> list[Resource]:
        """Return what the receipts name, each thing once."""
        found = {
            (each.kind, each.name, each.command): each
            for receipt in self.client.receipts()
            for each in receipt.resources
        }
        return [each for each in found.values() if each.kind in kinds]


@pytest.fixture(scope="module")
def fleet_() -> Iterator[Fleet]:
    with fleet.running("mspctl-gate-", 1, IPv4Network("10.203.61.0/24")) as found:
        found.machines[0].run("sh", "-c", f"echo {HASH} > /srv/gate.hdb")
        yield found


@pytest.fixture(scope="module")
def office(fleet_: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Office:
    """A client whose host has had its first rollout."""
    root = tmp_path_factory.mktemp("gate") / "northwind"
    client = fleet.client_of(root, fleet_, SERVICES, {"psk": PSK})
    found = Office(client, fleet_.machines[0])
    found.applied()
    return found


def test_the_receipts_name_everything_the_records_do(office: Office) -> None:
    assert {each.service for each in office.client.receipts()} == set(SERVICES)
    for receipt in office.client.receipts():
        provider = SERVICES[receipt.service]["provider"]  # type: ignore[index,call-overload]
        path = ROOT / f"mspctl/data/providers/{receipt.service}/{provider}.yml"
        platform: dict[str, Any] = yaml.safe_load(path.read_text())["platforms"]["debian"]
        named = {(each.kind, each.name) for each in receipt.resources}
        assert named >= {("package", name) for name in platform["packages"]}
        assert named >= {("directory", each["path"]) for each in platform.get("directories", ())}
        assert named >= {("file", each["path"]) for each in platform["files"]}
        assert named >= {("unit", each["name"]) for each in platform["services"]}
        assert named >= {("user", name) for name in platform["uninstall"]["users"]}
        questions = {each.command for each in receipt.resources if each.kind == "command"}
        assert questions == {
            *(tuple(each["command"]) for each in platform.get("probes", ())),
            *(tuple(each["unless"]) for each in platform.get("prepare", ())),
        }


def test_the_receipts_hold_no_secret_and_nothing_to_guess_one_by(office: Office) -> None:
    import hashlib

    text = (office.client.path / "receipts.jsonl").read_text()
    keys = unlock(office.client)
    guesses = {hashlib.sha256(f"{PSK}{end}".encode()).hexdigest() for end in ("", "\n")}
    assert not [each for each in (*keys.secrets, *guesses) if each in text]
    assert KEY in office.client.vault().names()


def test_an_unchanged_host_is_left_out_and_said_to_be(office: Office) -> None:
    before = (office.client.path / "receipts.jsonl").read_bytes()
    done = office.applied()
    assert office.outcome() is HostStatus.PROVED
    assert "nothing changed: every host is already as it should be" in done.output
    assert "1 proved unchanged" in done.output
    started = office.client.last_run("rollout")[0]
    assert isinstance(started, RunStarted) and started.waves == ()
    assert (office.client.path / "receipts.jsonl").read_bytes() == before
    listed = office.mspctl("runs", "list", office.client.name)
    assert re.search(r"rollout +run +\S+ +1 +0 +1 +-", listed.output.splitlines()[-1]), listed.output


def test_a_preview_leaves_it_out_as_well_and_full_goes_to_it(office: Office) -> None:
    before = (office.client.path / "receipts.jsonl").read_bytes()
    assert office.mspctl("rollout", office.client.name).exit_code == 0
    assert office.outcome() is HostStatus.PROVED
    office.applied("--full")
    assert office.outcome() is HostStatus.OK
    assert (office.client.path / "receipts.jsonl").read_bytes() == before


# Every resource, in every way

Ways = Callable[[Resource], Sequence[tuple[str, str]]]
"""Shell that changes a resource, and shell that takes the change back, for each way."""


def missed(office: Office, resources: Sequence[Resource], ways: Ways) -> list[str]:
    """Return the changes that the gate did not see, and resources it saw changed that were not."""
    found = []
    is_skipped = office.gate()
    for resource in resources:
        for change, undo in ways(resource):
            office.host.run("sh", "-euc", change)
            if is_skipped():
                found.append(f"{resource.kind} {resource.name}: {change}")
            office.host.run("sh", "-euc", undo)
        if not is_skipped():
            found.append(f"{resource.kind} {resource.name}: not quiet after its changes were taken back")
    return found


def of_a_file(resource: Resource) -> Sequence[tuple[str, str]]:
    path = shlex.quote(resource.name)
    flip = (
        f"import os; p={resource.name!r}; s=os.stat(p); d=bytearray(open(p,'rb').read()); d[len(d)//2]^=1; "
        "f=os.open(p,os.O_WRONLY); os.write(f,d); os.close(f); os.utime(p,ns=(s.st_atime_ns,s.st_mtime_ns))"
    )
    back = f"rm -rf {path}; cp -a /root/kept {path}"
    mode, owner, group = resource.state["mode"], resource.state["owner"], resource.state["group"]
    keep = f"rm -rf /root/kept; cp -a {path} /root/kept"
    return (
        (f"{keep}; python3 -c {shlex.quote(flip)}", back),
        (f"{keep}; printf x >> {path}", back),
        (f"{keep}; : > {path}", back),
        (f"chmod {'0600' if mode != '0600' else '0644'} {path}", f"chmod {mode} {path}"),
        (f"chmod u+s {path}", f"chmod {mode} {path}"),
        (f"chown nobody {path}", f"chown {owner} {path}; chmod {mode} {path}"),
        (f"chgrp mail {path}", f"chgrp {group} {path}; chmod {mode} {path}"),
        (f"{keep}; rm {path}", back),
        (
            f"{keep}; rm {path}; cp -a /root/kept /root/real; ln -s /root/real {path}",
            f"{back}; rm /root/real",
        ),
        (f"{keep}; rm {path}; mkdir {path}", back),
        # systemd itself reads the others, and would wait for who writes.
        *([(f"{keep}; rm {path}; mkfifo {path}", back)] if "/clamav/" in path or "/zabbix/" in path else []),
    )


def of_a_directory(resource: Resource) -> Sequence[tuple[str, str]]:
    path = shlex.quote(resource.name)
    mode, owner, group = resource.state["mode"], resource.state["owner"], resource.state["group"]
    return (
        (f"chmod 0700 {path}", f"chmod {mode} {path}"),
        (f"chmod g+s {path}", f"chmod {mode} {path}; chmod g-s {path}"),
        (f"chown nobody {path}", f"chown {owner} {path}"),
        (f"chgrp mail {path}", f"chgrp {group} {path}"),
        (f"mv {path} /root/kept-folder", f"mv /root/kept-folder {path}"),
        (
            f"mv {path} /root/kept-folder; ln -s /root/kept-folder {path}",
            f"rm {path}; mv /root/kept-folder {path}",
        ),
    )


def of_a_unit(resource: Resource) -> Sequence[tuple[str, str]]:
    name, is_active = resource.name, resource.state["active"] == "active"
    folder = f"/etc/systemd/system/{name}.d"
    drop = f"mkdir -p {folder}; printf '[Unit]\\nDescription=other\\n' > {folder}/zz-gate.conf"
    lift = f"rm {folder}/zz-gate.conf; rmdir --ignore-fail-on-non-empty {folder}; systemctl daemon-reload"
    state = "--now" if is_active else ""
    able, enable = ("disable", "enable") if resource.state["enabled"] == "enabled" else ("enable", "disable")
    keep = f"cp -a /etc/systemd/system/{name} /root/kept-unit"
    ways = [
        (f"systemctl --quiet {able} {name}", f"systemctl --quiet {enable} {name}"),
        (drop, lift),
        (f"{drop}; systemctl daemon-reload", lift),
        (
            f"if [ -e /etc/systemd/system/{name} ]; then {keep}; rm /etc/systemd/system/{name}; fi; "
            f"systemctl --quiet mask {name}",
            f"systemctl --quiet unmask {name}; if [ -e /root/kept-unit ]; then "
            f"mv /root/kept-unit /etc/systemd/system/{name}; systemctl daemon-reload; "
            f"systemctl --quiet {enable} {name}; fi",
        ),
    ]
    if is_active:
        ways += [(f"systemctl stop {name}", f"systemctl start {START.get(name, name)} {name}")]
        ways += [
            (
                f"systemctl --quiet disable {state} {name}",
                f"systemctl --quiet enable {state} {START.get(name, '')} {name}",
            )
        ]
    return ways


START = {"clamav-daemon.socket": "clamav-daemon.service"}  # which its stop takes with it


def of_a_package(resource: Resource) -> Sequence[tuple[str, str]]:
    keep, back = "cp -a /var/lib/dpkg/status /root/status", "cp -a /root/status /var/lib/dpkg/status"
    stanza = f"/^Package: {re.escape(resource.name)}$/,/^$/"
    return (
        (f"{keep}; sed -i '{stanza}s/^Version: .*/&+gate1/' /var/lib/dpkg/status", back),
        (
            f"{keep}; sed -i '{stanza}s/^Status: .*/Status: deinstall ok config-files/' /var/lib/dpkg/status",
            back,
        ),
        (
            f"{keep}; sed -i '{stanza}s/^Status: .*/Status: install ok unpacked/' /var/lib/dpkg/status",
            back,
        ),
        (f"{keep}; sed -i '{stanza}d' /var/lib/dpkg/status", back),
        (f"apt-mark --quiet hold {resource.name}", f"apt-mark --quiet unhold {resource.name}"),
    )


def of_an_account(resource: Resource) -> Sequence[tuple[str, str]]:
    keep = "cp -a /etc/passwd /etc/group /root/"
    back = "cp -a /root/passwd /etc/passwd; cp -a /root/group /etc/group"
    name = resource.name
    if resource.kind == "group":
        return (
            (f"{keep}; sed -i 's/^{name}:x:[0-9]*:/{name}:x:54321:/' /etc/group", back),
            (f"{keep}; sed -i '/^{name}:/d' /etc/group", back),
        )
    fields = ["3;54321", "4;8", "6;/root", "7;/bin/sh"]
    changes = [each.split(";") for each in fields]
    return (
        *(
            (
                f'{keep}; awk -F: -v OFS=: \'$1 == "{name}" {{ ${number} = "{value}" }} 1\' '
                "/root/passwd > /etc/passwd",
                back,
            )
            for number, value in changes
        ),
        (f"{keep}; sed -i '/^{name}:/d' /etc/passwd", back),
        (f"{keep}; sed -i 's/^adm:x:4:.*/&,{name}/; s/:,/:/' /etc/group", back)
        if "adm" not in resource.state["groups"].split()
        else (f"{keep}; sed -i 's/^mail:x:8:.*/&{name}/' /etc/group", back),
    )


def of_a_question(resource: Resource) -> Sequence[tuple[str, str]]:
    """A probe is answered otherwise by a program before it on the path; a preparation is undone."""
    if resource.name.startswith("probe "):
        other = int(resource.state["succeeds"] == "yes")
        program = f'#!/bin/sh\n[ "$1" != -c ] || exit {other}\nexec /usr/bin/python3 "$@"\n'
        shadow = "/usr/local/sbin/python3"
        return ((f"printf %s {shlex.quote(program)} > {shadow}; chmod 0755 {shadow}", f"rm {shadow}"),)
    return (("mv /var/lib/clamav /root/kept-databases", "mv /root/kept-databases /var/lib/clamav"),)


@pytest.mark.parametrize(
    ("kind", "ways"),
    [
        ("file", of_a_file),
        ("directory", of_a_directory),
        ("unit", of_a_unit),
        ("package", of_a_package),
        ("user", of_an_account),
        ("group", of_an_account),
        ("command", of_a_question),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_no_change_of_any_resource_gets_past_the_gate(office: Office, kind: str, ways: Ways) -> None:
    resources = office.resources(kind)
    assert resources
    assert office.is_skipped()
    assert missed(office, resources, ways) == []


@pytest.mark.parametrize(
    ("change", "proof"),
    [
        (
            "echo x >> /etc/zabbix/zabbix_agent2.conf; rm /etc/zabbix/mspctl.psk",
            "test -s /etc/zabbix/mspctl.psk",
        ),
        (
            "ln -sf /dev/null /etc/clamav/clamd.conf; chmod 0777 /etc/systemd/system/clamav-daemon.service.d",
            "grep -q LocalSocket /etc/clamav/clamd.conf; test ! -L /etc/clamav/clamd.conf",
        ),
        ("systemctl disable --now --quiet zabbix-agent2.service", "systemctl is-active zabbix-agent2"),
        ("dpkg --remove --force-depends clamdscan zabbix-agent2", "dpkg -s clamdscan zabbix-agent2"),
        (
            "rm -r /etc/systemd/system/clamav-clamonacc.service.d",
            "test -d /etc/systemd/system/clamav-clamonacc.service.d",
        ),
        (
            "mkdir -p /etc/systemd/system/zabbix-agent2.service.d; "
            "printf '[Service]\\nNice=5\\n' > /etc/systemd/system/zabbix-agent2.service.d/theirs.conf",
            "test -e /etc/systemd/system/zabbix-agent2.service.d/theirs.conf",  # not ours to take away
        ),
    ],
    ids=["content", "link", "disabled", "removed", "folder", "foreign"],
)
def test_a_changed_host_is_repaired_and_then_quiet(office: Office, change: str, proof: str) -> None:
    assert office.is_skipped()
    office.host.run("sh", "-euc", change)
    office.applied()
    assert office.outcome() is not HostStatus.PROVED
    office.host.run("sh", "-euc", proof)
    assert office.is_skipped()


# What else may not be skipped


def test_a_changed_setting_is_rolled_out(office: Office) -> None:
    path = office.client.path / "client.yml"
    text = path.read_text()
    path.write_text(text.replace("psk_identity: gate", "psk_identity: other"))
    assert not office.is_skipped()
    office.applied()
    assert "TLSPSKIdentity=other" in office.host.run("cat", "/etc/zabbix/zabbix_agent2.conf")
    assert office.is_skipped()
    path.write_text(text)
    assert not office.is_skipped()
    office.applied()
    assert office.is_skipped()


def test_a_host_that_cannot_be_asked_is_rolled_out(office: Office) -> None:
    pins = office.client.path / "known_hosts"
    text = pins.read_text()
    pins.write_text("")
    assert not office.is_skipped()
    pins.write_text(text)
    office.host.run("sh", "-c", "mv /usr/bin/python3 /usr/bin/python3.away")
    assert not office.is_skipped()
    office.host.run("sh", "-c", "mv /usr/bin/python3.away /usr/bin/python3")
    assert office.is_skipped()


def test_part_of_the_tasks_proves_nothing_and_part_of_the_services_proves_that_part(office: Office) -> None:
    known = office.client.receipts()
    office.applied("-t", "antivirus")
    assert office.outcome() is HostStatus.PROVED
    office.applied("-t", "managed_agent_configure")
    assert office.outcome() is not HostStatus.PROVED
    assert office.client.receipts() == ()
    office.applied("-t", "antivirus")
    assert office.outcome() is HostStatus.OK
    assert [each.service for each in office.client.receipts()] == ["antivirus"]
    assert not office.is_skipped()
    office.applied()
    assert {each.service for each in office.client.receipts()} == {each.service for each in known}
    assert office.is_skipped()


def test_broken_receipts_break_no_rollout(office: Office) -> None:
    path = office.client.path / "receipts.jsonl"
    path.write_text("{nonsense\n")
    done = office.applied()
    assert "gate: inventories/acme/receipts.jsonl:1: " in done.output
    assert "every host is rolled out to" in done.output
    assert office.outcome() is HostStatus.OK
    assert {each.service for each in office.client.receipts()} == set(SERVICES)  # written anew
    assert office.is_skipped()


def test_what_was_taken_away_has_no_receipt(office: Office) -> None:
    office.applied("--uninstall")
    assert office.client.receipts() == ()
    assert not office.is_skipped()
