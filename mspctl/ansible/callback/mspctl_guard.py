"""Ends Ansible when the mspctl that started it is gone, however it went."""

import ctypes
import os
import shutil
import signal
from contextlib import suppress
from types import FrameType

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
    name: mspctl_guard
    type: aggregate
    short_description: end with the process that started the run
    description:
      - An orphaned run would go on changing hosts that nobody watches and that a resumed run changes again.
      - So would a worker whose Ansible is gone; each is a session of its own, which no signal reaches.
      - Linux only; elsewhere it does nothing.
"""

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


class CallbackModule(CallbackBase):  # type: ignore[misc]  # ansible ships no types
    """Asks the kernel for a signal when the parent dies, here and in every worker."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "mspctl_guard"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        _end_with_parent()
        os.register_at_fork(after_in_child=_end_with_parent)
        self._own, self._parent = os.getpid(), int(os.environ.get("MSPCTL_PID", "0"))
        self._before = signal.signal(signal.SIGTERM, self._clean_up)
        if self._is_orphan():  # it died before we could ask
            os.kill(os.getpid(), signal.SIGTERM)

    def _is_orphan(self) -> bool:
        return bool(self._parent) and os.getpid() == self._own and os.getppid() != self._parent

    def _clean_up(self, number: int, _frame: FrameType | None) -> None:
        """Remove the run's folder, which nobody else is left to remove; then do what Ansible does."""
        if self._is_orphan():
            shutil.rmtree(os.environ.get("MSPCTL_FOLDER", ""), ignore_errors=True)
        signal.signal(number, self._before)
        os.kill(os.getpid(), number)


def _end_with_parent() -> None:
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
