"""Zabbix, by its JSON-RPC API (https://www.zabbix.com/documentation/6.0/en/manual/api).

Each client has a host group and an action of autoregistration of its own; each template has an action that
links it to the hosts whose metadata name the group it is for. What is there already is left as it is.
"""

import re
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from msgspec import structs
from zabbix_utils import ZabbixAPI
from zabbix_utils import api as zabbix_api
from zabbix_utils.exceptions import APIRequestError, ModuleBaseException

from mspctl.errors import MspctlError
from mspctl.events import told
from mspctl.records import Console, ConsoleAnswer, DrillAnswer, Introduction

# The library looks for ZABBIX_TOKEN and its like, which open another server: this one is not shown them.
zabbix_api.env = {}

_FRESH_SECONDS = 300
_TIMEOUT_SECONDS = 30
_EVERYBODY = "all"  # the group that every host is in

_DRILL = "mspctl drill"  # the template that watches the unit which drills stop
_DRILL_UNIT = "systemd.unit.info[mspctl-drill.service,ActiveState]"
_DRILL_TRIGGER = "mspctl drill: the unit that stands in for a service was stopped"
_DRILL_FRESH_SECONDS = 180  # an unchanged value is kept once a minute
# Numbers of the API: https://www.zabbix.com/documentation/6.0/en/manual/api/reference
_ACTIVE_AGENT, _TEXT, _DISCARD_UNCHANGED, _INFORMATION = 7, 4, 20, 1
_AUTOREGISTRATION, _HOST_METADATA, _MATCHES = 2, 24, 8
_ADD_HOST, _ADD_TO_GROUP, _LINK_TEMPLATE = 2, 4, 6


def ask(
    console: Console,
    secret: str,
    ca_file: Path | None,
    names: Mapping[str, str],
    parameters: Mapping[str, str],
) -> tuple[ConsoleAnswer, ...]:
    """Return for each host (inventory name → name at Zabbix) whether it is known and its data are fresh.

    Fresh is a value received within `fresh_seconds` of the provider's record, 300 where it says nothing.
    Raise MspctlError when the server cannot be asked.
    """
    seconds = _fresh_seconds(parameters)
    with _session(console, secret, ca_file) as api:
        found = {str(host["host"]): host for host in _hosts(api, filter={"host": list(names.values())})}
        newest = _newest_values(api, [str(host["hostid"]) for host in found.values()])
    now = time.time()
    return tuple(_answer(host, found.get(name), newest, now, seconds) for host, name in sorted(names.items()))


def census(
    console: Console, secret: str, ca_file: Path | None, prefix: str, parameters: Mapping[str, str]
) -> tuple[ConsoleAnswer, ...]:
    """Return every host whose name at Zabbix begins with `prefix`, by that name. Raise as `ask` does."""
    seconds = _fresh_seconds(parameters)
    with _session(console, secret, ca_file) as api:
        found = _hosts(api, search={"host": prefix}, startSearch=True)
        newest = _newest_values(api, [str(host["hostid"]) for host in found])
    now = time.time()
    return tuple(_answer(str(host["host"]), host, newest, now, seconds) for host in found)


def forget(console: Console, secret: str, ca_file: Path | None, names: Sequence[str]) -> None:
    """Delete hosts, with their history, by their names at Zabbix. Raise as `ask` does."""
    with _session(console, secret, ca_file) as api:
        found = _hosts(api, filter={"host": list(names)})
        if found:
            api.host.delete(*(str(host["hostid"]) for host in found))


def enrol(
    console: Console,
    secret: str,
    ca_file: Path | None,
    client: str,
    hosts: Mapping[str, Sequence[str]],
    parameters: Mapping[str, str],
) -> Introduction:
    """Make what is missing for a client's hosts (name at Zabbix → their groups); leave what is there.

    That is the client's host group and action, the template of drills, and an action for each template of
    `templates`. Hosts that registered before get the group and the templates they lack. Raise as `ask` does.
    """
    wanted = _templates_by_group(parameters)
    made: list[str] = []
    with _session(console, secret, ca_file) as api:
        group = _group(api, "hostgroup", client_group(client), made)
        drill = _drill_template(api, made)
        known = _ids(api.template, "host", {name for _, name in wanted}, "templateid")
        present = {_EVERYBODY}.union(*hosts.values())
        if lacking := [name for each, name in wanted if name not in known and each in present]:
            made.append(f"the server lacks: {', '.join(lacking)}")
        joining = [{"operationtype": _ADD_HOST}, _operation(_ADD_TO_GROUP, group)]
        _action(api, f"mspctl {client}", f"^mspctl {re.escape(client)}( |$)", joining, made)
        links = [(_EVERYBODY, _DRILL, drill)]
        links += [(each, name, known[name]) for each, name in wanted if name in known]
        for each, name, template in links:
            operation = _operation(_LINK_TEMPLATE, template)
            _action(api, f"mspctl: {name} for {each}", _metadata_of(each), [operation], made)
        _complete(api, hosts, group, links, made)
    return Introduction(made=tuple(made))


def leave(console: Console, secret: str, ca_file: Path | None, client: str) -> None:
    """Take the client's own action away, and its host group once nothing is in it. Raise as `ask` does."""
    with _session(console, secret, ca_file) as api:
        if actions := _ids(api.action, "name", {f"mspctl {client}"}, "actionid"):
            api.action.delete(*actions.values())
        groups = _ids(api.hostgroup, "name", {client_group(client)}, "groupid")
        if groups and not api.host.get(output=["hostid"], groupids=list(groups.values())):
            api.hostgroup.delete(*groups.values())


def drill(
    console: Console, secret: str, ca_file: Path | None, names: Mapping[str, str]
) -> tuple[DrillAnswer, ...]:
    """Return how the unit that drills stop stands on each host (inventory name → name at Zabbix).

    Raise as `ask` does.
    """
    with _session(console, secret, ca_file) as api:
        ids = _ids(api.host, "host", set(names.values()), "hostid")
        found = list(ids.values())
        items = (
            api.item.get(
                output=["hostid", "lastclock", "lastvalue", "state", "error"],
                hostids=found,
                filter={"key_": _DRILL_UNIT},
            )
            if found
            else []
        )
        triggers = (
            api.trigger.get(
                output=["triggerid"],
                hostids=found,
                filter={"description": _DRILL_TRIGGER},
                selectHosts=["hostid"],
            )
            if found
            else []
        )
        whose = {str(each["triggerid"]): str(each["hosts"][0]["hostid"]) for each in triggers}
        problems = api.problem.get(output=["objectid"], objectids=list(whose)) if whose else []
        firing = {whose.get(str(each["objectid"])) for each in problems}
        values = {str(each["hostid"]): each for each in items}
        now = time.time()
        return tuple(
            _drilled(host, values.get(ids.get(name, "")), ids.get(name, "") in firing, now)
            for host, name in sorted(names.items())
        )


def client_group(client: str) -> str:
    """Return what the host group of a client is called."""
    return f"mspctl/{client}"


def _fresh_seconds(parameters: Mapping[str, str]) -> int:
    seconds = parameters.get("fresh_seconds", str(_FRESH_SECONDS))
    if not seconds.isdecimal():
        raise MspctlError(f"zabbix: console.parameters.fresh_seconds: not a whole number: '{seconds}'")
    return int(seconds)


@contextmanager
def _session(console: Console, secret: str, ca_file: Path | None) -> Iterator[Any]:
    """Yield the API, logged in; its mistakes become MspctlError without the secret."""
    if ca_file and not ca_file.is_file():
        raise MspctlError(f"zabbix at {console.url}: ca_file: no such file: {ca_file}")
    try:
        context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
        api = ZabbixAPI(console.url, timeout=_TIMEOUT_SECONDS, ssl_context=context)
        if console.user:
            api.login(user=console.user, password=secret)
        else:
            api.login(token=secret)
        try:
            yield api
        finally:
            if console.user:
                api.logout()
    except (LookupError, TypeError, AttributeError):
        raise MspctlError(f"zabbix at {console.url}: answers otherwise than Zabbix does") from None
    except (ModuleBaseException, OSError, ValueError) as error:
        # The request is part of some of its messages, and the request holds the password.
        said = told(str(error), 200, (secret,))
        raise MspctlError(f"zabbix at {console.url}: {said}") from None


def _hosts(api: Any, **which: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.host.get(
        output=["hostid", "host", "status"], selectInterfaces=["ip", "main"], **which
    )
    return found


def _newest_values(api: Any, host_ids: list[str]) -> dict[str, int]:
    """Return when each host's newest value was received, in seconds since 1970; 0: never."""
    newest: dict[str, int] = {}
    if host_ids:
        for item in api.item.get(output=["hostid", "lastclock"], hostids=host_ids, monitored=True):
            host = str(item["hostid"])
            newest[host] = max(newest.get(host, 0), int(item.get("lastclock") or 0))
    return newest


def _answer(
    host: str, found: Mapping[str, Any] | None, newest: Mapping[str, int], now: float, fresh_seconds: int
) -> ConsoleAnswer:
    if found is None:
        return ConsoleAnswer(host=host, known=False, fresh=False, detail="not registered at Zabbix")
    known = ConsoleAnswer(host=host, known=True, fresh=False, detail="", address=_address(found))
    if str(found.get("status")) != "0":
        return structs.replace(known, detail="disabled at Zabbix")
    last = newest.get(str(found["hostid"]), 0)
    if not last:
        return structs.replace(known, detail="no value received yet")
    age = max(0, int(now - last))
    return structs.replace(known, fresh=age <= fresh_seconds, detail=f"newest value {age} s old")


def _address(found: Mapping[str, Any]) -> str:
    """Return where Zabbix reaches a host; agents that report by themselves come from there too."""
    interfaces = sorted(found.get("interfaces") or (), key=lambda each: str(each.get("main")) != "1")
    return str(interfaces[0].get("ip", "")) if interfaces else ""


def _templates_by_group(parameters: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return group and template of each line of `templates`. Raise MspctlError for a line that is none."""
    found = []
    for line in filter(str.strip, parameters.get("templates", "").splitlines()):
        group, colon, name = (part.strip() for part in line.partition(":"))
        if not colon or not name or not re.fullmatch(r"[a-z_][a-z0-9_]*", group):
            raise MspctlError(
                f"zabbix: console.parameters.templates: not 'group: template': '{told(line, 80, ())}'"
            )
        found.append((group, name))
    return found


def _metadata_of(group: str) -> str:
    """Return the expression for the metadata of hosts that are in a group."""
    return "^mspctl " if group == _EVERYBODY else f"^mspctl [^ ]+( .*)? {group}( |$)"


def _ids(api: Any, key: str, names: set[str], number: str) -> dict[str, str]:
    """Return the ids of what has one of these names, by name."""
    found = api.get(output=[number, key], filter={key: sorted(names)}) if names else []
    return {str(each[key]): str(each[number]) for each in found}


def _group(api: Any, kind: str, name: str, made: list[str]) -> str:
    """Return the id of a group of hosts or of templates, made unless it is there."""
    groups = getattr(api, kind)
    if found := _ids(groups, "name", {name}, "groupid"):
        return found[name]
    made.append(f"host group '{name}'" if kind == "hostgroup" else f"template group '{name}'")
    return str(groups.create(name=name)["groupids"][0])


def _operation(kind: int, number: str) -> dict[str, Any]:
    if kind == _ADD_TO_GROUP:
        return {"operationtype": kind, "opgroup": [{"groupid": number}]}
    return {"operationtype": kind, "optemplate": [{"templateid": number}]}


def _action(
    api: Any, name: str, metadata: str, operations: Sequence[Mapping[str, Any]], made: list[str]
) -> None:
    """Make an action for agents that register with such metadata, unless one of its name is there."""
    if _ids(api.action, "name", {name}, "actionid"):
        return
    condition = {"conditiontype": _HOST_METADATA, "operator": _MATCHES, "value": metadata}
    api.action.create(
        name=name,
        eventsource=_AUTOREGISTRATION,
        filter={"evaltype": 0, "conditions": [condition]},
        operations=list(operations),
    )
    made.append(f"action '{name}'")


def _drill_template(api: Any, made: list[str]) -> str:
    """Return the id of the template of drills; what is missing of it is made.

    An alert needs the unit to have run within the last day: a host to which it has not come yet raises none.
    """
    template = _ids(api.template, "host", {_DRILL}, "templateid").get(_DRILL, "")
    if not template:
        kind = "templategroup" if api.version >= 6.2 else "hostgroup"
        groups = [{"groupid": _group(api, kind, "Templates/mspctl", made)}]
        template = str(api.template.create(host=_DRILL, groups=groups)["templateids"][0])
        made.append(f"template '{_DRILL}'")
    if not api.item.get(output=["itemid"], hostids=[template], filter={"key_": _DRILL_UNIT}):
        keep = {"type": _DISCARD_UNCHANGED, "params": "1m", "error_handler": 0, "error_handler_params": ""}
        api.item.create(
            hostid=template,
            name="mspctl drill: state of the unit",
            key_=_DRILL_UNIT,
            type=_ACTIVE_AGENT,
            value_type=_TEXT,
            delay="30s",
            history="2d",
            preprocessing=[keep],
        )
    if not api.trigger.get(
        output=["triggerid"], templateids=[template], filter={"description": _DRILL_TRIGGER}
    ):
        unit = f"/{_DRILL}/{_DRILL_UNIT}"
        api.trigger.create(
            description=_DRILL_TRIGGER,
            expression=f'last({unit})<>"active" and count({unit},1d,"eq","active")>0',
            priority=_INFORMATION,
            tags=[{"tag": "mspctl", "value": "drill"}],
        )
    return template


def _complete(
    api: Any,
    hosts: Mapping[str, Sequence[str]],
    group: str,
    links: Sequence[tuple[str, str, str]],
    made: list[str],
) -> None:
    """Give hosts that registered before the group and the templates they lack."""
    ids = _ids(api.host, "host", set(hosts), "hostid")

    def lacking(wanted: Mapping[str, str], **which: Any) -> dict[str, str]:
        found = api.host.get(output=["hostid"], hostids=list(wanted.values()), **which) if wanted else []
        having = {str(each["hostid"]) for each in found}
        return {name: number for name, number in sorted(wanted.items()) if number not in having}

    if outside := lacking(ids, groupids=[group]):
        api.hostgroup.massadd(
            groups=[{"groupid": group}], hosts=[{"hostid": number} for number in outside.values()]
        )
        made.append(f"in the host group: {', '.join(outside)}")
    for each, name, template in links:
        members = {host: ids[host] for host in ids if each == _EVERYBODY or each in hosts[host]}
        for host, number in lacking(members, templateids=[template]).items():
            made.append(f"{host}: {_link(api, number, template, name)}")


def _link(api: Any, host: str, template: str, name: str) -> str:
    """Link a template to a host; return in words that it is done, or why not: other templates may collide."""
    try:
        api.host.massadd(hosts=[{"hostid": host}], templates=[{"templateid": template}])
    except APIRequestError as error:
        return f"template '{name}' not linked: {told(str(error), 160, ())}"
    return f"template '{name}'"


def _drilled(host: str, item: Mapping[str, Any] | None, is_firing: bool, now: float) -> DrillAnswer:
    """Return what one host's item says of its unit."""
    reason = ""
    age = max(0, int(now - int((item or {}).get("lastclock") or 0)))
    if item is None:
        reason = "the server does not watch its unit: `mspctl enrol` links the template"
    elif str(item.get("state")) == "1":
        reason = f"the agent cannot tell how its unit stands: {told(str(item.get('error')), 120, ())}"
    elif age > _DRILL_FRESH_SECONDS:
        reason = f"newest value {age} s old" if item.get("lastclock") != "0" else "no value received yet"
    elif not is_firing and item.get("lastvalue") != "active":
        reason = f"its unit is {told(str(item.get('lastvalue')), 40, ())}"
    return DrillAnswer(host=host, is_watched=not reason, is_firing=is_firing, detail=reason)
