"""Ask the scenario's server: `ask.py enrol|known|fresh|forget|call ARGUMENT`, the password on standard input.

The first four are of a host and go through mspctl's own client; `known` and `fresh` end with 1 while the
server does not know the host, or has no fresh value of it. `call METHOD PARAMETERS` asks the API by hand,
with nothing of mspctl's between.
"""

import json
import os
import ssl
import sys
import urllib.request
from pathlib import Path
from typing import Any

from msgspec import to_builtins

from mspctl import catalog, consoles
from mspctl.consoles import zabbix
from mspctl.errors import MspctlError
from mspctl.records import Console

CLIENT = "example"
# Not ZABBIX_URL and the like, which Zabbix's own library reads.
URL, USER, AUTHORITY = os.environ["SERVER_URL"], os.environ["SERVER_USER"], Path(os.environ["SERVER_CA"])


def call(method: str, parameters: Any, session: str | None = None) -> Any:
    """Return the result of one call. Exit with what the server says where it refuses."""
    message = {"jsonrpc": "2.0", "method": method, "params": parameters, "id": 1, "auth": session}
    headers = {"Content-Type": "application/json-rpc"}
    request = urllib.request.Request(f"{URL}/api_jsonrpc.php", json.dumps(message).encode(), headers)  # noqa: S310 https
    context = ssl.create_default_context(cafile=str(AUTHORITY))
    with urllib.request.urlopen(request, timeout=20, context=context) as response:  # noqa: S310 https
        answer = json.load(response)
    if "error" in answer:
        sys.exit(str(answer["error"]["data"]))
    return answer["result"]


def main(question: str, argument: str, parameters: str = "") -> None:
    """Print the answer as JSON."""
    answer: object = None
    password = sys.stdin.read().strip()
    query = catalog.provider("monitoring", "zabbix").console
    if query is None:
        sys.exit("the record names no server")
    server = (Console(url=URL, user=USER), password, AUTHORITY, CLIENT)
    if question == "call":
        session = call("user.login", {"username": USER, "password": password})
        answer = call(argument, json.loads(parameters), session)
    elif question == "enrol":
        answer = to_builtins(consoles.enrol(query, *server, {argument: ("all", "monitoring")}))
    elif question == "forget":
        zabbix.forget(*server[:3], (f"{CLIENT}.{argument}",))
    else:
        said = consoles.ask(query, *server, (argument,))[argument]
        answer = to_builtins(said)
        if not (said.known if question == "known" else said.fresh):
            sys.exit(said.detail)
    sys.stdout.write(json.dumps(answer))


try:
    main(*sys.argv[1:])
except MspctlError as error:
    sys.exit(str(error))
