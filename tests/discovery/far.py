"""A cable that is long and loses packets: a VPN or a radio link, made of two tap devices and this process.

The kernel here may have no netem, so the packets pass through user space, where each waits and some are
dropped; by chance, but the same chance every time.
"""

import ctypes
import fcntl
import heapq
import os
import selectors
import struct
import sys
from itertools import count
from pathlib import Path
from random import Random
from time import monotonic

_TUNSETIFF, _IFF_TAP, _IFF_NO_PI, _CLONE_NEWNET = 0x400454CA, 0x0002, 0x1000, 0x40000000
_FRAME_BYTES = 2048


def tap(namespace: str, interface: str) -> int:
    """Return the near end of a tap device whose far end is an interface in a namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    inside = os.open(Path("/run/netns") / namespace, os.O_RDONLY)
    if libc.setns(inside, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), f"cannot enter {namespace}")
    os.close(inside)
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH14x", interface.encode(), _IFF_TAP | _IFF_NO_PI))
    return device


def forward(one: int, other: int, delay_seconds: float, loss: float) -> None:
    """Carry frames between two devices until killed."""
    chance, number = Random(10), count()  # noqa: S311 - chance, not secrecy
    late: list[tuple[float, int, int, bytes]] = []
    with selectors.DefaultSelector() as selector:
        selector.register(one, selectors.EVENT_READ, other)
        selector.register(other, selectors.EVENT_READ, one)
        while True:
            wait = max(0.0, late[0][0] - monotonic()) if late else None
            for key, _ in selector.select(wait):
                try:
                    while frame := os.read(key.fd, _FRAME_BYTES):
                        if chance.random() >= loss:
                            heapq.heappush(late, (monotonic() + delay_seconds, next(number), key.data, frame))
                except BlockingIOError:
                    pass
            while late and late[0][0] <= monotonic():
                _, _, device, frame = heapq.heappop(late)
                os.write(device, frame)


if __name__ == "__main__":
    scanner, target, round_trip, loss = sys.argv[1:]
    ends = tap(scanner, "cable"), tap(target, "cable")
    print("ready", flush=True)
    forward(*ends, float(round_trip) / 2, float(loss))
