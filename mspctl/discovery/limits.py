"""How many files this process may still open; every connection is one."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WANTED = 16_384  # many systems give a process 1,024 and let it ask for more
_SPARE = 64  # left for logs, DNS and whatever else the process has to open


def files_free() -> int:
    """Return how many connections may be open at once, at least one; the limit is `ulimit -n`."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        limit = 1 << 20
    free = limit - sum(1 for _ in Path("/proc/self/fd").iterdir())
    return max(1, free - min(_SPARE, free // 2))


@contextmanager
def more_files() -> Iterator[None]:
    """Raise this process's own limit for a while, as far as the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    raised = WANTED if hard == resource.RLIM_INFINITY else min(hard, WANTED)
    if soft == resource.RLIM_INFINITY or soft >= raised:
        yield
        return
    resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
