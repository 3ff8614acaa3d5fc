"""Prometheus, by its HTTP API (https://prometheus.io/docs/prometheus/latest/querying/api/).

What it asks stands in the client's prometheus.json (mspctl/targets.py): each target carries the labels
`client` and `host`, and a host's name here is `client.host`. The client's alerts stand in
prometheus.rules.yml beside it: a group of their own at the server, of which the one for drills has the label
`mspctl: drill`.
"""

import base64
import json
import math
import re
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from mspctl.drills import UNIT
from mspctl.errors import MspctlError
from mspctl.events import told
from mspctl.records import Console, ConsoleAnswer, DrillAnswer
from mspctl.targets import FILE, RULES_FILE, group

_TIMEOUT_SECONDS = 30
_MOST_BYTES = 64 << 20
_CLIENT = re.compile(r"[a-z][a-z0-9-]*")
_UNKNOWN = "no target at Prometheus: it has not read the client's prometheus.json"
_NO_SAMPLE = (0.0, math.nan)
_LATE_INTERVALS, _SHORT_SECONDS = (
    3,
    10,
)  # so long after its turn an evaluation is late; turns that count as short


def ask(
    console: Console,
    secret: str,
    ca_file: Path | None,
    names: Mapping[str, str],
    parameters: Mapping[str, str],
) -> tuple[ConsoleAnswer, ...]:
    """Return for each host (inventory name → client.host) whether it is a target, and up at the last scrape.

    Raise MspctlError when the server cannot be asked.
    """
    del parameters
    found: dict[str, ConsoleAnswer] = {}
    for client in sorted({name.partition(".")[0] for name in names.values()}):
        found |= {answer.host: answer for answer in _targets(console, secret, ca_file, client)}
    return tuple(
        ConsoleAnswer(host=host, known=said.known, fresh=said.fresh, detail=said.detail, address=said.address)
        if (said := found.get(name))
        else ConsoleAnswer(host=host, known=False, fresh=False, detail=_UNKNOWN)
        for host, name in sorted(names.items())
    )


def census(
    console: Console, secret: str, ca_file: Path | None, prefix: str, parameters: Mapping[str, str]
) -> tuple[ConsoleAnswer, ...]:
    """Return every target of the client whose name and a dot are `prefix`. Raise as `ask` does."""
    del parameters
    return tuple(_targets(console, secret, ca_file, prefix.removesuffix(".")))


def forget(console: Console, secret: str, ca_file: Path | None, names: Sequence[str]) -> None:
    """Raise MspctlError: targets come from a file, and go with it."""
    del secret, ca_file
    raise MspctlError(
        f"prometheus at {console.url}: still asks {len(names)} hosts: take {FILE} and {RULES_FILE} of the "
        "client away"
    )


def drill(
    console: Console, secret: str, ca_file: Path | None, names: Mapping[str, str]
) -> tuple[DrillAnswer, ...]:
    """Return how the unit that drills stop stands on each host (inventory name → client.host).

    Raise as `ask` does.
    """
    found: list[DrillAnswer] = []
    for client in sorted({name.partition(".")[0] for name in names.values()}):
        matchers = f'client="{_plain(console, client)}"'
        query = f'up{{{matchers}}} or node_systemd_unit_state{{{matchers},name="{UNIT}",state="active"}}'
        by_name: dict[str, list[dict[str, Any]]] = {}
        for series in _query(console, secret, ca_file, query):
            by_name.setdefault(_name(_labels(series, "metric")), []).append(series)
        # An older server knows no `rule_group[]`, and tells of all there are.
        asked = {"type": "alert", "rule_group[]": group(client)}
        rules = _drill_rules(_get(console, secret, ca_file, "rules", asked, "groups"), group(client))
        firing = {
            _name(_labels(alert, "labels"))
            for rule in rules
            for alert in _records(rule.get("alerts"))
            if alert.get("state") == "firing"
        }
        found += [
            _drilled(host, by_name.get(name, []), rules, name in firing)
            for host, name in names.items()
            if name.partition(".")[0] == client
        ]
    return tuple(sorted(found, key=lambda said: said.host))


def _drill_rules(groups: Sequence[Mapping[str, Any]], wanted: str) -> list[dict[str, Any]]:
    """Return the rules for drills in a client's group, each with how often the group is evaluated."""
    return [
        {**rule, "interval": each.get("interval")}
        for each in groups
        if each.get("name") == wanted
        for rule in _records(each.get("rules"))
        if _labels(rule, "labels").get("mspctl") == "drill"
    ]


def _drilled(
    host: str, series: Sequence[Mapping[str, Any]], rules: Sequence[Mapping[str, Any]], is_firing: bool
) -> DrillAnswer:
    """Return what one host's series and its client's rule say of its unit."""
    up = [_sample(each)[1] for each in series if _labels(each, "metric").get("__name__") == "up"]
    states = [_sample(each)[1] for each in series if _labels(each, "metric").get("__name__") != "up"]
    now = max((_sample(each)[0] for each in series), default=0.0)
    if not up:
        reason = _UNKNOWN
    elif 1 not in up:
        reason = "did not answer at the last scrape"
    elif not states:
        reason = f"its exporter tells nothing of {UNIT}: `mspctl rollout` brings it"
    elif not rules:
        reason = (
            "the server lacks the client's alerts: name its prometheus.rules.yml below rule_files in "
            "prometheus.yml, and reload the server"
        )
    elif late := [why for rule in rules if (why := _lateness(rule, now))]:
        reason = late[0]
    elif not is_firing and 1 not in states:
        reason = "its unit is not active"
    else:
        reason = ""
    return DrillAnswer(host=host, is_watched=not reason, is_firing=is_firing, detail=reason)


def _lateness(rule: Mapping[str, Any], now: float) -> str:
    """Return why what a rule says is not how things stand, "" where it is; `now` is the server's time."""
    if rule.get("health") == "err":
        return f"the server cannot evaluate the alert: {told(str(rule.get('lastError')), 120, ())}"
    try:
        last = datetime.fromisoformat(str(rule.get("lastEvaluation"))).timestamp()
    except (ValueError, OverflowError):
        last = -math.inf
    if last <= 0:
        return "the server has not evaluated the alert yet"
    interval = _number(rule.get("interval"))
    age = now - last
    if age > _LATE_INTERVALS * max(interval, _SHORT_SECONDS):
        return f"the server has not evaluated the alert for {age:.0f} s: it is late"
    return ""


def _targets(console: Console, secret: str, ca_file: Path | None, client: str) -> Iterator[ConsoleAnswer]:
    for series in _query(console, secret, ca_file, f'up{{client="{_plain(console, client)}"}}'):
        labels, value = series.get("metric"), series.get("value")
        if not isinstance(labels, dict) or not isinstance(value, list) or len(value) != 2:
            continue
        address = str(labels.get("instance", "")).rpartition(":")[0].strip("[]")
        is_up = _number(value[1]) == 1
        yield ConsoleAnswer(
            host=f"{client}.{told(str(labels.get('host')), 128, ())}",
            known=True,
            fresh=is_up,
            detail="the last scrape went well" if is_up else "the last scrape failed",
            address=told(address, 128, ()),
        )


def _number(text: Any) -> float:
    try:
        return float(text)
    except (TypeError, ValueError):
        return math.nan


def _plain(console: Console, client: str) -> str:
    """Return a client's name, which becomes a part of a query. Raise MspctlError where it is none."""
    if not _CLIENT.fullmatch(client):
        raise MspctlError(f"prometheus at {console.url}: '{client}' is no client's name")
    return client


def _records(found: Any) -> list[dict[str, Any]]:
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _labels(found: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    return labels if isinstance(labels := found.get(key), dict) else {}


def _name(labels: Mapping[str, Any]) -> str:
    return f"{labels.get('client')}.{labels.get('host')}"


def _sample(series: Mapping[str, Any]) -> tuple[float, float]:
    """Return when the server looked, in seconds since 1970, and what the value was then."""
    value = series.get("value")
    return (
        (_number(value[0]), _number(value[1])) if isinstance(value, list) and len(value) == 2 else _NO_SAMPLE
    )


def _query(console: Console, secret: str, ca_file: Path | None, query: str) -> list[dict[str, Any]]:
    """Return the series of an instant query: those that were scraped within the last minutes."""
    return _get(console, secret, ca_file, "query", {"query": query}, "result")


def _get(
    console: Console, secret: str, ca_file: Path | None, endpoint: str, asked: Mapping[str, str], key: str
) -> list[dict[str, Any]]:
    """Return what stands below `key` in the answer of an endpoint of the API."""
    where = f"prometheus at {console.url}"
    if ca_file and not ca_file.is_file():
        raise MspctlError(f"{where}: ca_file: no such file: {ca_file}")
    address = f"{console.url.rstrip('/')}/api/v1/{endpoint}?{urllib.parse.urlencode(asked)}"
    login = base64.b64encode(f"{console.user}:{secret}".encode()).decode()
    headers = {"Authorization": f"Basic {login}" if console.user else f"Bearer {secret}"} if secret else {}
    try:
        context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context), _Refused()
        )
        request = urllib.request.Request(address, headers=headers)  # noqa: S310 http or https: records/workspace.py
        with opener.open(request, timeout=_TIMEOUT_SECONDS) as answer:
            said = json.loads(answer.read(_MOST_BYTES))
    except urllib.error.HTTPError as error:
        reason = "refused the login" if error.code in (401, 403) else f"answers with {error.code}"
        raise MspctlError(f"{where}: {reason}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise MspctlError(f"{where}: {told(str(error), 200, (secret, login))}") from None
    data = said.get("data") if isinstance(said, dict) else None
    found = data.get(key) if isinstance(data, dict) else None
    if not isinstance(found, list):
        raise MspctlError(f"{where}: is no Prometheus: no {key} in its answer")
    return _records(found)


class _Refused(urllib.request.HTTPRedirectHandler):
    """The password goes to the server that was named, and to no other it names."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follow nothing: the answer stands as the error it is."""
