"""`mspctl completion`: what a shell needs to complete commands, options and client names."""

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script of a shell.

    \b
        mspctl completion bash > ~/.local/share/bash-completion/completions/mspctl
    """
    found = get_completion_class(shell)
    root = context.find_root().command
    if found is None:
        raise click.UsageError(f"no completion for {shell}")
    click.echo(found(root, {}, "mspctl", "_MSPCTL_COMPLETE").source())
