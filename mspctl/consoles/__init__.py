"""Asks the provider's servers what they know of a client's hosts, each in its own language."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from msgspec import structs

from mspctl.errors import MspctlError
from mspctl.records import Console, ConsoleAnswer, DrillAnswer, Introduction, SessionAnswer
from mspctl.records.provider import ConsoleQuery

Census = Callable[[Console, str, Path | None, str, Mapping[str, str]], tuple[ConsoleAnswer, ...]]
_NAME = "{host}"
Ask = Callable[[Console, str, Path | None, Mapping[str, str], Mapping[str, str]], tuple[ConsoleAnswer, ...]]

Run = Callable[[Console, str, Path | None, Mapping[str, str]], tuple[SessionAnswer, ...]]
Enrol = Callable[
    [Console, str, Path | None, str, Mapping[str, Sequence[str]], Mapping[str, str]], Introduction
]
Drilled = Callable[[Console, str, Path | None, Mapping[str, str]], tuple[DrillAnswer, ...]]


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
    asked: Ask = _module(query.client).ask
    names = _names(query, client, hosts)
    return {answer.host: answer for answer in asked(console, secret, ca_file, names, query.parameters)}


def through(
    query: ConsoleQuery,
    console: Console,
    secret: str,
    ca_file: Path | None,
    client: str,
    hosts: tuple[str, ...],
) -> dict[str, SessionAnswer]:
    """Return what each host answers to a harmless command that the server runs on it. Raise as `ask` does."""
    run: Run = _module(query.client).run
    return {answer.host: answer for answer in run(console, secret, ca_file, _names(query, client, hosts))}


def enrols(query: ConsoleQuery) -> bool:
    """Return whether the server wants to know a client before its agents come."""
    return hasattr(_module(query.client), "enrol")


def enrol(
    query: ConsoleQuery,
    console: Console,
    secret: str,
    ca_file: Path | None,
    client: str,
    hosts: Mapping[str, Sequence[str]],
) -> Introduction:
    """Make the client known to the server, and its hosts (inventory name → groups). Raise as `ask` does."""
    names = _names(query, client, tuple(hosts))
    groups = {names[host]: found for host, found in hosts.items()}
    enrolled: Enrol = _module(query.client).enrol
    return enrolled(console, secret, ca_file, client, groups, query.parameters)


def drills(query: ConsoleQuery) -> bool:
    """Return whether the server watches the unit that drills stop."""
    return hasattr(_module(query.client), "drill")


def drill(
    query: ConsoleQuery,
    console: Console,
    secret: str,
    ca_file: Path | None,
    client: str,
    hosts: tuple[str, ...],
) -> dict[str, DrillAnswer]:
    """Return what the server says now of the unit that drills stop on each host. Raise as `ask` does."""
    drilled: Drilled = _module(query.client).drill
    names = _names(query, client, hosts)
    return {answer.host: answer for answer in drilled(console, secret, ca_file, names)}


def census(
    query: ConsoleQuery, console: Console, secret: str, ca_file: Path | None, client: str
) -> tuple[ConsoleAnswer, ...]:
    """Return every host the server knows under the client's name, each by the name it should have here.

    Nothing where the names at the server do not tell clients apart. Raise MspctlError as `ask` does.
    """
    template = query.parameters.get("host_name", _NAME).replace("{client}", client)
    prefix, _, suffix = template.partition(_NAME)
    if not prefix:
        return ()
    counted: Census = _module(query.client).census
    return tuple(
        structs.replace(answer, host=answer.host.removeprefix(prefix).removesuffix(suffix))
        for answer in counted(console, secret, ca_file, prefix, query.parameters)
        if answer.host.startswith(prefix) and answer.host.endswith(suffix)
    )


def forget(
    query: ConsoleQuery, console: Console, secret: str, ca_file: Path | None, client: str
) -> tuple[str, ...]:
    """Take the client and all its hosts off the server; return their names there. Raise as `ask` does."""
    template = query.parameters.get("host_name", _NAME).replace("{client}", client)
    known = census(query, console, secret, ca_file, client)
    names = tuple(template.replace(_NAME, answer.host) for answer in known)
    module = _module(query.client)
    if names:
        module.forget(console, secret, ca_file, names)
    if hasattr(module, "leave"):
        module.leave(console, secret, ca_file, client)
    return names


def _names(query: ConsoleQuery, client: str, hosts: tuple[str, ...]) -> dict[str, str]:
    """Return what each host is called at the server."""
    template = query.parameters.get("host_name", _NAME)
    return {host: template.replace("{client}", client).replace("{host}", host) for host in hosts}


def _module(kind: str) -> Any:
    if kind not in kinds():
        raise MspctlError(f"no client for a console of kind '{kind}'; known: {', '.join(kinds())}")
    return import_module(f"mspctl.consoles.{kind}")
