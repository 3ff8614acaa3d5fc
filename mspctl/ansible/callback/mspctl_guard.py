"""Ends Ansible when the mspctl that started it is gone, however it went."""

import ctypes
import os
import signal

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
    name: mspctl_guard
    type: aggregate
    short_description: end with the process that started the run
    description:
      - An orphaned run would go on changing hosts that nobody watches and that a resumed run changes again.
      - Linux only; elsewhere it does nothing.
"""

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


class CallbackModule(CallbackBase):  # type: ignore[misc]  # ansible ships no types
    """Asks the kernel for a signal when the parent dies."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "mspctl_guard"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        parent = int(os.environ.get("MSPCTL_PID", "0"))
        try:
            ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        except (AttributeError, OSError):
            return
        if parent and os.getppid() != parent:  # it died before we could ask
            os.kill(os.getpid(), signal.SIGTERM)
