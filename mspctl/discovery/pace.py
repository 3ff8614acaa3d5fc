"""How fast packets may leave."""

from collections.abc import Callable
from time import monotonic


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
        now = self._clock()
        self._tokens = min(self._most, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
        return max(0.0, (1.0 - self._tokens) / self._rate)

    def take(self) -> None:
        """Count one packet as sent."""
        self._tokens -= 1.0
