"""Where Ansible looks for plugins of a role; this one is mspctl's, installed beside Ansible."""

from mspctl.ansible.action.network_baseline import ActionModule

__all__ = ["ActionModule"]
