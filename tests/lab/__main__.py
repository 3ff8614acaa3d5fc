"""The lab's commands: `python -m tests.lab COMMAND`, from the root of the repository."""

import argparse
import fcntl
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.lab import hosts, images, lifecycle, machine
from tests.lab.description import Description, harbour
from tests.lab.errors import LabError
from tests.lab.podman import argv_of_exec

LOCK = Path("/run/mspctl-lab.lock")
NOT_UP = 3
MOST_IN_ANNEXE = 200
IMAGES = {
    "base": "debian12",
    "base-trixie": "debian13",
    "depot": "depot",
}  # what others build on, or take programs from


def main(arguments: list[str] | None = None) -> int:
    """Return the exit code of one command; one line on the standard error says what went wrong."""
    os.umask(0o022)  # files written into containers are for their services to read
    options = _parser().parse_args(arguments)
    try:
        return _run(options, harbour(options.annexe))
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("lab: interrupted; `up` repairs it, `down` removes it", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description=__doc__)
    parser.add_argument(
        "--annexe", type=int, choices=range(MOST_IN_ANNEXE + 1), default=0, metavar="N",
        help=f"a lab with N workstations in the annexe, {MOST_IN_ANNEXE} at most",
    )  # fmt: skip
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("packages", help="install what the machine lacks")
    commands.add_parser("prepare", help="the same, and build the images")
    commands.add_parser("up", help="bring the lab up, or repair it; writes build/lab/lab.json")
    commands.add_parser("down", help="remove containers, networks, routes and rules; keep images")
    commands.add_parser("purge", help="down, and remove images and credentials")
    status = commands.add_parser("status", help=f"show the hosts; exit code {NOT_UP} unless all answer")
    status.add_argument("--json", action="store_true")
    execute = commands.add_parser("exec", help="run a command inside a host: exec HOST -- COMMAND")
    execute.add_argument("host")
    execute.add_argument("argv", nargs="+", metavar="COMMAND")
    for name, text in (
        ("stop", "take a host off the network at once"),
        ("start", "bring a stopped host back"),
    ):
        commands.add_parser(name, help=text).add_argument("host")
    reset = commands.add_parser("reset", help="make the client's hosts afresh, unknown to Zabbix")
    reset.add_argument("host", nargs="*")
    commands.add_parser("image", help="build one image and print its name").add_argument(
        "name", choices=sorted(IMAGES)
    )
    return parser


def _run(options: argparse.Namespace, description: Description) -> int:
    machine.require_root_on_debian()
    if options.command == "status":
        return _status(description, as_json=options.json)
    if options.command == "exec":
        argv = argv_of_exec(
            description.host(options.host).container, options.argv, is_terminal=sys.stdin.isatty()
        )
        os.execvp(argv[0], argv)  # noqa: S606 - the command takes over this terminal
    with _only_one():
        match options.command:
            case "packages":
                machine.install_packages()
            case "prepare":
                lifecycle.prepare(description)
            case "up":
                lifecycle.up(description)
            case "down":
                lifecycle.down(description)
            case "purge":
                lifecycle.purge(description)
            case "stop":
                hosts.stop(description.host(options.host))
            case "start":
                lifecycle.start(description, description.host(options.host))
            case "reset":
                chosen = [description.host(name) for name in options.host]
                lifecycle.reset(description, chosen or description.client_hosts)
            case "image":
                machine.install_packages()
                print(images.build(description, IMAGES[options.name]))
    return 0


def _status(description: Description, *, as_json: bool) -> int:
    rows = lifecycle.status(description)
    if as_json:
        print(json.dumps(rows, indent=2))
    else:
        for row in rows:
            answers = "answers" if row["answers"] else "silent"
            print(f"{row['name']:<14} {row['address']:<14} {row['network']:<9} {row['state']:<8} {answers}")
    return 0 if all(row["answers"] for row in rows) else NOT_UP


@contextmanager
def _only_one() -> Iterator[None]:
    """Hold the machine's lock: names and addresses of the lab exist once per machine."""
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    sys.exit(main())
