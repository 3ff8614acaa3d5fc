"""Ansible's WinRM, held to the certificate that was pinned: a rollout logs in as `mspctl inspect` does."""

import threading
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.connection import winrm as upstream

from mspctl import winrm

DOCUMENTATION = """
    name: mspctl_winrm
    short_description: WinRM to hosts whose certificate is pinned, or signed by an authority of the client's
    description:
      - Does what P(ansible.builtin.winrm#connection) does, and judges the certificate before a word is said.
      - The key in it has to be the pinned one, or the authority's signature and the host's name on it right.
      - Without TLS (port 5985) every message is encrypted with NTLM's key.
    extends_documentation_fragment:
      - connection_pipelining
    options:
      remote_addr:
        description: Address of the host.
        default: inventory_hostname
        type: str
        vars: [{name: inventory_hostname}, {name: ansible_host}]
      remote_user:
        description: Who logs in.
        type: str
        vars: [{name: ansible_user}]
        keyword: [{name: remote_user}]
      remote_password:
        description: The password.
        type: str
        vars: [{name: ansible_password}]
      port:
        description: 5986 for TLS, 5985 without.
        default: 5986
        type: integer
        vars: [{name: ansible_port}]
        keyword: [{name: port}]
      transport:
        description: C(ntlm), or C(basic) over TLS.
        type: list
        elements: string
        default: [ntlm]
        vars: [{name: mspctl_winrm_transport}]
      certificate:
        description: SHA-256 of the public key that the host's certificate has to hold, in hex.
        type: str
        default: ""
        vars: [{name: mspctl_winrm_certificate}]
      ca_file:
        description: The authority that signs the host's certificate, where no key is pinned.
        type: str
        default: ""
        vars: [{name: mspctl_winrm_ca_file}]
      names:
        description: What a signed certificate may call the host.
        type: list
        elements: string
        default: []
        vars: [{name: mspctl_winrm_names}]
      connection_timeout:
        description: Seconds to wait for one answer.
        type: int
        default: 30
        vars: [{name: ansible_winrm_connection_timeout}]
      scheme:
        description: Not used, the port says it.
        type: str
      path:
        description: Where the service listens.
        type: str
        default: /wsman
      kerberos_command:
        description: Not used.
        type: str
      kerberos_mode:
        description: Not used.
        type: str
        default: manual
"""

_MOST_BYTES = 1 << 28  # one answer


class Connection(upstream.Connection):  # type: ignore[misc]  # ansible ships no types
    """One host."""

    transport = "mspctl_winrm"

    def _winrm_connect(self) -> Any:
        """Return the protocol with a shell open, to a host that is known to be itself."""
        door = winrm.Door(
            host=self._winrm_host,
            address=self._winrm_host,
            port=self._winrm_port,
            user=self._winrm_user or "",
            password=self._winrm_pass or "",
            transport=self._winrm_transport[0],
            key_sha256=self.get_option("certificate"),
            ca_file=self.get_option("ca_file") or None,
            names=tuple(self.get_option("names")),
        )
        try:
            protocol = winrm.protocol(
                door,
                most_bytes=_MOST_BYTES,
                given_up=threading.Event(),
                operation_seconds=self._winrm_connection_timeout,
            )
            self.shell_id = protocol.open_shell(codepage=65001)
        except Exception as error:  # noqa: BLE001 what a host sends gets deep into libraries
            raise AnsibleConnectionFailure(winrm.in_words(door, error)) from None
        return protocol
