"""Serve simulated network devices: `python -m tests.lab.switches --fleet 50 --delay 40`, until Ctrl-C."""

import argparse
import contextlib
from pathlib import Path

from tests.lab.switches.faults import Faults
from tests.lab.switches.fleet import MIX, Plan, serve
from tests.lab.switches.platforms import PLATFORMS


def main() -> None:
    """Read the options and serve."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab.switches", description=__doc__)
    parser.add_argument("--fleet", type=int, default=1, metavar="N", help="how many devices")
    parser.add_argument("--platform", choices=[MIX, *PLATFORMS], default=MIX)
    parser.add_argument("--first", default="127.1.0.1", metavar="ADDRESS", help="of the first; others follow")
    parser.add_argument("--port", type=int, default=2222)
    parser.add_argument("--delay", type=float, default=0, metavar="MS", help="milliseconds of a round trip")
    parser.add_argument("--line-delay", type=float, default=0, metavar="MS", help="milliseconds a line takes")
    parser.add_argument(
        "--minute", type=float, default=60, metavar="SECONDS", help="of a rollback timer's minute"
    )
    parser.add_argument("--processes", type=int, default=1, metavar="N")
    parser.add_argument("--file", type=Path, help="JSON: addresses, credentials, host keys, planted secrets")
    parser.add_argument("--hostname", help="of a single device")
    parser.add_argument("--password-file", type=Path, help="the technician's password, in place of the usual")
    parser.add_argument("--host-key", help="a private key, in place of a new one")
    options = parser.parse_args()
    password = options.password_file.read_text().strip() if options.password_file else None
    plan = Plan(
        devices=options.fleet,
        platform=options.platform,
        first=options.first,
        port=options.port,
        faults=Faults(round_trip_seconds=options.delay / 1000, line_seconds=options.line_delay / 1000),
        minute_seconds=options.minute,
        processes=options.processes,
        hostname=options.hostname,
        password=password,
        host_key=options.host_key,
    )
    with contextlib.suppress(KeyboardInterrupt):
        serve(plan, options.file)


if __name__ == "__main__":
    main()
