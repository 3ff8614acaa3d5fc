"""FRRouting for netmiko: vtysh as a login shell."""

from netmiko.cisco_base_connection import CiscoBaseConnection


class FrrSSH(CiscoBaseConnection):
    """As Cisco IOS, less `terminal width`: vtysh rejects it, and the answer races with the learning of the prompt."""

    def session_preparation(self) -> None:
        """Learn the prompt and turn the pager off."""
        self._test_channel_read(pattern=r"[>#]")
        self.set_base_prompt()
        self.disable_paging(command="terminal length 0")
