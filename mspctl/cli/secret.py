"""`mspctl secret`: the vaults of the clients and of the provider."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import click

from mspctl import catalog
from mspctl.cli.inventory import load
from mspctl.cli.options import complete_clients, json_option, workspace_option
from mspctl.cli.output import answer, is_interactive, note, table
from mspctl.errors import BadInput, ExitCode
from mspctl.generated import HostSecret, fresh, host_secrets
from mspctl.inventory import Inventory
from mspctl.records import WorkspaceFile
from mspctl.references import references
from mspctl.services import chosen_services
from mspctl.vault import Vault
from mspctl.workspace import SETTINGS, Client, Workspace


@click.group()
def secret() -> None:
    """Keep secrets in a vault; hand-written files refer to them as vault:NAME.

    SCOPE is a client's name, or `provider` for what is the provider's own.
    """


@secret.command("set")
@workspace_option
@click.argument("scope", shell_complete=complete_clients)
@click.argument("name")
def set_(workspace: Workspace, scope: str, name: str) -> None:
    """Encrypt a secret; it is asked for, or read from standard input. Never give it as an argument.

    \b
        mspctl secret set acme zabbix_psk
        openssl rand -hex 32 | mspctl secret set acme zabbix_psk
    """
    if not re.fullmatch("[a-z][a-z0-9_]{0,60}", name):
        raise BadInput(
            f"secret name '{name}': use lower-case letters, digits and underscores, a letter first"
        )
    vault = _vault(workspace, scope)
    value = _ask(name)
    with _held(workspace, scope, "set"):
        known = name in vault.names()
        vault.set(name, value)
        workspace.commit([vault.path], f"{scope}: secret {name} {'changed' if known else 'set'}")
    note(f"{scope}: {name}: encrypted; refer to it as vault:{name}")


@secret.command()
@workspace_option
@click.argument("scope", shell_complete=complete_clients)
@click.argument("name")
def remove(workspace: Workspace, scope: str, name: str) -> None:
    """Forget a secret.

    \b
        mspctl secret remove acme old_psk
    """
    vault = _vault(workspace, scope)
    with _held(workspace, scope, "remove"):
        vault.remove(name)
        workspace.commit([vault.path], f"{scope}: secret {name} removed")


@secret.command("list")
@workspace_option
@click.argument("scope", shell_complete=complete_clients)
@json_option
def list_(workspace: Workspace, scope: str, as_json: bool) -> None:
    """List the names of the secrets, and where each is used; needs no password.

    \b
        mspctl secret list acme
    """
    own = _used_by_hosts(workspace, scope)
    used = {**used_secrets(workspace, scope), **own}
    names = sorted({*_vault(workspace, scope).names(), *used})
    stored = set(_vault(workspace, scope).names())
    lacking = {name: "at the next rollout" if name in own else "MISSING" for name in names}
    rows = [
        (name, "yes" if name in stored else lacking[name], ", ".join(used.get(name, ())) or "nowhere")
        for name in names
    ]
    data = [{"name": name, "stored": name in stored, "used": used.get(name, ())} for name in names]
    answer(data, table(("name", "stored", "used by"), rows), as_json)


@secret.command()
@workspace_option
@click.argument("scope", shell_complete=complete_clients)
def check(workspace: Workspace, scope: str) -> None:
    """Check that every secret referred to is there, and that the vault opens.

    \b
        mspctl secret check acme
    """
    lines = missing_secrets(workspace, scope)
    vault = _vault(workspace, scope)
    for name in vault.names():
        vault.get(name)
    for line in lines:
        click.echo(line)
    if lines:
        sys.exit(ExitCode.NOT_COVERED)
    note(f"{scope}: {len(vault.names())} secrets, none missing")


def _vault(workspace: Workspace, scope: str) -> Vault:
    return workspace.vault() if scope == "provider" else workspace.client(scope).vault()


@contextmanager
def _held(workspace: Workspace, scope: str, what: str) -> Iterator[None]:
    """Hold the client while its vault is read and written again; the provider's own vault has no lock."""
    with (
        nullcontext()
        if scope == "provider"
        else workspace.client(scope).lock(f"mspctl secret {what} {scope}")
    ):
        yield


def _ask(name: str) -> str:
    if is_interactive():
        value = str(click.prompt(name, hide_input=True, confirmation_prompt=True, err=True))
    else:
        value = sys.stdin.read().rstrip("\n")
    if not value:
        raise BadInput(f"{name}: empty; type it, or give it on standard input")
    return value


def used_secrets(workspace: Workspace, scope: str) -> dict[str, tuple[str, ...]]:
    """Return the secrets that a scope's files refer to, each with the places.

    The provider's own are those of its consoles and its own hosts; a service's secrets are always the
    client's, so that a run on one client's hosts opens that client's vault only.
    """
    settings = workspace.settings()
    if scope == "provider":
        return references(
            {SETTINGS: WorkspaceFile(provider="", consoles=settings.consoles, hosts=settings.hosts)}
        )
    client = workspace.client(scope)
    file = client.file()
    chosen = {
        name: choice for name, choice in settings.services.items() if name in chosen_services(file, settings)
    }
    return references(
        {
            client.shown("client.yml"): file,
            client.shown("overrides.yml"): client.overrides(),
            SETTINGS: WorkspaceFile(provider="", services=chosen),
        }
    )


def _used_by_hosts(workspace: Workspace, scope: str) -> dict[str, tuple[str, ...]]:
    """Return the secrets that were, or will be, generated for hosts, each with the host and what for."""
    if scope == "provider":
        return {}
    client = workspace.client(scope)
    found = _generated(client, load(client))
    return {each.name: (f"{each.host}: {each.service}.{each.secret}, generated",) for each in found}


def owed(client: Client, built: Inventory) -> tuple[HostSecret, ...]:
    """Return the secrets of the hosts' own that are not in the vault yet."""
    stored = set(client.vault().names())
    return tuple(each for each in _generated(client, built) if each.name not in stored)


def generate(client: Client, built: Inventory) -> None:
    """Make the secrets that are owed and keep them; one commit. Needs the client's lock."""
    if lacking := owed(client, built):
        client.vault().update({each.name: fresh(each.how) for each in lacking})
        hosts = ", ".join(sorted({each.host for each in lacking}))
        client.commit(f"secrets generated: {len(lacking)} for {hosts}")
        note(f"{client.name}: {len(lacking)} secrets generated for {hosts}")


def _generated(client: Client, built: Inventory) -> tuple[HostSecret, ...]:
    return host_secrets(built, catalog.generated(built.services, client.workspace.own_providers))


def missing_secrets(workspace: Workspace, scope: str) -> tuple[str, ...]:
    """Return a line for every secret that is referred to and not in the vault."""
    stored = _vault(workspace, scope).names()
    return tuple(
        f"{places[0]}: vault:{name} is not set; use `mspctl secret set {scope} {name}`"
        for name, places in used_secrets(workspace, scope).items()
        if name not in stored
    )
