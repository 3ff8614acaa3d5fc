"""Asks a device which of a few platforms it is, by what netmiko knows them by."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from mspctl.netconfig.door import Door, Lost
from mspctl.netconfig.session import connect
from mspctl.records import Platform


def which(door: Door, candidates: Sequence[Platform]) -> str:
    """Return the name of the candidate that a device is most like, "" where it is like none. Raise Lost.

    netmiko's own detection tries all it knows, which takes minutes; these few take seconds.
    """
    from netmiko.base_connection import BaseConnection
    from netmiko.ssh_autodetect import SSH_MAPPER_DICT, SSHDetect

    class Detector(SSHDetect):
        """Asks over a connection that knows the pinned key."""

        def __init__(self, connection: Any) -> None:
            self.connection = connection
            self.initial_buffer = BaseConnection._test_channel_read(connection)
            self.potential_matches: dict[str, int] = {}
            self._results_cache: dict[str, str] = {}

    connection = connect(door, "terminal_server")
    scores: dict[str, int] = {}
    try:
        detector = Detector(connection)
        for platform in candidates:
            known = dict(SSH_MAPPER_DICT.get(platform.driver, {}))
            if known:
                method = getattr(detector, str(known.pop("dispatch")))
                scores[platform.name] = int(method(**known))
    except Exception as error:  # noqa: BLE001 netmiko raises whatever its parts do
        raise Lost(f"could not be asked what it is: {type(error).__name__}") from None
    finally:
        with suppress(Exception):
            connection.disconnect()
    best = max(scores, key=lambda name: scores[name], default="")
    return best if scores.get(best) else ""
