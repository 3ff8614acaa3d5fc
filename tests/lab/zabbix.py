"""Ask the lab's Zabbix server through its API: set it up, and make it forget hosts."""

import json
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterable
from ipaddress import IPv4Address
from typing import Any

from tests.lab.credentials import AUTHORITY, Credentials
from tests.lab.errors import LabError

_USER, _FACTORY_PASSWORD = "Admin", "zabbix"
_PSK_ONLY = 2
_NOT_MONITORED = 1


class Api:
    """One session with the server."""

    def __init__(self, url: str) -> None:
        self._url = f"{url}/api_jsonrpc.php"
        self._context = ssl.create_default_context(cafile=str(AUTHORITY))
        self._session: str | None = None

    def call(self, method: str, parameters: Any) -> Any:
        """Return the result of one call. Raise LabError when it is refused, OSError when nobody answers."""
        message = {"jsonrpc": "2.0", "method": method, "params": parameters, "id": 1, "auth": self._session}
        headers = {"Content-Type": "application/json-rpc"}
        request = urllib.request.Request(self._url, json.dumps(message).encode(), headers)
        with urllib.request.urlopen(request, timeout=20, context=self._context) as response:
            answer = json.load(response)
        if "error" in answer:
            raise LabError(f"Zabbix: {method}: {answer['error']['data']}")
        return answer["result"]

    def log_in(self, password: str) -> None:
        """Open a session as the administrator."""
        self._session = None
        self._session = self.call("user.login", {"username": _USER, "password": password})


def wait(url: str, *, timeout_seconds: float) -> Api:
    """Return a session-less API once it answers. Raise LabError when it does not in time."""
    api, deadline = Api(url), time.monotonic() + timeout_seconds
    while True:
        try:
            api.call("apiinfo.version", [])
            return api
        except (OSError, json.JSONDecodeError) as error:
            if time.monotonic() > deadline:
                raise LabError(f"Zabbix does not answer at {url}: {error}") from error
            time.sleep(0.2)


def configure(url: str, words: Credentials) -> None:
    """Give the server its password and the key agents register with; `mspctl enrol` makes the rest."""
    api = wait(url, timeout_seconds=60)
    try:
        api.log_in(words.zabbix_password)
    except LabError:
        api.log_in(_FACTORY_PASSWORD)
        user = api.call("user.get", {"filter": {"username": _USER}})[0]["userid"]
        api.call("user.update", {"userid": user, "passwd": words.zabbix_password})
        api.log_in(words.zabbix_password)
    key = {"tls_accept": _PSK_ONLY, "tls_psk_identity": words.psk_identity, "tls_psk": words.psk}
    api.call("autoregistration.update", key)
    own = api.call("host.get", {"filter": {"host": "Zabbix server"}, "output": ["hostid"]})
    for host in own:
        # There is no agent beside the server: left watched, its host would be a standing problem.
        api.call("host.update", {"hostid": host["hostid"], "status": _NOT_MONITORED})


def forget(url: str, words: Credentials, addresses: Iterable[IPv4Address]) -> int:
    """Delete the hosts registered from these addresses; return how many there were."""
    api = wait(url, timeout_seconds=20)
    api.log_in(words.zabbix_password)
    wanted = {"filter": {"ip": [str(address) for address in addresses]}, "output": ["hostid"]}
    # The server's own host is watched at loopback and so never among them.
    hosts = sorted({row["hostid"] for row in api.call("hostinterface.get", wanted)})
    if hosts:
        api.call("host.delete", hosts)
    return len(hosts)
