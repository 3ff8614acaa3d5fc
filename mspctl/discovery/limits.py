"""How many files this process may still open; every connection is one."""

import resource
from pathlib import Path

_SPARE = 64  # left for logs, DNS and whatever else the process has to open


def files_free() -> int:
    """Return how many connections may be open at once, at least one; the limit is `ulimit -n`."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        limit = 1 << 20
    free = limit - sum(1 for _ in Path("/proc/self/fd").iterdir())
    return max(1, free - min(_SPARE, free // 2))
