"""What can go wrong, and the exit code each kind ends with.

Only the command-line group turns these into one line and an exit code; a single host's failure is
never an exception but a record.
"""

from collections.abc import Iterable
from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of every command; documented in docs/exit-codes.md."""

    OK = 0
    ERROR = 1
    USAGE = 2  # Click's own
    BAD_INPUT = 3  # a hand-written file, an import or an argument's content is wrong
    NOT_COVERED = 4  # the command worked, but not every host is covered or every check passed
    HOSTS_FAILED = 5  # the command worked, but some hosts failed or were not reached
    LOCKED = 6  # another command is at work on the same client
    INTERRUPTED = 130  # Ctrl-C; what was done so far is kept


class MspctlError(Exception):
    """An error an engineer can act upon: says where, what, and what to do."""

    exit_code = ExitCode.ERROR


class BadInput(MspctlError):
    """One or more mistakes in what a person or another program wrote, all of them at once."""

    exit_code = ExitCode.BAD_INPUT

    def __init__(self, lines: str | Iterable[str]) -> None:
        """Take one line or several, each complete in itself."""
        self.lines = (lines,) if isinstance(lines, str) else tuple(lines)
        super().__init__("\n".join(self.lines))


class Locked(MspctlError):
    """Another command holds the client's lock."""

    exit_code = ExitCode.LOCKED


class Interrupted(MspctlError):
    """The engineer stopped the command; everything found or done until then is on disk."""

    exit_code = ExitCode.INTERRUPTED
