"""Assets and the client's choices → an Ansible inventory; pure.

What came over the wire (a name a device gave itself, its banner) stands in the inventory as data marked
unsafe, which Ansible never templates; what the engineer wrote is templated, so that references into the
vault work. A host that is not understood is `unclassified` and belongs to no service.
"""

import re
from collections.abc import Iterable, Mapping, Set
from datetime import date
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple, get_args

import msgspec

from mspctl.errors import BadInput
from mspctl.handwritten import nearest
from mspctl.records import (
    Asset,
    ClientFile,
    Connection,
    Exclusion,
    Json,
    OptIn,
    Override,
    OverridesFile,
    Product,
    Record,
    WindowsConnection,
    WorkspaceFile,
)
from mspctl.records.client import SYSTEMS
from mspctl.records.provider import Capability
from mspctl.references import variable_template
from mspctl.remoting import Certificates, Way, way_in
from mspctl.services import (
    LINUX,
    WINDOWS,
    GoesOn,
    chosen_services,
    elsewhere,
    product_group,
    product_variables,
    products_on,
    system_of,
)

WINRM = "mspctl_winrm"  # the connection plugin
AGENT_KINDS = frozenset({"workstation", "laptop", "server", "virtual-machine"})  # what takes an agent
CAPABILITIES: tuple[str, ...] = get_args(Capability)
RESERVED = frozenset(
    {"all", "ungrouped", "classified", "unclassified", *CAPABILITIES}
    | {f"{capability}_{system}" for capability in CAPABILITIES for system in SYSTEMS}
)
"""Groups with a meaning: a host gets into one by being chosen, never by what it is called."""
SSH_OPTIONS = " ".join(
    (
        "-o StrictHostKeyChecking=yes",
        "-o GlobalKnownHostsFile=/dev/null",
        "-o 'UserKnownHostsFile=\"{{ inventory_dir }}/known_hosts\"'",
    )
)


class Host(Record, frozen=True, kw_only=True):
    """One asset as Ansible sees it."""

    name: str
    groups: tuple[str, ...]
    connection: dict[str, Json] = msgspec.field(default_factory=dict)  # trusted: ours and the engineer's
    discovered: dict[str, str] = msgspec.field(default_factory=dict)  # untrusted: from the network
    overrides: dict[str, Json] = msgspec.field(default_factory=dict)  # of this host alone
    left_alone: str = ""  # why no change is made to it; "" for a managed host
    excluded: dict[str, str] = msgspec.field(default_factory=dict)  # service: reason


class Entrance(NamedTuple):
    """How Ansible gets into a Windows host."""

    way: Way
    windows: WindowsConnection

    def variables(self) -> dict[str, Json]:
        """Return what says so to mspctl/ansible/connection/mspctl_winrm.py."""
        authority = self.windows.ca_file if self.windows.ca_file and not self.way.pin else ""
        found: dict[str, Json] = {
            "ansible_connection": WINRM,
            "ansible_become": False,  # who logs in is an administrator, or he is nobody
            "ansible_port": self.way.port,
            "ansible_user": self.windows.user,
            "ansible_password": variable_template(self.windows.password),
            "mspctl_winrm_transport": self.windows.transport,
            "mspctl_winrm_certificate": self.way.pin or None,
            "mspctl_winrm_ca_file": _in_workspace(authority) if authority else None,
            "mspctl_winrm_names": list(self.way.names) if authority else None,
        }
        return {key: value for key, value in found.items() if value is not None}


class Inventory(Record, frozen=True, kw_only=True):
    """Every asset of a client as Ansible sees it, and the variables of its groups."""

    hosts: tuple[Host, ...]
    group_variables: dict[str, dict[str, Json]]
    services: dict[str, OptIn]  # what the client chose, with the provider's defaults under it
    redundant: tuple[frozenset[str], ...] = ()  # hosts that stand in for one another

    def members(self, group: str) -> tuple[str, ...]:
        """Return the names of the hosts in `group`, sorted."""
        return tuple(host.name for host in self.hosts if group in host.groups)

    def product(self, service: str, host: Host) -> Product | None:
        """Return the product that is meant for a host like this one, None where there is none."""
        return self.services[service].product(system_of(host.discovered.get("os", "")))

    def chosen_for(self, host: Host) -> dict[str, Product]:
        """Return what a host is to have: the product of each of its services, by service."""
        mine = sorted(set(self.services) & set(host.groups))
        return {service: product for service in mine if (product := self.product(service, host))}

    def by_product(self) -> dict[tuple[str, str], tuple[str, ...]]:
        """Return the hosts that are to have each product that was chosen, by service and provider."""
        found: dict[tuple[str, str], list[str]] = {
            (service, product.provider): []
            for service, choice in self.services.items()
            for product in choice.products()
        }
        for host in self.hosts:
            for service, product in self.chosen_for(host).items():
                found[service, product.provider].append(host.name)
        return {product: tuple(hosts) for product, hosts in found.items()}


def build(
    name: str,
    client: ClientFile,
    settings: WorkspaceFile,
    assets: Iterable[Asset],
    overrides: OverridesFile,
    today: date,
    generated: Mapping[tuple[str, str], Iterable[str]] = MappingProxyType({}),
    goes_on: GoesOn = MappingProxyType({}),
    certificates: Certificates = MappingProxyType({}),
) -> Inventory:
    """Return the inventory of the client `name`, hosts sorted by name.

    `generated` names the secrets of each product that are made for every host: `catalog.generated`.
    `goes_on` says on which systems: `catalog.goes_on`, Linux unless said; `certificates` what Windows hosts
    showed first: `logins.certificates`.
    Raise BadInput for a service that does not exist, a group that no host is in, or an asset that is named
    and not there.
    """
    present = sorted((asset for asset in assets if not asset.gone_since), key=lambda asset: asset.name)
    services = chosen_services(client, settings)
    groups = [_groups(asset) for asset in present]
    _check_references(name, client, present, set().union(*groups), services)
    by_asset = {override.asset: override for override in overrides.assets}
    ways = {
        asset.id: _windows_way(client, asset, by_asset.get(asset.id), certificates)
        for asset in present
        if asset.get("os") == WINDOWS
    }
    products = {system: products_on(services, system) for system in SYSTEMS}
    unfit = {system: elsewhere(services, system, goes_on) for system in SYSTEMS}
    nobody = login_variables(client.connection)
    logins = {site.name: login_variables(connection_of(client, site.name)) for site in client.sites}
    return Inventory(
        hosts=tuple(
            _host(
                asset,
                base,
                logins.get(asset.site, nobody),
                by_asset.get(asset.id),
                services,
                products[system] if (system := system_of(asset.get("os"))) else {},
                {
                    **(unfit[system] if system else {}),
                    **_excluded(asset, client.exclusions, services, today),
                },
                ways.get(asset.id, ""),
            )
            for asset, base in zip(present, groups, strict=True)
        ),
        group_variables={
            "all": {"mspctl_client": name, "ansible_ssh_common_args": SSH_OPTIONS},
            "linux": {"ansible_python_interpreter": "/usr/bin/python3"},
            **{
                product_group(service, product): product_variables(
                    service, product, generated.get((service, product.provider), ())
                )
                for service, choice in services.items()
                for product in choice.products()
            },
        },
        services=services,
        redundant=redundant(client, present),
    )


def redundant(client: ClientFile, assets: Iterable[Asset]) -> tuple[frozenset[str], ...]:
    """Return the names of the hosts that stand in for one another, a set a group of client.yml."""
    called = [(asset.name, frozenset(names_of(asset))) for asset in assets] if client.redundant else []
    return tuple(
        frozenset(name for name, names in called if not names.isdisjoint(group)) for group in client.redundant
    )


def files(inventory: Inventory) -> dict[str, str]:
    """Return the inventory as files: path inside the client's folder → text, byte-stable.

    hosts.json holds what was discovered, group_vars what the client chose, host_vars what the engineer
    set for one host. Variables of people's own go beside them, in files of other names.
    """
    groups: dict[str, dict[str, dict[str, dict[str, Json]]]] = {}
    for host in inventory.hosts:
        for group in host.groups:
            groups.setdefault(group, {"hosts": {}})["hosts"][host.name] = {}
    tree = {
        "all": {
            "hosts": {host.name: variables(host) for host in inventory.hosts},
            "children": groups,
        }
    }
    found = {"hosts.json": _json(tree)}
    for group, values in inventory.group_variables.items():
        found[f"group_vars/{group}/mspctl.json"] = _json(values)
    for host in inventory.hosts:
        if host.overrides:
            found[f"host_vars/{host.name}/mspctl.json"] = _json(host.overrides)
    return found


def variables(host: Host) -> dict[str, Json]:
    """Return the variables of `host` as JSON for Ansible: what was discovered is marked unsafe."""
    unsafe: dict[str, Json] = {key: {"__ansible_unsafe": text} for key, text in host.discovered.items()}
    return {**host.connection, "mspctl_discovered": unsafe}


def _host(
    asset: Asset,
    base: frozenset[str],
    login: Mapping[str, Json],
    override: Override | None,
    services: Mapping[str, OptIn],
    products: Mapping[str, Product],
    excluded: dict[str, str],
    way: Entrance | str,
) -> Host:
    reason = _left_alone(asset, services, excluded, way)
    chosen = [
        group
        for service, product in products.items()
        if not reason
        and service not in excluded
        and (not product.groups or not base.isdisjoint(product.groups))
        for group in (service, product_group(service, product))
    ]
    return Host(
        name=asset.name,
        groups=_ordered(base, "unclassified" if _unclassified(asset) else "classified", *chosen),
        connection={
            "ansible_host": asset.addresses[0],
            "ansible_port": _ssh_port(asset),
            "mspctl_asset": asset.id,
            "mspctl_site": asset.site,
            **({"ansible_connection": "ssh", **login} if asset.get("os") in LINUX else {}),
            **(way.variables() if isinstance(way, Entrance) else {}),
        },
        discovered={key: value.value for key, value in sorted(asset.profile.items())},
        overrides=login_variables(override.connection) if override and not way else {},
        left_alone=reason,
        excluded=excluded,
    )


@lru_cache(maxsize=4096)
def _ordered(base: frozenset[str], *more: str) -> tuple[str, ...]:
    return tuple(sorted({*base, *more}))


def _groups(asset: Asset) -> frozenset[str]:
    """Return the groups of an asset: its site, network, kind, role, system and system with version."""
    values = (asset.get(key) for key in ("kind", "role", "os", "os_version"))
    return _named(asset.site, asset.network, *values)


@lru_cache(maxsize=4096)  # thousands of machines are of a few dozen sorts
def _named(site: str, network: str, kind: str, role: str, system: str, version: str) -> frozenset[str]:
    names = {f"site_{site}", f"network_{network}", kind, role, system}
    if system:
        names.add(f"{system}_{version}")
    if system in LINUX:
        names.add("linux")
    return frozenset(group_name(name) for name in names if name) - RESERVED


@lru_cache(maxsize=4096)
def group_name(text: str) -> str:
    """Return `text` as a name Ansible takes for a group: letters, digits and underscores."""
    name = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:64]
    return name if name[:1].isalpha() else f"_{name}"


def _unclassified(asset: Asset) -> bool:
    return not asset.get("kind") or (not asset.get("os") and asset.get("kind") in AGENT_KINDS)


def _left_alone(
    asset: Asset, services: Mapping[str, OptIn], excluded: Mapping[str, str], way: Entrance | str
) -> str:
    """Return why nothing is installed on an asset, "" where something may be."""
    if services and set(services) <= set(excluded):
        return next(iter(excluded.values()))
    if _unclassified(asset):
        return "unclassified: the scan saw too little to tell what it is"
    if (kind := asset.get("kind")) not in AGENT_KINDS:
        return f"takes no agent: {kind}"
    if asset.get("os") == WINDOWS:
        return "" if isinstance(way, Entrance) else way
    if (system := asset.get("os")) not in LINUX:
        return f"no roles for {group_name(system)} yet"
    if not any(service.name == "ssh" for service in asset.services):
        return "does not answer on SSH"
    return ""


def _excluded(
    asset: Asset, exclusions: Iterable[Exclusion], services: Iterable[str], today: date
) -> dict[str, str]:
    found = {}
    for exclusion in exclusions:
        if exclusion.asset in names_of(asset) and date.fromisoformat(exclusion.expires) >= today:
            text = f"{exclusion.reason} ({exclusion.owner}, until {exclusion.expires})"
            found.update(dict.fromkeys(exclusion.services or services, text))
    return found


def names_of(asset: Asset) -> tuple[str, ...]:
    """Return what a person may call an asset by: id, name and addresses."""
    return (asset.id, asset.name, *asset.addresses)


def _ssh_port(asset: Asset) -> int:
    return next((service.port for service in asset.services if service.name == "ssh"), 22)


def connection_of(client: ClientFile, site: str, override: Override | None = None) -> Connection:
    """Return how to log in to an asset: what the client says, over that its site, over that its own."""
    here = next((each.connection for each in client.sites if each.name == site), Connection())
    found = _merge(client.connection, here)
    return _merge(found, override.connection) if override else found


def _merge(under: Connection, over: Connection) -> Connection:
    """Return `under` with what `over` says; a key of either kind replaces a key of the other."""
    said = {key: value for key, value in msgspec.structs.asdict(over).items() if value is not None}
    if under.windows and over.windows:
        more = {
            key: value for key, value in msgspec.structs.asdict(over.windows).items() if value is not None
        }
        said["windows"] = msgspec.structs.replace(under.windows, **more)
    if "key" in said or "key_file" in said:
        under = msgspec.structs.replace(under, key=None, key_file=None)
    return msgspec.structs.replace(under, **said)


def login_variables(connection: Connection) -> dict[str, Json]:
    """Return a connection as Ansible's variables; secrets as references into the vault."""
    found: dict[str, Json] = {
        "ansible_user": connection.user,
        "ansible_port": connection.port,
        "ansible_ssh_private_key_file": connection.key_file,
        "ansible_ssh_private_key": variable_template(connection.key),
        "ansible_password": variable_template(connection.password),
        "ansible_become_password": variable_template(connection.become_password),
    }
    return {key: value for key, value in found.items() if value is not None}


def _windows_way(
    client: ClientFile, asset: Asset, override: Override | None, certificates: Certificates
) -> Entrance | str:
    """Return how Ansible gets into a Windows host, or why it does not."""
    windows = connection_of(client, asset.site, override).windows or WindowsConnection()
    way = way_in(asset, windows, certificates)
    return way if isinstance(way, str) else Entrance(way, windows)


def _in_workspace(path: str) -> str:
    return path if path.startswith(("/", "~")) else f"{{{{ inventory_dir }}}}/../../{path}"


def _check_references(
    name: str,
    client: ClientFile,
    assets: list[Asset],
    groups: Set[str],
    services: Mapping[str, OptIn],
) -> None:
    """Raise BadInput for every name in the hand-written files that means nothing."""
    where = f"inventories/{name}/client.yml"
    is_any_named = client.exclusions or client.redundant
    called = {called for asset in assets for called in names_of(asset)} if is_any_named else set()
    lines = []
    for service, choice in services.items():
        if service not in CAPABILITIES:
            hint = nearest(service, list(CAPABILITIES)) or f"; one of {', '.join(CAPABILITIES)}"
            lines.append(f"{where}: services.{service}: no such service{hint}")
        own = {f"{service}.{system}": part.groups or () for system, part in choice.parts().items()}
        lines += [
            f"{where}: services.{place}.groups: no asset is in '{group}'"
            f"{nearest(group, sorted(groups)) or '; groups: ' + ', '.join(sorted(groups))}"
            for place, named in {service: choice.groups, **own}.items()
            for group in named
            if assets and group not in groups
        ]
    for index, exclusion in enumerate(client.exclusions):
        lines += [
            f"{where}: exclusions[{index}].services: '{service}' was not chosen by the client"
            for service in exclusion.services
            if service not in services
        ]
    named = [(f"exclusions[{index}].asset", each.asset) for index, each in enumerate(client.exclusions)]
    named += [(f"redundant[{index}]", name) for index, group in enumerate(client.redundant) for name in group]
    lines += [
        f"{where}: {place}: no asset '{name}'{nearest(name, sorted(called))}"
        for place, name in named
        if assets and name not in called
    ]
    if lines:
        raise BadInput(lines)


def _json(data: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(data, order="sorted"), indent=2).decode() + "\n"
