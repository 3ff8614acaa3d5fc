"""The hosts that the provider's Prometheus asks, as it reads them from a file; pure.

https://prometheus.io/docs/prometheus/latest/configuration/configuration/#file_sd_config
"""

from mspctl.inventory import Inventory
from mspctl.records import Json, Provider

FILE = "prometheus.json"
_CONSOLE = "prometheus"


def targets(inventory: Inventory, providers: dict[str, Provider], client: str) -> list[Json]:
    """Return a target for each host whose service Prometheus watches, by host.

    `providers` are the records of the chosen services, by service. A port is the service's setting `port`.
    """
    found: list[Json] = []
    for service, record in sorted(providers.items()):
        if not record.console or record.console.client != _CONSOLE or "port" not in record.settings:
            continue
        port = inventory.services[service].settings.get("port", record.settings["port"].default)
        members = set(inventory.members(service))
        for host in inventory.hosts:
            if host.name in members:
                address = str(host.connection["ansible_host"])
                where = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
                labels: Json = {"client": client, "host": host.name, "site": host.connection["mspctl_site"]}
                found.append({"labels": labels, "targets": [where]})
    return found
