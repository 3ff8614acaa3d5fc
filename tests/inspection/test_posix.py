# ruff: noqa: E501  what a tool prints stays on its line
"""What systems other than the lab's say, line for line as their tools print it, and what no parser may do."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mspctl.facts import facts, ssh_login
from mspctl.inspection import accounts, agents, inspections, packages, posix, script
from mspctl.inspection.summary import summary
from mspctl.records import (
    Disk,
    FileSystem,
    Firewall,
    Json,
    LoginFailed,
    Observation,
    RunningService,
    Share,
    Update,
)
from mspctl.workspace import encode
from tests.samples import HOSTILE, NOW, asset

AT = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
SECONDS = int(AT.timestamp())
SECTIONS = sorted(set(script.limits()) - {"become"})


def raw(**sections: str) -> dict[str, Json]:
    return {"sections": dict(sections)}


def test_a_disk_under_luks_and_lvm_is_encrypted_and_its_boot_partition_is_not() -> None:
    said = raw(
        disks="""\
NAME="nvme0n1" PKNAME="" TYPE="disk" SIZE="512110190592" ROTA="0" RM="0" FSTYPE="" MOUNTPOINT="" MODEL="Samsung SSD 980"
NAME="nvme0n1p1" PKNAME="nvme0n1" TYPE="part" SIZE="1073741824" ROTA="0" RM="0" FSTYPE="ext4" MOUNTPOINT="/boot" MODEL=""
NAME="nvme0n1p2" PKNAME="nvme0n1" TYPE="part" SIZE="511000000000" ROTA="0" RM="0" FSTYPE="crypto_LUKS" MOUNTPOINT="" MODEL=""
NAME="vault" PKNAME="nvme0n1p2" TYPE="crypt" SIZE="511000000000" ROTA="0" RM="0" FSTYPE="LVM2_member" MOUNTPOINT="" MODEL=""
NAME="vg-root" PKNAME="vault" TYPE="lvm" SIZE="400000000000" ROTA="0" RM="0" FSTYPE="ext4" MOUNTPOINT="/" MODEL=""
NAME="sdb" PKNAME="" TYPE="disk" SIZE="16000000000" ROTA="1" RM="1" FSTYPE="" MOUNTPOINT="" MODEL="Stick"
""",
        filesystems="""\
Filesystem          1024-blocks      Used Available Capacity Mounted on
/dev/mapper/vg-root   390000000 360000000  30000000      93% /
/dev/nvme0n1p1          1000000    850000    150000      85% /boot
tmpfs                    800000         0    800000       0% /run
/dev/loop3                64000     64000         0     100% /snap/core22/1612
""",
        mounts="/dev/mapper/vg-root / ext4 rw 0 0\n/dev/nvme0n1p1 /boot ext4 rw 0 0\ntmpfs /run tmpfs rw 0 0\n"
        "/dev/loop3 /snap/core22/1612 squashfs ro 0 0",
    )
    assert posix.disks_of(said) == (
        Disk(name="nvme0n1", size_gib=477, model="Samsung SSD 980", is_rotating=False),
    )
    assert posix.file_systems_of(said) == (
        FileSystem(
            mount="/",
            device="/dev/mapper/vg-root",
            kind="ext4",
            size_gib=372,
            used="over-90",
            encryption="luks",
        ),
        FileSystem(
            mount="/boot", device="/dev/nvme0n1p1", kind="ext4", size_gib=1, used="over-80", encryption="none"
        ),
    )


def test_a_degraded_array_is_told() -> None:
    said = raw(
        disks='NAME="md0" PKNAME="sda" TYPE="raid1" SIZE="1000000000000" ROTA="1" RM="0" FSTYPE="" MODEL=""',
        raid="Personalities : [raid1]\nmd0 : active raid1 sda1[0]\n      976630464 blocks super 1.2 [2/1] [U_]\n",
    )
    assert [each.health for each in posix.disks_of(said)] == ["degraded"]


def test_a_mac_s_file_systems_and_filevault() -> None:
    said = raw(
        filesystems="Filesystem 1024-blocks Used Available Capacity iused ifree %iused Mounted on\n"
        "/dev/disk3s1s1 482797652 10500000 200000000 5% 404475 4294562 0% /\n"
        "devfs 200 200 0 100% 700 0 100% /dev\n",
        mounts="/dev/disk3s1s1 on / (apfs, sealed, local, read-only, journaled)\ndevfs on /dev (devfs, local)",
        encryption="FileVault is On.",
    )
    assert posix.file_systems_of(said) == (
        FileSystem(mount="/", device="/dev/disk3s1s1", kind="apfs", size_gib=460, used="under-80", encryption="filevault"),
    )  # fmt: skip


APT = """\
manager=apt
Inst libssl3 [3.0.14-1~deb12u1] (3.0.15-1~deb12u1 Debian-Security:12/stable-security [amd64]) []
Inst openssl [3.0.14-1~deb12u1] (3.0.15-1~deb12u1 Debian-Security:12/stable-security [amd64])
Inst tzdata [2024a-0+deb12u1] (2024b-0+deb12u1 Debian:12.8/stable [all])
Inst linux-image-6.1.0-27-amd64 (6.1.115-1 Debian-Security:12/stable-security [amd64])
"""


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ({"updates": APT}, [("libssl3", True), ("openssl", True), ("tzdata", False)]),
        (
            {
                "root_updates": "manager=dnf\nopenssl.x86_64    1:3.0.7-28.el9_4    baseos\n"
                "vim-minimal.x86_64   2:8.2.2637-21.el9   baseos\nmanager=dnf-security\n"
                "RLSA-2026:1234 Important/Sec. openssl-1:3.0.7-28.el9_4.x86_64\n"
            },
            [("openssl", True), ("vim-minimal", False)],
        ),
        (
            {
                "updates": "manager=zypper\nv | Main | curl | 8.0.1-1 | 8.0.1-2 | x86_64\n"
                "manager=zypper-security\n"
                "Main | SUSE-2026-1 | security | important | --- | needed | Security update for curl\n"
            },
            [("SUSE-2026-1", True), ("curl", False)],
        ),
        ({"updates": "manager=apk\nbusybox-1.36.1-r28 < 1.36.1-r29\n"}, [("busybox", False)]),
        ({"updates": "manager=pacman\nlinux 6.10.1.arch1-1 -> 6.10.2.arch1-1\n"}, [("linux", False)]),
        ({"updates": "manager=apt\n"}, []),
        ({}, None),
    ],
)
def test_updates_of_each_manager(sections: dict[str, str], expected: list[tuple[str, bool]] | None) -> None:
    found = packages.updates_of(raw(**sections), AT)
    if expected is None:
        assert found == ()
    else:
        assert [(each.name, each.is_security) for each in found[0].pending] == expected


@pytest.mark.parametrize(("days", "lists"), [(1, "current"), (30, "old"), (None, "never")])
def test_lists_that_nobody_fetched_for_long_say_so(days: int | None, lists: str) -> None:
    stamp = str(SECONDS - days * 86_400) if days is not None else ""
    (found,) = packages.updates_of(raw(updates="manager=apt", lists=stamp), AT)
    assert found.lists == lists


def test_software_of_each_kind_of_package() -> None:
    said = raw(
        packages="deb\tii \tnginx\t1.22.1-9\tamd64\ndeb\trc \tremoved\t1\tall\nrpm\tii\tbash\t5.1-9.el9\tx86_64\n"
        "rpm\tii\tgpg-pubkey\tabc-def\t(none)\napk\tmusl-1.2.5-r0 x86_64 {musl} (MIT) [installed]\n"
        "pacman\tglibc 2.40-1\nsnap\tName Version Rev\nsnap\tcore22 20240731 1612\napp\tSafari.app\t17.6\n"
    )
    assert [(each.name, each.version, each.source) for each in packages.software_of(said)] == [
        ("Safari", "17.6", "app"),
        ("bash", "5.1-9.el9", "rpm"),
        ("core22", "20240731", "snap"),
        ("glibc", "2.40-1", "pacman"),
        ("musl", "1.2.5-r0", "apk"),
        ("nginx", "1.22.1-9", "deb"),
    ]


def test_administrators_by_group_by_first_group_by_number_and_by_rule() -> None:
    said = raw(
        accounts="root:x:0:0::/root:/bin/bash\ntoor:x:0:0::/root:/bin/sh\nann:x:1000:1000::/h:/bin/bash\n"
        "bob:x:1001:10::/h:/bin/bash\ncid:x:1002:1002::/h:/usr/sbin/nologin\nwww:x:33:33::/w:/usr/sbin/nologin\n"
        "dee:x:1003:1003::/h:/bin/zsh",
        groups="wheel:x:10:ann,cid\nroot:x:0:\nusers:x:100:dee",
        sudoers="Defaults env_reset\n%wheel ALL=(ALL) ALL\ndee ALL=(ALL) NOPASSWD: ALL\n%HARBOUR\\\\admins ALL=(ALL) ALL",
        passwords="root:locked:\nann:set:90\nbob:set:99999\ndee:none:",
        logins="Username  Port From  Latest\n"
        "ann  pts/0  192.0.2.5  Fri Nov 20 08:00:00 +0000 2026\nbob  pts/0  192.0.2.5  Mon Jan  5 08:00:00 +0000 2026\n"
        "dee                     **Never logged in**",
    )
    assert accounts.administrators_of(said) == (
        "%HARBOUR\\\\admins",
        "ann",
        "bob",
        "cid",
        "dee",
        "root",
        "toor",
    )
    found = {each.name: each for each in accounts.accounts_of(said, AT)}
    assert found.keys() == {"ann", "bob", "dee", "root", "toor"}
    assert [found[name].is_administrator for name in ("ann", "bob", "dee", "toor")] == [
        True,
        True,
        True,
        True,
    ]
    assert [found[name].password_expires for name in ("ann", "bob")] == [True, False]
    assert [found[name].last_login for name in ("ann", "bob", "dee")] == ["current", "old", "never"]
    assert found["dee"].password == "none"


def test_who_listens_of_ss_of_netstat_and_of_lsof() -> None:
    said = raw(
        listening='tcp LISTEN 0 511 0.0.0.0:443 0.0.0.0:* users:(("nginx",pid=31,fd=6))\n'
        "tcp LISTEN 0 244 127.0.0.1:5432 0.0.0.0:*\nudp UNCONN 0 0 0.0.0.0:51820 0.0.0.0:*\n"
        "udp UNCONN 0 0 0.0.0.0:53 0.0.0.0:*\ntcp LISTEN 0 4096 [::1]:40001 [::]:*\n"
        "tcp        0      0 0.0.0.0:22              0.0.0.0:*               LISTEN      29/sshd\n"
        "launchd 1 root 7u IPv4 0xabc 0t0 TCP *:445 (LISTEN)\n"
    )
    assert [(each.port, each.protocol, each.reach, each.process) for each in posix.listening_of(said)] == [
        (22, "tcp", "everywhere", "sshd"),
        (53, "udp", "everywhere", ""),
        (443, "tcp", "everywhere", "nginx"),
        (445, "tcp", "everywhere", "launchd"),
        (5432, "tcp", "here", ""),
    ]


def test_services_that_run_and_that_failed_without_those_of_a_moment() -> None:
    said = raw(
        services="nginx.service loaded active running A web server\n● backup.service loaded failed failed Backup\n"
        "user@1000.service loaded active running User Manager\nsshd@3-10.0.0.1:22-10.0.0.9:4000.service loaded active running x\n"
        "apt-daily.service loaded active running x\ncron.service loaded inactive dead x\nopenrc crond started\n"
        "openrc ntpd crashed\nlaunchd 312 0 com.example.agent\nlaunchd - 0 com.example.idle"
    )
    assert posix.services_of(said) == (
        RunningService(name="backup", state="failed"),
        RunningService(name="com.example.agent", state="running"),
        RunningService(name="crond", state="running"),
        RunningService(name="nginx", state="running"),
        RunningService(name="ntpd", state="failed"),
    )


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ({"firewall": "active=nftables", "filters": "nft=0"}, [("netfilter", False)]),
        ({"firewall": "active=nftables", "filters": "nft=4"}, [("netfilter", True)]),
        (
            {"firewall": "active=ufw", "filters": "ufw=inactive\niptables=0"},
            [("netfilter", False), ("ufw", False)],
        ),
        ({"firewall": "active=firewalld\nfirewalld=running"}, [("firewalld", True)]),
        ({"firewall": "macos=Firewall is disabled. (State = 0)"}, [("application firewall", False)]),
        ({}, []),
    ],
)
def test_a_firewall_without_a_rule_is_none(
    sections: dict[str, str], expected: list[tuple[str, bool]]
) -> None:
    assert posix.firewall_of(raw(**sections)) == tuple(Firewall(name=n, is_active=a) for n, a in expected)


@pytest.mark.parametrize(
    ("days", "running", "expected"),
    [(0, "clamd", (True, "current")), (9, "clamd", (True, "old")), (0, "sshd", (False, "current"))],
)
def test_clamav_by_its_process_and_its_signatures(
    days: int, running: str, expected: tuple[bool, str]
) -> None:
    said = raw(antivirus=f"signatures={SECONDS - days * 86_400}\nsignatures=1000", processes=running)
    (found,) = posix.antivirus_of(said, AT)
    assert (found.product, found.is_running, found.signatures) == ("ClamAV", *expected)


def test_shares_of_nfs_and_samba() -> None:
    said = raw(
        shares="nfs /srv/open *(rw)\nnfs /srv/mine 192.0.2.0/24(rw)\nsmb [global]\nsmb workgroup = X\nsmb [practice]\n"
        "smb path = /srv/practice\nsmb guest ok = Yes\nsmb [private]\nsmb path = /srv/private"
    )
    assert posix.shares_of(said) == (
        Share(name="/srv/mine", kind="nfs", path="/srv/mine", is_open=False),
        Share(name="/srv/open", kind="nfs", path="/srv/open", is_open=True),
        Share(name="practice", kind="smb", path="/srv/practice", is_open=True),
        Share(name="private", kind="smb", path="/srv/private", is_open=False),
    )


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        (
            "ad.harbour.example\n  type: kerberos\n  realm-name: AD.HARBOUR.EXAMPLE\n"
            "  domain-name: ad.harbour.example\n  client-software: sssd",
            ("ad.harbour.example", "sssd"),
        ),
        ("samba-realm: AD.EXAMPLE\nsamba-security: ads", ("ad.example", "winbind")),
        ("samba-realm: AD.EXAMPLE\nsamba-server role: active directory domain controller", ("ad.example", "domain controller")),
        ("samba-workgroup: WORKGROUP", ("", "")),
    ],
)  # fmt: skip
def test_the_directory_a_machine_is_in(domain: str, expected: tuple[str, str]) -> None:
    assert ssh_login.directory(raw(domain=domain)) == expected


def test_the_shipped_agents_are_known_by_real_names() -> None:
    found = agents.found(
        ["ScreenConnect Client (0a1b2c3d)", "zabbix-agent2"],
        ["TeamViewerd", "ninjarmm-linagent"],
        ["Veeam Agent"],
    )
    assert {each.product for each in found} == {
        *("ConnectWise ScreenConnect", "NinjaOne", "TeamViewer", "Veeam", "Zabbix agent"),
    }
    assert agents.found(["ssh", "nginx", "cron"], ["systemd", "bash"], ["adduser", "libc6", "sudo"]) == ()


# The stage


def looked(day: int, scan: str = "", **sections: str) -> Observation:
    at = datetime(2026, 11, day, 9, 30, tzinfo=UTC)
    said: dict[str, Json] = {"become": "status=none", **raw(**sections)}
    name = scan or f"202611{day:02}T093000Z"
    return Observation(scan=name, address="192.0.2.10", probe="ssh_login", at=at, port=22, raw=said)


def test_an_update_waits_since_it_was_first_seen_without_a_break() -> None:
    log = [
        looked(day, updates=APT if day != 12 else "manager=apt", reboot="required") for day in range(10, 16)
    ]
    (found,) = inspections([asset("web")], log)
    assert {each.since for each in found.updates[0].pending} == {"2026-11-13"}
    assert (found.reboot_needed, found.reboot_since) == (True, "2026-11-10")
    assert found.updates[0].pending[0] == Update(
        name="libssl3", version="3.0.15-1~deb12u1", is_security=True, since="2026-11-13"
    )


def test_a_lost_machine_keeps_what_was_seen_and_says_why() -> None:
    failed = LoginFailed(
        scan="20261120T093000Z", address="192.0.2.10", at=NOW.replace(day=20), reason="is off"
    )
    (found,) = inspections([asset("web")], [looked(10, names="host=web"), failed])
    assert (found.system.hostname, found.lost) == ("web", "is off")
    (back,) = inspections([asset("web")], [looked(10), failed, looked(25)])
    assert back.lost == ""
    assert inspections([asset("web")], []) == ()
    gone = msgspec.structs.replace(asset("web"), gone_since="20261121T093000Z")
    assert inspections([gone], [looked(10)]) == ()


def test_what_only_root_saw_outlives_a_look_without_root_but_not_its_ports() -> None:
    become = Observation(
        scan="20261110T093000Z",
        address="192.0.2.10",
        probe="ssh_become",
        at=NOW.replace(day=10),
        port=22,
        raw=raw(
            sshd="permitrootlogin yes", root_listening='tcp LISTEN 0 1 0.0.0.0:23 0.0.0.0:* users:(("t",1))'
        ),
    )
    (first,) = inspections([asset("web")], [looked(10), become])
    assert {each.port for each in first.listening} == {23} and first.is_privileged
    (then,) = inspections([asset("web")], [looked(10), become, looked(11)])
    assert then.settings == {"ssh.root_login": "yes"} and then.listening == ()


# Laws

texts = st.one_of(
    st.sampled_from(
        [*HOSTILE[:-1], "x" * 100_000, "9" * 400, "manager=apt", "=", "@", "md0 : active\n [U_]"]
    ),
    st.text(max_size=400),
    st.lists(st.text(alphabet='tcp udp:0123456789[]()/=%"\t\n.-', max_size=60)).map("\n".join),
)


@given(st.dictionaries(st.sampled_from(SECTIONS), texts, max_size=12), st.text(max_size=60))
def test_nothing_a_machine_says_breaks_or_colours_a_terminal(sections: dict[str, str], become: str) -> None:
    said: dict[str, Json] = {
        "host_key": become,
        "sections": dict(sections),
        "become": become,
        "cut": [become],
    }
    for probe in ("ssh_login", "ssh_become"):
        seen = Observation(scan="s", address="192.0.2.10", probe=probe, at=AT, port=22, raw=said)
        assert all(len(text) <= 512 and text.isprintable() for text in facts(seen).values())
    seen = Observation(scan="s", address="192.0.2.10", probe="ssh_login", at=AT, port=22, raw=said)
    (found,) = inspections([asset("web")], [seen])
    text = encode(found)
    assert len(text) < 2_000_000
    assert text == encode(inspections([asset("web")], [seen, seen])[0])
    for row in summary(found):
        assert all("\x1b" not in cell for cell in row)
    for value in _strings(msgspec.to_builtins(found)):
        assert value.isprintable()


@given(st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))  # fmt: skip
def test_raw_material_of_any_shape_says_nothing_rather_than_fail(anything: Any) -> None:
    said: dict[str, Json] = {"sections": anything, "become": anything, "cut": anything, "host_key": anything}
    for probe in ("ssh_login", "ssh_become"):
        seen = Observation(scan="s", address="192.0.2.10", probe=probe, at=AT, port=22, raw=said)
        assert isinstance(facts(seen), dict)
        inspections([asset("web")], [seen])


def _strings(node: Any) -> list[str]:
    if isinstance(node, dict):
        return [text for key, value in node.items() for text in (*_strings(key), *_strings(value))]
    if isinstance(node, list | tuple):
        return [text for item in node for text in _strings(item)]
    return [node] if isinstance(node, str) else []
