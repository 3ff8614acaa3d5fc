"""Scan where this process stands (a namespace) and print the log: [request, open files, user id] as JSON.

What stands on the input is the log of an earlier part of the scan.
"""

import os
import resource
import sys

import msgspec

from mspctl.discovery import ScanRequest, scan
from mspctl.errors import Interrupted
from mspctl.records import ScanRecord


def write(record: ScanRecord) -> None:
    """Print a record at once."""
    print(msgspec.json.encode(record).decode(), flush=True)


if __name__ == "__main__":
    request, files, user = msgspec.json.decode(sys.argv[1], type=tuple[ScanRequest, int, int])
    log: list[ScanRecord] = [msgspec.json.decode(line, type=ScanRecord) for line in sys.stdin]
    if files:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    if user:
        os.setuid(user)
    try:
        scan(request, record=write, progress=lambda stage, done, total: None, log=log)
    except Interrupted:
        sys.exit(130)
