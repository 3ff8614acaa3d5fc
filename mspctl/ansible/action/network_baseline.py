"""Brings one network device to the baseline in Ansible's own process, as `mspctl network baseline` does."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import msgspec
from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase

from mspctl import catalog
from mspctl import logins as planning
from mspctl.errors import MspctlError
from mspctl.netconfig import field, push
from mspctl.netconfig.door import Door
from mspctl.netconfig.push import Outcome, State
from mspctl.netconfig.shelf import Shelf
from mspctl.records import NetworkChoices, NetworkDevice

DOCUMENTATION = """
    module: network_baseline
    short_description: bring a network device to the baseline
    description:
      - Runs on the controller; nothing is copied to the device, and no connection plugin is used.
      - The device ends as intended or as it was; C(state) says which.
      - Check mode and diff are supported.
"""

_OPTIONS = frozenset(
    {
        *("name", "address", "port", "platform", "user", "password", "enable_password", "private_key"),
        *("key_file", "known_hosts", "device", "choices", "secrets", "accept_risk", "folder"),
    }
)


class ActionModule(ActionBase):  # type: ignore[misc]  # ansible ships no types
    """The task `network_baseline`."""

    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return how the device came out. Raise AnsibleActionFail for what it was given wrongly."""
        super().run(tmp, task_vars)
        given = dict(self._task.args)
        if unknown := sorted(set(given) - _OPTIONS):
            raise AnsibleActionFail(f"network_baseline: unknown option {', '.join(unknown)}")
        try:
            outcome = self._brought(given)
        except (MspctlError, msgspec.ValidationError, OSError) as error:
            raise AnsibleActionFail(f"network_baseline: {error}") from None
        return self._result(outcome)

    def _brought(self, given: dict[str, Any]) -> Outcome:
        chosen = msgspec.convert(_plain(given.get("choices") or {}), NetworkChoices, strict=False)
        device = msgspec.convert(_plain(given.get("device") or {}), NetworkDevice, strict=False)
        platform = catalog.platforms().get(str(given["platform"]))
        if platform is None or not platform.configured:
            raise AnsibleActionFail(f"network_baseline: no rules for platform {given['platform']}")
        secrets = {str(name): str(text) for name, text in (given.get("secrets") or {}).items()}
        work = field.task(
            str(given["name"]),
            platform,
            device,
            chosen,
            catalog.baseline(),
            secrets,
            date.today(),
            accept_risk=bool(given.get("accept_risk")),
        )
        is_check = bool(self._task.check_mode)
        keep = (lambda _copy: "") if is_check else self._shelf(given, chosen).keep(work.name, platform)
        return push.bring(work, _door(given), keep, lambda _step: None, check=is_check)

    def _shelf(self, given: dict[str, Any], chosen: NetworkChoices) -> Shelf:
        vault = self._loader._vault  # Ansible's own way to what opens the vaults; it has no public one
        if not vault.secrets:
            raise AnsibleActionFail("network_baseline: no vault password, so no copy could be kept: give one")

        def seal(text: str) -> str:
            return str(vault.encrypt(text.encode()).decode())

        def unseal(sealed: str, shown: str) -> str:
            try:
                return str(vault.decrypt(sealed.encode()).decode())
            except (AnsibleError, UnicodeDecodeError):
                raise MspctlError(f"{shown}: the vault password does not open it") from None

        return Shelf(Path(str(given["folder"])), seal, unseal, chosen.harmless)

    def _result(self, outcome: Outcome) -> dict[str, Any]:
        plan = outcome.plan
        result: dict[str, Any] = {
            "changed": bool(outcome.changed),
            "state": outcome.state.value,
            "verdicts": msgspec.to_builtins(plan.verdicts) if plan else [],
            "refused": dict(plan.refused) if plan else {},
            "by_hand": list(plan.by_hand) if plan else [],
        }
        if self._task.diff:
            result["diff"] = {"prepared": outcome.diff}
        if outcome.problem:
            result["msg"] = f"{outcome.state.value}: {outcome.problem}"
        if outcome.is_unreached:
            result["unreachable"] = True
        elif outcome.problem or outcome.state in (State.UNKNOWN, State.UNSAVED):
            result["failed"] = True
        return result


def _door(given: dict[str, Any]) -> Door:
    address, port = str(given["address"]), int(given.get("port") or 22)
    known_hosts = Path(str(given["known_hosts"]))
    keys = planning.pins(
        known_hosts.read_text(encoding="utf-8") if known_hosts.exists() else "", ()
    ).host_keys
    pin = keys.get(address if port == 22 else f"[{address}]:{port}", "")
    if not pin:
        raise AnsibleActionFail(f"network_baseline: {planning.NEVER_PINNED}")
    return Door(
        host=str(given["name"]),
        address=address,
        port=port,
        user=str(given["user"]),
        host_key=pin,
        password=str(given.get("password") or ""),
        enable=str(given.get("enable_password") or ""),
        private_key=str(given.get("private_key") or ""),
        key_file=str(given.get("key_file") or ""),
        written_in="the variables network_baseline_*",
    )


def _plain(node: Any) -> Any:
    """Return what Ansible hands over, in its own kinds of text and list, as plain data."""
    if isinstance(node, dict):
        return {str(key): _plain(value) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [_plain(value) for value in node]
    return str(node) if isinstance(node, str) else node
