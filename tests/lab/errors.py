"""The one error the lab's commands report as a line and an exit code."""


class LabError(Exception):
    """What went wrong, in one line, with what to do about it."""
