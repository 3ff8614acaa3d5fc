"""Options that commands share, named as an Ansible user expects them."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from mspctl import handwritten
from mspctl.cli.output import is_interactive
from mspctl.errors import BadInput
from mspctl.records import Json, WorkspaceFile
from mspctl.vault import Password, no_password, password_file, password_from_file
from mspctl.workspace import SETTINGS, Workspace

F = TypeVar("F", bound=Callable[..., Any])

json_option = click.option("--json", "as_json", is_flag=True, help="Answer with one JSON document.")
fingerprints_option = click.option(
    "--fingerprints",
    "folders",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="DIR",
    help="Count this checkout of Rapid7 Recog beside our own, this time; mspctl.yml keeps one for good.",
)


def workspace_option(command: F) -> F:
    """Give a command its `workspace`, found from -C or the current folder, and what opens its vaults."""

    @click.option(
        "-C",
        "directory",
        type=click.Path(path_type=Path),
        default=".",
        metavar="DIR",
        help="Work in this workspace instead of the current folder.",
    )
    @click.option(
        "--vault-password-file", metavar="FILE", help="File, or program, that gives the vault's password."
    )
    @click.option("--ask-vault-pass", "-J", is_flag=True, help="Ask for the vault's password.")
    @functools.wraps(command)
    def wrapper(
        *args: Any, directory: Path, vault_password_file: str | None, ask_vault_pass: bool, **kwargs: Any
    ) -> Any:
        root = Workspace.find(directory, no_password).root
        source = _password(root, vault_password_file, ask_vault_pass)
        return command(*args, workspace=Workspace(root, source), **kwargs)

    return wrapper  # type: ignore[return-value]  # click's decorators keep the signature for click only


def client_argument(command: F) -> F:
    """Give a command its `client`, besides the workspace."""

    @workspace_option
    @click.argument("client_name", metavar="CLIENT", shell_complete=complete_clients)
    @functools.wraps(command)
    def wrapper(*args: Any, workspace: Workspace, client_name: str, **kwargs: Any) -> Any:
        return command(*args, client=workspace.client(client_name), **kwargs)

    return wrapper  # type: ignore[return-value]  # as above


def ansible_options(command: F) -> F:
    """Give a command the options with which Ansible's own are known."""
    for option in reversed(
        (
            click.option(
                "--limit", "-l", metavar="PATTERN", help="Only these hosts or groups, as in Ansible."
            ),
            click.option("--tags", "-t", multiple=True, metavar="TAGS", help="Only tasks with these tags."),
            click.option("--skip-tags", multiple=True, metavar="TAGS", help="Not the tasks with these tags."),
            click.option(
                "--extra-vars", "-e", multiple=True, metavar="VARS", help="key=value, JSON or @FILE."
            ),
            click.option(
                "--forks", "-f", type=click.IntRange(1, 200), help="Hosts at work at the same time."
            ),
            click.option("--ask-become-pass", "-K", is_flag=True, help="Ask for the password of sudo."),
            click.option("--verbose", "-v", count=True, help="Tell more; up to -vvv."),
        )
    ):
        command = option(command)
    return command


def extra_variables(given: tuple[str, ...]) -> dict[str, Json]:
    """Return what -e gave: `key=value …`, a JSON or YAML mapping, or @FILE, as Ansible takes it."""
    from ansible.parsing.splitter import parse_kv

    found: dict[str, Json] = {}
    for text in given:
        if text.startswith("@"):
            found |= _mapping(handwritten.text_of(Path(text[1:]), text[1:]), text)
        elif text.lstrip().startswith(("{", "[")):
            found |= _mapping(text, "-e")
        else:
            found |= {str(key): str(value) for key, value in parse_kv(text).items()}
    return found


def listed(given: tuple[str, ...]) -> tuple[str, ...]:
    """Return the items of an option that may be repeated and may hold commas."""
    return tuple(item.strip() for text in given for item in text.split(",") if item.strip())


def _mapping(text: str, where: str) -> dict[str, Json]:
    data = handwritten.load(text, where)
    if not isinstance(data, dict):
        raise BadInput(f"{where}: expected a mapping of variables")
    return data


def _password(root: Path, named: str | None, ask: bool) -> Password:
    """Return what gives the vault's password: asked for, from a file, or asked for where it comes to it."""
    if not ask:
        settings = _settings_or_default(root)
        if path := password_file(named, settings.vault_password_file, root):
            return password_from_file(path)
        if not is_interactive():
            return no_password
    return functools.cache(lambda: str(click.prompt("Vault password", hide_input=True, err=True)))


def _settings_or_default(root: Path) -> WorkspaceFile:
    """Return mspctl.yml, or defaults where it is wrong: the command itself will say what is."""
    try:
        return handwritten.read(root / SETTINGS, WorkspaceFile, SETTINGS)
    except BadInput:
        return WorkspaceFile(provider="")


def complete_clients(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the names of the clients that begin so, for the shell."""
    try:
        workspace = Workspace.find(context.params.get("directory") or Path(), no_password)
    except BadInput:
        return []
    return [name for name in workspace.clients() if name.startswith(incomplete)]
