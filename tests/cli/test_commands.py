"""The commands by their real entry point, in a workspace that the commands themselves made."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from mspctl import __version__
from mspctl.cli import main
from mspctl.handwritten import dump
from mspctl.records import Ambiguous, CoverageState, HostStatus, Observation, ScanEnded, ScanStarted
from mspctl.workspace import Client, Workspace
from tests import samples
from tests.samples import NOW, PASSWORD, SECRET, WRITABLE, asset, coverage, messages, outcome, started
from tests.workspace import git

PROGRAM = Path(sys.executable).parent / "mspctl"
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A new workspace with the client `acme`, made by the commands; the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ANSIBLE_VAULT_PASSWORD_FILE", raising=False)
    must("init", "northwind", "--provider", "Northwind IT")
    monkeypatch.chdir(tmp_path / "northwind")
    add("acme", "office=192.0.2.0/24")
    (tmp_path / "northwind" / ".vault-password").write_text(PASSWORD)
    yield tmp_path / "northwind"


def run(*arguments: str, text: str | None = None) -> Result:
    """Run a command as the entry point does; what it printed is held apart."""
    return CliRunner().invoke(main, list(arguments), input=text)


def must(*arguments: str, text: str | None = None) -> str:
    done = run(*arguments, text=text)
    assert done.exit_code == 0, (arguments, done.stdout, done.stderr, done.exception)
    return done.stdout


def refused(code: int, *arguments: str, text: str | None = None) -> str:
    """Run a command that has to end with `code` and lines of errors only; return those."""
    done = run(*arguments, text=text)
    assert done.exit_code == code, (done.stdout, done.stderr, done.exception)
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert "a defect of mspctl" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if not line.startswith("[WARNING]")]  # Ansible's own
    assert all(line.startswith("mspctl: ") for line in lines), done.stderr
    return "".join(f"{line.removeprefix('mspctl: ')}\n" for line in lines)


def add(name: str, *networks: str) -> Result:
    given = [argument for network in networks for argument in ("--network", network)]
    return run("client", "add", name, "--title", "Acme Ltd", "--authorised-by", "J. Doe, owner", *given)


def client(root: Path) -> Client:
    return Workspace.find(root, lambda: PASSWORD).client("acme")


def choose(root: Path, text: str = "") -> None:
    """Let the client choose monitoring, by hand."""
    path = root / "inventories" / "acme" / "client.yml"
    services = {"monitoring": {"provider": "zabbix", **_zabbix()}}
    path.write_text(path.read_text() + (text or dump({"services": services})))


def _zabbix() -> dict[str, object]:
    return {"settings": dict(samples.zabbix().settings), "secrets": dict(samples.zabbix().secrets)}


# The entry point


def program(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(PROGRAM), *arguments],
        cwd=cwd,
        text=True,
        capture_output=True,
        check=False,
        env={**os.environ, **environment},
    )


def test_the_installed_program_ends_with_lines_and_codes(root: Path) -> None:
    done = program("client", "show", "nobody", cwd=root)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == "mspctl: inventories/nobody: no such client; `mspctl client list` names them\n"
    assert program("--version", cwd=root).stdout == f"mspctl, version {__version__}\n"
    usage = program("rollout", "acme", "--check", "--apply", cwd=root)
    assert usage.returncode == 2
    assert "--check only looks and --apply changes" in usage.stderr
    pipe = f"{PROGRAM} schema client | head -c 1"
    assert (
        subprocess.run(["bash", "-o", "pipefail", "-c", pipe], capture_output=True, check=False).stderr == b""
    )


def test_a_defect_is_one_line_that_says_how_to_see_more(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_self: Client) -> None:
        raise ZeroDivisionError("with \x1b[31mcolour")

    monkeypatch.setattr(Client, "file", broken)
    done = run("client", "show", "acme")
    assert done.exit_code == 1
    assert done.stderr.splitlines() == [
        "mspctl: a defect of mspctl, please report it: ZeroDivisionError: with [31mcolour",
        "mspctl: run it again with MSPCTL_TRACEBACK=1 to see where",
    ]


def commands(group: click.Group = main, names: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*names, name))
        else:
            yield (*names, name)


@pytest.mark.parametrize("names", list(commands()), ids=" ".join)
def test_every_command_s_help_ends_with_an_example(names: tuple[str, ...]) -> None:
    text = must(*names, "--help")
    words, _, options = text.partition("\nOptions:")
    assert re.search(
        rf"^ +(?:.* \| )?mspctl {' '.join(names)}\b", words.rstrip().rsplit("\n\n", 1)[-1], re.M
    ), words
    for option in re.findall(r"^  (-\S.*)$", options, re.M):
        assert (
            re.search(r"  \S", option) or option.rstrip() in options
        )  # a line of its own is explained below
    assert text == must(*names, "-h")


def test_the_commands_are_listed_in_the_order_of_the_work() -> None:
    text = must("--help")
    names = re.findall(r"^  ([a-z]+)  ", text.partition("Commands:")[2], re.M)
    assert names[:6] == ["init", "client", "secret", "providers", "doctor", "discover"]
    for code in ("2 usage", "3 bad input", "4 not all covered", "5 hosts failed", "6 another", "130 stopped"):
        assert code in " ".join(text.split())


# init, client


def test_init_makes_a_workspace_that_git_and_editors_know(root: Path) -> None:
    assert messages(root) == [
        "acme: client added: Acme Ltd, authorised by J. Doe, owner",
        "init: workspace of Northwind IT",
    ]
    assert git(root, "status", "--short") == ""
    for name in ("mspctl.yml", "inventories/acme/client.yml", "inventories/acme/overrides.yml"):
        schema = re.match(r"# yaml-language-server: \$schema=(\S+)\n", (root / name).read_text())
        assert schema
        assert json.loads(((root / name).parent / schema[1]).read_text())["$schema"]
    assert "already a workspace" in refused(3, "init", str(root))
    (root / "file").write_text("")
    assert "not a folder" in refused(3, "init", str(root / "file"))


def test_init_takes_a_folder_that_has_things_in_it(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("ours\n")
    (tmp_path / "README").write_text("ours\n")
    must("init", str(tmp_path))
    assert (tmp_path / ".gitignore").read_text() == "ours\n"
    assert f"provider: {tmp_path.name}" in (tmp_path / "mspctl.yml").read_text()


def test_a_client_is_added_shown_and_listed(root: Path) -> None:
    add("harbour", "10.203.10.0/24", "10.203.20.0/24")
    shown = must("client", "show", "harbour")
    assert "site main" in shown
    assert "network-1 10.203.10.0/24, network-2 10.203.20.0/24" in shown
    listed = must("client", "list").splitlines()
    assert [line.split()[0] for line in listed] == ["CLIENT", "acme", "harbour"]
    as_json = json.loads(must("client", "list", "--json"))
    assert as_json["acme"]["sites"][0]["networks"] == [{"cidr": "192.0.2.0/24", "name": "office"}]
    assert json.loads(must("client", "show", "acme", "--json")) == as_json["acme"]
    assert os.readlink(root / "inventories/acme/group_vars/all/vault.yml") == "../../vault.yml"  # noqa: PTH115


@pytest.mark.parametrize(
    ("name", "networks", "said"),
    [
        ("acme", ["192.0.2.0/24"], "there is such a client already"),
        ("provider", ["192.0.2.0/24"], "client name 'provider'"),
        ("../evil", ["192.0.2.0/24"], "use lower-case letters, digits and dashes"),
        ("Acme", ["192.0.2.0/24"], "use lower-case letters"),
        ("", ["192.0.2.0/24"], "use lower-case letters"),
        ("zahnärzte", ["192.0.2.0/24"], "use lower-case letters"),
        ("a" * 300, ["192.0.2.0/24"], "use lower-case letters"),
        ("new", ["192.0.2.1/24"], "networks[0].cidr: not a valid network: '192.0.2.1/24'"),
        ("new", ["office"], "networks[0].cidr: not a valid network"),
        ("new", ["Front Office=192.0.2.0/24"], "networks[0].name: 'Front Office' does not fit"),
    ],
)
def test_a_client_that_cannot_be_is_refused_and_nothing_is_written(
    root: Path, name: str, networks: list[str], said: str
) -> None:
    done = add(name, *networks)
    assert done.exit_code == 3
    assert said in done.stderr
    assert git(root, "status", "--short", "--ignored").split() == ["!!", ".vault-password"]
    assert not (root / "inventories" / "new").exists()


def test_adding_a_client_again_after_a_kill_works(root: Path) -> None:
    half = root / "inventories" / "harbour" / "group_vars" / "all"
    half.mkdir(parents=True)
    (half / "vault.yml").symlink_to("../../vault.yml")
    assert add("harbour", "192.0.2.0/24").exit_code == 0
    assert must("client", "show", "harbour")


def test_what_an_editor_saved_is_checked_and_committed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDITOR", "sed -i s/Acme/Apex/")
    must("client", "edit", "acme")
    assert messages(root)[0] == "acme: client.yml edited"
    assert "not changed" in run("client", "edit", "acme").stderr
    monkeypatch.setenv("EDITOR", "sed -i s/title/titel/")
    assert "titel: unknown key; did you mean 'title'?" in refused(3, "client", "edit", "acme")
    assert len(messages(root)) == 3


# secret


def test_secrets_are_set_listed_and_checked(root: Path) -> None:
    choose(root)
    vault = ("--vault-password-file", ".vault-password")
    assert "psk   MISSING  inventories/acme/client.yml: services.monitoring.secrets.psk" in must(
        "secret", "list", "acme"
    )
    done = run("secret", "check", "acme", *vault)
    assert done.exit_code == 4
    assert done.stdout == (
        "inventories/acme/client.yml: services.monitoring.secrets.psk: vault:psk is not set;"
        " use `mspctl secret set acme psk`\n"
    )
    done = run("secret", "set", "acme", "psk", *vault, text=f"{SECRET}\n")
    assert done.exit_code == 0
    assert SECRET not in done.output
    assert client(root).vault().get("vault:psk") == SECRET
    must("secret", "set", "acme", "spare", *vault, text="x")
    assert json.loads(must("secret", "list", "acme", "--json")) == [
        {
            "name": "psk",
            "stored": True,
            "used": ["inventories/acme/client.yml: services.monitoring.secrets.psk"],
        },
        {"name": "spare", "stored": True, "used": []},
    ]
    assert "nowhere" in must("secret", "list", "acme")
    assert "2 secrets, none missing" in run("secret", "check", "acme", *vault).stderr
    must("secret", "set", "acme", "psk", *vault, text="another")
    must("secret", "remove", "acme", "spare")
    assert messages(root)[:4] == [
        "acme: secret spare removed",
        "acme: secret psk changed",
        "acme: secret spare set",
        "acme: secret psk set",
    ]
    assert SECRET not in git(root, "log", "-p")


def test_a_vault_has_one_writer_at_a_time(root: Path) -> None:
    vault = ("--vault-password-file", ".vault-password")
    must("secret", "set", "acme", "psk", *vault, text="x")
    with client(root).lock("mspctl secret set acme"):
        refused(6, "secret", "set", "acme", "psk", *vault, text="y")
        refused(6, "secret", "remove", "acme", "psk")
        must("secret", "list", "acme")
        must("secret", "set", "provider", "psk", *vault, text="z")
    assert client(root).vault().get("psk") == "x"


def test_the_provider_has_secrets_of_its_own(root: Path) -> None:
    path = root / "mspctl.yml"
    consoles = {"zabbix": {"url": "https://192.0.2.1", "user": "mspctl", "password": "vault:zabbix_api"}}
    path.write_text(path.read_text() + dump({"consoles": consoles, "vault_password_file": ".vault-password"}))
    assert run("secret", "check", "provider").exit_code == 4
    must("secret", "set", "provider", "zabbix_api", text="x")  # the password's file is named in mspctl.yml
    assert "zabbix_api  yes     mspctl.yml: consoles.zabbix.password" in must("secret", "list", "provider")
    assert "zabbix_api" not in must("secret", "list", "acme")


@pytest.mark.parametrize("name", ["PSK", "a-b", "1a", "", "../x", "é", "a\n", "x" * 100])
def test_a_secret_s_name_is_one_that_can_be_referred_to(root: Path, name: str) -> None:
    assert "use lower-case letters, digits and underscores" in refused(
        3, "secret", "set", "acme", name, text="x"
    )


def test_secrets_without_a_way_in_are_refused(root: Path) -> None:
    assert "the vault's password is needed" in refused(3, "secret", "set", "acme", "psk", text="x")
    vault = ("--vault-password-file", ".vault-password")
    assert "psk: empty" in refused(3, "secret", "set", "acme", "psk", *vault, text="\n")
    must("secret", "set", "acme", "psk", *vault, text="x")
    (root / "wrong").write_text("wrong")
    wrong = ("--vault-password-file", "wrong")
    assert "does not open 'psk'" in refused(1, "secret", "check", "acme", *wrong)
    assert "no secret 'nobody'" in refused(3, "secret", "remove", "acme", "nobody")
    assert "No such file" in refused(3, "secret", "check", "acme", "--vault-password-file", "absent")


# assets, inventory, status


def seen(root: Path) -> None:
    """Put one scan on disk that saw a host with SSH and a printer."""
    found = client(root)
    name = "20261121T093000Z"
    with found.log("observations", name) as append:
        append(ScanStarted(scan=name, started_at=NOW, networks=("192.0.2.0/24",), ports=(22, 9100)))
        for address in ("192.0.2.10", "192.0.2.40"):
            append(Observation(scan=name, address=address, probe="ping", at=NOW, raw={"ttl": 64}))
        append(ScanEnded(scan=name, ended_at=NOW, addresses_probed=254))


def test_an_asset_is_corrected_and_stays_so(root: Path) -> None:
    seen(root)
    from mspctl.cli.discover import update

    update(client(root), client(root).file())
    values = ("name=till", "kind=workstation", "os=debian")
    must("assets", "set", "acme", "192.0.2.10", *values, "--note", "seen on site")
    assert messages(root)[0] == f"acme: assets set: host-192-0-2-10: {', '.join(values)}"
    (override,) = client(root).overrides().assets
    assert override.note == "seen on site"
    shown = json.loads(must("assets", "show", "acme", "till", "--json"))
    assert shown["profile"]["kind"]["value"] == "workstation"
    assert shown["profile"]["kind"]["probe"] == "override"
    must("assets", "set", "acme", "till", "kind=")
    assert "kind" not in client(root).overrides().assets[0].values
    assert "no asset 'tilt'; did you mean 'till'" in refused(3, "assets", "show", "acme", "tilt")
    assert "'knd=x': write KEY=VALUE; did you mean 'kind'" in refused(
        3, "assets", "set", "acme", "till", "knd=x"
    )
    assert "no such kind; did you mean 'workstation'" in refused(
        3, "assets", "set", "acme", "till", "kind=wrkstation"
    )
    assert "no scan saw an SSH host key" in refused(3, "assets", "trust", "acme", "till")


@pytest.mark.parametrize("name", ["../../../evil", "{{ 1 }}", "web server", "all", "-x", "a\x1b[31m"])
def test_a_name_given_by_hand_is_safe_too(root: Path, name: str) -> None:
    seen(root)
    from mspctl.cli.discover import update

    update(client(root), client(root).file())
    run("assets", "set", "acme", "192.0.2.10", f"name={name}")
    for found in client(root).assets():
        assert not hasattr(found, "name") or re.fullmatch("[a-z0-9][a-z0-9-]*", found.name)


@pytest.mark.parametrize(
    "hostile", [text for text in WRITABLE if len(text) < 1000], ids=range(len(WRITABLE) - 1)
)
def test_hostile_names_do_nothing_to_the_terminal(root: Path, hostile: str) -> None:
    found = client(root)
    nasty = replace(
        asset("web", vendor=hostile, model=hostile),
        name=hostile,
        id=hostile,
        merged_because=(hostile,),
    )
    found.save_records("assets.jsonl", [nasty, Ambiguous(subject=hostile, detail=hostile, advice=hostile)])
    found.save_records("evidence.jsonl", [coverage(hostile[:80], CoverageState.FAILING, hostile)])
    with found.log("runs", "20261121T093000Z") as append:
        append(started([(hostile,)]))
        append(outcome(hostile, HostStatus.FAILED, detail=hostile))
    for arguments in (
        ("assets", "list", "acme"),
        ("assets", "show", "acme", "192.0.2.10"),
        ("assets", "show", "acme", "nobody"),
        ("status", "acme"),
    ):
        for form in ((), ("--json",)):
            done = run(*arguments, *form)
            assert not CONTROL.search(done.output), (arguments, form)
            if form and done.stdout:
                assert json.loads(done.stdout)
    listed = json.loads(must("assets", "list", "acme", "--json"))
    assert hostile in {each.get("name") for each in listed}
    assert run("report", "acme").exit_code == 0


def test_the_inventory_is_written_committed_and_kept_clean(root: Path) -> None:
    choose(root)
    found = client(root)
    found.save_records("assets.jsonl", [asset("web"), asset("printer", "192.0.2.40", kind="printer", os="")])
    stale = found.path / "host_vars" / "gone" / "mspctl.json"
    stale.parent.mkdir(parents=True)
    stale.write_text("{}")
    (stale.parent / "ours.yml").write_text("a: 1\n")
    said = must("inventory", "acme")
    assert re.search(r"^printer .* takes no agent: printer$", said, re.M)
    assert re.search(r"^web .*monitoring.* managed$", said, re.M)
    assert messages(root)[0] == "acme: inventory: 2 hosts, 1 managed"
    assert not stale.exists()
    assert (stale.parent / "ours.yml").exists()
    before = len(messages(root))
    assert json.loads(must("inventory", "acme", "--json"))["hosts"]
    assert len(messages(root)) == before  # nothing new, no commit


def test_what_prometheus_reads_is_there_as_long_as_it_watches(root: Path) -> None:
    names = ("prometheus.json", "prometheus.rules.yml")
    exporter = {
        "provider": "node_exporter",
        "settings": {"certificate_file": "x.pem", "full_percent": 80},
        "secrets": {"certificate_key": "vault:key", "password_hash": "vault:hash"},
    }
    choose(root, dump({"services": {"monitoring": exporter}}))
    found = client(root)
    found.save_records("assets.jsonl", [asset("web")])
    must("inventory", "acme")
    assert all((found.path / name).is_file() for name in names)
    assert "> 80 and" in (found.path / names[1]).read_text()
    assert git(root, "status", "--porcelain") == ""
    found.save_records("assets.jsonl", [asset("web", kind="printer", os="")])
    must("inventory", "acme")
    assert not any((found.path / name).exists() for name in names)


def test_a_mistake_in_a_choice_is_told_with_the_nearest_name(root: Path) -> None:
    choose(root, dump({"services": {"monitoring": {"provider": "zabix"}}}))
    assert refused(3, "inventory", "acme") == (
        "inventories/acme/client.yml: services.monitoring.provider: no monitoring provider 'zabix';"
        " did you mean 'zabbix'?\n"
    )


def test_a_service_that_does_not_exist_is_told_with_the_nearest_one(root: Path) -> None:
    choose(root, dump({"services": {"monitorin": {"provider": "zabbix"}}}))
    assert refused(3, "inventory", "acme") == (
        "inventories/acme/client.yml: services.monitorin: no such service; did you mean 'monitoring'?\n"
    )


def test_status_says_what_to_do_next(root: Path) -> None:
    def standing() -> tuple[str, str]:
        (row,) = json.loads(must("status", "acme", "--json"))
        return row["state"], row["next"]

    assert standing() == ("not discovered", "mspctl discover acme")
    found = client(root)
    found.save_records("assets.jsonl", [asset("web"), asset("db")])
    assert standing() == ("not onboarded", "mspctl onboard acme --apply")
    with found.log("runs", "20261121T093000Z") as append:
        append(started([("web", "db")], run="20261121T093000Z"))
    assert standing() == ("interrupted", "mspctl rollout acme --resume --apply")
    with found.log("runs", "20261121T093000Z") as append:
        append(outcome("web"))
        append(outcome("db", HostStatus.UNREACHABLE))
        append(samples.ended())
    assert standing() == ("hosts lost", "mspctl rollout acme --retry-failed --apply")
    with found.log("runs", "20261121T093000Z") as append:
        append(outcome("db"))
    assert standing() == ("not verified", "mspctl verify acme")
    found.save_records("evidence.jsonl", [coverage("web"), coverage("db", CoverageState.FAILING)])
    assert standing() == ("gaps", "mspctl verify acme")
    found.save_records("evidence.jsonl", [coverage("web"), coverage("db", CoverageState.EXCLUDED)])
    assert standing() == ("covered", "nothing")
    assert must("status").splitlines()[1].startswith("acme    2       1        0     20261121T093000Z")


# Refusals


def test_one_client_s_mistake_does_not_hide_the_others(root: Path) -> None:
    assert add("birch", "office=192.0.2.0/24").exit_code == 0
    (root / "inventories" / "birch" / "client.yml").write_text("title: 3\n")
    listed = must("client", "list")
    assert "Acme Ltd" in listed
    assert "mspctl doctor birch" in listed


def test_exit_codes(root: Path) -> None:
    refused(3, "client", "show", "nobody")
    assert run("rollout", "acme", "--nonsense").exit_code == 2
    assert run("secret", "check", "acme").exit_code == 0
    with client(root).lock("mspctl rollout acme"):
        for arguments in (("inventory", "acme"), ("report", "acme"), ("rollout", "acme"), ("verify", "acme")):
            assert "`mspctl rollout acme` of" in refused(6, *arguments)
        must("status", "acme")
    assert "not in a workspace" in refused(3, "status", "-C", "/")


def test_a_rollout_that_concerns_nobody_is_refused(root: Path) -> None:
    choose(root)
    found = client(root)
    assert "no managed host to change" in refused(3, "rollout", "acme")
    found.save_records("assets.jsonl", [asset("web")])
    assert "vault:psk is not set" in refused(3, "rollout", "acme", "-l", "web")
    assert "-l nobody: " in refused(3, "rollout", "acme", "-l", "nobody")
    assert "-t monitring: no task has this tag; did you mean 'monitoring'" in refused(
        3, "rollout", "acme", "-t", "monitring"
    )
    assert "-l : no pattern of hosts" in refused(3, "rollout", "acme", "-l", "")
    assert "no unfinished rollout" in refused(3, "rollout", "acme", "--resume")
    assert run("rollout", "acme", "--resume", "-l", "web").exit_code == 2


def test_a_product_for_each_system_is_shown_and_its_contradictions_are_lines(root: Path) -> None:
    path = root / "inventories" / "acme" / "client.yml"
    text = path.read_text()
    parts = {"provider": "clamav", "windows": {"provider": "defender"}}
    path.write_text(text + dump({"services": {"antivirus": parts}}))
    assert "clamav on Linux, defender on Windows" in must("client", "show", "acme")
    must("inventory", "acme")
    wrong = {"provider": "clamav", "windows": {"provider": "clamav"}, "linux": {"provider": "defender"}}
    path.write_text(text + dump({"services": {"antivirus": wrong}}))
    where = "inventories/acme/client.yml: services.antivirus"
    assert refused(3, "inventory", "acme").splitlines() == [
        f"{where}.provider: clamav is for no system, as linux and windows have products of their own; "
        "leave it out",
        f"{where}.linux.provider: defender has no agent for Linux",
        f"{where}.windows.provider: clamav has no agent for Windows",
    ]


def test_an_unknown_network_is_told_before_anything_is_sent(root: Path) -> None:
    said = refused(3, "discover", "acme", "--network", "offfice", "--dry-run")
    assert said == "inventories/acme/client.yml: no network 'offfice'; known: office\n"
    estimate = json.loads(must("discover", "acme", "--dry-run", "--json"))
    assert estimate["addresses"] == 254


def test_every_mistake_of_a_file_is_a_line(root: Path) -> None:
    (root / "inventories" / "acme" / "client.yml").write_text("titel: x\nsites: []\n")
    lines = refused(3, "client", "show", "acme").splitlines()
    assert len(lines) == 4
    assert all(line.startswith("inventories/acme/client.yml: ") for line in lines)


# schema, completion, doctor


@pytest.mark.parametrize("name", ["client", "mspctl", "overrides", "provider"])
def test_schemas_are_printed(name: str) -> None:
    assert json.loads(must("schema", name))["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_printed(shell: str) -> None:
    assert "_MSPCTL_COMPLETE" in must("completion", shell)


def test_client_names_are_completed(root: Path) -> None:
    done = program(cwd=root, _MSPCTL_COMPLETE="bash_complete", COMP_WORDS="mspctl status a", COMP_CWORD="2")
    shown = program(cwd=root, _MSPCTL_COMPLETE="bash_complete", COMP_WORDS="mspctl rollout a", COMP_CWORD="2")
    assert "plain,acme" in shown.stdout
    assert "plain,acme" in done.stdout


def test_doctor_looks_at_the_machine_and_at_the_files(root: Path, tmp_path: Path) -> None:
    looked = json.loads(run("doctor", "--json").stdout)
    found = {each["what"]: each for each in looked}
    assert found["python"]["ok"]
    assert found["ansible-core"]["detail"].startswith("2.")
    if not found["modules for Windows"]["ok"]:
        assert "pip install 'mspctl[windows]'" in found["modules for Windows"]["detail"]
    assert found["workspace"]["detail"] == str(root)
    assert found["inventories/acme"]["ok"]
    assert found["secrets of acme"]["ok"]
    choose(root)
    broken = run("doctor", "acme")
    assert broken.exit_code == 1
    assert re.search(r"secrets of acme +MISSING +.*vault:psk is not set", broken.stdout)
    assert "not in a workspace" in run("doctor", "-C", "/").stdout
