"""A token bucket per credential, in this process. (`limits` has windows only, which cannot say "5,000 at once, 1,000/s".)"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from opsloop_common.errors import TooManyRequests

KEPT_BUCKETS = 10_000


class RateLimiter:
    """Lets each credential ask `per_second` in the long run and `burst` at once."""

    def __init__(self, per_second: int, burst: int, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._rate = float(per_second)
        self._burst = float(burst)
        self._monotonic = monotonic
        self._buckets: dict[str, tuple[float, float]] = {}
        self.policy = f'"default";q={burst};w={math.ceil(burst / per_second)}'

    def take(self, credential: str) -> str:
        """Take one token and return the `RateLimit` header; raises TooManyRequests (429) when there is none."""
        now = self._monotonic()
        tokens, at = self._buckets.get(credential, (self._burst, now))
        tokens = min(self._burst, tokens + (now - at) * self._rate)
        if tokens < 1.0:
            self._buckets[credential] = (tokens, now)
            wait = math.ceil((1.0 - tokens) / self._rate)
            raise TooManyRequests(
                "This key asks faster than it may.",
                headers={
                    "Retry-After": str(wait),
                    "RateLimit": f'"default";r=0;t={wait}',
                    "RateLimit-Policy": self.policy,
                },
            )
        if credential not in self._buckets and len(self._buckets) >= KEPT_BUCKETS:
            self._forget_full(now)
        tokens -= 1.0
        self._buckets[credential] = (tokens, now)
        return f'"default";r={int(tokens)};t={math.ceil((self._burst - tokens) / self._rate)}'

    def _forget_full(self, now: float) -> None:
        full = [name for name, (tokens, at) in self._buckets.items() if tokens + (now - at) * self._rate >= self._burst]
        for name in full:
            del self._buckets[name]
