"""Which product a service is on which systems."""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from mspctl import catalog
from mspctl.inventory import Inventory, build, files
from mspctl.records import (
    Asset,
    Connection,
    OptIn,
    OverridesFile,
    Service,
    SystemChoice,
    WindowsConnection,
    WorkspaceFile,
)
from mspctl.services import chosen_services, product_group
from tests.samples import TODAY, asset, client_file, zabbix

MIXED = OptIn(
    provider="clamav",
    groups=("server", "workstation"),
    settings={"scan_calendar": "*-*-* 12:30"},
    windows=SystemChoice(provider="defender", settings={"excluded_paths": ["D:\\Database"]}),
)
ASSETS = (
    asset("db", "192.0.2.20"),
    asset("printer", "192.0.2.21", kind="printer", os=""),
    replace(
        asset("desk", "192.0.2.10", kind="workstation", os="windows", os_version="11"),
        services=(Service(port=5986),),
    ),
)


def built(services: dict[str, OptIn], *assets: Asset, ours: WorkspaceFile | None = None) -> Inventory:
    login = Connection(windows=WindowsConnection(user="tech", password="vault:windows"))
    client = replace(client_file(services), connection=login)
    settings = ours or WorkspaceFile(provider="N")
    chosen = chosen_services(client, settings)
    return build(
        "acme",
        client,
        settings,
        assets or ASSETS,
        OverridesFile(),
        TODAY,
        catalog.generated(chosen),
        catalog.goes_on(chosen),
        {("192.0.2.10", 5986): "a" * 64},
    )


def has(inventory: Inventory) -> dict[str, dict[str, str]]:
    """Return the product of each service on each host."""
    return {
        host.name: {name: product.provider for name, product in inventory.chosen_for(host).items()}
        for host in inventory.hosts
    }


def written(text: str) -> OptIn:
    """Return a service as client.yml has it."""
    return msgspec.yaml.decode(text, type=OptIn, strict=True)


@pytest.mark.parametrize(
    ("text", "linux", "windows"),
    [
        ("provider: clamav", "clamav", "clamav"),
        ("{provider: clamav, windows: {provider: defender}}", "clamav", "defender"),
        ("{linux: {provider: clamav}, windows: {provider: defender}}", "clamav", "defender"),
        ("{provider: bitdefender, linux: {provider: clamav}}", "clamav", "bitdefender"),
        ("windows: {provider: defender}", None, "defender"),
    ],
)
def test_the_product_of_a_system(text: str, linux: str | None, windows: str | None) -> None:
    choice = written(text)
    products = (choice.product("linux"), choice.product("windows"))
    assert [product and product.provider for product in products] == [linux, windows]


def test_who_gets_the_service_stands_for_all_systems_and_the_rest_for_one_product() -> None:
    choice = written(
        "{provider: clamav, groups: [server], replace: true, licences: 5, settings: {a: 1}, version: '1',"
        " windows: {provider: defender}, linux: {provider: clamav, groups: [], replace: false}}"
    )
    linux, windows = choice.product("linux"), choice.product("windows")
    assert linux and windows
    assert (windows.groups, windows.replace) == (("server",), True)
    assert (windows.licences, windows.settings, windows.version) == (None, {}, "")
    assert (linux.groups, linux.replace) == ((), False)


def test_every_host_gets_the_product_of_its_system() -> None:
    found = built({"antivirus": MIXED, "monitoring": zabbix()})
    assert has(found) == {
        "db": {"antivirus": "clamav", "monitoring": "zabbix"},
        "desk": {"antivirus": "defender", "monitoring": "zabbix"},
        "printer": {},
    }
    assert found.by_product() == {
        ("antivirus", "clamav"): ("db",),
        ("antivirus", "defender"): ("desk",),
        ("monitoring", "zabbix"): ("db", "desk"),
    }
    assert found.members("antivirus") == ("db", "desk")
    assert (found.members("antivirus_linux"), found.members("antivirus_windows")) == (("db",), ("desk",))


def test_each_product_has_variables_of_its_own_and_one_for_all_stays_where_it_was() -> None:
    found = built({"antivirus": MIXED, "monitoring": zabbix()})
    assert found.group_variables["antivirus_linux"] == {
        "antivirus_provider": "clamav",
        "antivirus_settings": {"scan_calendar": "*-*-* 12:30"},
        "antivirus_secrets": {},
    }
    assert found.group_variables["antivirus_windows"]["antivirus_provider"] == "defender"
    assert "antivirus" not in found.group_variables
    assert found.group_variables["monitoring"]["monitoring_provider"] == "zabbix"
    assert {"group_vars/antivirus_linux/mspctl.json", "group_vars/monitoring/mspctl.json"} <= set(
        files(found)
    )
    assert not {"monitoring_linux", "monitoring_windows"} & {g for h in found.hosts for g in h.groups}


def test_no_host_names_itself_into_a_product_s_group() -> None:
    found = built({"antivirus": MIXED}, *ASSETS, asset("posing", role="antivirus windows"))
    assert found.members("antivirus_windows") == ("desk",)


@pytest.mark.parametrize(
    ("choice", "host", "reason"),
    [
        (OptIn(provider="defender"), "db", "defender has no agent for Linux"),
        (OptIn(provider="clamav"), "desk", "clamav has no agent for Windows"),
        (replace(MIXED, provider=None, settings={}), "db", "not chosen by the client for Linux"),
    ],
)
def test_a_system_without_a_product_is_left_out_with_the_reason(
    choice: OptIn, host: str, reason: str
) -> None:
    found = built({"antivirus": choice, "monitoring": zabbix()})
    (left,) = (each for each in found.hosts if each.name == host)
    assert left.excluded == {"antivirus": reason} and left.left_alone == ""
    assert "antivirus" not in left.groups and "monitoring" in left.groups


def test_one_product_may_be_set_otherwise_on_each_system() -> None:
    server = {"server": "https://192.0.2.1:8000"}
    choice = OptIn(
        linux=SystemChoice(provider="restic", settings={**server, "paths": ["/etc"]}),
        windows=SystemChoice(provider="restic", settings={**server, "paths": ["C:\\Users"]}),
    )
    found = built({"backup": choice})
    paths = {name: values.get("backup_settings") for name, values in found.group_variables.items()}
    assert paths["backup_linux"] == {**server, "paths": ["/etc"]}
    assert paths["backup_windows"] == {**server, "paths": ["C:\\Users"]}
    secrets = [found.group_variables[group]["backup_secrets"] for group in ("backup_linux", "backup_windows")]
    assert secrets[0] == secrets[1] != {}, "made for each host, whatever its system"


def test_a_default_of_ours_stands_for_the_systems_it_is_for() -> None:
    ours = {"antivirus": replace(MIXED, windows=SystemChoice(provider="defender", settings={"days": 3}))}

    def settings(choice: OptIn) -> dict[str, Any]:
        merged = chosen_services(
            client_file({"antivirus": choice}), WorkspaceFile(provider="N", services=ours)
        )
        return {product_group("antivirus", each): each.settings for each in merged["antivirus"].products()}

    clamav = {"scan_calendar": "*-*-* 12:30"}
    both = OptIn(provider="clamav", windows=SystemChoice(provider="defender", settings={"a": 1}))
    assert settings(both) == {"antivirus_linux": clamav, "antivirus_windows": {"days": 3, "a": 1}}
    swapped = OptIn(linux=SystemChoice(provider="defender"), windows=SystemChoice(provider="clamav"))
    assert settings(swapped) == {"antivirus_linux": {}, "antivirus_windows": {}}
    assert settings(OptIn(provider="clamav")) == {"antivirus": {}}, "it was said for Linux alone"


# What contradicts itself


def mistakes(text: str, service: str = "antivirus") -> tuple[str, ...]:
    return catalog.check_choice(service, service, written(text))


@pytest.mark.parametrize(
    "text",
    [
        "provider: clamav",
        "{provider: clamav, windows: {provider: defender}}",
        "{linux: {provider: clamav}, groups: [server], windows: {provider: defender, groups: []}}",
        "windows: {provider: defender, settings: {excluded_paths: ['D:\\Database']}}",
    ],
)
def test_what_may_be_chosen(text: str) -> None:
    assert mistakes(text) == ()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("groups: [server]", "antivirus.provider: missing; `mspctl providers list` names the products"),
        (
            "{provider: clamav, linux: {provider: clamav}, windows: {provider: defender}}",
            "antivirus.provider: clamav is for no system, as linux and windows have products of their own; "
            "leave it out",
        ),
        (
            "{settings: {scan_calendar: daily}, linux: {provider: clamav}}",
            "antivirus.settings: of no product; write it below linux",
        ),
        (
            "{licences: 4, linux: {provider: clamav}, windows: {provider: defender}}",
            "antivirus.licences: of no product; write it below linux or windows",
        ),
        ("windows: {provider: clamav}", "antivirus.windows.provider: clamav has no agent for Windows"),
        ("linux: {provider: defender}", "antivirus.linux.provider: defender has no agent for Linux"),
        (
            "{provider: defender, windows: {provider: defender}}",
            "antivirus.provider: defender has no agent for Linux, and windows has a product of its own",
        ),
        (
            "{provider: clamav, windows: {provider: defender, settings: {scan_calendar: daily}}}",
            "antivirus.windows.settings.scan_calendar: defender has no such setting; clamav has",
        ),
        (
            "{provider: clamav, windows: {provider: defender, settings: {excluded_path: []}}}",
            "antivirus.windows.settings.excluded_path: defender has no such setting; "
            "did you mean 'excluded_paths'?",
        ),
        (
            "windows: {provider: defnder}",
            "antivirus.windows.provider: no antivirus provider 'defnder'; did you mean 'defender'?",
        ),
        (
            "{provider: clamav, windows: {provider: defender, version: '4.18'}}",
            "antivirus.windows.version: defender comes from its vendor, not from apt; leave it out",
        ),
    ],
)
def test_a_contradiction_is_one_line(text: str, line: str) -> None:
    assert mistakes(text) == (line,)
