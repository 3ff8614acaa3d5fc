"""What the provider's Prometheus reads of a client from files: the hosts to ask, and their alerts; pure.

https://prometheus.io/docs/prometheus/latest/configuration/configuration/#file_sd_config
https://prometheus.io/docs/prometheus/latest/configuration/alerting_rules/
"""

from collections.abc import Iterator, Mapping
from string import Template

from mspctl.inventory import AGENT_KINDS, Inventory, group_name
from mspctl.records import Json, Provider

FILE, RULES_FILE = "prometheus.json", "prometheus.rules.yml"
_CONSOLE = "prometheus"


def targets(inventory: Inventory, providers: Mapping[str, Provider], client: str) -> list[Json]:
    """Return a target for each host whose service Prometheus watches, by host.

    `providers` are the records of the chosen services, by service. A port is the service's setting `port`.
    """
    found: list[Json] = []
    for service, record in _watched(inventory, providers):
        if "port" not in record.settings:
            continue
        port = _value(inventory, service, record, "port")
        members = set(inventory.members(service))
        for host in inventory.hosts:
            if host.name in members:
                address = str(host.connection["ansible_host"])
                where = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
                kinds = [kind for kind in sorted(AGENT_KINDS) if group_name(kind) in host.groups]
                labels: Json = {
                    "client": client,
                    "host": host.name,
                    "site": host.connection["mspctl_site"],
                    "kind": kinds[0] if kinds else "",  # empty is none to Prometheus
                }
                found.append({"labels": labels, "targets": [where]})
    return found


def rules(inventory: Inventory, providers: Mapping[str, Provider], client: str) -> Json:
    """Return the alerts of the client's hosts as Prometheus reads them; None where it watches none.

    They are of this client alone, however many clients the server watches. `providers` as in `targets`; their
    alerts are those that `catalog.check_choice` found no mistake in.
    """
    found: list[Json] = []
    for service, record in _watched(inventory, providers):
        if not record.console:
            continue
        names = {"hosts": f'client="{client}"'} | {
            name: str(_value(inventory, service, record, name))
            for name, setting in record.settings.items()
            if setting.type == "integer"
        }
        for alert in record.console.alerts:
            labels: dict[str, Json] = {"severity": alert.severity} | (
                {"mspctl": "drill"} if alert.drill else {}
            )
            found.append(
                {
                    "alert": alert.name,
                    "expr": Template(alert.expression).substitute(names),
                    "for": Template(alert.lasting).substitute(names),
                    "labels": labels,
                    "annotations": {"summary": alert.summary},
                }
            )
    return {"groups": [{"name": group(client), "rules": found}]} if found else None


def group(client: str) -> str:
    """Return what the group of a client's alerts is called at the server."""
    return f"mspctl {client}"


def _watched(inventory: Inventory, providers: Mapping[str, Provider]) -> Iterator[tuple[str, Provider]]:
    for service, record in sorted(providers.items()):
        if record.console and record.console.client == _CONSOLE and inventory.members(service):
            yield service, record


def _value(inventory: Inventory, service: str, record: Provider, name: str) -> Json:
    return inventory.services[service].settings.get(name, record.settings[name].default)
