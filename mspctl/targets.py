"""What the provider's Prometheus reads of a client from files: the hosts to ask, and their alerts; pure.

https://prometheus.io/docs/prometheus/latest/configuration/configuration/#file_sd_config
https://prometheus.io/docs/prometheus/latest/configuration/alerting_rules/
"""

from collections.abc import Iterator, Mapping
from string import Template

from mspctl.inventory import AGENT_KINDS, Inventory, group_name
from mspctl.records import Json, Product, Provider

FILE, RULES_FILE = "prometheus.json", "prometheus.rules.yml"
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
            if product and record and _is_watched(record) and "port" in record.settings:
                address = str(host.connection["ansible_host"])
                port = _value(product, record, "port")
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


def rules(inventory: Inventory, providers: Mapping[tuple[str, str], Provider], client: str) -> Json:
    """Return the alerts of the client's hosts as Prometheus reads them; None where it watches none.

    They are of this client alone, however many clients the server watches. `providers` as in `targets`; their
    alerts are those that `catalog.check_choice` found no mistake in.
    """
    found: list[Json] = []
    for product, record in _watched(inventory, providers):
        names = {"hosts": f'client="{client}"'} | {
            name: str(_value(product, record, name))
            for name, setting in record.settings.items()
            if setting.type == "integer"
        }
        for alert in record.console.alerts if record.console else ():
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


def _watched(
    inventory: Inventory, providers: Mapping[tuple[str, str], Provider]
) -> Iterator[tuple[Product, Provider]]:
    """Yield each product that is on a host and that Prometheus watches, once, and its record."""
    for (service, name), hosts in sorted(inventory.by_product().items()):
        if hosts and _is_watched(providers[service, name]):
            products = inventory.services[service].products()
            yield next(each for each in products if each.provider == name), providers[service, name]


def _is_watched(record: Provider) -> bool:
    return bool(record.console and record.console.client == _CONSOLE)


def _value(product: Product, record: Provider, name: str) -> Json:
    return product.settings.get(name, record.settings[name].default)
