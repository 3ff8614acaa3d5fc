"""Drives Ansible, and nothing else does: waves of hosts, one record per result, nothing secret left behind.

Ansible runs through ansible-runner. What the runner writes (its command, its events, the answers to password
prompts) lies in a folder in memory, only for its owner, and goes with the run; events are taken as they come
and never written by the runner.
"""

import getpass
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from mspctl import catalog, events, waves, windows
from mspctl.errors import BadInput, MspctlError
from mspctl.records import (
    HostOutcome,
    HostStatus,
    Json,
    Record,
    RunEnded,
    RunRecord,
    RunStarted,
    WaveStarted,
)

MEMORY = Path("/dev/shm")  # noqa: S108 memory, so that what is secret never reaches a disk
_PREFIX = "mspctl-run-"
_VARIABLES = "variables.json"
_SECRET_WORDS = ("pass", "pwd", "secret", "token", "psk", "key", "credential", "community")


class Order(Record, frozen=True, kw_only=True):
    """What to run, on which hosts, in which waves."""

    playbook: str
    waves: tuple[tuple[str, ...], ...]
    check: bool = True
    diff: bool = False
    tags: tuple[str, ...] = ()
    skip_tags: tuple[str, ...] = ()
    variables: dict[str, Json] = msgspec.field(default_factory=dict)
    forks: int = 10
    failure_budget: float = 0.2
    pilots_must_pass: bool = False  # no budget in the first wave
    verbosity: int = 0
    resumes: str = ""
    deadlines: dict[str, datetime] = msgspec.field(default_factory=dict)  # host: when it must be left alone
    proved: dict[str, str] = msgspec.field(default_factory=dict)  # host that needs no run: why


class Unlock(Record, frozen=True, kw_only=True):
    """What opens doors, held in memory only; `secrets` are masked wherever they turn up."""

    vault_password: str = ""
    become_password: str = ""
    secrets: tuple[str, ...] = ()
    receipts_key: str = ""  # with it the roles say what they manage

    def __repr__(self) -> str:
        return "Unlock(…)"


def _nobody(_host: str, _managed: Mapping[str, Any]) -> None:
    """Take what a role manages on a host, and do nothing with it."""


def run(
    order: Order,
    inventory: Path,
    run_id: str,
    unlock: Unlock,
    own_providers: Path,
    record: Callable[[RunRecord], None],
    manage: Callable[[str, Mapping[str, Any]], None] = _nobody,
) -> RunEnded:
    """Run `order` wave by wave on the hosts of the inventory file; hand each record over as it comes.

    `manage` is told what each role manages on each host, where the roles were given a key for it.

    A host's failure is a record; a wave that fails beyond the budget ends the run with status `stopped`,
    Ctrl-C with `interrupted`. Raise MspctlError when Ansible itself cannot run the playbook.
    """
    record(_started(order, run_id, unlock.secrets))
    for host, reason in sorted(order.proved.items()):
        record(HostOutcome(wave=0, host=host, status=HostStatus.PROVED, detail=reason))
    _sweep_leftovers()
    with _interruptible() as is_interrupted, _private_folder() as private:
        underway = _Underway(order, inventory, private, unlock, own_providers, record, manage, is_interrupted)
        longest = 0.0
        for number, hosts in enumerate(order.waves, 1):
            began = datetime.now(UTC)
            if late := windows.late(order.deadlines, hosts, began, longest):
                return _ended(record, "stopped", too_late(number, late))
            record(WaveStarted(wave=number, hosts=hosts, at=began))
            came_out = _wave(underway, number, hosts)
            longest = max(longest, (datetime.now(UTC) - began).total_seconds())
            if is_interrupted():
                return _ended(record, "interrupted", "stopped by the engineer")
            budget = 0.0 if order.pilots_must_pass and number == 1 else order.failure_budget
            reason = waves.stop_reason(hosts, came_out, budget)
            if reason and number < len(order.waves):
                return _ended(record, "stopped", f"wave {number}: {reason}")
    return _ended(record, "complete", "")


def too_late(number: int, hosts: Sequence[str]) -> str:
    """Return why a run stops before a wave that would outlast its hosts' windows."""
    return f"wave {number} would not end within the maintenance window of {', '.join(hosts)}"


@dataclass(frozen=True)
class _Underway:
    """What every wave of a run shares."""

    order: Order
    inventory: Path
    private: Path  # the run's folder in memory
    unlock: Unlock
    own_providers: Path
    record: Callable[[RunRecord], None]
    manage: Callable[[str, Mapping[str, Any]], None]
    is_interrupted: Callable[[], bool]


def _wave(run: _Underway, number: int, hosts: Sequence[str]) -> dict[str, HostStatus]:
    """Run one wave; return how its hosts came out of it."""
    stats: dict[str, Any] = {}
    details: dict[str, str] = {}
    began: set[str] = set()
    said: list[str] = []

    def take(event: dict[str, Any]) -> bool:
        if event.get("event") == "playbook_on_start":  # Ansible has read it; a kill must not leave it behind
            (run.private / _VARIABLES).unlink(missing_ok=True)
        if event.get("event") == "playbook_on_stats":
            stats.update(event.get("event_data") or {})
        if managed := events.resources(event):
            run.manage(*managed)
        result = events.task_result(event, number, run.unlock.secrets)
        if result:
            run.record(result)
            began.add(result.host)
            if result.detail and result.status in waves.LOST:
                details[result.host] = f"{result.task}: {result.detail}"
        elif event.get("event") in ("verbose", "error", "warning") and event.get("stdout"):
            said.append(str(event["stdout"]))
        return False  # the runner writes no event to its folder

    runner = _start(run, number, hosts, take)
    if run.is_interrupted() and not stats:
        return {}
    if not stats and not began:
        text = events.told(_complaint(" ".join(said)), 600, run.unlock.secrets)
        raise MspctlError(f"{run.order.playbook}: Ansible ended with {runner.rc} before any task: {text}")
    came_out = events.outcomes(stats, number, hosts, details)
    for outcome in came_out:
        run.record(outcome)
    return {outcome.host: outcome.status for outcome in came_out}


def _complaint(said: str) -> str:
    """Return what Ansible said from its error on, or its last words."""
    _, marker, error = said.rpartition("[ERROR]: ")
    return error if marker else said[-600:]


def _start(run: _Underway, number: int, hosts: Sequence[str], take: Callable[[dict[str, Any]], bool]) -> Any:
    import ansible_runner  # 0.2 s, for the commands that run Ansible only

    order = run.order
    _write_private(run.private / "limit", "\n".join(hosts))
    _write_private(run.private / _VARIABLES, _variables(order, run.own_providers, run.unlock))
    return ansible_runner.run(
        private_data_dir=str(run.private),
        ident=f"wave-{number}",
        playbook=str(catalog.playbook(order.playbook)),
        inventory=str(run.inventory),
        limit=f"@{run.private / 'limit'}",
        forks=order.forks,
        tags=",".join(order.tags) or None,
        skip_tags=",".join(order.skip_tags) or None,
        verbosity=order.verbosity or None,
        cmdline=" ".join(_flags(order, run.private, run.unlock)),
        envvars=_environment(run.private),
        passwords=_answers(run.unlock),
        settings={"pexpect_timeout": 1, "suppress_ansible_output": True, "suppress_output_file": True},
        suppress_env_files=True,
        quiet=True,
        event_handler=take,
        cancel_callback=run.is_interrupted,
    )


def _flags(order: Order, private: Path, unlock: Unlock) -> Iterator[str]:
    """Yield the options of ansible-playbook that the runner has no parameter for; never a secret."""
    yield f"-e @{private / _VARIABLES}"
    if order.check:
        yield "--check"
    if order.diff:
        yield "--diff"
    if unlock.vault_password:
        yield "--ask-vault-pass"
    if unlock.become_password:
        yield "--ask-become-pass"


def _answers(unlock: Unlock) -> dict[str, str]:
    """Return the answers to Ansible's prompts, which it reads from the terminal the runner gives it."""
    answers = {
        r"Vault password.*:\s*?$": unlock.vault_password,
        r"BECOME password.*:\s*?$": unlock.become_password,
    }
    return {prompt: answer for prompt, answer in answers.items() if answer}


def _variables(order: Order, own_providers: Path, unlock: Unlock) -> str:
    paths = [str(path) for path in (*catalog.provider_paths(own_providers), *catalog.role_records())]
    ours = {
        "managed_agent_provider_paths": paths,
        "managed_agent_signs": catalog.signs(own_providers),
        "managed_agent_receipts_key": unlock.receipts_key,
    }
    return json.dumps(ours | order.variables)


def _environment(private: Path) -> dict[str, str]:
    return {
        "ANSIBLE_CONFIG": str(catalog.PLUGINS / "ansible.cfg"),
        "ANSIBLE_ROLES_PATH": str(catalog.content("roles")),
        "ANSIBLE_CALLBACK_PLUGINS": str(catalog.PLUGINS / "callback"),
        "ANSIBLE_CONNECTION_PLUGINS": str(catalog.PLUGINS / "connection"),
        "ANSIBLE_LOCAL_TEMP": str(private / "tmp"),
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(private / "cp"),
        "ANSIBLE_SSH_AGENT": "auto",
        "ANSIBLE_HOST_KEY_CHECKING": "True",  # the runner sets False, which outdoes the pins
        "ANSIBLE_NOCOLOR": "1",
        "MSPCTL_PID": str(os.getpid()),  # both for the callback mspctl_guard
        "MSPCTL_FOLDER": str(private),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
    }


def _started(order: Order, run_id: str, secrets: Sequence[str]) -> RunStarted:
    return RunStarted(
        run=run_id,
        playbook=order.playbook,
        started_at=datetime.now(UTC),
        by=getpass.getuser(),
        check=order.check,
        waves=order.waves,
        tags=order.tags,
        skip_tags=order.skip_tags,
        variables={key: _shown(key, value, secrets) for key, value in sorted(order.variables.items())},
        resumes=order.resumes,
    )


def _shown(key: str, value: Json, secrets: Sequence[str]) -> Json:
    """Return a variable as a run's record may show it, else as it was: a resumed run is given it again."""
    if any(word in key.lower() for word in _SECRET_WORDS):
        return events.MASK
    if isinstance(value, dict):
        return {events.mask(name, secrets): _shown(name, each, secrets) for name, each in value.items()}
    if isinstance(value, list):
        return [_shown(key, each, secrets) for each in value]
    return events.mask(value, secrets) if isinstance(value, str) else value


def _ended(record: Callable[[RunRecord], None], status: str, reason: str) -> RunEnded:
    ended = RunEnded(ended_at=datetime.now(UTC), status=status, reason=reason)
    record(ended)
    return ended


@contextmanager
def _interruptible() -> Iterator[Callable[[], bool]]:
    """Turn the first Ctrl-C into a question that can be asked, so that the record is closed in order."""
    pressed: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: pressed.append(number))
    try:
        yield lambda: bool(pressed)
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _private_folder() -> Iterator[Path]:
    base = MEMORY if os.access(MEMORY, os.W_OK) else Path(tempfile.gettempdir())
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getuid()}-{os.getpid()}-", dir=base))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep_leftovers() -> None:
    """Remove the folders of runs that were killed: theirs is the only case in which one stays."""
    for base in (MEMORY, Path(tempfile.gettempdir())):
        for folder in base.glob(f"{_PREFIX}{os.getuid()}-*"):
            owner = folder.name.removeprefix(_PREFIX).split("-")[1]
            if owner.isdigit() and not Path(f"/proc/{owner}").exists():
                shutil.rmtree(folder, ignore_errors=True)


def _write_private(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
        stream.write(text)


def has_windows_modules() -> bool:
    """Return whether Ansible finds its modules for Windows, which ansible-core lacks."""
    named = os.environ.get("ANSIBLE_COLLECTIONS_PATH", "").split(os.pathsep)
    places = (*named, "~/.ansible/collections", "/usr/share/ansible/collections", *sys.path)
    folders = [Path(place).expanduser() / "ansible_collections" for place in places if place]
    modules = ("ansible/windows/plugins/modules/win_package", "community/windows/plugins/modules/win_unzip")
    return all(any((folder / f"{each}.ps1").is_file() for folder in folders) for each in modules)


def limited(inventory: Path, pattern: str) -> frozenset[str]:
    """Return the hosts of an inventory file that Ansible's own reading of `-l pattern` selects.

    Raise BadInput for a pattern that selects none.
    """
    from ansible.errors import AnsibleError
    from ansible.inventory.manager import InventoryManager, split_host_pattern
    from ansible.parsing.dataloader import DataLoader

    try:
        if not split_host_pattern(pattern):  # Ansible would take an empty limit for none
            raise BadInput(f"-l {pattern}: no pattern of hosts")
        manager = InventoryManager(loader=DataLoader(), sources=[str(inventory)])
        manager.subset(pattern)
        found = frozenset(host.name for host in manager.get_hosts("all"))
    except AnsibleError as error:
        raise BadInput(f"-l {pattern}: {events.plain(str(error), 200)}") from None
    if not found:
        raise BadInput(f"-l {pattern}: no host of the inventory is in it")
    return found
