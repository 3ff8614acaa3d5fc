"""Drivers of our own for netmiko, where its own do what must not be done."""

from typing import Any

from netmiko.cisco_base_connection import CiscoBaseConnection
from netmiko.fortinet.fortinet_ssh import FortinetSSH as _FortinetSSH


class FrrSSH(CiscoBaseConnection):
    """FRRouting, vtysh being the login shell: as Cisco IOS, less `terminal width`.

    vtysh rejects that, and its answer races with the learning of the prompt.
    """

    def session_preparation(self) -> None:
        """Learn the prompt and turn the pager off."""
        self._test_channel_read(pattern=r"[>#]")
        self.set_base_prompt()
        self.disable_paging(command="terminal length 0")


class FortinetSSH(_FortinetSSH):
    """FortiOS, whose pager is a line of its configuration: it stays as it is, and is answered."""

    def session_preparation(self) -> None:
        """Learn the prompt, past a notice that wants to be accepted."""
        said = self._test_channel_read(pattern=f"to accept|{self.prompt_pattern}")
        if "to accept" in said:
            self.write_channel("a\r")
            self._test_channel_read(pattern=self.prompt_pattern)
        self.set_base_prompt()

    def cleanup(self, command: str = "exit") -> Any:  # noqa: ARG002 netmiko's own signature
        """Leave nothing to put back."""
        return None
