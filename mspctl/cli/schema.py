"""`mspctl schema`: the JSON Schema of each hand-written file."""

import click
import msgspec

from mspctl.handwritten import json_schema
from mspctl.records import ClientFile, OverridesFile, Provider, Record, WorkspaceFile

FILES: dict[str, type[Record]] = {
    "mspctl": WorkspaceFile,
    "client": ClientFile,
    "overrides": OverridesFile,
    "provider": Provider,
}


@click.command()
@click.argument("file", type=click.Choice(sorted(FILES)))
def schema(file: str) -> None:
    """Print the JSON Schema of a hand-written file, for editors.

    A workspace holds them under .schema/, and the files made by mspctl point there, so that an editor with
    YAML support completes and checks them.

    \b
        mspctl schema client > client.schema.json
    """
    click.echo(schema_text(file), nl=False)


def schema_text(file: str) -> str:
    """Return the JSON Schema of `mspctl`, `client`, `overrides` or `provider` as text."""
    return msgspec.json.format(msgspec.json.encode(json_schema(FILES[file])), indent=2).decode() + "\n"
