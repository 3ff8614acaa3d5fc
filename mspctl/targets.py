"""The hosts that the provider's Prometheus asks, as it reads them from a file; pure.

https://prometheus.io/docs/prometheus/latest/configuration/configuration/#file_sd_config
"""

from collections.abc import Mapping

from mspctl.inventory import Inventory
from mspctl.records import Json, Provider

FILE = "prometheus.json"
_CONSOLE = "prometheus"


def targets(inventory: Inventory, providers: Mapping[tuple[str, str], Provider], client: str) -> list[Json]:
    """Return a target for each host whose service Prometheus watches, by service and host.

    `providers` are the records of the chosen products, by service and provider. A port is the setting `port`.
    """
    found: list[Json] = []
    for service in sorted(inventory.services):
        for host in inventory.hosts:
            product = inventory.chosen_for(host).get(service)
            record = providers[service, product.provider] if product else None
            if product and record and _is_watched(record):
                address = str(host.connection["ansible_host"])
                port = product.settings.get("port", record.settings["port"].default)
                where = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
                labels: Json = {"client": client, "host": host.name, "site": host.connection["mspctl_site"]}
                found.append({"labels": labels, "targets": [where]})
    return found


def _is_watched(record: Provider) -> bool:
    return bool(record.console and record.console.client == _CONSOLE and "port" in record.settings)
