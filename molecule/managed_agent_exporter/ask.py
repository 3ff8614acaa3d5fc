"""Print what mspctl's client of Prometheus hears: `ask.py URL CLIENT HOST`."""

import json
import sys

from msgspec import to_builtins

from mspctl import consoles
from mspctl.records import Console
from mspctl.records.provider import ConsoleQuery

url, client, host = sys.argv[1:]
QUERY = ConsoleQuery(client="prometheus", parameters={"host_name": "{client}.{host}"})
found = consoles.ask(QUERY, Console(url=url), "", None, client, (host,))
sys.stdout.write(json.dumps(to_builtins(found[host])))
