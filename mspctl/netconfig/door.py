"""How to get into a network device, and why that did not work; pure."""

from typing import NamedTuple

CHANGED_KEY = (
    "its SSH host key is not the pinned one: verify that it is the same machine, "
    "then accept the key with `mspctl assets trust`"
)


class Door(NamedTuple):
    """How to get into a device; secrets in memory only."""

    host: str
    address: str
    port: int
    user: str
    host_key: str  # "type base64"
    password: str = ""
    enable: str = ""
    private_key: str = ""
    key_file: str = ""
    written_in: str = "client.yml"

    def __repr__(self) -> str:
        return f"Door({self.host}, …)"


class Lost(Exception):
    """No session came about, or it ended; the text says why, in words an engineer can act upon."""


class Refusal(Lost):
    """The device did not take a line."""
