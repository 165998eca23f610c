"""Token buckets by name, so many at most. (`limits` has windows only, which cannot say "5,000 at once, 1,000/s".)"""

from __future__ import annotations

import math
from collections import OrderedDict


class Buckets:
    """One bucket a name: `per_second` tokens in the long run, `burst` at once.

    Beyond `kept` names the longest unused is forgotten, which is to fill it. So `kept` should be no less than the names that
    can take a token while one bucket fills: then only full buckets are ever forgotten, and many names flush nobody's.
    """

    def __init__(self, per_second: float, burst: float, *, kept: int) -> None:
        self.per_second = float(per_second)
        self.burst = float(burst)
        self._kept = kept
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def left(self, name: str, now: float) -> float:
        """Return how many tokens the bucket holds at `now` (monotonic seconds)."""
        bucket = self._buckets.get(name)
        if bucket is None:
            return self.burst
        left = bucket[0] + (now - bucket[1]) * self.per_second
        return left if left < self.burst else self.burst

    def take(self, name: str, left: float, now: float) -> None:
        """Take one of the tokens that `left` returned at the same `now`."""
        self._buckets[name] = (left - 1.0, now)
        self._buckets.move_to_end(name)
        if len(self._buckets) > self._kept:
            self._buckets.popitem(last=False)

    def seconds_until_one(self, left: float) -> int:
        """Return how long to wait for a token, at least 1 second."""
        return max(1, math.ceil((1.0 - left) / self.per_second))

    def seconds_until_full(self, left: float) -> int:
        """Return how long until the bucket holds all that it can."""
        return math.ceil((self.burst - left) / self.per_second)
