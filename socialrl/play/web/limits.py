"""A limit on how often something may happen: a token bucket."""

import time
from collections.abc import Callable

from socialrl_envs.sprites import Real


class Bucket:
    """Allows `burst` events at once and `rate` per second in the long run.

    clock: the time in seconds.
    """

    def __init__(self, rate: Real, burst: int, clock: Callable[[], float] = time.monotonic):
        self.rate, self.burst, self.clock = rate, burst, clock
        self._left, self._at = float(burst), clock()

    def take(self) -> bool:
        """Whether one more event is allowed now; if so it is counted."""
        now = self.clock()
        self._left = min(float(self.burst), self._left + self.rate * (now - self._at))
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
