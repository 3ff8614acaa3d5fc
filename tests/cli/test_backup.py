"""`mspctl backup prune` on a real SSH server and real repositories, also as an attacker leaves them."""

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from msgspec import structs

from mspctl.cli import main
from mspctl.handwritten import dump
from mspctl.records import HostOutcome, RunEnded, RunStarted, Service
from mspctl.workspace import Client
from tests import samples, sshd
from tests.samples import CLIENT_YML

OPENS = "RepositoryPassword000000000000000000"
OWNER = 34  # Debian's own account `backup`, whose the store is
SETTINGS = {"server": "https://127.0.0.1:8000", "keep_last": 2, "keep_daily": 3, "keep_weekly": 0}
SETTINGS |= {"keep_monthly": 0, "snapshots_by_hand": 2}

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user"),
    pytest.mark.skipif(not (samples.has("restic") and samples.has("systemd-analyze")), reason="needs restic"),
]


@dataclass
class Store:
    """A client, and the folder on the provider's host where its repositories lie."""

    client: Client
    folder: Path
    server: sshd.Server
    made: int = field(default=0)

    def repository(self, host: str) -> Path:
        return self.folder / f"acme-a-{host}"

    def restic(self, host: str, *arguments: str) -> str:
        """Run restic on a repository as the server's user, whose files they are."""
        return subprocess.run(
            ["restic", "--no-cache", "--quiet", "--repo", str(self.repository(host)), *arguments],
            check=True,
            capture_output=True,
            text=True,
            env={"PATH": os.environ["PATH"], "RESTIC_PASSWORD": OPENS},
            cwd=self.folder,
            user=OWNER,
            group=OWNER,
            extra_groups=(),
            umask=0o077,
        ).stdout

    def back_up(self, host: str, came: datetime, dated: datetime | None = None) -> str:
        """Return the id of one snapshot more: when the server got it, and of when it says it is."""
        self.made += 1
        source = self.folder / "source"
        source.write_text(f"{self.made} " * 10_000)
        before = self.snapshots(host)
        said = f"{(dated or came).astimezone():%Y-%m-%d %H:%M:%S}"
        self.restic(host, "backup", "--host", host, "--tag", "mspctl", "--time", said, str(source))
        (new,) = self.snapshots(host) - before
        os.utime(self.repository(host) / "snapshots" / new, (came.timestamp(), came.timestamp()))
        return new

    def snapshots(self, host: str) -> set[str]:
        return {file.name for file in (self.repository(host) / "snapshots").iterdir()}

    def prune(self, *arguments: str) -> Result:
        root = self.client.workspace.root
        options = ["-C", str(root), "--vault-password-file", str(root / ".vault-password")]
        return CliRunner().invoke(main, ["backup", "prune", "acme", *options, *arguments])


def ago(days: float) -> datetime:
    return datetime.now(UTC).replace(hour=0, minute=0, microsecond=0) - timedelta(days=days)


@contextlib.contextmanager
def fresh_folder() -> Iterator[Path]:
    """Make a folder of the server's user, who does not get into those of pytest."""
    folder = Path(tempfile.mkdtemp(prefix="mspctl-store-"))
    try:
        os.chown(folder, OWNER, OWNER)
        yield folder
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def six_days(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with one repository, to which db has been backed up for six days."""
    with fresh_folder() as folder:
        client = samples.opened(tmp_path_factory.mktemp("none"), {})
        found = Store(client, folder, sshd.Server(0, ""))
        found.restic("db", "init")
        for days in range(6, 0, -1):
            found.back_up("db", ago(days))
        yield folder


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, six_days: Path) -> Iterator[Store]:
    """A client of two hosts; db has been backed up for six days, web has no repository yet."""
    with fresh_folder() as folder, sshd.serving() as server:
        subprocess.run(["cp", "--archive", f"{six_days}/.", str(folder)], check=True)
        yield Store(opened(tmp_path / "ws", folder, server), folder, server)


def opened(root: Path, folder: Path, server: sshd.Server) -> Client:
    """Return a client whose repositories lie in a folder on a host of the provider's."""
    secrets = {f"backup_encryption_password_a_{name}": OPENS for name in ("db", "web")}
    client = samples.opened(root, secrets)
    for name in ("login", "key"):
        client.workspace.vault().set(f"depot_{name}", sshd.CLIENT_KEY)
    choice = {"provider": "restic", "settings": SETTINGS}
    client.save("client.yml", CLIENT_YML + dump({"services": {"backup": choice}}))
    client.save_records("assets.jsonl", [samples.asset("db"), samples.asset("web", "192.0.2.11")])
    role = {
        "settings": {"certificate_file": "depot.pem", "folder": str(folder)},
        "secrets": {"certificate_key": "vault:depot_key"},
    }
    host = {
        "name": "depot",
        "address": "127.0.0.1",
        "connection": {"user": "real", "port": server.port, "key": "vault:depot_login"},
        "host_key": server.host_key,
        "roles": {"backup_repository": role},
    }
    (root / "mspctl.yml").write_text(dump({"provider": "Northwind", "hosts": [host]}))
    return client


def test_a_look_says_what_would_go_and_touches_nothing(store: Store) -> None:
    before = {file: file.stat().st_mtime_ns for file in store.folder.rglob("*")}
    done = store.prune()
    assert (done.exit_code, done.stderr) == (0, ""), done.stderr
    assert done.stdout == "db: 3 of 6 snapshots would go\nweb: no backup of it came yet\n"
    assert {file: file.stat().st_mtime_ns for file in store.folder.rglob("*")} == before
    assert samples.messages(store.client.workspace.root)[0] == (
        "acme: backup prune (preview): 1 of 2 repositories would be thinned"
    )


def test_the_old_go_the_rest_is_whole_and_belongs_to_the_server(store: Store) -> None:
    kept = {store.back_up("db", ago(0)), store.back_up("db", ago(0) + timedelta(seconds=1))}
    done = store.prune("--apply")
    assert done.exit_code == 0, done.stdout + done.stderr
    assert "db: 4 of 8 snapshots went, " in done.stdout and "KiB freed" in done.stdout
    assert kept < store.snapshots("db") and len(store.snapshots("db")) == 4
    store.restic("db", "check", "--read-data")
    files = [file for file in store.repository("db").rglob("*") if not file.is_symlink()]
    assert {(file.stat().st_uid, file.stat().st_gid) for file in files} == {(OWNER, OWNER)}
    assert not [file for file in files if file.stat().st_mode & 0o077]
    assert not list((store.repository("db") / "locks").iterdir())
    store.back_up("db", ago(0) + timedelta(seconds=2))  # the host goes on adding
    again = store.prune("--apply", "--json")
    (said,) = [each["detail"] for each in json.loads(again.stdout) if each.get("host") == "db"]
    assert again.exit_code == 0 and said.startswith("1 of 5 snapshots went, ")


def test_each_system_keeps_what_was_agreed_for_it(store: Store) -> None:
    path = store.client.path / "client.yml"
    parts = {
        "linux": {"provider": "restic", "settings": SETTINGS},
        "windows": {"provider": "restic", "settings": {**SETTINGS, "keep_daily": 1}},
    }
    login = {"windows": {"user": "technician", "password": "vault:windows", "port": 5985}}
    path.write_text(CLIENT_YML + dump({"services": {"backup": parts}, "connection": login}))
    desk = samples.asset("web", "192.0.2.11", kind="workstation", os="windows", os_version="11")
    desk = structs.replace(desk, name="desk", services=(Service(port=5985),))
    store.client.save_records("assets.jsonl", [samples.asset("db"), desk])
    subprocess.run(["cp", "--archive", str(store.repository("db")), str(store.repository("web"))], check=True)
    assert store.prune().stdout == "db: 3 of 6 snapshots would go\ndesk: 4 of 6 snapshots would go\n"
    done = store.prune("--apply")
    assert done.exit_code == 0, done.stdout + done.stderr
    assert [len(store.snapshots(host)) for host in ("db", "web")] == [3, 2]
    run = store.client.run(store.client.runs()[-1])
    assert sum(isinstance(each, RunStarted) for each in run) == 1


def test_a_run_is_recorded(store: Store) -> None:
    store.prune("--apply")
    started, _, *hosts, ended = store.client.run(store.client.runs()[-1])
    assert isinstance(started, RunStarted) and isinstance(ended, RunEnded)
    assert (started.playbook, started.check, ended.status) == ("backup_prune", False, "complete")
    found = {each.host: each.status.value for each in hosts if isinstance(each, HostOutcome)}
    assert found == {"db": "changed", "web": "skipped"}
    text = "".join(path.read_text() for path in (store.client.path / "runs").iterdir())
    assert OPENS not in text and sshd.CLIENT_KEY not in text
    assert (
        samples.messages(store.client.workspace.root)[0] == "acme: backup prune: 1 of 2 repositories thinned"
    )


def test_the_password_is_seen_in_no_list_of_processes_and_left_in_no_file(store: Store) -> None:
    seen: list[bytes] = []
    over = threading.Event()

    def watch() -> None:
        while not over.is_set():
            for process in Path("/proc").glob("[0-9]*"):
                with contextlib.suppress(OSError):
                    words = (process / "cmdline").read_bytes()
                    if words.startswith(b"restic\0") and str(store.folder).encode() in words:
                        seen.append(words + (process / "environ").read_bytes())
            time.sleep(0.01)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        assert store.prune("--apply").exit_code == 0
    finally:
        over.set()
        watching.join()
    assert any(b"prune" in each for each in seen)
    assert not any(OPENS.encode() in each for each in (*seen, *map(str.encode, store.server.commands)))
    assert not [
        file for file in store.folder.rglob("*") if file.is_file() and OPENS.encode() in file.read_bytes()
    ]


def refused(store: Store, because: str) -> None:
    """Expect that the repository is left as it is, with one line that says why."""
    before = store.snapshots("db")
    for arguments in ((), ("--apply",)):
        done = store.prune(*arguments)
        assert done.exit_code == 5, done.stdout + done.stderr
        (line,) = [each for each in done.stdout.splitlines() if each.startswith("db:")]
        assert line.startswith("db: failed: ") and because in line, line
    assert store.snapshots("db") == before
    assert samples.messages(store.client.workspace.root)[0].endswith(", left as they are: db")


def test_snapshots_from_the_future_are_no_basis(store: Store) -> None:
    for minute in range(2):
        store.back_up("db", ago(0), datetime(2044, 1, 1, 12, minute, tzinfo=UTC))
    refused(store, "is dated 2044-01-01 12:")


def test_more_than_the_schedule_makes_are_no_basis_until_they_are_removed(
    store: Store,
) -> None:
    flood = [store.back_up("db", ago(0) + timedelta(seconds=second)) for second in range(4)]
    day = f"{ago(0):%Y-%m-%d}"
    refused(store, f"4 snapshots came on {day}, and the schedule makes 1 a day, people 2 more at most")
    store.restic("db", "forget", *flood[:2])
    done = store.prune("--apply")
    assert done.exit_code == 0 and "db: 4 of 8 snapshots went" in done.stdout


def test_snapshots_that_are_dated_back_push_no_good_one_out(store: Store) -> None:
    good = {file.name: file.stat().st_mtime for file in (store.repository("db") / "snapshots").iterdir()}
    yesterday, day_before = sorted(good, key=lambda each: good[each])[:-3:-1]
    for day in (1, 2):
        store.back_up("db", ago(0) + timedelta(seconds=day), ago(day) + timedelta(hours=23))
    assert store.prune("--apply").exit_code == 0
    assert {yesterday, day_before} < store.snapshots("db")


def test_a_snapshot_that_cannot_be_read_is_no_basis(store: Store) -> None:
    forged = store.repository("db") / "snapshots" / ("0" * 64)
    forged.write_bytes(os.urandom(400))
    os.chown(forged, OWNER, OWNER)
    refused(store, "1 of 7 snapshots cannot be read, such as 00000000")
    forged.rename(forged.with_name("\x1b[2J"))
    refused(store, "among the snapshots lies what is none: '\\x1b[2J'")


def test_a_pack_that_is_not_what_it_says_is_found_before_anything_goes(store: Store) -> None:
    before = store.snapshots("db")
    pack = max((store.repository("db") / "data").rglob("*/*"), key=lambda file: file.stat().st_size)
    whole = pack.read_bytes()
    pack.chmod(0o600)
    pack.write_bytes(whole[:40] + bytes(8) + whole[48:])
    done = store.prune("--apply")
    assert done.exit_code == 5 and "db: failed: restic check: " in done.stdout
    assert store.snapshots("db") == before
    pack.write_bytes(whole)
    assert store.prune("--apply").exit_code == 0


def test_a_backup_at_work_is_not_disturbed(store: Store) -> None:
    environment = {"PATH": os.environ["PATH"], "RESTIC_PASSWORD": OPENS}
    command = ["restic", "--no-cache", "--repo", str(store.repository("db")), "backup", "--stdin"]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env=environment,
        user=OWNER,
        group=OWNER,
        cwd="/",
    ) as running:
        locks = store.repository("db") / "locks"
        deadline = time.monotonic() + 30
        while not list(locks.iterdir()) and time.monotonic() < deadline:
            time.sleep(0.05)
        done = store.prune("--apply")
        running.kill()
    assert done.exit_code == 5 and "repository is already locked by PID" in done.stdout
    assert store.prune("--apply").exit_code == 0  # what the killed one left locked is no longer at work


def test_another_password_opens_nothing(store: Store) -> None:
    store.client.vault().set("backup_encryption_password_a_db", "Another" + OPENS)
    done = store.prune("--apply")
    assert done.exit_code == 5
    assert "db: failed: restic snapshots: Fatal: wrong password or no key found\n" in done.stdout


def test_where_nobody_of_ours_keeps_them_it_is_said(store: Store) -> None:
    (store.client.workspace.root / "mspctl.yml").write_text("provider: Northwind\n")
    done = store.prune()
    assert done.exit_code == 3
    assert "services.backup.settings.server: '127.0.0.1' is the address of none of the hosts" in done.stderr


def test_a_host_of_ours_that_is_down_is_said_for_each(store: Store) -> None:
    path = store.client.workspace.root / "mspctl.yml"
    path.write_text(path.read_text().replace(f"port: {store.server.port}", "port: 1"))
    done = store.prune()
    assert done.exit_code == 5
    assert "db: unreachable: depot: does not answer at 127.0.0.1 port 1" in done.stdout
