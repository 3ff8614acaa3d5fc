"""What tests ask of a simulated device: the baseline of a small office, and a way in."""

from datetime import date
from typing import NamedTuple

from mspctl import catalog
from mspctl.netconfig import push, rules
from mspctl.netconfig.copies import Copy
from mspctl.netconfig.door import Door
from mspctl.netconfig.plan import Task
from mspctl.netconfig.push import Outcome, Step
from mspctl.records import NetworkChoices, NetworkDevice, Parameters, SnmpUser
from mspctl.records.network import BaselineRule
from tests.lab.switches import Served

TODAY = date(2026, 11, 21)
SECRETS = {"vault:a": "Auth-Secret-77", "vault:p": "Priv-Secret-88"}
PARAMETERS = Parameters(
    domain="harbour.example",
    admins=("technician", "admin"),
    ntp_servers=("10.203.20.13", "10.203.20.14"),
    timezone="Europe/Berlin",
    syslog_servers=("10.203.20.99", "10.203.40.10"),
    snmp_user=SnmpUser(name="mspctl", authentication="vault:a", privacy="vault:p"),
    banner="Harbour Dental: staff only.",
    management_networks=("127.0.0.0/8", "10.203.40.0/24"),
)


class Told(NamedTuple):
    """How a device came out, and every step on the way."""

    outcome: Outcome
    steps: list[Step]
    kept: list[Copy]


def door(device: Served, **changed: str) -> Door:
    return Door(
        "sw1",
        device.address,
        device.port,
        device.user,
        device.host_key,
        device.password,
        device.enable_password,
    )._replace(**changed)  # type: ignore[arg-type]  # texts only


def task(
    platform: str,
    *,
    hostname: str = "",
    baseline: tuple[BaselineRule, ...] | None = None,
    parameters: Parameters = PARAMETERS,
    accept_risk: bool = False,
) -> Task:
    device = NetworkDevice(hostname=hostname or None)
    return Task(
        "sw1",
        catalog.platforms()[platform],
        device,
        NetworkChoices(parameters=parameters, rollback_seconds=60),
        catalog.baseline() if baseline is None else baseline,
        rules.values(parameters, device, SECRETS, TODAY),
        TODAY,
        accept_risk,
    )


def bring(work: Task, way_in: Door, *, check: bool = False, wanted: str | None = None) -> Told:
    steps: list[Step] = []
    kept: list[Copy] = []

    def keep(copy: Copy) -> str:
        kept.append(copy)
        return ""

    return Told(push.bring(work, way_in, keep, steps.append, check=check, wanted=wanted), steps, kept)
