"""The lab's commands: `python -m tests.lab COMMAND`, from the root of the repository."""

import argparse
import sys

from tests.lab import images, machine
from tests.lab.description import harbour
from tests.lab.errors import LabError


def main(arguments: list[str] | None = None) -> int:
    """Return the exit code of one command; one line on the standard error says what went wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab")
    commands = parser.add_subparsers(dest="command", required=True)
    image = commands.add_parser("image", help="build one image and print its name")
    image.add_argument("name", choices=["base"])
    options = parser.parse_args(arguments)
    try:
        if options.command == "image":
            machine.require_root_on_debian()
            machine.install_packages()
            print(images.build(harbour(), "debian12"))
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
