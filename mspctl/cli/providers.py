"""`mspctl providers`: which vendors' products can be rolled out, and what each wants to know."""

from pathlib import Path

import click

from mspctl import catalog, consoles, handwritten
from mspctl.cli.options import json_option, workspace_option
from mspctl.cli.output import answer, table
from mspctl.errors import BadInput
from mspctl.handwritten import nearest
from mspctl.records import Provider, Record
from mspctl.workspace import Workspace

_NOT_TRIED = "not tried"


class Listed(Record, frozen=True, kw_only=True):
    """A provider in one line."""

    capability: str
    name: str
    title: str
    platforms: tuple[str, ...]
    tested_on: tuple[str, ...]
    console: str
    origin: str  # shipped | workspace


@click.group()
def providers() -> None:
    """List, show and check the products that can be rolled out."""


@providers.command("list")
@json_option
@workspace_option
def list_(workspace: Workspace, as_json: bool) -> None:
    """List every provider: the shipped ones and the workspace's own.

    \b
        mspctl providers list
    """
    own = workspace.own_providers
    found = [_listed(path, own) for _, path in sorted(catalog.providers(own).items())]
    rows = (
        (
            each.capability,
            each.name,
            each.title,
            ", ".join(each.platforms),
            ", ".join(each.tested_on) or _NOT_TRIED,
            each.console or "-",
            each.origin,
        )
        for each in found
    )
    headers = ("capability", "name", "product", "platforms", "tested on", "console", "from")
    answer(found, table(headers, rows), as_json)


@providers.command()
@json_option
@workspace_option
@click.argument("name")
def show(workspace: Workspace, name: str, as_json: bool) -> None:
    """Show what a provider wants to know, needs and checks. NAME may say its capability: backup/restic.

    \b
        mspctl providers show zabbix
    """
    path = _named(workspace, name)
    record = handwritten.read(path, Provider, str(path))
    wants = [
        *(
            ("setting", key, setting.type, "required" if setting.required else _brief(setting.default),
             setting.description)
            for key, setting in record.settings.items()
        ),
        *(
            ("secret", key, "", "generated" if secret.generate else "required", secret.description)
            for key, secret in record.secrets.items()
        ),
    ]  # fmt: skip
    does = [
        *(
            (family, "tried on", ", ".join(platform.tested_on) or _NOT_TRIED)
            for family, platform in record.platforms.named().items()
        ),
        *(
            (family, "packages", " ".join(platform.packages) or "-")
            for family, platform in record.platforms.linux().items()
        ),
        *(
            (family, "check", check.title + (" (optional)" if check.optional else ""))
            for family, platform in record.platforms.named().items()
            for check in platform.verify
        ),
    ]
    parts = (
        f"{record.title} ({record.capability}/{record.name})\n{record.source}",
        table(("", "name", "type", "default", "what for"), wants),
        table(("platform", "what", ""), does),
    )
    answer(record, "\n\n".join(parts), as_json)


@providers.command()
@workspace_option
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
def check(workspace: Workspace, files: tuple[Path, ...]) -> None:
    """Check provider records: FILES, or all of the workspace's own. Exit code 3 for mistakes, a line each.

    \b
        mspctl providers check
        mspctl providers check providers/backup/ours.yml
    """
    own = workspace.own_providers
    found = files or tuple(sorted(own.glob("*/*.yml")))
    lines = [line for path in found for line in _mistakes(path)]
    if lines:
        raise BadInput(lines)
    click.echo(f"{len(found)} records, no mistakes" if found else f"{own}: no records of the workspace's own")


def _mistakes(path: Path) -> tuple[str, ...]:
    if lines := catalog.check_record(path, str(path)):
        return lines
    console = handwritten.read(path, Provider, str(path)).console
    if console and console.client not in consoles.kinds():
        hint = nearest(console.client, consoles.kinds()) or f"; known: {', '.join(consoles.kinds())}"
        return (f"{path}: console.client: no client for a console of kind '{console.client}'{hint}",)
    return ()


def _named(workspace: Workspace, name: str) -> Path:
    """Return the file of a provider. Raise BadInput where none, or more than one, is called so."""
    every = catalog.providers(workspace.own_providers)
    fitting = [
        path for (capability, known), path in every.items() if name in (known, f"{capability}/{known}")
    ]
    if len(fitting) == 1:
        return fitting[0]
    known = sorted(known for _, known in every)
    if fitting:
        choices = ", ".join(f"{path.parent.name}/{path.stem}" for path in fitting)
        raise BadInput(f"'{name}': which one? {choices}")
    raise BadInput(f"no provider '{name}'{nearest(name, known) or '; known: ' + ', '.join(known)}")


def _listed(path: Path, own: Path) -> Listed:
    record = handwritten.read(path, Provider, str(path))
    return Listed(
        capability=record.capability,
        name=record.name,
        title=record.title,
        platforms=tuple(record.platforms.named()),
        tested_on=tuple(
            system for platform in record.platforms.named().values() for system in platform.tested_on
        ),
        console=record.console.client if record.console else "",
        origin="workspace" if path.is_relative_to(own) else "shipped",
    )


def _brief(value: object) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 30 else text[:29] + "…"
