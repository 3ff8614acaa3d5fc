"""The package manager of a host behind one narrow interface; which one it is goes by its name.

Each class says what is installed, who is at work with it, whether packages can be had, which versions there
are, and brings a host to some of them. What a rollout installs and removes, Ansible's own modules do.
"""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.managed_agent_apt import Apt
from ansible.module_utils.managed_agent_dnf import Dnf

MANAGERS = {"apt": Apt, "dnf": Dnf}


def manager(module: AnsibleModule, name: str, folder: str = "") -> Apt | Dnf:
    """Return a host's package manager; with a folder, what it learns of its sources stays in there."""
    return MANAGERS[name](module, folder)
