"""Goes the way technicians go: logs in to hosts as one of them, through the bastion, and runs a command.

It is the proof of remote access by SSH: nothing else shows that a person would get through.
"""

import re
from collections.abc import Sequence

from mspctl import sessions
from mspctl.logins import LeftOut, Login
from mspctl.records import SessionAnswer, Technician
from mspctl.sessions import Door, Errand, Lost, Said

COMMAND = "cat /etc/machine-id"
SECONDS = 30.0
_MOST_BYTES = 4_096
_WRITTEN_IN = "mspctl.yml"
_MACHINE_ID = re.compile(rb"[0-9a-f]{32}\n?")


def ask(
    technician: Technician, key: str | None, planned: Sequence[Login | LeftOut]
) -> dict[str, SessionAnswer]:
    """Return what each host answers, by its name; `key` is the technician's own, if the vault holds it."""
    found = {
        each.name: SessionAnswer(host=each.name, detail=each.reason)
        for each in planned
        if isinstance(each, LeftOut)
    }
    errands = [
        Errand(_door(technician, key, login), COMMAND) for login in planned if isinstance(login, Login)
    ]

    def tell(errand: Errand, said: Said | Lost) -> None:
        found[errand.door.host] = _answer(errand.door.host, said)

    sessions.run(errands, tell, seconds=SECONDS, most_bytes=_MOST_BYTES, bastion=_bastion(technician, key))
    return found


def _answer(host: str, said: Said | Lost) -> SessionAnswer:
    if isinstance(said, Lost):
        return SessionAnswer(host=host, detail=said.reason)
    if said.exit_status != 0 or not _MACHINE_ID.fullmatch(said.output):
        return SessionAnswer(host=host, detail=f"{COMMAND} ended with {said.exit_status} and no machine's id")
    return SessionAnswer(host=host, machine_id=said.output.decode().strip())


def _door(technician: Technician, key: str | None, login: Login) -> Door:
    return Door(
        host=login.name,
        address=login.address,
        port=login.port,
        user=technician.user,
        host_key=login.pin,
        private_key=key,
        key_file=technician.key_file,
        written_in=_WRITTEN_IN,
    )


def _bastion(technician: Technician, key: str | None) -> Door | None:
    if (bastion := technician.bastion) is None:
        return None
    return Door(
        host="bastion",
        address=bastion.host,
        port=bastion.port,
        user=bastion.user or technician.user,
        host_key=bastion.host_key,
        private_key=key,
        key_file=technician.key_file,
        written_in=_WRITTEN_IN,
    )
