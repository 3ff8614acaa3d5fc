"""What the provider's Prometheus is to ask."""

from msgspec.structs import replace

from mspctl import catalog
from mspctl.inventory import Host, Inventory
from mspctl.records import OptIn
from mspctl.targets import targets
from tests.samples import zabbix

EXPORTER = OptIn(provider="node_exporter", settings={"certificate_file": "x.pem"})


def host(name: str, address: str, *groups: str) -> Host:
    return Host(name=name, groups=groups, connection={"ansible_host": address, "mspctl_site": "main"})


HOSTS = (
    host("db", "192.0.2.2", "monitoring"),
    host("six", "2001:db8::6", "monitoring"),
    host("web", "192.0.2.3"),
)


def found(choice: OptIn) -> list[object]:
    built = Inventory(hosts=HOSTS, group_variables={}, services={"monitoring": choice})
    records = {product: catalog.provider(*product) for product in built.by_product()}
    return list(targets(built, records, "acme"))


def test_each_host_of_the_service_is_a_target_with_its_names() -> None:
    assert found(EXPORTER) == [
        {"labels": {"client": "acme", "host": "db", "site": "main"}, "targets": ["192.0.2.2:9100"]},
        {"labels": {"client": "acme", "host": "six", "site": "main"}, "targets": ["[2001:db8::6]:9100"]},
    ]


def test_the_port_is_the_client_s() -> None:
    ours = replace(EXPORTER, settings={**EXPORTER.settings, "port": 9443})
    assert [each["targets"] for each in found(ours)] == [["192.0.2.2:9443"], ["[2001:db8::6]:9443"]]  # type: ignore[index]


def test_a_service_that_prometheus_does_not_watch_has_none() -> None:
    assert found(zabbix()) == []
