"""How fast packets may leave, and with how many machines to talk at a time."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from time import monotonic

_SEVERAL = 8  # packets that leave together: waking up for each of them costs more than sending it
_FIRST_TALKS, _FEWEST_TALKS, _MOST_TALKS = 32, 4, 256


class Pace:
    """A bucket that fills at a steady rate and holds a hundredth of a second's worth."""

    def __init__(self, packets_per_second: int, clock: Callable[[], float] = monotonic) -> None:
        """Start with one packet free to go."""
        self._rate = packets_per_second
        self._most = max(1.0, packets_per_second / 100)
        self._clock = clock
        self._tokens = 1.0
        self._filled_at = clock()

    def wait_seconds(self) -> float:
        """Return how long the next packet has to wait; 0 when it may go now."""
        if self._tokens >= 1.0:
            return 0.0
        now = self._clock()
        self._tokens = min(self._most, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
        return 0.0 if self._tokens >= 1.0 else (min(self._most, _SEVERAL) - self._tokens) / self._rate

    def take(self) -> None:
        """Count one packet as sent."""
        self._tokens -= 1.0


class Talks:
    """Room for long conversations: more while all answers come, half where some do not.

    Machines of a site share the way to it, and simulated or virtual ones a processor: asked all at once
    they fall silent. So room is found out as TCP does it: https://www.rfc-editor.org/rfc/rfc5681#section-3.1
    """

    def __init__(self) -> None:
        """Start with what any site bears."""
        self.room = _FIRST_TALKS
        self.is_strained = False  # somebody was silent who had been heard before
        self._under_way: set[asyncio.Event] = set()  # each is set when its talk ends
        self._since_less = 0  # talks that ended since room was last made less
        self._waiting: deque[asyncio.Future[None]] = deque()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for room, and hold it."""
        while len(self._under_way) >= self.room:
            free = asyncio.get_running_loop().create_future()
            self._waiting.append(free)
            await free
        over = asyncio.Event()
        self._under_way.add(over)
        try:
            yield
        finally:
            self._under_way.remove(over)
            over.set()
            self._let_in()

    async def those_under_way(self) -> None:
        """Wait until the talks that are held now have ended, and thereby told whether all are answered."""
        for over in tuple(self._under_way):
            await over.wait()

    def ended(self, *, silences: int) -> None:
        """Take how a talk went: how many of its questions were not answered."""
        self._since_less += 1
        self.is_strained |= bool(silences)
        if not silences:
            self.room = min(_MOST_TALKS, self.room + 1)
        elif self._since_less > self.room:  # those that suffered together count once
            self.room, self._since_less = max(_FEWEST_TALKS, self.room // 2), 0

    def _let_in(self) -> None:
        for _ in range(max(0, self.room - len(self._under_way))):
            while self._waiting and self._waiting[0].done():
                self._waiting.popleft()  # its talk was given up
            if not self._waiting:
                return
            self._waiting.popleft().set_result(None)
