from mspctl.records import Connection, Console, Discovery, Override, OverridesFile, SnmpAccess, WorkspaceFile
from mspctl.references import references, variable
from tests.samples import client_file, zabbix


def test_each_secret_is_found_with_every_place_that_refers_to_it() -> None:
    from msgspec.structs import replace

    client = replace(
        client_file({"monitoring": zabbix()}),
        discovery=Discovery(snmp=SnmpAccess(communities=("vault:community", "vault:old"))),
        connection=Connection(become_password="vault:sudo"),
    )
    overrides = OverridesFile(
        assets=(
            Override(asset="a-1"),
            Override(asset="a-2", connection=Connection(become_password="vault:sudo")),
        )
    )
    assert references({"client.yml": client, "overrides.yml": overrides}) == {
        "community": ("client.yml: discovery.snmp.communities[0]",),
        "old": ("client.yml: discovery.snmp.communities[1]",),
        "psk": ("client.yml: services.monitoring.secrets.psk",),
        "sudo": (
            "client.yml: connection.become_password",
            "overrides.yml: assets[1].connection.become_password",
        ),
    }


def test_a_console_s_secrets_are_found() -> None:
    console = Console(url="https://192.0.2.1", user="mspctl", password="vault:zabbix")
    settings = WorkspaceFile(provider="Northwind IT", consoles={"zabbix": console})
    assert references({"mspctl.yml": settings}) == {"zabbix": ("mspctl.yml: consoles.zabbix.password",)}


def test_prose_about_the_vault_is_no_reference() -> None:
    override = Override(asset="a", note="vault:psk is the old one", values={"location": "vault:Second Floor"})
    assert references({"overrides.yml": OverridesFile(assets=(override,))}) == {}
    assert references({}) == {}


def test_a_reference_is_a_variable() -> None:
    assert variable("vault:psk") == "vault_psk"
