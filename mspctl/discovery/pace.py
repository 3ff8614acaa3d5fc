"""How fast packets may leave."""

from collections.abc import Callable
from time import monotonic

_SEVERAL = 8  # packets that leave together: waking up for each of them costs more than sending it


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
