"""A provider's git repository and the folder of each client in it: typed load and save, lock, commit.

Written by hand is YAML, written by the machine is JSON Lines: one record a line, sorted, byte-stable, so
that `git diff` shows what changed at the client and nothing else.
"""

import fcntl
import getpass
import json
import os
import re
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from mspctl import handwritten, process
from mspctl.errors import BadInput, Locked, MspctlError
from mspctl.records import (
    AssetRecord,
    ClientFile,
    Console,
    Coverage,
    CoverageCount,
    DetectedDevice,
    Drill,
    Inspection,
    OverridesFile,
    Receipt,
    Record,
    RunRecord,
    RunStarted,
    ScanRecord,
    Unmatched,
    Verdict,
    WorkspaceFile,
)
from mspctl.vault import Password, Vault

R = TypeVar("R", bound=Record)

SETTINGS = "mspctl.yml"
CLIENTS = "inventories"
ARCHIVE = "archive"
RESERVED = ("provider",)  # names that mean something else on the command line
_GIT_SECONDS = 120
_ENCODER = msgspec.json.Encoder(order="sorted")


def encode(record: object) -> str:
    """Return `record` as one line of JSON with sorted keys, without the newline."""
    return _ENCODER.encode(record).decode()


class Workspace:
    """The provider's repository. Find it with `Workspace.find`, make it with `Workspace.create`."""

    def __init__(self, root: Path, password: Password) -> None:
        """Take the folder that holds mspctl.yml, and what opens the vaults."""
        self.root = root
        self.password = password

    @classmethod
    def find(cls, start: Path, password: Password) -> "Workspace":
        """Return the workspace that `start` lies in. Raise BadInput where there is none."""
        for folder in (start.absolute(), *start.absolute().parents):
            if (folder / SETTINGS).is_file():
                return cls(folder, password)
        raise BadInput(
            f"{start}: not in a workspace (no {SETTINGS} here or above); make one with `mspctl init DIR`"
        )

    def settings(self) -> WorkspaceFile:
        """Return mspctl.yml. Raise BadInput with every mistake in it."""
        return handwritten.read(self.root / SETTINGS, WorkspaceFile, SETTINGS)

    @property
    def own_providers(self) -> Path:
        """Where the provider keeps records of products that mspctl does not ship, or that it knows better."""
        return self.root / "providers"

    def fingerprint_folders(self) -> tuple[Path, ...]:
        """Return where the provider keeps fingerprints that are not shipped."""
        return tuple(self.root / Path(named).expanduser() for named in self.settings().fingerprints)

    def vault(self) -> Vault:
        """Return the provider's own vault."""
        return Vault(self.root / "vault.yml", self.password, "vault.yml")

    def console(self, provider: str) -> tuple[Console, str, Path | None]:
        """Return a provider's console, what opens it, who signs it. Raise MspctlError where none is given."""
        console = self.settings().consoles.get(provider)
        if console is None:
            raise MspctlError(f"{SETTINGS}: consoles.{provider}: missing; the server cannot be asked")
        reference = console.token or console.password
        secret = self.vault().get(reference) if reference else ""
        return console, secret, self.root / Path(console.ca_file) if console.ca_file else None

    def own_side(self) -> "OwnSide":
        """Return the folder of the provider's own hosts."""
        return OwnSide(self)

    def clients(self) -> tuple[str, ...]:
        """Return the names of all clients, sorted."""
        return tuple(sorted(found.parent.name for found in (self.root / CLIENTS).glob("*/client.yml")))

    def client(self, name: str) -> "Client":
        """Return the folder of the client `name`. Raise BadInput where there is none."""
        if name not in self.clients():
            hint = handwritten.nearest(name, list(self.clients()))
            raise BadInput(f"{CLIENTS}/{name}: no such client{hint or '; `mspctl client list` names them'}")
        return Client(self, name)

    def archive(self, name: str, when: str) -> Path:
        """Move a client's folder to archive/, without its vault, and commit; return the new folder.

        Raise BadInput where one of that name lies there. Needs the client's lock.
        """
        old = self.root / CLIENTS / name
        new = self.root / ARCHIVE / f"{name}-{when}"
        if new.exists():
            raise BadInput(f"{new.relative_to(self.root)}: is there already; move it away")
        new.parent.mkdir(exist_ok=True)
        (old / "vault.yml").unlink(missing_ok=True)
        old.rename(new)
        (new / ".lock").unlink(missing_ok=True)
        self.commit([old, new], f"{name}: offboarded; archived as {ARCHIVE}/{new.name}")
        return new

    def commit(self, paths: Iterable[Path], message: str) -> bool:
        """Commit what changed below `paths`; return whether anything had.

        Commands on different clients take turns: git itself refuses two at once.
        """
        relative = [str(path.relative_to(self.root)) for path in paths if path.exists() or self._knows(path)]
        if not relative:
            return False
        lock = self._git("rev-parse", "--git-path", "mspctl.lock").stdout.rstrip("\n")
        with (self.root / lock).open("w") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            self._git("add", "--all", "--", *relative)
            if self._git("diff", "--cached", "--quiet", "--", *relative, check=False).returncode == 0:
                return False
            self._git(
                *self._author(), "commit", "--quiet", "--no-verify", "--message", message, "--", *relative
            )
        return True

    def changed(self, folder: Path) -> tuple[str, ...]:
        """Return the paths below `folder`, relative to it, that differ from the last commit."""
        options = ("--porcelain", "-z", "--untracked-files=all", "--no-renames")
        status = self._git("status", *options, "--", str(folder)).stdout
        base = folder.relative_to(self.root).as_posix() + "/"
        return tuple(sorted(entry[3:].removeprefix(base) for entry in status.split("\0") if len(entry) > 3))

    def versions(self, path: Path) -> tuple[tuple[str, str, str], ...]:
        """Return the commits that changed a file, newest first: id, time in UTC, message."""
        options = ("--format=%h%x09%cd%x09%s", "--date=format-local:%Y-%m-%d %H:%M:%S")
        said = self._git("log", *options, "--", str(path.relative_to(self.root)), utc=True).stdout
        rows = (line.split("\t", 2) for line in said.splitlines() if line.count("\t") >= 2)
        return tuple((commit, when, message) for commit, when, message in rows)

    def at(self, revision: str, path: Path) -> str:
        """Return a file as a commit has it. Raise BadInput where it has none."""
        relative = path.relative_to(self.root).as_posix()
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_./~^@{}-]{0,80}", revision):
            raise BadInput(f"--at {revision}: no revision; `mspctl network log` names them")
        shown = self._git("show", f"{revision}:{relative}", check=False)
        if shown.returncode:
            raise BadInput(
                f"{relative}: not in {revision}; `mspctl network log` names the revisions it is in"
            )
        return shown.stdout

    def _knows(self, path: Path) -> bool:
        return bool(self._git("ls-files", "--", str(path)).stdout)

    def _author(self) -> tuple[str, ...]:
        if self._git("config", "user.email", check=False).returncode == 0:
            return ()
        user = getpass.getuser()
        return ("-c", f"user.name={user}", "-c", f"user.email={user}@{socket.gethostname()}")

    def _git(self, *argv: str, check: bool = True, utc: bool = False) -> process.Finished:
        environment = {"TZ": "UTC"} if utc else None
        return process.run(
            ("git", *argv),
            cwd=self.root,
            timeout_seconds=_GIT_SECONDS,
            check=check,
            environment=environment,
        )


class Folder:
    """What somebody's hosts are kept in: runs, logs, a vault, a lock, and commits that name whose it is."""

    def __init__(self, workspace: Workspace, name: str, path: Path) -> None:
        """Take the workspace, whose folder it is, and where it lies."""
        self.workspace = workspace
        self.name = name
        self.path = path

    def shown(self, *parts: str) -> str:
        """Return a path in this folder as the engineer knows it: from the workspace's root."""
        return "/".join((self.path.relative_to(self.workspace.root).as_posix(), *parts))

    def vault(self) -> Vault:
        """Return the vault of these hosts."""
        return Vault(self.path / "vault.yml", self.workspace.password, self.shown("vault.yml"))

    def known_hosts(self) -> str:
        """Return the pinned SSH host keys, in OpenSSH's format."""
        path = self.path / "known_hosts"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def runs(self) -> tuple[str, ...]:
        """Return the ids of all runs, oldest first."""
        return tuple(sorted(path.stem for path in (self.path / "runs").glob("*.jsonl")))

    def run(self, run: str) -> tuple[RunRecord, ...]:
        """Return the records of one run. Raise BadInput where there is no such run."""
        if run not in self.runs():
            raise BadInput(
                f"{self.shown('runs', run)}: no such run; `mspctl runs list {self.name}` names them"
            )
        return tuple(self._read(self.path / "runs" / f"{run}.jsonl", RunRecord))

    def last_run(self, playbook: str) -> tuple[RunRecord, ...]:
        """Return the records of the newest run of `playbook`, or none."""
        for name in reversed(self.runs()):
            first = next(self._read(self.path / "runs" / f"{name}.jsonl", RunRecord), None)
            if isinstance(first, RunStarted) and first.playbook == playbook:
                return self.run(name)
        return ()

    def save(self, name: str, text: str) -> None:
        """Write a file of the client's whole; one that is already so is left alone."""
        path = self.path / name
        if path.exists() and path.read_text(encoding="utf-8", errors="replace") == text:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        handwritten.write_atomically(path, text)

    def save_records(self, name: str, records: Iterable[Record]) -> None:
        """Write records as sorted lines; the same records always give the same bytes."""
        self.save(name, "".join(f"{line}\n" for line in sorted(encode(record) for record in records)))

    @contextmanager
    def log(self, folder: str, name: str) -> Iterator[Callable[[Record], None]]:
        """Open `folder/name.jsonl` and yield what appends a record to it; each line is out at once."""
        path = self.path / folder / f"{name}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab", buffering=0) as stream:
            _end_torn_line(path, stream)

            def append(record: Record) -> None:
                line = memoryview(encode(record).encode() + b"\n")
                while line:  # a nearly full disk takes a part, and refuses the rest
                    line = line[stream.write(line) :]

            yield append

    def fresh_id(self, folder: str, now: datetime) -> str:
        """Return a new id for a scan or run: the time in UTC, with a number where that is taken."""
        stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
        taken = {path.stem for path in (self.path / folder).glob(f"{stamp}*")}
        return next(name for name in _numbered(stamp) if name not in taken)

    @contextmanager
    def lock(self, command: str) -> Iterator[None]:
        """Hold the client for one command, after committing what lies uncommitted in its folder.

        Raise Locked, naming the holder, when another command is at work. The lock dies with its process.
        """
        with (self.path / ".lock").open("a+") as held:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                held.seek(0)
                raise Locked(f"{self.name}: {_holder(held.read())}; wait for it or stop it") from None
            held.truncate(0)
            held.write(
                json.dumps(
                    {
                        "pid": os.getpid(),
                        "user": getpass.getuser(),
                        "command": command,
                        "since": datetime.now(UTC).strftime("%H:%M:%S UTC"),
                    }
                )
            )
            held.flush()
            self._commit_leftovers()
            yield

    def commit(self, message: str) -> bool:
        """Commit all that changed in the client's folder; return whether anything had."""
        return self.workspace.commit([self.path], f"{self.name}: {message}")

    def _commit_leftovers(self) -> None:
        """Keep what a person edited, or a killed command left, apart from what this command will change."""
        for torn in self.path.rglob(".*.tmp"):
            torn.unlink(missing_ok=True)
        changed = self.workspace.changed(self.path)
        by_hand = [name for name in changed if name.endswith((".yml", ".yaml"))]
        if by_hand:
            paths = [self.path / name for name in by_hand]
            self.workspace.commit(paths, f"{self.name}: edited by hand: {', '.join(by_hand)}")
        if left := [name for name in changed if name not in by_hand]:
            self.commit(f"left by an interrupted command: {', '.join(left)}")

    def _read(self, path: Path, kind: Any) -> Iterator[Any]:
        if not path.exists():
            return
        decoder = msgspec.json.Decoder(kind)
        with path.open("rb") as stream:
            for number, line in enumerate(stream, 1):
                if not line.endswith(b"\n"):
                    return  # the command was killed in mid-write; the record was never complete
                try:
                    yield decoder.decode(line)
                except (msgspec.DecodeError, UnicodeDecodeError) as error:
                    where = self.shown(path.relative_to(self.path).as_posix())
                    raise BadInput(f"{where}:{number}: {error}; restore it with `git checkout`") from None


class Client(Folder):
    """The folder of one client."""

    def __init__(self, workspace: Workspace, name: str) -> None:
        """Take the workspace and the client's name; `Workspace.client` checks that it exists."""
        super().__init__(workspace, name, workspace.root / CLIENTS / name)

    def file(self) -> ClientFile:
        """Return client.yml. Raise BadInput with every mistake in it."""
        return handwritten.read(self.path / "client.yml", ClientFile, self.shown("client.yml"))

    def overrides(self) -> OverridesFile:
        """Return overrides.yml; empty where there is none. Raise BadInput with every mistake in it."""
        path = self.path / "overrides.yml"
        if not path.exists():
            return OverridesFile()
        return handwritten.read(path, OverridesFile, self.shown("overrides.yml"))

    def edit_overrides(self, change: Callable[[Any], None]) -> None:
        """Apply `change` to the mapping of overrides.yml, keeping comments. Raise BadInput as `edit` does."""
        handwritten.edit(self.path / "overrides.yml", change, OverridesFile, self.shown("overrides.yml"))

    def scans(self) -> Iterator[ScanRecord]:
        """Yield every record of every scan, oldest scan first. Raise BadInput for a line that is none."""
        for path in sorted((self.path / "observations").glob("*.jsonl"), key=lambda path: path.stem):
            yield from self._read(path, ScanRecord)

    def assets(self) -> tuple[AssetRecord, ...]:
        """Return assets.jsonl: the assets, what is ambiguous, and who is known of and was not seen."""
        return tuple(self._read(self.path / "assets.jsonl", AssetRecord))

    def inspections(self) -> tuple[Inspection, ...]:
        """Return inspections.jsonl: what logins showed."""
        return tuple(self._read(self.path / "inspections.jsonl", Inspection))

    def coverage(self) -> tuple[Coverage, ...]:
        """Return evidence.jsonl."""
        return tuple(self._read(self.path / "evidence.jsonl", Coverage))

    def coverage_history(self) -> tuple[CoverageCount, ...]:
        """Return coverage.jsonl: how coverage changed over time, oldest first."""
        found = self._read(self.path / "coverage.jsonl", CoverageCount)
        return tuple(sorted(found, key=lambda each: (each.run, each.service)))

    def unmatched(self) -> tuple[Unmatched, ...]:
        """Return unmatched.jsonl: what the provider's servers know of the client beyond its hosts."""
        return tuple(self._read(self.path / "unmatched.jsonl", Unmatched))

    def drills(self) -> tuple[Drill, ...]:
        """Return drills.jsonl: the newest drill of each host."""
        return tuple(self._read(self.path / "drills.jsonl", Drill))

    def devices(self) -> tuple[DetectedDevice, ...]:
        """Return network.jsonl: the network devices, and how each is spoken to."""
        return tuple(self._read(self.path / "network.jsonl", DetectedDevice))

    def compliance(self) -> tuple[Verdict, ...]:
        """Return compliance.jsonl: how each network device stands to each rule."""
        return tuple(self._read(self.path / "compliance.jsonl", Verdict))

    def versions(self, name: str) -> tuple[tuple[str, str, str], ...]:
        """Return the commits that changed a file of the client's, newest first: id, time in UTC, message."""
        return self.workspace.versions(self.path / name)

    def at(self, revision: str, name: str) -> str:
        """Return a file of the client's as a commit has it. Raise BadInput where it has none."""
        return self.workspace.at(revision, self.path / name)

    def receipts(self) -> tuple[Receipt, ...]:
        """Return receipts.jsonl: what rollouts left on the hosts."""
        return tuple(self._read(self.path / "receipts.jsonl", Receipt))


class OwnSide(Folder):
    """The folder of the provider's own hosts; what is written by hand about them stands in mspctl.yml."""

    def __init__(self, workspace: Workspace) -> None:
        """Take the workspace."""
        super().__init__(workspace, "provider", workspace.root / "provider")

    @contextmanager
    def lock(self, command: str) -> Iterator[None]:
        """Hold the provider's own hosts for one command; the folder is made by the first."""
        self.path.mkdir(exist_ok=True)
        with super().lock(command):
            yield

    def vault(self) -> Vault:
        """Return the provider's own vault."""
        return self.workspace.vault()


def _end_torn_line(path: Path, stream: FileIO) -> None:
    """Cut off a half-written last line, so that appending does not glue a record to it."""
    size = end = path.stat().st_size
    whole = 0
    with path.open("rb") as reader:
        while end and not whole:
            start = max(0, end - 1_048_576)
            reader.seek(start)
            found = reader.read(end - start).rfind(b"\n")
            whole, end = (start + found + 1 if found >= 0 else 0), start
    if whole < size:
        stream.truncate(whole)


def _numbered(stamp: str) -> Iterator[str]:
    yield stamp
    number = 2
    while True:
        yield f"{stamp}-{number}"
        number += 1


def _holder(text: str) -> str:
    try:
        who = json.loads(text)
        return f"`{who['command']}` of {who['user']} is at work since {who['since']} (process {who['pid']})"
    except (ValueError, KeyError, TypeError):
        return "another command is at work"
