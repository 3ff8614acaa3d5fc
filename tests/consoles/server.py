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
            return {"result": [host for host in self.hosts if _is_asked_for(host["host"], params)]}
        if method == "host.delete":
            self.hosts = [host for host in self.hosts if host["hostid"] not in params]
            return {"result": {"hostids": params}}
        if method == "item.get":
            return {"result": [item for item in self.items if item["hostid"] in params["hostids"]]}
        return {"result": True} if method == "user.logout" else _error(f"no method {method}")


def _is_asked_for(name: str, params: Any) -> bool:
    if "filter" in params:
        return name in params["filter"]["host"]
    return bool(params["startSearch"]) and name.startswith(params["search"]["host"])


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
