"""`mspctl doctor`: what this machine or a client's files lack, before it fails."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import click

from mspctl import catalog, process
from mspctl.cli.inventory import load
from mspctl.cli.options import complete_clients, json_option
from mspctl.cli.output import answer, table
from mspctl.cli.rollout import NO_MODULES
from mspctl.cli.secret import missing_secrets
from mspctl.errors import BadInput, ExitCode, MspctlError
from mspctl.records import Record
from mspctl.rollout import MEMORY, has_windows_modules
from mspctl.vault import no_password
from mspctl.workspace import Workspace

_PROGRAMS = {
    "git": "keeps the workspace; apt-get install git",
    "ssh": "reaches the hosts; apt-get install openssh-client",
    "ssh-agent": "holds private keys of the vault; apt-get install openssh-client",
}
_OPTIONAL_PROGRAMS = {"sshpass": "only for SSH passwords; apt-get install sshpass"}


class Finding(Record, frozen=True, kw_only=True):
    """One thing that was looked at."""

    what: str
    ok: bool
    detail: str
    needed: bool = True


@click.command()
@click.argument("client_name", metavar="[CLIENT]", required=False, shell_complete=complete_clients)
@click.option(
    "-C", "directory", type=click.Path(path_type=Path), default=".", metavar="DIR", help="The workspace."
)
@json_option
def doctor(client_name: str | None, directory: Path, as_json: bool) -> None:
    """Say what this machine lacks, and what a client's files lack; works outside a workspace too.

    \b
        mspctl doctor
        mspctl doctor acme
    """
    found = [*_machine(), *_workspace(directory, client_name)]
    rows = (
        (each.what, "ok" if each.ok else "MISSING" if each.needed else "absent", each.detail)
        for each in found
    )
    answer(found, table(("what", "state", "detail"), rows), as_json)
    sys.exit(ExitCode.OK if all(each.ok or not each.needed for each in found) else ExitCode.ERROR)


def _machine() -> Iterator[Finding]:
    yield Finding(what="python", ok=sys.version_info >= (3, 11), detail=sys.version.split()[0])
    for package in ("ansible-core", "ansible-runner"):
        try:
            yield Finding(what=package, ok=True, detail=version(package))
        except PackageNotFoundError:
            yield Finding(what=package, ok=False, detail=f"pip install {package}")
    playbook = Path(sys.executable).parent / "ansible-playbook"
    yield Finding(
        what="ansible-playbook",
        ok=playbook.exists() or process.is_installed("ansible-playbook"),
        detail=str(playbook),
    )
    for program, why in {**_PROGRAMS, **_OPTIONAL_PROGRAMS}.items():
        ok = process.is_installed(program)
        yield Finding(what=program, ok=ok, detail=shutil.which(program) or why, needed=program in _PROGRAMS)
    has_modules = has_windows_modules()
    yield Finding(
        what="modules for Windows",
        ok=has_modules,
        needed=False,
        detail="Windows hosts get their agents by it" if has_modules else f"for Windows hosts; {NO_MODULES}",
    )
    yield Finding(what="roles", ok=catalog.content("roles").is_dir(), detail=str(catalog.content("roles")))
    is_root = os.geteuid() == 0
    yield Finding(
        what="raw sockets",
        ok=is_root,
        needed=False,
        detail="ARP and ICMP"
        if is_root
        else "without root a scan sees TCP and ICMP only; sudo mspctl discover",
    )
    memory = os.access(MEMORY, os.W_OK)
    yield Finding(
        what="memory for secrets",
        ok=memory,
        needed=False,
        detail=str(MEMORY) if memory else "a private folder on disk is used",
    )


def _workspace(directory: Path, client_name: str | None) -> Iterator[Finding]:
    try:
        workspace = Workspace.find(directory, no_password)
    except BadInput as error:
        if client_name:
            raise
        yield Finding(what="workspace", ok=False, needed=False, detail=str(error))
        return
    yield Finding(what="workspace", ok=True, detail=str(workspace.root))
    yield from _readable("mspctl.yml", workspace.settings)
    for name in (client_name,) if client_name else workspace.clients():
        client = workspace.client(name)
        yield from _readable(client.shown(), partial(load, client))
        try:
            lines = missing_secrets(workspace, name)
            yield Finding(what=f"secrets of {name}", ok=not lines, detail="; ".join(lines) or "all there")
        except MspctlError as error:
            yield Finding(what=f"secrets of {name}", ok=False, detail=str(error))


def _readable(what: str, look: Callable[[], object]) -> Iterator[Finding]:
    try:
        look()
        yield Finding(what=what, ok=True, detail="no mistakes")
    except BadInput as error:
        yield from (Finding(what=what, ok=False, detail=line) for line in error.lines)
