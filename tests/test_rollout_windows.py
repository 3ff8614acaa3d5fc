"""A rollout onto Windows, simulated: real mspctl, real Ansible, its real modules on the wire, a model of a
machine at the other end. No Windows was there, no PowerShell was run: docs/windows.md.
"""

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from mspctl import catalog, history
from mspctl.cli import main
from mspctl.cli.discover import update
from mspctl.handwritten import dump
from mspctl.records import (
    Asset,
    HostOutcome,
    HostStatus,
    Json,
    Observation,
    ScanEnded,
    ScanStarted,
    TaskResult,
)
from mspctl.workspace import Client
from tests.samples import NOW, opened
from tests.windows_collection import install
from tests.windows_host import TEMPORARY, Installer, Machine, Model, Refused, Service
from tests.wsman import PASSWORD, USER, Host, serving

SCAN = "20261121T093000Z"
PSK = "9f" * 32
MSI = b"the vendor's installer"
MSI_URL = (
    "https://cdn.zabbix.com/zabbix/binaries/stable/6.0/6.0.39/zabbix_agent2-6.0.39-windows-amd64-openssl.msi"
)
FOLDER = r"C:\Program Files\Zabbix Agent 2"
ZABBIX = Installer(
    id="{11111111-2222-3333-4444-555555555555}",
    name="Zabbix Agent 2 (64-bit)",
    version="6.0.39.2400",
    services=("Zabbix Agent 2",),
    files=(f"{FOLDER}\\zabbix_agent2.exe", f"{FOLDER}\\zabbix_agent2.conf"),
)
SERVICES: dict[str, Any] = {
    "monitoring": {
        "provider": "zabbix",
        "version": "1:6.0*",  # apt's, which is nothing to Windows
        "settings": {"server": "zabbix.northwind.example", "psk_identity": "acme"},
        "secrets": {"psk": "vault:psk"},
    },
    "antivirus": {"provider": "defender", "settings": {"excluded_paths": [r"D:\Database"]}},
}


INCUMBENT = "zabbix (service Zabbix Agent 2, program Zabbix Agent*)"
HOST = "host-127-0-0-1"
BACKUP, STATE = r"C:\Program Files\mspctl-backup", r"C:\ProgramData\mspctl-backup"
PROOFS = ("repository-reachable", "last-run", "snapshot-age", "structure", "restore")
OPENS = ("encryption_password", "repository_password")
RESTIC, NEWER = b"a program of the vendor's", b"a newer one"


def _runs(machine: Machine, given: Mapping[str, Any]) -> str:
    if machine.services[given["Name"]].state != "started":
        raise Refused(f"{given['Name']} is Stopped")
    return f"{given['Name']} runs"


def _stopped(machine: Machine, given: Mapping[str, Any]) -> str:
    raise Refused(f"{given['Name']} is Stopped")


def _starts(machine: Machine, given: Mapping[str, Any]) -> str:
    if machine.services[given["Name"]].start_mode not in ("auto", "delayed"):
        raise Refused(f"{given['Name']} starts: Manual")
    return f"{given['Name']} starts with the system"


def _host_name(machine: Machine, given: Mapping[str, Any]) -> str:
    found = re.search(
        r"^Hostname=(.*)$", machine.files[f"{FOLDER}\\zabbix_agent2.conf"].decode(), re.MULTILINE
    )
    return f"agent.hostname                                [s|{found[1] if found else ''}]"


def _policy(machine: Machine, given: Mapping[str, Any]) -> str:
    key = "hklm:\\software\\policies\\microsoft\\windows defender\\exclusions\\paths"
    missing = [path for path in given["Paths"].split("|") if (key, path.lower()) not in machine.registry]
    if missing:
        raise Refused(f"not in effect: {missing}")
    return "all of it is in effect"


def _scheduled(machine: Machine, given: Mapping[str, Any]) -> str:
    if missing := {"\\mspctl\\mspctl backup", "\\mspctl\\mspctl backup check"} - machine.tasks.keys():
        raise Refused(f"no task {sorted(missing)}")
    return "both have their next date"


def _backup(machine: Machine, given: Mapping[str, Any]) -> str:
    if machine.files[f"{BACKUP}\\restic.exe"] not in (RESTIC, NEWER):
        raise Refused("restic.exe does not start")
    job = json.loads(machine.files[f"{STATE}\\job.json"])
    assert given["Command"] in ("reached", "last", "age", "structure", "restore")
    return f"{given['Command']}: well, {job['host_name']}"


def _machine_id(machine: Machine, given: Mapping[str, Any]) -> str:
    return "0123456789abcdef" * 2


MODELS: dict[str, dict[str, Model]] = {
    "remote_access/meshcentral": {
        "service-active": _runs,
        "service-enabled": _starts,
        "server-reachable": lambda _, given: f"{given['Server']}:{given['Port']} accepts connections",
        "machine-id": _machine_id,
    },
    "backup/restic": {"tasks": _scheduled, **dict.fromkeys(PROOFS, _backup)},
    "monitoring/zabbix": {
        "service-active": _runs,
        "service-enabled": _starts,
        "host-name": _host_name,
        "server-reachable": lambda _, given: f"{given['Server']}:{given['Port']} accepts connections",
        "server-accepts": lambda _machine, _given: "no exchange has failed since the agent started",
    },
    "antivirus/defender": {
        "service-active": _runs,
        "real-time": lambda _machine, _given: "real-time protection is on",
        "signature-age": lambda _machine, given: f"1.443.22.0, {int(given['Days']) - 1} days old",
        "policy": _policy,
        "tamper-protection": lambda _machine, _given: "on, by Intune",
        "eicar": lambda _machine, _given: "found and reported",
    },
}


def models() -> dict[str, Model]:
    """Return the model of each script of the records, by its text."""
    found: dict[str, Model] = {}
    for record, known in MODELS.items():
        platform = catalog.provider(*record.split("/")).platforms.windows
        assert platform and known.keys() == {check.id for check in platform.verify}
        found |= {check.script.strip(): known[check.id] for check in platform.verify}
    return found


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setenv("ANSIBLE_COLLECTIONS_PATH", str(install()))
    return Machine(
        offers={MSI_URL: MSI},
        installers={MSI: ZABBIX},
        models=models(),
        services={"WinDefend": Service()},
    )


@pytest.fixture
def client(tmp_path: Path, machine: Machine) -> Iterator[Client]:
    with serving(Host(run=machine.run)) as host:
        yield client_of(tmp_path, host)


def client_of(folder: Path, host: Host) -> Client:
    """Return a client with one Windows machine, as discovery and an inspection left it."""
    found = opened(folder / "northwind", {"windows": PASSWORD, "psk": PSK})
    network = {"name": "office", "cidr": "127.0.0.0/24", "holds": "workstation"}
    written = {
        "title": "Acme Ltd",
        "authorisation": {"by": "J. Doe, owner", "date": "2026-11-01"},
        "connection": {"windows": {"user": USER, "password": "vault:windows", "port": host.port}},
        "sites": [{"name": "main", "networks": [network]}],
        "services": SERVICES,
    }
    (found.path / "client.yml").write_text(dump(written))
    with found.log("observations", SCAN) as append:
        append(ScanStarted(scan=SCAN, started_at=NOW, networks=("127.0.0.0/24",), ports=(host.port,)))
        state: dict[str, Json] = {"state": "open"}
        tls: dict[str, Json] = {"spki_sha256": host.key_sha256, "subject": "CN=ws-front"}
        server: dict[str, Json] = {
            "status": 401,
            "server": "Microsoft-HTTPAPI/2.0",
            "schemes": ["Negotiate"],
        }
        for probe, raw in (("tcp", state), ("tls", tls), ("winrm", server)):
            append(Observation(scan=SCAN, address="127.0.0.1", probe=probe, at=NOW, port=host.port, raw=raw))
        append(ScanEnded(scan=SCAN, ended_at=NOW, addresses_probed=254))
    update(found, found.file())
    found.commit("as found")
    return found


def told(client: Client, command: str, *arguments: str) -> Result:
    password = str(client.workspace.root / ".vault-password")
    options = ["-C", str(client.workspace.root), "--vault-password-file", password]
    return CliRunner().invoke(main, [command, "acme", *arguments, *options])


def outcome(client: Client, done: Result) -> tuple[str, int]:
    """Return how the one host came out of the last rollout, and how many tasks changed it."""
    (found,) = (each for each in client.last_run("rollout") if isinstance(each, HostOutcome))
    assert found.status not in (HostStatus.FAILED, HostStatus.UNREACHABLE), (found.detail, done.stderr)
    return found.status.value, found.changed


def changes(machine: Machine) -> list[str]:
    """Return the modules that were sent and can change something, and forget all calls."""
    sent = [name.rpartition(".")[2] for name, given in machine.calls if given.get("_copy_mode") != "query"]
    machine.calls.clear()
    return [name for name in sent if name not in ("win_powershell", "win_service", "win_acl", "win_file")]


def test_a_machine_gets_its_agents_once_and_gives_them_back(client: Client, machine: Machine) -> None:
    before = machine.state()
    preview = told(client, "rollout")
    assert preview.exit_code == 0, (preview.output, machine.faults)
    assert outcome(client, preview)[0] == "changed" and machine.state() == before, "a preview changes nothing"

    assert outcome(client, told(client, "rollout", "--apply"))[0] == "changed"
    after = machine.state()
    assert after["products"] == [ZABBIX.id]
    assert after["services"]["Zabbix Agent 2"] == ("started", "delayed")
    assert f"Hostname=acme.{HOST}\n".encode() in machine.files[f"{FOLDER}\\zabbix_agent2.conf"]
    assert machine.files[f"{FOLDER}\\mspctl\\agent.psk"] == f"{PSK}\n".encode()
    assert machine.closed == {f"{FOLDER}\\mspctl"}
    assert machine.rights[f"{FOLDER}\\mspctl"] == {
        "allow S-1-5-18 FullControl",
        "allow S-1-5-32-544 FullControl",
    }
    policy = "hklm:\\software\\policies\\microsoft\\windows defender"
    assert machine.registry[(policy, "puaprotection")] == ("dword", 1)
    assert machine.registry[(f"{policy}\\exclusions\\paths", "d:\\database")] == ("string", "0")
    assert not machine.files.keys() & {path for path in machine.files if path.startswith(TEMPORARY)}
    changes(machine)

    assert outcome(client, told(client, "rollout", "--apply")) == ("ok", 0)
    assert machine.state() == after and machine.services["Zabbix Agent 2"].starts == 2, "restarted once"
    assert changes(machine) == ["win_acl_inheritance"]

    looked = told(client, "verify", "--json")
    found = {each["service"]: each for each in json.loads(looked.stdout)}
    assert found["antivirus"]["state"] == "covered", looked.output
    assert "the server cannot be asked" in found["monitoring"]["reason"], "the machine itself is well"
    assert all(proof["ok"] for proof in found["monitoring"]["proofs"])
    assert machine.state() == after

    assert outcome(client, told(client, "rollout", "--uninstall", "--apply"))[0] == "changed"
    assert machine.state() == before
    assert not machine.faults
    for path in client.workspace.root.rglob("*"):
        if path.is_file() and path.name not in (".vault-password",):
            assert not {PSK.encode(), PASSWORD.encode()} & set(re.findall(rb"[\w-]{20,}", path.read_bytes()))
    assert PSK not in "".join(machine.lines), "no secret in a command line"


def test_what_the_client_had_stays_as_it_was(client: Client, machine: Machine) -> None:
    machine.install(ZABBIX)
    machine.services["Zabbix Agent 2"].start_mode = "manual"
    machine.files[f"{FOLDER}\\zabbix_agent2.conf"] = b"Server=192.0.2.9\r\n"
    policy = "hklm:\\software\\policies\\microsoft\\windows defender"
    machine.registry[(policy, "puaprotection")] = ("dword", 2)
    machine.registry[(f"{policy}\\exclusions\\paths", "e:\\own")] = ("string", "0")
    before = machine.state()
    assert outcome(client, told(client, "rollout", "--apply"))[0] == "changed"
    assert machine.registry[(policy, "puaprotection")] == ("dword", 1)
    assert not [name for name, _ in machine.calls if name.endswith(("win_get_url", "win_package"))]

    written = client.path / "client.yml"
    written.write_text(written.read_text().replace(r"D:\Database", r"F:\Archive"))
    assert outcome(client, told(client, "rollout", "--apply", "-t", "antivirus"))[0] == "changed"
    excluded = {name for key, name in machine.registry if key == f"{policy}\\exclusions\\paths"}
    assert excluded == {"f:\\archive", "e:\\own"}, "an exclusion that was taken back goes"

    assert outcome(client, told(client, "rollout", "--uninstall", "--apply"))[0] == "changed"
    after = machine.state()
    assert after.pop("services") == before.pop("services") | {"Zabbix Agent 2": ("started", "delayed")}
    assert after == before and not machine.faults


SETUP = b"an exe of a vendor"
SETUP_URL = "https://portal.example/AgentSetup_acme.exe?site=4711-secret"


def test_what_goes_wrong_is_a_line_and_the_next_run_goes_on(
    tmp_path: Path, client: Client, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.vault().set("datto", SETUP_URL)
    machine.offers[SETUP_URL] = b"something else"
    machine.installers[SETUP] = Installer(id="CentraStage", name="Datto RMM", services=("CagService",))
    settings: Json = {"installer_sha256": hashlib.sha256(SETUP).hexdigest()}
    choice: Json = {
        "provider": "datto_rmm",
        "settings": settings,
        "secrets": {"installer_url": "vault:datto"},
    }
    choose(client, {"monitoring": choice})

    with monkeypatch.context() as without:
        without.setenv("ANSIBLE_COLLECTIONS_PATH", str(tmp_path))
        done = told(client, "rollout")
        assert "lacks its modules for Windows: host-127-0-0-1; pip install 'mspctl[windows]'" in done.stderr
    failed = told(client, "rollout", "--apply")
    (lost,) = (each for each in client.last_run("rollout") if isinstance(each, HostOutcome))
    assert "the installer was not fetched: The checksum" in lost.detail and failed.exit_code == 5
    assert not machine.services.get("CagService") and TEMPORARY not in str(machine.state())

    machine.offers[SETUP_URL] = SETUP
    assert outcome(client, told(client, "rollout", "--apply"))[0] == "changed"
    assert machine.services["CagService"].state == "started"
    assert not [path for path in machine.files if path.startswith(TEMPORARY)]
    for path in (client.path / "runs").iterdir():
        assert "4711-secret" not in path.read_text()
    assert not machine.faults


def choose(client: Client, services: dict[str, Json]) -> None:
    """Have the client choose other services."""
    written = client.path / "client.yml"
    text = written.read_text().partition("\nservices:")[0]
    written.write_text(f"{text}\n{dump({'services': services})}")


def test_what_other_systems_have_is_not_ours_here(client: Client, machine: Machine) -> None:
    client.vault().set("datto", SETUP_URL)
    machine.offers[SETUP_URL] = SETUP
    machine.installers[SETUP] = Installer(id="CentraStage", name="Datto RMM", services=("CagService",))
    machine.install(ZABBIX)
    datto: dict[str, Any] = {"provider": "datto_rmm", "settings": {"product": "Datto RMM"}}
    datto["secrets"] = {"installer_url": "vault:datto"}
    choose(client, {"monitoring": {**SERVICES["monitoring"], "windows": datto}})
    done = told(client, "rollout", "--apply")
    assert outcome(client, done)[0] == "changed", done.output
    assert set(machine.services) == {"WinDefend", "Zabbix Agent 2", "CagService"}
    assert machine.files[f"{FOLDER}\\zabbix_agent2.conf"] == b"as installed"

    (found,) = json.loads(told(client, "verify", "--json").stdout)
    assert (found["state"], found["provider"]) == ("covered", "datto_rmm")
    assert found["incumbents"] == [INCUMBENT]
    gaps = told(client, "coverage", "--gaps").output
    assert "another product is there as well" in gaps and INCUMBENT in gaps
    assert outcome(client, told(client, "rollout", "--uninstall", "--apply"))[0] == "changed"
    assert set(machine.services) == {"WinDefend", "Zabbix Agent 2"} and not machine.faults


def test_another_product_goes_once_ours_is_proved_there(client: Client, machine: Machine) -> None:
    client.vault().set("datto", SETUP_URL)
    machine.offers[SETUP_URL] = SETUP
    machine.installers[SETUP] = Installer(id="CentraStage", name="Datto RMM", services=("CagService",))
    machine.install(ZABBIX)
    machine.install(Installer(id="LTService", name="LabTech", services=("LTService",)))
    datto: dict[str, Any] = {"provider": "datto_rmm", "replace": True, "settings": {"product": "Datto RMM"}}
    datto["secrets"] = {"installer_url": "vault:datto"}
    choose(client, {"monitoring": datto})
    before = machine.state()
    assert outcome(client, told(client, "rollout"))[0] == "changed" and machine.state() == before

    active = next(script for script, model in machine.models.items() if model is _runs)
    machine.models[active] = _stopped
    told(client, "rollout", "--apply")
    (lost,) = (each for each in client.last_run("rollout") if isinstance(each, HostOutcome))
    assert f"{INCUMBENT} stays, as the new agent does not do yet what it should: The service" in lost.detail
    assert ZABBIX.id in machine.products

    machine.models[active] = _runs
    done = told(client, "rollout", "--apply")
    assert outcome(client, done)[0] == "changed", done.output
    assert set(machine.services) == {"WinDefend", "CagService", "LTService"}
    assert set(machine.products) == {"CentraStage", "LTService"}
    assert FOLDER not in machine.folders and not [path for path in machine.files if path.startswith(FOLDER)]
    (told_,) = (
        each.report["removes"]
        for each in client.last_run("rollout")
        if isinstance(each, TaskResult) and "removes" in each.report
    )
    assert isinstance(told_, dict) and told_["providers"] == ["zabbix"]
    assert outcome(client, told(client, "rollout", "--apply")) == ("ok", 0), "what cannot go silently stays"
    assert "LTService" in machine.products and not machine.faults


def zipped(**members: bytes) -> bytes:
    """Return a zip that holds these files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def test_backups_are_scheduled_and_only_the_system_reads_what_opens_them(
    client: Client, machine: Machine
) -> None:
    sent = zipped(**{"restic_0.17.3_windows_amd64.exe": RESTIC})
    url = "https://github.com/restic/restic/releases/download/v0.17.3/restic_0.17.3_windows_amd64.zip"
    machine.offers[url] = sent
    settings: dict[str, Any] = {
        "server": "https://backup.northwind.example:8000",
        "windows_paths": ["C:\\Users", "D:\\"],
        "windows_sha256": hashlib.sha256(sent).hexdigest(),
        "jitter_minutes": 90,
    }
    choose(client, {"backup": {"provider": "restic", "settings": settings}})
    before = machine.state()
    assert outcome(client, told(client, "rollout"))[0] == "changed" and machine.state() == before
    done = told(client, "rollout", "--apply")
    assert outcome(client, done)[0] == "changed", done.output

    (asset,) = (str(each.id) for each in client.assets() if isinstance(each, Asset))
    secrets = {name: client.vault().get(f"backup_{name}_{asset.replace('-', '_')}") for name in OPENS}
    user = f"acme-{asset}"
    assert machine.files[f"{STATE}\\repository"].decode().strip() == (
        f"rest:https://{user}:{secrets['repository_password']}@backup.northwind.example:8000/{user}/"
    )
    assert machine.files[f"{STATE}\\password"].decode().strip() == secrets["encryption_password"]
    assert machine.closed == {STATE} and machine.rights[STATE] == {
        "allow S-1-5-18 FullControl",
        "allow S-1-5-32-544 FullControl",
    }
    assert json.loads(machine.files[f"{STATE}\\job.json"])["paths"] == ["C:\\Users", "D:\\"]
    assert b"BEGIN CERTIFICATE" not in machine.files[f"{STATE}\\authority.pem"]
    task = machine.tasks["\\mspctl\\mspctl backup"]
    assert (task["username"], task["logon_type"], task["execution_time_limit"]) == (
        "S-1-5-18",
        "service_account",
        "PT12H",
    )
    assert task["triggers"] == [
        {"type": "registration"},
        {"type": "daily", "start_boundary": "2026-01-01T01:00:00", "random_delay": "PT90M"},
    ]
    (weekly,) = machine.tasks["\\mspctl\\mspctl backup check"]["triggers"]
    assert (weekly["type"], weekly["days_of_week"]) == ("weekly", "sunday")

    after = machine.state()
    assert outcome(client, told(client, "rollout", "--apply")) == ("ok", 0) and machine.state() == after
    (found,) = json.loads(told(client, "verify", "--json").stdout)
    assert found["state"] == "covered", found

    choose(client, {"backup": {"provider": "restic", "settings": {**settings, "windows_start": "02:30"}}})
    assert outcome(client, told(client, "rollout", "--apply")) == ("changed", 1)
    assert "T02:30:00" in str(machine.tasks["\\mspctl\\mspctl backup"]["triggers"])

    assert outcome(client, told(client, "rollout", "--uninstall", "--apply"))[0] == "changed"
    assert machine.state() == before and not machine.faults
    logged = "".join(machine.lines) + "".join(path.read_text() for path in (client.path / "runs").iterdir())
    assert not [secret for secret in secrets.values() if secret in logged]


def released(client: Client) -> list[tuple[str, str]]:
    """Return which version took the place of which in the last rollout."""
    return [(each.before, each.after) for each in history.versions(client.last_run("rollout"))]


def test_a_program_gets_a_newer_version_when_asked_and_the_one_before_again(
    client: Client, machine: Machine
) -> None:
    mirror, settings = "https://mirror.example", {"server": "https://backup.northwind.example:8000"}

    def offer(version: str, program: bytes) -> None:
        name = f"restic_{version}_windows_amd64"
        machine.offers[f"{mirror}/v{version}/{name}.zip"] = zipped(**{f"{name}.exe": program})
        given: Json = {**settings, "windows_mirror": mirror, "windows_version": version}
        choose(client, {"backup": {"provider": "restic", "settings": given}})

    def program() -> bytes:
        return machine.files[f"{BACKUP}\\restic.exe"]

    offer("0.17.3", RESTIC)
    before = machine.state()
    assert outcome(client, told(client, "rollout", "--apply"))[0] == "changed"
    offer("0.18.0", b"broken")
    assert outcome(client, told(client, "rollout", "--apply")) == ("ok", 0), "nobody asked for it"
    after = machine.state()
    assert outcome(client, told(client, "rollout", "--upgrade"))[0] == "changed"
    assert machine.state() == after and released(client) == [("0.17.3", "0.18.0")]

    told(client, "rollout", "--upgrade", "--apply")
    (lost,) = (each for each in client.last_run("rollout") if isinstance(each, HostOutcome))
    assert "restic.exe 0.17.3 → 0.18.0 does not work, and the version before is back: " in lost.detail
    assert "restic.exe does not start" in lost.detail
    assert machine.state() == after and program() == RESTIC

    offer("0.18.0", NEWER)
    done = told(client, "rollout", "--upgrade", "--apply")
    assert outcome(client, done)[0] == "changed", done.output
    assert (program(), released(client)) == (NEWER, [("0.17.3", "0.18.0")])
    assert outcome(client, told(client, "rollout", "--upgrade", "--apply")) == ("ok", 0)
    assert outcome(client, told(client, "rollout", "--rollback", "--apply"))[0] == "changed"
    assert (program(), released(client)) == (RESTIC, [("0.18.0", "0.17.3")])
    back, receipt = machine.state(), r"C:\Program Files\mspctl\backup-restic.json"
    told_before, told_now = (json.loads(state["files"].pop(receipt)) for state in (after, back))
    assert back == after and told_now == {**told_before, "before": ""}
    assert outcome(client, told(client, "rollout", "--uninstall", "--apply"))[0] == "changed"
    assert machine.state() == before and not machine.faults


def test_a_newer_installer_is_run_when_asked(client: Client, machine: Machine) -> None:
    assert outcome(client, told(client, "rollout", "--apply", "-t", "monitoring"))[0] == "changed"
    newer = Installer(
        "{22222222-3333-4444-5555-666666666666}", ZABBIX.name, "6.0.41.100", ZABBIX.services, ZABBIX.files
    )
    machine.installers[b"newer"] = newer
    machine.offers[MSI_URL.replace("6.0.39", "6.0.41")] = b"newer"
    written = client.path / "client.yml"
    more = "psk_identity: acme\n      windows_version: 6.0.41"
    written.write_text(written.read_text().replace("psk_identity: acme", more))
    assert outcome(client, told(client, "rollout", "--apply", "-t", "monitoring")) == ("ok", 0)
    done = told(client, "rollout", "--upgrade", "--apply", "-t", "monitoring")
    assert outcome(client, done)[0] == "changed", done.output
    assert set(machine.products) == {newer.id} and released(client) == [("6.0.39.2400", "6.0.41")]
    assert f"Hostname=acme.{HOST}\n".encode() in machine.files[f"{FOLDER}\\zabbix_agent2.conf"]
    assert outcome(client, told(client, "rollout", "--upgrade", "--apply", "-t", "monitoring")) == ("ok", 0)
    assert outcome(client, told(client, "rollout", "--rollback", "--apply", "-t", "monitoring")) == ("ok", 0)
    assert set(machine.products) == {newer.id} and not machine.faults


def test_a_program_that_is_not_what_was_agreed_upon_is_not_put_anywhere(
    client: Client, machine: Machine
) -> None:
    url = "https://mirror.example/v0.18.0/restic_0.18.0_windows_amd64.zip"
    machine.offers[url] = zipped(**{"restic_0.18.0_windows_amd64.exe": b"another's"})
    settings: Json = {
        "server": "https://backup.northwind.example:8000",
        "windows_version": "0.18.0",
        "windows_mirror": "https://mirror.example",
        "windows_sha256": "0" * 64,
    }
    choose(client, {"backup": {"provider": "restic", "settings": settings}})
    told(client, "rollout", "--apply")
    (lost,) = (each for each in client.last_run("rollout") if isinstance(each, HostOutcome))
    assert "restic: the installer was not fetched: The checksum" in lost.detail
    assert f"{BACKUP}\\restic.exe" not in machine.files and not machine.tasks


def test_remote_access_is_a_service_that_no_installer_brings(client: Client, machine: Machine) -> None:
    folder, name = r"C:\Program Files\mspctl-meshagent", "mspctl-meshagent"
    machine.offers["https://mesh.northwind.example:8443/meshagents?id=4"] = b"the agent"
    machine.services["Mesh Agent"] = Service()  # another provider's
    ids = {"group_id": "A" * 96, "server_id": "B" * 96}
    settings: Json = {"server": "https://mesh.northwind.example:8443", **ids}
    choose(client, {"remote_access": {"provider": "meshcentral", "settings": settings}})
    before = machine.state()
    assert outcome(client, told(client, "rollout"))[0] == "changed" and machine.state() == before
    done = told(client, "rollout", "--apply")
    assert outcome(client, done)[0] == "changed", (done.output, machine.faults)
    assert machine.files[f"{folder}\\meshagent.exe"] == b"the agent" and machine.closed == {folder}
    settings_file = machine.files[f"{folder}\\meshagent.msh"].decode()
    assert "MeshServer=wss://mesh.northwind.example:8443/agent.ashx\n" in settings_file
    service = machine.services[name]
    assert (service.state, service.start_mode) == ("started", "auto")
    assert service.command == f'"{folder}\\meshagent.exe" --meshServiceName={name}'

    after = machine.state()
    assert outcome(client, told(client, "rollout", "--apply")) == ("ok", 0) and machine.state() == after
    (found,) = json.loads(told(client, "verify", "--json").stdout)
    assert "the server cannot be asked" in found["reason"], "the machine itself is well"
    assert all(proof["ok"] for proof in found["proofs"]) and len(found["proofs"]) == 6
    assert found["incumbents"] == ["meshcentral (service Mesh Agent)"]

    assert outcome(client, told(client, "rollout", "--uninstall", "--apply"))[0] == "changed"
    assert machine.state() == before and not machine.faults


def test_a_machine_with_another_certificate_is_told_nothing(
    tmp_path: Path, client: Client, machine: Machine
) -> None:
    other = Machine()
    with serving(Host(run=other.run)) as host:
        written = client.path / "client.yml"
        seen = next((client.path / "observations").iterdir())
        port = re.search(r"port: (\d+)", written.read_text())
        assert port
        for path in (written, seen):
            path.write_text(path.read_text().replace(port[1], str(host.port)))
        told(client, "rollout", "--apply", "-t", "monitoring")
        assert host.actions == []
    (lost,) = (each for each in client.last_run("rollout") if isinstance(each, HostOutcome))
    assert lost.status is HostStatus.UNREACHABLE and "its certificate is not the pinned one" in lost.detail
    assert not other.lines
