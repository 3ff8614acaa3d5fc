"""Ask the scenario's server as mspctl does: `ask.py enrol|prove HOST`, the password on standard input."""

import json
import os
import sys
from pathlib import Path

from msgspec import to_builtins

from mspctl import consoles
from mspctl.records import Console
from mspctl.records.provider import ConsoleQuery

QUERY = ConsoleQuery(client="meshcentral", parameters={"host_name": "{client}.{host}"})
CLIENT = "example"


def main(question: str, *hosts: str) -> None:
    """Print the answer as JSON."""
    console = Console(url=os.environ["MESHCENTRAL_URL"], user=os.environ["MESHCENTRAL_USER"])
    server = (console, sys.stdin.read().rstrip("\n"), Path(os.environ["MESHCENTRAL_CA"]), CLIENT)
    if question == "enrol":
        answer: object = consoles.enrol(QUERY, *server, dict.fromkeys(hosts, ()))
    else:
        known, said = consoles.ask(QUERY, *server, hosts), consoles.through(QUERY, *server, hosts)
        answer = {host: {"known": known[host], "said": said[host]} for host in hosts}
    sys.stdout.write(json.dumps(to_builtins(answer)))


main(*sys.argv[1:])
