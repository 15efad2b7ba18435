"""A limit for anonymous writes: a token bucket per caller, in memory, per process.

It protects the votes from one address flooding them; it is no defence against many addresses, which is the front
proxy's work. With N server processes a caller may write up to N times the limit.
"""

import time
from collections import OrderedDict
from collections.abc import Callable

__all__ = ["RateLimit"]

MAX_CALLERS = 50_000
"""Beyond this many, those heard longest ago are forgotten, which only gives them a full bucket."""


class RateLimit:
    """*per_minute* writes a minute for each key, a burst of as many; 0 means no limit."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._capacity = float(per_minute)
        self._rate = per_minute / 60
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, key: str) -> float:
        """Take one write of *key*: 0 when it may go ahead, else the seconds until the next may."""
        if not self._capacity:
            return 0.0
        tokens, now = self._level(key)
        wait = 0.0 if tokens >= 1 else (1 - tokens) / self._rate
        self._buckets.pop(key, None)
        self._buckets[key] = (tokens if wait else tokens - 1, now)
        if len(self._buckets) > MAX_CALLERS:
            self._buckets.popitem(last=False)
        return wait

    def blocked(self, key: str) -> bool:
        """Whether *key* has nothing left, without taking anything."""
        return bool(self._capacity) and self._level(key)[0] < 1

    def _level(self, key: str) -> tuple[float, float]:
        now = self._clock()
        tokens, at = self._buckets.get(key, (self._capacity, now))
        return min(self._capacity, tokens + (now - at) * self._rate), now
