"""The lab's directory, its real programs' files, and what they tell of its hosts."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import workspace
from tests.workspace import CLIENT, Engineer, git

pytest_plugins = ["tests.lab.plugin"]
pytestmark = pytest.mark.lab
Lab = dict[str, Any]

ON_THE_NETWORK = {"dc1", "files", "web", "db", "ws-reception", "ws-surgery1", "ws-surgery2"}


@pytest.fixture(scope="module")
def engineer(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engineer]:
    """An engineer whose client was scanned once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
        made = workspace.build(tmp_path_factory.mktemp("imports") / "northwind", lab)
        made.must("discover", CLIENT)
        yield made


def configure(engineer: Engineer, **changes: str) -> None:
    """Change how the directory is asked; "" takes a setting out."""
    file = engineer.root / "inventories" / CLIENT / "client.yml"
    text = workspace.EXAMPLE.read_text()
    for key, value in changes.items():
        text = "".join(line for line in text.splitlines(True) if not line.strip().startswith(f"{key}: "))
        if value:
            mark = "    - server: dc1.ad.harbour.example\n"
            text = text.replace(mark, f"{mark}      {key}: {value}\n")
    file.write_text(text)


def assets(engineer: Engineer) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads(engineer.must("assets", "list", CLIENT, "--json").stdout)
    return listed


def test_the_directory_tells_more_of_the_hosts_and_names_those_nobody_saw(
    engineer: Engineer, lab: Lab
) -> None:
    configure(engineer)
    before = {each["name"]: each for each in assets(engineer) if each["record"] == "asset"}
    (done,) = json.loads(engineer.must("import", "directory", CLIENT, "--json").stdout)
    wanted = {each["name"].lower(): each for each in lab["directory"]["computers"]}
    assert (done["source"], done["listed"], done["outside"]) == ("ad.harbour.example", len(wanted), 1)
    unseen = {each["name"]: each for each in done["unseen"]}
    assert unseen.keys() == wanted.keys() - ON_THE_NETWORK
    after = {each["name"]: each for each in assets(engineer) if each["record"] == "asset"}
    assert after.keys() == before.keys()
    assert {name for name, each in after.items() if each != before[name]} <= ON_THE_NETWORK
    assert after["ws-reception"]["profile"]["contact"]["value"] == "Tom Reyes"
    assert after["ws-reception"]["profile"]["os"]["probe"] == "ssh"
    for name, each in unseen.items():
        reasons = "; ".join(each["reasons"])
        assert ("disabled" in reasons) == bool(wanted[name].get("disabled")), name
        assert ("stale" in reasons) == (wanted[name].get("logon_days", 0) > 90), name
        assert ("never logged on" in reasons) == ("logon_days" not in wanted[name]), name
        assert ("has no address" in reasons) == ("address" not in wanted[name]), name
    assert "10.203.10.21 belongs to ws-reception now" in unseen["ws-front"]["reasons"]
    assert unseen["sql1"]["system"] == "windows 2019" and unseen["sql1"]["kind"] == "server"


def test_asked_again_it_changes_nothing_but_its_own_log(engineer: Engineer) -> None:
    engineer.must("import", "directory", CLIENT)
    changed = git(engineer.root, "show", "--name-only", "--format=", "HEAD").split()
    assert [Path(name).parent.name for name in changed] == ["observations"]


def test_a_scan_after_it_leaves_what_it_told(engineer: Engineer) -> None:
    before = told(engineer)
    engineer.must("discover", CLIENT)
    after = told(engineer)  # a busy host may have kept something from the first scan
    assert all(values <= after[name] for name, values in before.items())
    assert after.keys() == before.keys()


def told(engineer: Engineer) -> dict[str, set[tuple[str, str]]]:
    """Return what is held true of each asset, and what it is known by."""
    return {
        each["name"]: {(key, json.dumps(value["value"])) for key, value in each.get("profile", {}).items()}
        | {(mark["kind"], mark["value"]) for mark in each.get("identities", ())}
        for each in assets(engineer)
        if each["record"] == "asset"
    }


def test_hostile_text_of_the_directory_stays_text(engineer: Engineer) -> None:
    logs = (engineer.root / "inventories" / CLIENT / "observations").glob("*.jsonl")
    assert any("lookup('pipe'" in log.read_text() for log in logs)
    engineer.must("report", CLIENT, "discovery")
    page = (engineer.root / "inventories" / CLIENT / "reports" / "discovery.html").read_text()
    assert "\033" not in page + engineer.must("assets", "list", CLIENT).stdout
    assert "known to directory ad.harbour.example, not seen on the network: stale" in page
    assert not Path("/tmp/owned").exists()


def test_no_secret_of_the_directory_is_written(engineer: Engineer, lab: Lab) -> None:
    assert lab["directory"]["password"] not in git(engineer.root, "log", "--all", "--patch", "--text")


def fingerprint(file: Path) -> str:
    argv = ["openssl", "x509", "-in", str(file), "-noout", "-fingerprint", "-sha256"]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip().partition("=")[2]


def test_every_sealed_way_works_and_no_other(engineer: Engineer, lab: Lab) -> None:
    pinned = fingerprint(workspace.ROOT / "build" / "lab" / "certificates" / "dc1.pem")
    other = fingerprint(workspace.ROOT / "build" / "lab" / "certificates" / "noc.pem")
    for changes in (
        {"encryption": "starttls"},
        {"ca_file": "", "certificate": pinned},
        {"ca_file": "", "certificate": pinned, "encryption": "starttls", "page_size": "5"},
        {"base": "CN=Computers,DC=ad,DC=harbour,DC=example"},
    ):
        configure(engineer, **changes)
        (done,) = json.loads(engineer.must("import", "directory", CLIENT, "--dry-run", "--json").stdout)
        assert done["listed"] == len(lab["directory"]["computers"]) - ("base" in changes), changes
    for changes, words in (
        ({"ca_file": ""}, "certificate is not trusted"),
        ({"ca_file": "", "encryption": "starttls"}, "certificate is not trusted"),
        ({"certificate": other}, "not the pinned one"),
        ({"encryption": "none"}, "sealed connections only"),
        ({"user": "mspctl-reader@elsewhere.example"}, "refuses the login"),
        ({"port": "22"}, "dc1.ad.harbour.example"),
        ({"ca_file": "absent.pem"}, "no such file"),
    ):
        configure(engineer, **changes)
        done = engineer.mspctl("import", "directory", CLIENT, "--dry-run")
        assert done.returncode in (1, 3) and words in done.stderr, changes
        assert lab["directory"]["password"] not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr and "defect" not in done.stderr
    configure(engineer)


def test_ldif_from_the_controller_itself_is_the_same_source(engineer: Engineer, tmp_path: Path) -> None:
    search = ["ldbsearch", "-H", "/var/lib/samba/private/sam.ldb", "(objectClass=computer)"]
    argv = ["podman", "exec", "mspctl-lab-dc1", *search]
    file = tmp_path / "computers.ldf"
    file.write_bytes(subprocess.run(argv, capture_output=True, check=True).stdout)
    done = json.loads(engineer.must("import", "file", CLIENT, str(file), "--json", "--dry-run").stdout)
    assert (done["format"], done["source"], done["skipped"]) == ("ad-computers", "ad.harbour.example", 0)
    assert {each["name"] for each in done["unseen"]} >= {"sql1", "lt-holt"}


def test_nmaps_results_are_sightings_of_the_same_machines(engineer: Engineer, tmp_path: Path) -> None:
    file = tmp_path / "scan.xml"
    scripts = "ssh-hostkey,ssl-cert,http-title"
    argv = ["nmap", "-sV", "--script", scripts, "-p", "22,80,443,445,5432", "-oX", str(file)]
    try:
        subprocess.run(
            [*argv, "10.203.20.10-14", "10.203.10.21", "10.203.40.10"], capture_output=True, check=True
        )
    except FileNotFoundError:
        pytest.skip("needs Debian's package nmap")
    before = {each["name"]: each["id"] for each in assets(engineer) if each["record"] == "asset"}
    done = json.loads(engineer.must("import", "file", CLIENT, str(file), "--json").stdout)
    assert done["seen"] == 6 and done["outside"] > 0  # the provider's network is none of the client's
    found = {each["name"]: each for each in assets(engineer) if each["record"] == "asset"}
    assert {name: each["id"] for name, each in found.items()} == before
    web = {service["port"]: service["product"] for service in found["web"]["services"]}
    assert web[22].startswith("SSH-2.0-OpenSSH") and web[443].startswith("nginx")
