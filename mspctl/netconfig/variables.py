"""Network devices in the Ansible inventory: the group network_baseline and what its role is given; pure."""

from collections.abc import Iterable, Mapping

import msgspec
from msgspec import structs

from mspctl.inventory import Host, Inventory
from mspctl.netconfig.field import merged, secrets_of
from mspctl.records import DetectedDevice, Json, NetworkChoices, NetworkConnection, NetworkDevice, Platform
from mspctl.references import variable

GROUP = "network_baseline"


def with_devices(
    built: Inventory,
    chosen: NetworkChoices,
    detected: Iterable[DetectedDevice],
    platforms: Mapping[str, Platform],
) -> Inventory:
    """Return an inventory whose devices of a configured platform are in the group network_baseline."""
    known = {
        each.asset: each
        for each in detected
        if each.platform in platforms and platforms[each.platform].configured
    }
    hosts = tuple(_host(host, known, chosen) for host in built.hosts)
    if not any(GROUP in host.groups for host in hosts):
        return built
    return structs.replace(
        built, hosts=hosts, group_variables={**built.group_variables, GROUP: _group(chosen)}
    )


def _host(host: Host, known: Mapping[str, DetectedDevice], chosen: NetworkChoices) -> Host:
    found = known.get(str(host.connection.get("mspctl_asset", "")))
    if found is None:
        return host
    device = chosen.devices.get(host.name, NetworkDevice())
    mine: dict[str, Json] = {
        "network_baseline_platform": found.platform,
        "network_baseline_port": found.port,
        "network_baseline_device": msgspec.to_builtins(
            structs.replace(device, connection=NetworkConnection())
        ),
    }
    if device.connection != NetworkConnection():
        mine |= _connection(merged(chosen.connection, device.connection))
    return structs.replace(
        host, groups=tuple(sorted({*host.groups, GROUP})), connection={**host.connection, **mine}
    )


def _group(chosen: NetworkChoices) -> dict[str, Json]:
    plain = structs.replace(chosen, connection=NetworkConnection(), devices={})
    references = secrets_of(structs.replace(chosen), ())
    return {
        **_connection(chosen.connection),
        "network_baseline_choices": msgspec.to_builtins(plain),
        "network_baseline_secrets": {each: f"{{{{ {variable(each)} }}}}" for each in references},
    }


def _connection(connection: NetworkConnection) -> dict[str, Json]:
    found: dict[str, Json] = {
        "network_baseline_user": connection.user,
        "network_baseline_key_file": connection.key_file,
        **{
            f"network_baseline_{name}": f"{{{{ {variable(reference)} }}}}"
            for name, reference in (
                ("password", connection.password),
                ("enable_password", connection.enable),
                ("private_key", connection.key),
            )
            if reference
        },
    }
    return {name: value for name, value in found.items() if value is not None}
