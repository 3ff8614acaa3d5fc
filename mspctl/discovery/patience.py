"""How long an answer is waited for, and how often silence is asked again: learnt from what has answered.

A LAN answers within milliseconds and loses nothing; a site behind a VPN or a weak radio does neither. So
each way out (a gateway, or an interface) keeps its own account, as TCP does for a connection:
https://www.rfc-editor.org/rfc/rfc6298
"""

import math

SHORTEST_SECONDS = 0.5  # a telephone that sleeps between two beacons of its access point needs this long
LONGEST_SECONDS = 3.0
TRIES = 2
MOST_TRIES = 6
RETRANSMITTED_SECONDS = 1.0  # the kernel itself asks again then, so a later answer tells no round trip
_MISSED = 1e-4  # the share of answers that may be lost for good
_MARGIN_SECONDS = 0.2


class Line:
    """What answers have shown of one way out."""

    def __init__(self, longest_seconds: float) -> None:
        """Take how long an answer is waited for at the second and last try, while nothing is known."""
        self._longest = longest_seconds
        self._shortest = min(SHORTEST_SECONDS, longest_seconds)
        self._mean = 0.0
        self._deviation = 0.0
        self._answered = 0
        self._again = 0

    def heard(self, seconds: float, *, again: bool) -> None:
        """Take one answer: how long after its own packet it came, and whether an earlier packet was lost."""
        self._answered += 1
        if again or seconds >= RETRANSMITTED_SECONDS:
            self._again += 1
        elif self._mean:
            self._deviation += (abs(seconds - self._mean) - self._deviation) / 4
            self._mean += (seconds - self._mean) / 8
        else:
            self._mean, self._deviation = seconds, seconds / 2

    @property
    def tries(self) -> int:
        """How often a question is put before its silence is believed: more where answers were lost."""
        if not self._again:
            return TRIES
        loss = min(0.5, max(0.01, self._again / self._answered))
        return min(MOST_TRIES, max(TRIES, math.ceil(math.log(_MISSED) / math.log(loss))))

    def pause_seconds(self, machine_seconds: float = 0.0) -> float:
        """Return how long to wait before asking again; what the machine itself has shown counts too."""
        usual = max(3 * self._mean, self._mean + 4 * self._deviation, 3 * machine_seconds)
        return min(LONGEST_SECONDS, max(self._shortest, usual + _MARGIN_SECONDS if usual else 0.0))

    def last_seconds(self, machine_seconds: float = 0.0) -> float:
        """Return how long to wait after having asked for the last time; longer where nothing answers."""
        if not self._answered:
            return min(LONGEST_SECONDS, 2 * self._longest)
        return min(LONGEST_SECONDS, max(self._longest, 1.5 * self.pause_seconds(machine_seconds)))
