"""A server on loopback that speaks as much of Zabbix's API as is asked of it: HTTPS, JSON-RPC 2.0.

The methods and their answers: https://www.zabbix.com/documentation/6.0/en/manual/api
"""

import json
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

USER, PASSWORD, TOKEN = "mspctl", "Zabbix-Pa55word!", "a1b2c3d4e5f60718"


@dataclass
class Zabbix:
    """What the server knows, and what it was asked."""

    hosts: list[dict[str, Any]] = field(default_factory=list)
    items: list[dict[str, str]] = field(default_factory=list)
    made: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # by kind: all but hosts and items
    refused: str = ""  # the id of a template that collides with what every host has
    asked: list[str] = field(default_factory=list)
    version: str = "6.0.14"

    def answer(self, method: str, params: Any, token: str | None) -> dict[str, Any]:
        """Return the `result` or `error` of one call."""
        self.asked.append(method)
        if method == "apiinfo.version":
            return {"result": self.version}
        if method == "user.login":
            if (params["username"], params["password"]) == (USER, PASSWORD):
                return {"result": "session"}
            return _error(f"Incorrect user name or password or account is temporarily blocked. {params}")
        if token not in ("session", TOKEN):
            return _error("Session terminated, re-login, please.")
        if method == "host.get":
            return {"result": [host for host in self.hosts if _is_asked_for(host, params)]}
        if method == "host.massadd":
            return self._link(
                [each["hostid"] for each in params["hosts"]], params["templates"][0]["templateid"]
            )
        if method == "hostgroup.massadd":
            wanted = [each["hostid"] for each in params["hosts"]]
            for host in (host for host in self.hosts if host["hostid"] in wanted):
                host.setdefault("groups", []).append(params["groups"][0]["groupid"])
            return {"result": {"groupids": [params["groups"][0]["groupid"]]}}
        if method == "host.delete":
            self.hosts = [host for host in self.hosts if host["hostid"] not in params]
            return {"result": {"hostids": params}}
        if method == "item.get":
            keys = params.get("filter", {}).get("key_")
            on = [item for item in self.items if item["hostid"] in params["hostids"]]
            return {"result": [item for item in on if keys is None or item.get("key_") == keys]}
        kind, _, verb = method.partition(".")
        if kind in KINDS:
            return self._kept(KINDS[kind], kind, verb, params)
        return {"result": True} if method == "user.logout" else _error(f"no method {method}")

    def all(self, kind: str, name: str = "name") -> list[str]:
        """Return the names of everything of a kind."""
        return [each[name] for each in self.made.get(kind, [])]

    def _link(self, hosts: list[str], template: str) -> dict[str, Any]:
        if template == self.refused:
            return _error("an item of this key is there already")
        for host in (host for host in self.hosts if host["hostid"] in hosts):
            host.setdefault("templates", []).append(template)
        return {"result": {"hostids": hosts}}

    def _kept(self, number: str, kind: str, verb: str, params: Any) -> dict[str, Any]:
        """Make, find or take away what is of a kind."""
        kept = self.made.setdefault(kind, [])
        if verb == "create":
            new = {**params, number: str(20_000 + sum(map(len, self.made.values())) + len(self.items))}
            (self.items if kind == "item" else kept).append(new)
            return {"result": {f"{number}s": [new[number]]}}
        if verb == "delete":
            kept[:] = [each for each in kept if each[number] not in params]
            return {"result": {f"{number}s": params}}
        found = [
            each
            for each in kept
            if all(each.get(key) in wanted for key, wanted in params.get("filter", {}).items())
        ]
        if "objectids" in params:
            found = [each for each in found if each["objectid"] in params["objectids"]]
        return {"result": found}


KINDS = {
    "hostgroup": "groupid",
    "templategroup": "groupid",
    "template": "templateid",
    "action": "actionid",
    "item": "itemid",
    "trigger": "triggerid",
    "problem": "eventid",
}


def _is_asked_for(host: dict[str, Any], params: Any) -> bool:
    if "filter" in params:
        return host["host"] in params["filter"]["host"]
    if "startSearch" in params:
        return str(host["host"]).startswith(params["search"]["host"])
    wanted = (("hostids", [host["hostid"]]), ("groupids", host.get("groups", [])))
    return all(
        bool({*params[key]} & {*has})
        for key, has in (*wanted, ("templateids", host.get("templates", [])))
        if key in params
    )


def _error(text: str) -> dict[str, Any]:
    return {"error": {"code": -32500, "message": "Application error.", "data": text}}


def certificate(folder: Path) -> tuple[Path, Path]:
    """Return a new certificate for loopback and its key."""
    made, key = folder / "server.crt", folder / "server.key"
    subject = ("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2")
    kind = ("-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    argv = ("openssl", "req", *kind, *subject, "-out", str(made), "-keyout", str(key))
    subprocess.run(argv, check=True, capture_output=True)
    return made, key


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a client that hangs up, as one does that does not trust us."""


@contextmanager
def serving(zabbix: Zabbix, made: Path, key: Path) -> Iterator[str]:
    """Serve `zabbix` on a free port; yield its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            call = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            token = call.get("auth") or (self.headers.get("Authorization") or "").removeprefix("Bearer ")
            said = {
                "jsonrpc": "2.0",
                "id": call["id"],
                **zabbix.answer(call["method"], call["params"], token),
            }
            body = json.dumps(said).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 its own name
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made, key)
    server = _Server(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
