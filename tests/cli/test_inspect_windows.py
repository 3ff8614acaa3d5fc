"""`mspctl inspect` on Windows, simulated: our script is sent and nothing else; real Windows was not run."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mspctl import winrm
from mspctl.cli import main
from mspctl.cli.discover import update
from mspctl.handwritten import dump
from mspctl.inspection import script
from mspctl.records import Asset, Json, Observation, ScanEnded, ScanStarted
from mspctl.workspace import Client
from tests.inspection.documents import laptop, text
from tests.samples import NOW, opened
from tests.wsman import PASSWORD, USER, Host, serving

SCAN = "20261121T093000Z"
ANSWER = b"MARK" + text(laptop()).encode() + b"MARK"


@pytest.fixture
def host() -> Iterator[Host]:
    with serving(Host(answer=ANSWER)) as found:
        yield found


def client_of(folder: Path, hosts: list[Host], **windows: object) -> Client:
    """Return a client with a Windows machine at 127.0.0.1 that answers at each host's port."""
    found = opened(folder / "northwind", {"windows": PASSWORD})
    login = {"user": USER, "password": "vault:windows", **windows}
    network = {"name": "office", "cidr": "127.0.0.0/24", "holds": "workstation"}
    written = {
        "title": "Acme Ltd",
        "authorisation": {"by": "J. Doe, owner", "date": "2026-11-01"},
        "connection": {"windows": login},
        "sites": [{"name": "main", "networks": [network]}],
    }
    (found.path / "client.yml").write_text(dump(written))
    with found.log("observations", SCAN) as append:
        append(ScanStarted(scan=SCAN, started_at=NOW, networks=("127.0.0.0/24",), ports=(5986,)))
        for each in hosts:
            state: dict[str, Json] = {"state": "open"}
            tls: dict[str, Json] = {"spki_sha256": each.key_sha256, "subject": "CN=ws-front"}
            server: dict[str, Json] = {
                "status": 401,
                "server": "Microsoft-HTTPAPI/2.0",
                "schemes": ["Negotiate"],
            }
            for probe, raw in (("tcp", state), ("tls", tls), ("winrm", server)):
                append(
                    Observation(scan=SCAN, address="127.0.0.1", probe=probe, at=NOW, port=each.port, raw=raw)
                )
        append(ScanEnded(scan=SCAN, ended_at=NOW, addresses_probed=254))
    update(found, found.file())
    found.commit("as found")
    return found


def inspect(client: Client, *arguments: str) -> Result:
    password = str(client.workspace.root / ".vault-password")
    options = ["-C", str(client.workspace.root), "--vault-password-file", password, "--timeout", "20"]
    return CliRunner().invoke(main, ["inspect", "acme", *arguments, *options])


def the_asset(client: Client) -> Asset:
    (found,) = (each for each in client.assets() if isinstance(each, Asset))
    return found


@pytest.mark.parametrize("transport", ["ntlm", "basic"])
def test_windows_is_seen_from_inside(tmp_path: Path, transport: str) -> None:
    with serving(Host(answer=ANSWER, login=transport)) as host:
        client = client_of(tmp_path, [host], port=host.port, transport=transport)
        done = inspect(client, "--json")
        assert done.exit_code == 0, (done.stdout, done.stderr, done.exception)
    assert host.commands == [winrm.command()]
    (sent,) = host.scripts
    assert sent.partition("\n")[2] == script.windows()
    asset = the_asset(client)
    assert (asset.get("os"), asset.get("os_version"), asset.get("kind")) == ("windows", "11", "laptop")
    assert (asset.get("serial"), asset.get("vendor")) == ("PF4ABCDE", "Lenovo")
    assert asset.get("domain") == "ad.harbour.example"
    (found,) = client.inspections()
    assert found.by == "winrm" and len(found.software) == 2
    for path in client.workspace.root.rglob("*"):
        if path.is_file():
            assert PASSWORD.encode() not in path.read_bytes()


def test_a_quiet_second_look_changes_nothing_but_its_own_log(tmp_path: Path, host: Host) -> None:
    client = client_of(tmp_path, [host], port=host.port)
    assert inspect(client).exit_code == 0
    before = [(client.path / name).read_bytes() for name in ("assets.jsonl", "inspections.jsonl")]
    assert inspect(client).exit_code == 0
    assert [(client.path / name).read_bytes() for name in ("assets.jsonl", "inspections.jsonl")] == before


def test_messages_are_encrypted_where_there_is_no_tls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(Host(answer=ANSWER), tls=False) as host:
        for module in ("mspctl.winrm", "mspctl.remoting"):
            monkeypatch.setattr(f"{module}.PLAIN_PORT", host.port)
        client = client_of(tmp_path, [host], port=host.port)
        done = inspect(client)
    assert done.exit_code == 0, (done.stdout, done.stderr)
    assert host.plain == 0 and host.encrypted == len(host.actions)


def test_another_certificate_is_not_logged_in_to_until_it_is_named(tmp_path: Path, host: Host) -> None:
    client = client_of(tmp_path, [host], port=host.port)
    with serving(Host(answer=ANSWER)) as other:
        path = client.path / "client.yml"
        path.write_text(path.read_text().replace(f"port: {host.port}", f"port: {other.port}"))
        log = client.path / "observations" / f"{SCAN}.jsonl"
        log.write_text(log.read_text().replace(f'"port":{host.port}', f'"port":{other.port}'))
        done = inspect(client, "--json")
        assert done.exit_code == 5
        assert "its certificate is not the pinned one" in done.stdout
        assert other.actions == []
        entry = {"asset": the_asset(client).id, "connection": {"windows": {"certificate": other.key_sha256}}}
        (client.path / "overrides.yml").write_text(dump({"assets": [entry]}))
        assert inspect(client).exit_code == 0
        assert other.scripts


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", "did not answer with the document asked for"),
        (
            b'#< CLIXML\r\n<Objs><S S="Error">\x1b[31mno</S></Objs>',
            "did not answer with the document asked for",
        ),
        (b"MARKnot json at allMARK", "did not answer with the document asked for"),
        (b"MARK{" + b"x" * (3 << 20) + b"}MARK", "answers with more than"),
    ],
)
def test_a_machine_that_answers_otherwise_is_one_line(tmp_path: Path, answer: bytes, words: str) -> None:
    with serving(Host(answer=answer)) as host:
        client = client_of(tmp_path, [host], port=host.port)
        done = inspect(client, "--json")
    assert done.exit_code == 5, (done.stdout, done.stderr, done.exception)
    (outcome,) = json.loads(done.stdout)
    assert outcome["result"] == "lost" and words in outcome["detail"]
    assert "\x1b" not in done.stdout + done.stderr
    (found,) = client.inspections()
    assert found.by == "" and words in found.lost


def test_hostile_documents_are_data(tmp_path: Path) -> None:
    evil = "\x1b]0;owned\x07{{ lookup('pipe','touch /tmp/mspctl-was-here') }}<script>alert(1)</script>"
    document = {
        **laptop(),
        "computer": {"Name": evil, "DNSHostName": "../../etc", "Manufacturer": evil, "Model": [evil]},
        "software": [{"DisplayName": evil, "DisplayVersion": evil}] * 200,
        "administrators": {"Domain": evil, "Name": evil},
    }
    with serving(Host(answer=b"MARK" + text(document).encode() + b"MARK")) as host:
        client = client_of(tmp_path, [host], port=host.port)
        assert inspect(client).exit_code == 0
    root = ["-C", str(client.workspace.root)]
    name = the_asset(client).name
    for command in (["assets", "show", "acme", name], ["report", "acme", "discovery"], ["inventory", "acme"]):
        done = CliRunner().invoke(main, [*command, *root])
        assert done.exit_code == 0 and "\x1b" not in done.stdout, (command, done.stderr, done.exception)
    assert "<script>alert" not in (client.path / "reports" / "discovery.html").read_text()
    assert not Path("/tmp/mspctl-was-here").exists()


def test_simulated_hosts_can_be_many(tmp_path: Path) -> None:
    """Threads of troublemakers are left behind; the command ends."""
    with ExitStack() as stack:
        trouble = stack.enter_context(serving(Host(trouble="drip")))
        client = client_of(tmp_path, [trouble], port=trouble.port)
        done = CliRunner().invoke(
            main,
            [
                *("inspect", "acme", "--timeout", "5", "-C", str(client.workspace.root)),
                *("--vault-password-file", str(client.workspace.root / ".vault-password")),
            ],
        )
    assert done.exit_code == 5 and "not done after 5 s" in done.stdout
