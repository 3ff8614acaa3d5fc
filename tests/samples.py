"""Builders of records and files that tests share; each takes only what its test is about."""

import shutil
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path

from mspctl.handwritten import dump
from mspctl.records import (
    Asset,
    Authorisation,
    ClientFile,
    Coverage,
    CoverageState,
    HostOutcome,
    HostStatus,
    Network,
    OptIn,
    Proof,
    RunEnded,
    RunStarted,
    Service,
    Site,
    Value,
)
from mspctl.vault import Password, Vault, no_password
from mspctl.workspace import CLIENTS, SETTINGS, Client, Workspace
from tests.workspace import git

TODAY = date(2026, 11, 21)
NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
PASSWORD = "correct horse battery staple"
SECRET = "s3cr3t-Zabbix-PSK-0123456789abcdef"

HOSTILE = (
    "{{ lookup('pipe', 'touch /tmp/mspctl-was-here') }}",
    "{% for x in ().__class__.__base__.__subclasses__() %}{{ x }}{% endfor %}",
    "!!python/object/apply:os.system ['touch /tmp/mspctl-was-here']",
    "!unsafe x",
    "\x1b]0;owned\x07\x1b[2J\x1b[31mred",
    "\x9b31mred\x9d0;owned\x9c",
    "abc\u202egnp.exe\u2066\u2028next",
    "\ud800 half a character",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "../../../../etc/cron.d/owned",
    "a\x00b\r\nc: [d",
    "$(touch /tmp/mspctl-was-here); `id`",
    "x" * 1_048_576,
)
"""What a device may call itself."""
WRITABLE = tuple(text for text in HOSTILE if "\ud800" not in text)
"""The same as it may stand in a record: half a character gets into none."""


def value(text: str) -> Value:
    """Return a discovered value."""
    return Value(value=text, confidence=0.9, probe="ssh", rule="test", evidence=text[:200], since=NOW)


def asset(name: str, address: str = "192.0.2.10", **profile: str) -> Asset:
    """Return an asset with SSH; a Debian server unless `profile` says otherwise, "" leaves a value out."""
    known = {"kind": "server", "os": "debian", "os_version": "12", **profile}
    return Asset(
        id=f"a-{name}",
        name=name,
        site="main",
        network="office",
        addresses=(address,),
        profile={key: value(text) for key, text in known.items() if text},
        services=(Service(port=22, name="ssh"),),
    )


def zabbix(**more: str) -> OptIn:
    """Return a client's choice of Zabbix."""
    settings = {"server": "192.0.2.1", "psk_identity": "northwind", **more}
    return OptIn(provider="zabbix", settings=dict(settings), secrets={"psk": "vault:psk"})


def client_file(services: Mapping[str, OptIn] | None = None) -> ClientFile:
    """Return a client of one site with one network."""
    return ClientFile(
        title="Acme Ltd",
        authorisation=Authorisation(by="J. Doe, owner", date="2026-11-01"),
        sites=(Site(name="main", networks=(Network(name="office", cidr="192.0.2.0/24"),)),),
        services=dict(services or {}),
    )


def coverage(
    host: str, state: CoverageState = CoverageState.COVERED, reason: str = "", proofs: tuple[Proof, ...] = ()
) -> Coverage:
    """Return how a host stands under monitoring."""
    return Coverage(
        asset=host, service="monitoring", state=state, provider="zabbix", reason=reason, proofs=proofs
    )


def started(waves: Iterable[tuple[str, ...]], run: str = "r", check: bool = False) -> RunStarted:
    """Return the first line of a rollout's record."""
    return RunStarted(run=run, playbook="rollout", started_at=NOW, by="sam", check=check, waves=tuple(waves))


def outcome(host: str, status: HostStatus = HostStatus.OK, wave: int = 1, detail: str = "") -> HostOutcome:
    """Return how a host came out of a wave."""
    return HostOutcome(wave=wave, host=host, status=status, detail=detail)


def ended(status: str = "complete") -> RunEnded:
    """Return the last line of a run's record."""
    return RunEnded(ended_at=NOW, status=status)


CLIENT_YML = """\
# What Jane told us on the phone.
title: Acme Ltd
authorisation:
  by: J. Doe, owner
  date: 2026-11-01  # by e-mail
sites:
  - name: main
    networks:
      - name: office
        cidr: 192.0.2.0/24
"""


def workspace(root: Path, password: Password = no_password, clients: Iterable[str] = ("acme",)) -> Workspace:
    """Make a workspace at `root` with clients whose client.yml is committed, without the command line."""
    root.mkdir(parents=True, exist_ok=True)
    (root / SETTINGS).write_text(dump({"provider": "Northwind IT"}))
    (root / ".gitignore").write_text(".lock\n*.tmp\n.vault-password\n")
    for name in clients:
        (root / CLIENTS / name).mkdir(parents=True)
        (root / CLIENTS / name / "client.yml").write_text(CLIENT_YML)
    git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "a workspace")
    return Workspace(root, password)


def opened(root: Path, secrets: Mapping[str, str], client: str = "acme") -> Client:
    """Make a workspace whose client has secrets; its password is PASSWORD, in .vault-password as well."""
    found = workspace(root, lambda: PASSWORD, (client,)).client(client)
    password = root / ".vault-password"
    password.write_text(PASSWORD)
    password.chmod(0o600)
    linked = found.path / "group_vars" / "all"
    linked.mkdir(parents=True)
    (linked / "vault.yml").symlink_to("../../vault.yml")
    vault: Vault = found.vault()
    for name, text in secrets.items():
        vault.set(name, text)
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "secrets", "--allow-empty")
    return found


def messages(root: Path) -> list[str]:
    """Return the messages of all commits, newest first."""
    return git(root, "log", "--format=%s").splitlines()


def has(program: str) -> bool:
    """Return whether a program is installed."""
    return shutil.which(program) is not None
