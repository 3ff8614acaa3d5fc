"""What the provider's Prometheus is to ask."""

from typing import Any

from msgspec.structs import replace

from mspctl import catalog
from mspctl.inventory import Host, Inventory
from mspctl.records import OptIn, Provider
from mspctl.targets import rules, targets
from tests.samples import zabbix

EXPORTER = OptIn(provider="node_exporter", settings={"certificate_file": "x.pem"})


def host(name: str, address: str, *groups: str) -> Host:
    return Host(name=name, groups=groups, connection={"ansible_host": address, "mspctl_site": "main"})


HOSTS = (
    host("db", "192.0.2.2", "monitoring", "virtual_machine"),
    host("six", "2001:db8::6", "monitoring"),
    host("web", "192.0.2.3"),
)


def found(choice: OptIn) -> list[object]:
    built = Inventory(hosts=HOSTS, group_variables={}, services={"monitoring": choice})
    return list(targets(built, records(built), "acme"))


def records(built: Inventory) -> dict[tuple[str, str], Provider]:
    return {product: catalog.provider(*product) for product in built.by_product()}


def test_each_host_of_the_service_is_a_target_with_its_names() -> None:
    assert found(EXPORTER) == [
        {
            "labels": {"client": "acme", "host": "db", "site": "main", "kind": "virtual-machine"},
            "targets": ["192.0.2.2:9100"],
        },
        {
            "labels": {"client": "acme", "host": "six", "site": "main", "kind": ""},
            "targets": ["[2001:db8::6]:9100"],
        },
    ]


def test_the_port_is_the_client_s() -> None:
    ours = replace(EXPORTER, settings={**EXPORTER.settings, "port": 9443})
    assert [each["targets"] for each in found(ours)] == [["192.0.2.2:9443"], ["[2001:db8::6]:9443"]]  # type: ignore[index]


def test_a_service_that_prometheus_does_not_watch_has_none() -> None:
    assert found(zabbix()) == []


def test_alerts_are_of_the_client_and_by_its_settings() -> None:
    """tests/test_alerts.py has Prometheus judge them."""
    ours = replace(EXPORTER, settings={**EXPORTER.settings, "down_minutes": 3})
    built = Inventory(hosts=HOSTS, group_variables={}, services={"monitoring": ours})
    found: Any = rules(
        built, {("monitoring", "node_exporter"): catalog.provider("monitoring", "node_exporter")}, "acme"
    )
    (group,) = found["groups"]
    assert group["name"] == "mspctl acme"
    assert group["rules"][0] == {
        "alert": "HostDown",
        "expr": 'up{client="acme",kind!~"workstation|laptop"} == 0',
        "for": "3m",
        "labels": {"severity": "critical"},
        "annotations": {"summary": "{{ $labels.host }} does not answer"},
    }
    assert [rule["alert"] for rule in group["rules"] if rule["labels"].get("mspctl") == "drill"] == [
        "MspctlDrill"
    ]


def test_a_service_without_hosts_or_without_alerts_has_none() -> None:
    built = Inventory(hosts=HOSTS[2:], group_variables={}, services={"monitoring": EXPORTER})
    assert (
        rules(
            built, {("monitoring", "node_exporter"): catalog.provider("monitoring", "node_exporter")}, "acme"
        )
        is None
    )
    built = Inventory(hosts=HOSTS, group_variables={}, services={"monitoring": zabbix()})
    assert rules(built, records(built), "acme") is None


def test_drills_stop_the_same_unit_whoever_watches_it() -> None:
    found = {}
    for name in ("node_exporter", "zabbix"):
        platform = catalog.provider("monitoring", name).platforms.debian
        assert platform
        (file,) = (each for each in platform.files if each.path.endswith("/mspctl-drill.service"))
        own = f"Before={'prometheus-node-exporter' if name == 'node_exporter' else 'zabbix-agent2'}.service\n"
        assert own in file.content
        found[name] = file.content.replace(own, "")
    assert found["node_exporter"] == found["zabbix"]
