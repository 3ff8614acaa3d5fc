"""`mspctl init`: a provider's workspace."""

from pathlib import Path

import click

from mspctl import process
from mspctl.cli.output import note
from mspctl.cli.schema import FILES, schema_text
from mspctl.errors import BadInput
from mspctl.handwritten import dump, write_atomically
from mspctl.vault import no_password
from mspctl.workspace import CLIENTS, SETTINGS, Workspace

_IGNORED = """\
# What must not travel: locks, half-written files, the vault's password.
.lock
*.tmp
.vault-password
"""
_ANSIBLE = """\
# `ansible -i inventories/CLIENT all -m ping` works from here: only these files of a client are inventory.
[defaults]
inventory_ignore_patterns =
    client.yml, overrides.yml, problems.yml, vault.yml, inventory.mspctl.yml, known_hosts,
    observations, runs, reports, network, assets.jsonl, topology.jsonl, evidence.jsonl, network.jsonl,
    compliance.jsonl
inject_facts_as_vars = false

[connection]
ssh_agent = auto
"""


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--provider", metavar="NAME", help="The provider's name; the folder's name when absent.")
def init(directory: Path, provider: str | None) -> None:
    """Make a workspace: the provider's own git repository, in which each client is a folder.

    \b
        mspctl init northwind --provider "Northwind IT"
    """
    if (directory / SETTINGS).exists():
        raise BadInput(f"{directory}: already a workspace")
    if directory.exists() and not directory.is_dir():
        raise BadInput(f"{directory}: not a folder")
    (directory / CLIENTS).mkdir(parents=True, exist_ok=True)
    (directory / ".schema").mkdir(exist_ok=True)
    settings = dump({"provider": provider or directory.absolute().name})
    for name, text in {
        SETTINGS: f"{schema_line('mspctl', 0)}{settings}",
        ".gitignore": _IGNORED,
        "ansible.cfg": _ANSIBLE,
        f"{CLIENTS}/.gitkeep": "",
        **{f".schema/{file}.json": schema_text(file) for file in FILES},
    }.items():
        if not (directory / name).exists():
            write_atomically(directory / name, text)
    if not (directory / ".git").exists():
        process.run(
            ("git", "init", "--quiet", "--initial-branch=main"), cwd=directory, timeout_seconds=60, check=True
        )
    workspace = Workspace(directory.absolute(), no_password)
    workspace.commit([workspace.root], f"init: workspace of {provider or workspace.root.name}")
    note(f"{directory}: a workspace; add a client with `mspctl client add`")


def schema_line(file: str, depth: int) -> str:
    """Return the comment that tells an editor the schema of a file that lies `depth` folders deep."""
    return f"# yaml-language-server: $schema={'../' * depth}.schema/{file}.json\n"
