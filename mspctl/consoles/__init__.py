"""Asks the provider's servers what they know of a client's hosts, each in its own language."""

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from mspctl.errors import MspctlError
from mspctl.records import Console, ConsoleAnswer
from mspctl.records.provider import ConsoleQuery

Ask = Callable[[Console, str, Path | None, Mapping[str, str], Mapping[str, str]], tuple[ConsoleAnswer, ...]]


def kinds() -> tuple[str, ...]:
    """Return the kinds of servers that can be asked, sorted."""
    return tuple(sorted(module.name for module in iter_modules(__path__)))


def ask(
    query: ConsoleQuery,
    console: Console,
    secret: str,
    ca_file: Path | None,
    client: str,
    hosts: tuple[str, ...],
) -> dict[str, ConsoleAnswer]:
    """Return what the server says of each of a client's hosts.

    `secret` is the console's password or token. Raise MspctlError when it cannot be asked: unreachable,
    certificate not trusted, login refused.
    """
    template = query.parameters.get("host_name", "{host}")
    names = {host: template.replace("{client}", client).replace("{host}", host) for host in hosts}
    if query.client not in kinds():
        raise MspctlError(f"no client for a console of kind '{query.client}'; known: {', '.join(kinds())}")
    module = import_module(f"mspctl.consoles.{query.client}")
    asked: Ask = module.ask
    return {answer.host: answer for answer in asked(console, secret, ca_file, names, query.parameters)}
