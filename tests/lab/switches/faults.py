"""What a simulated device does wrong: chosen per device, and changeable while it runs."""

from dataclasses import dataclass


@dataclass
class Faults:
    """One device's troubles; none of them unless a test asks.

    A command is named by what its line begins with. Lines are counted from 1 over all sessions, and
    only those typed in a configuration mode. Seconds are real ones.
    """

    round_trip_seconds: float = 0.0  # every answer comes this much later; pipelined input waits once
    line_seconds: float = 0.0  # what each command takes
    echo_seconds: float = 0.0  # how long a typed line waits for its echo
    drops_after_lines: int | None = None  # the session is cut, once
    reboots_after_lines: int | None = None  # the device restarts in mid-push, once
    refuses_password: bool = False
    refuses_line: str | None = None  # as if the system did not know it
    hangs_at: str | None = None  # no answer ever comes
    floods_at: str | None = None  # megabytes come
    disk_full: bool = False  # nothing can be saved
    changes_hashes: bool = False  # a salted hash is salted anew at every look
    never_confirms: bool = False  # the command that confirms is taken, and nothing is confirmed
    timer_is_dead: bool = False  # a rollback that was armed never comes

    def is_due(self, name: str, lines: int) -> bool:
        """Return whether a fault that happens once happens at this line; it is spent then."""
        if getattr(self, name) is None or lines < getattr(self, name):
            return False
        setattr(self, name, None)
        return True
