"""Many devices side by side, in threads, since netmiko's sessions block; Ctrl-C lets what is begun end."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")
AT_ONCE = 15  # beyond some twenty, netmiko's own processor time is the limit


def each(
    items: Sequence[T], work: Callable[[T], R], take: Callable[[T, R], None], at_once: int = AT_ONCE
) -> bool:
    """Do `work` on every item, hand each result over in this thread; return whether Ctrl-C ended it early.

    What is begun is always ended: a device left in mid-change is the one thing that must not be.
    """
    stopped = threading.Event()

    def unless_stopped(item: T) -> R | None:
        return None if stopped.is_set() else work(item)

    with ThreadPoolExecutor(max_workers=max(1, min(at_once, len(items) or 1))) as pool:
        under_way: dict[Future[R | None], T] = {pool.submit(unless_stopped, item): item for item in items}
        while under_way:
            try:
                done, _ = wait(under_way, return_when=FIRST_COMPLETED)
            except KeyboardInterrupt:
                stopped.set()
                continue
            for future in done:
                item = under_way.pop(future)
                if (result := future.result()) is not None:
                    take(item, result)
    return stopped.is_set()
