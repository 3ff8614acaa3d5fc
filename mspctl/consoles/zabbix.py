"""Zabbix, by its JSON-RPC API (https://www.zabbix.com/documentation/6.0/en/manual/api)."""

import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from msgspec import structs
from zabbix_utils import ZabbixAPI
from zabbix_utils.exceptions import ModuleBaseException

from mspctl.errors import MspctlError
from mspctl.events import told
from mspctl.records import Console, ConsoleAnswer

_FRESH_SECONDS = 300
_TIMEOUT_SECONDS = 30


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
