"""`mspctl schedule`: work that comes again by itself, as systemd timers."""

import getpass
import re
import shutil
import sys
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import click
from jinja2 import Environment, StrictUndefined

from mspctl.cli.options import client_argument
from mspctl.cli.output import note
from mspctl.errors import BadInput
from mspctl.handwritten import write_atomically
from mspctl.workspace import Client

_CALENDAR = re.compile(r"[A-Za-z0-9 *,.:/~-]{1,100}")  # as in systemd.time(7)


class Job(NamedTuple):
    """What is done again and again."""

    title: str
    arguments: tuple[str, ...]  # {client} stands for the client
    calendar: str  # unless said


JOBS = {
    "missing": Job(
        "Services onto hosts that were off", ("rollout", "{client}", "--apply", "--missing"), "*-*-* 20:30"
    ),
    "rollout": Job("All services onto all hosts", ("rollout", "{client}", "--apply"), "Sun *-*-* 21:00"),
    "full": Job(
        "All services onto all hosts, none taken for unchanged",
        ("rollout", "{client}", "--apply", "--full"),
        "Sat *-*-* 21:00",
    ),
    "prune": Job(
        "Old backups make room for new ones", ("backup", "prune", "{client}", "--apply"), "Sat *-*-* 12:00"
    ),
    "reboot": Job("Hosts that wait for a restart", ("reboot", "{client}", "--apply"), "Sun *-*-* 03:00"),
    "verify": Job("Proof of every service", ("verify", "{client}"), "*-*-* 06:00"),
    "discover": Job("What is on the network", ("discover", "{client}"), "Mon *-*-* 10:00"),
}


@click.command()
@click.option(
    "--job",
    type=click.Choice(tuple(JOBS)),
    default="missing",
    show_default=True,
    help="missing: hosts that were off come in later; rollout: everything; full: everything, no host taken "
    "for unchanged; prune: old backups; reboot: hosts that wait for a restart; verify; discover.",
)
@click.option("--calendar", metavar="WHEN", help='When, as in systemd.time(7), such as "Mon..Fri 22:30".')
@click.option(
    "--directory",
    "unit_folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write the units here, such as /etc/systemd/system; without it they are printed.",
)
@client_argument
def schedule(client: Client, job: str, calendar: str | None, unit_folder: Path | None) -> None:
    """Make a systemd service and timer that repeat a command for a client.

    The command runs as the person who calls this, in this workspace, with the vault's password from the
    file that mspctl.yml names. Maintenance windows hold for it as for everything.

    \b
        mspctl schedule acme
        mspctl schedule acme --job verify --calendar "Mon..Fri 06:30" --directory /etc/systemd/system
    """
    when = calendar or JOBS[job].calendar
    if not _CALENDAR.fullmatch(when):
        raise BadInput(f"--calendar: '{when}' is no calendar expression; see systemd.time(7)")
    if not client.workspace.settings().vault_password_file and client.vault().names():
        raise BadInput("mspctl.yml: vault_password_file: missing; nobody is there to be asked for it")
    units = units_of(client, job, when)
    for name, text in units.items():
        if unit_folder:
            if not unit_folder.is_dir():
                raise BadInput(f"--directory: {unit_folder}: no such folder")
            write_atomically(unit_folder / name, text)
            click.echo(str(unit_folder / name))
        else:
            click.echo(f"# {name}\n{text}")
    if unit_folder:
        timer = next(name for name in units if name.endswith(".timer"))
        note(f"next: systemctl daemon-reload && systemctl enable --now {timer}")


def units_of(client: Client, job: str, calendar: str) -> dict[str, str]:
    """Return the units of a job by the names of their files."""
    chosen = JOBS[job]
    program = shutil.which("mspctl") or str(Path(sys.argv[0]).absolute())
    words = (program, *(word.format(client=client.name) for word in chosen.arguments))
    folder = str(client.workspace.root.absolute())
    values = {
        "client": client.name,
        "title": chosen.title,
        "user": getpass.getuser(),
        "folder": folder.replace("%", "%%"),
        "command": " ".join(map(_quoted, words)),
        "calendar": calendar,
    }
    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)  # noqa: S701
    stem = f"mspctl-{client.name}-{job}"
    data = files("mspctl") / "data" / "systemd"
    return {
        f"{stem}.{kind}": environment.from_string((data / f"mspctl.{kind}.j2").read_text("utf-8")).render(
            values
        )
        for kind in ("service", "timer")
    }


def _quoted(word: str) -> str:
    """Return a word as systemd reads it back: https://www.freedesktop.org/software/systemd/man/systemd.service.html"""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"' if re.search(r"[^\w@%+=:,./-]", word) else escaped
