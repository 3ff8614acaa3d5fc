"""What a person reads: tables and JSON on stdout, progress and notes on stderr, nothing hostile in either."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import click
import msgspec
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from mspctl.events import escaped, plain

_CELL = 90


class Report(Protocol):
    """Takes how far a long piece of work is: what it is doing, done, of how many."""

    def __call__(self, doing: str, done: int, total: int, /) -> None:
        """Show it."""


def answer(data: object, text: str, as_json: bool) -> None:
    """Print the command's answer on stdout: `data` as one JSON document, or `text`."""
    if as_json:
        click.echo(escaped(msgspec.json.format(msgspec.json.encode(data, order="sorted"), indent=2).decode()))
    else:
        click.echo(text)


def note(text: str) -> None:
    """Print a line for the person on stderr."""
    click.echo(plain(text, 2_000), err=True)


def table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return rows as aligned columns; a cell is one line without control characters, cut at 90."""
    cells = [[plain(str(cell), _CELL) for cell in row] for row in rows]
    if not cells:
        return "none"
    widths = [max(len(row[column]) for row in (list(headers), *cells)) for column in range(len(headers))]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in ([header.upper() for header in headers], *cells)
    )
    return "\n".join(lines)


@contextmanager
def progress(title: str) -> Iterator[Report]:
    """Show a bar on stderr while work goes on; nothing where stderr is no terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _doing, _done, _total: None
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(title, total=None)

        def report(doing: str, done: int, total: int) -> None:
            text = plain(doing, 60).replace("[", r"\[")
            bar.update(task, description=f"{title}: {text}", completed=done, total=total or None)

        yield report


def is_interactive() -> bool:
    """Return whether a person can be asked something."""
    return sys.stdin.isatty() and sys.stderr.isatty()
