"""Prometheus, by its HTTP API (https://prometheus.io/docs/prometheus/latest/querying/api/).

What it asks stands in the client's prometheus.json (mspctl/targets.py): each target carries the labels
`client` and `host`, and a host's name here is `client.host`.
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
from pathlib import Path
from typing import Any

from mspctl.errors import MspctlError
from mspctl.events import told
from mspctl.records import Console, ConsoleAnswer

_TIMEOUT_SECONDS = 30
_MOST_BYTES = 64 << 20
_CLIENT = re.compile(r"[a-z][a-z0-9-]*")


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
    unknown = "no target at Prometheus: it has not read the client's prometheus.json"
    return tuple(
        ConsoleAnswer(host=host, known=said.known, fresh=said.fresh, detail=said.detail, address=said.address)
        if (said := found.get(name))
        else ConsoleAnswer(host=host, known=False, fresh=False, detail=unknown)
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
        f"prometheus at {console.url}: still asks {len(names)} hosts: take the client's file of targets away"
    )


def _targets(console: Console, secret: str, ca_file: Path | None, client: str) -> Iterator[ConsoleAnswer]:
    if not _CLIENT.fullmatch(client):
        raise MspctlError(f"prometheus at {console.url}: '{client}' is no client's name")
    for series in _query(console, secret, ca_file, f'up{{client="{client}"}}'):
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


def _query(console: Console, secret: str, ca_file: Path | None, query: str) -> list[dict[str, Any]]:
    """Return the series of an instant query: those that were scraped within the last minutes."""
    where = f"prometheus at {console.url}"
    if ca_file and not ca_file.is_file():
        raise MspctlError(f"{where}: ca_file: no such file: {ca_file}")
    address = f"{console.url.rstrip('/')}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
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
    found = data.get("result") if isinstance(data, dict) else None
    if not isinstance(found, list):
        raise MspctlError(f"{where}: is no Prometheus: no result in its answer")
    return [each for each in found if isinstance(each, dict)]


class _Refused(urllib.request.HTTPRedirectHandler):
    """The password goes to the server that was named, and to no other it names."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follow nothing: the answer stands as the error it is."""
