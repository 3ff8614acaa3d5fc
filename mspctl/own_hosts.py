"""The provider's own hosts, which serve its clients' hosts: mspctl.yml → an Ansible inventory; pure.

A role is a group of that name, and a play of playbooks/provider_side.yml on it. What mspctl.yml calls a
setting or a secret of a role is the role's variable of that name, less the role's own name before it.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from mspctl.catalog import RoleOption
from mspctl.facts.ssh import public_key
from mspctl.handwritten import nearest
from mspctl.inventory import SSH_OPTIONS, login_variables
from mspctl.records import Json, OwnHost, RoleChoice
from mspctl.references import variable

_STATE = "state"  # of every role: present or absent; `up` and `down` say it
_TYPES: Mapping[str, type] = {"str": str, "path": str, "int": int, "bool": bool, "list": list, "dict": dict}


def mistakes(
    where: str, hosts: Sequence[OwnHost], roles: Mapping[str, Mapping[str, RoleOption]]
) -> tuple[str, ...]:
    """Return every mistake in the provider's own hosts, each line beginning with `where`."""
    lines = []
    for index, host in enumerate(hosts):
        here = f"{where}: hosts[{index}]"
        if host.name in {other.name for other in hosts[:index]}:
            lines.append(f"{here}.name: there is another host '{host.name}'")
        if host.host_key and not public_key(host.host_key):
            lines.append(f"{here}.host_key: no public key; `ssh-keyscan {host.address}` prints it")
        for role, choice in sorted(host.roles.items()):
            if role in roles:
                lines += _role_mistakes(f"{here}.roles.{role}", choice, roles[role])
            else:
                hint = nearest(role, sorted(roles)) or f"; known: {', '.join(sorted(roles))}"
                lines.append(f"{here}.roles: no role '{role}'{hint}")
    return tuple(lines)


def _role_mistakes(here: str, choice: RoleChoice, options: Mapping[str, RoleOption]) -> Iterable[str]:
    settings = {name: option for name, option in options.items() if not option.secret and name != _STATE}
    secrets = {name: option for name, option in options.items() if option.secret}
    for kind, known, given in (("settings", settings, choice.settings), ("secrets", secrets, choice.secrets)):
        for name, option in sorted(known.items()):
            if option.required and name not in given:
                how = " Write vault:NAME." if option.secret else ""
                yield f"{here}.{kind}.{name}: missing: {option.description}{how}"
        for name in sorted(set(given) - set(known)):
            other = "secrets" if name in secrets else "settings"
            hint = f"; it belongs below {other}" if name in options else nearest(name, sorted(known))
            yield f"{here}.{kind}.{name}: no such {kind.removesuffix('s')}{hint}"
    for name, value in sorted(choice.settings.items()):
        wanted = _TYPES.get(settings[name].type, object) if name in settings else object
        if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
            yield f"{here}.settings.{name}: expected {settings[name].type}, found {value!r}"


def hosts_json(hosts: Iterable[OwnHost]) -> str:
    """Return the inventory of the provider's own hosts as one file, byte-stable."""
    groups: dict[str, dict[str, dict[str, dict[str, Json]]]] = {}
    for host in hosts:
        for role in host.roles:
            groups.setdefault(role, {"hosts": {}})["hosts"][host.name] = {}
    tree = {
        "all": {
            "hosts": {host.name: _variables(host) for host in hosts},
            "children": groups,
            "vars": {
                "ansible_ssh_common_args": SSH_OPTIONS,
                "ansible_python_interpreter": "/usr/bin/python3",
            },
        }
    }
    return msgspec.json.format(msgspec.json.encode(tree, order="sorted"), indent=2).decode() + "\n"


def _variables(host: OwnHost) -> dict[str, Json]:
    found: dict[str, Json] = {"ansible_host": host.address, **login_variables(host.connection)}
    for role, choice in host.roles.items():
        found.update({f"{role}_{name}": value for name, value in choice.settings.items()})
        found.update(
            {f"{role}_{name}": f"{{{{ {variable(value)} }}}}" for name, value in choice.secrets.items()}
        )
    return found


def known_as(host: OwnHost) -> str:
    """Return what known_hosts calls a host."""
    port = host.connection.port
    return f"[{host.address}]:{port}" if port and port != 22 else host.address


def pinned(hosts: Iterable[OwnHost], known_hosts: str) -> dict[str, str]:
    """Return the key of each host that has one, by the host's name: mspctl.yml's before the one pinned."""
    pins = dict(line.split(" ", 1) for line in known_hosts.splitlines() if " " in line)
    keys = {host.name: host.host_key or pins.get(known_as(host), "") for host in hosts}
    return {name: public_key(key) for name, key in keys.items() if public_key(key)}


def known_hosts(hosts: Iterable[OwnHost], keys: Mapping[str, str]) -> str:
    """Return known_hosts with the keys of the hosts, by their names."""
    lines = sorted(f"{known_as(host)} {keys[host.name]}\n" for host in hosts if host.name in keys)
    return "".join(lines)


def with_role(hosts: Iterable[OwnHost], role: str) -> tuple[str, ...]:
    """Return the names of the hosts that have a role, sorted."""
    return tuple(sorted(host.name for host in hosts if role in host.roles))
