"""Readers against what real programs write and accept; they skip without Debian's packages (packages.txt)."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from mspctl.discovery.imports import FORMATS, Asked, Row, chunks_of, recognise
from tests.discovery.imports import FOLDER, NOW, read
from tests.discovery.peers import needs


@needs("dhcpd", "isc-dhcp-server")
def test_iscs_server_reads_the_sample_as_we_do(tmp_path: Path) -> None:
    text = (FOLDER / "isc-dhcp" / "dhcpd.leases").read_text()
    whole = text[: text.index("failover")]  # it knows no peer of that name, and what follows is cut off
    leases, conf = tmp_path / "dhcpd.leases", tmp_path / "dhcpd.conf"
    leases.write_text(whole)
    conf.write_text("subnet 192.0.2.0 netmask 255.255.255.0 { range 192.0.2.100 192.0.2.200; }\n")
    server = shutil.which("dhcpd") or "/usr/sbin/dhcpd"
    argv = [server, "-T", "-cf", str(conf), "-lf", str(leases), "-pf", str(tmp_path / "pid")]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "line " not in done.stderr and "Wrote 3 leases" in done.stderr  # of them one is abandoned
    rows = [item for item in read("isc-dhcp", whole.encode()) if isinstance(item, Row)]
    assert sorted(str(row.raw["state"]) for row in rows if row.raw["state"] != "reserved") == [
        "active",
        "active",
    ]


@pytest.mark.skipif(not shutil.which("nmap"), reason="needs Debian's package nmap")
def test_nmaps_own_file_of_this_machine(tmp_path: Path) -> None:
    file = tmp_path / "scan.xml"
    argv = ["nmap", "-oX", str(file), "-Pn", "-p", "1-3", "--unprivileged", "127.0.0.1"]
    subprocess.run(argv, capture_output=True, check=True)
    data = b"".join(chunks_of(file))
    assert recognise(data) == "nmap"
    rows = list(FORMATS["nmap"]([data], Asked(NOW)))
    assert [row.addresses for row in rows if isinstance(row, Row)][:1] == [("127.0.0.1",)]


@needs("samba-tool", "samba, samba-ad-provision, samba-dsdb-modules, samba-vfs-modules, ldb-tools")
@needs("ldbsearch", "ldb-tools")
def test_ldif_of_a_real_directory(tmp_path: Path) -> None:
    options = ["--realm=CORP.EXAMPLE", "--domain=CORP", "--host-name=dc1", "--host-ip=192.0.2.1"]
    options += ["--adminpass=Larkspur-4200", "--server-role=dc", "--dns-backend=NONE", "--quiet"]
    options += ["--option=posix:eadb = " + str(tmp_path / "eadb.tdb")]
    argv = ["samba-tool", "domain", "provision", f"--targetdir={tmp_path}", *options]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if "LDB_MODULES_PATH" in done.stderr:
        pytest.skip("needs Debian's package samba-dsdb-modules")
    assert done.returncode == 0, done.stderr[-500:]
    base = tmp_path / "private" / "sam.ldb"
    modules = os.environ | {"LDB_MODULES_PATH": "/usr/lib/x86_64-linux-gnu/samba/ldb"}
    search = ["ldbsearch", "-H", str(base), "(objectClass=computer)"]
    listed = subprocess.run(search, capture_output=True, check=True, env=modules).stdout
    assert recognise(listed) == "ad-computers"
    (row,) = read("ad-computers", listed)
    assert isinstance(row, Row) and row.raw["samaccountname"] == ["DC1$"]
    assert row.raw["primarygroupid"] == ["516"]
