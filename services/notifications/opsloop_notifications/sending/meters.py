"""What the service counts of its calls."""

from __future__ import annotations

from datetime import timedelta

from prometheus_client import CollectorRegistry, Counter, Histogram

OUTCOMES = ("succeeded", "failed", "blocked", "gone")
BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 30.0, 300.0, 3_600.0, 86_400.0)
"""From the promise (a healthy endpoint hears within a second) to the end of the schedule of attempts."""
_NAMED = {None: "succeeded", "blocked_target": "blocked", "gone": "gone"}


class CallMeter:
    """Attempts, and how long events take to arrive."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._attempts = Counter(
            "opsloop_webhook_attempts", "Attempts to deliver, by outcome", ["outcome"], registry=registry
        )
        self._delays = Histogram(
            "opsloop_webhook_delivery_seconds",
            "From an event's time to the endpoint's 2xx",
            registry=registry,
            buckets=BUCKETS,
        )
        self._by_outcome = {outcome: self._attempts.labels(outcome) for outcome in OUTCOMES}

    def count(self, failure: str | None) -> None:
        """Count one recorded attempt; `failure` None is success."""
        self._by_outcome[_NAMED.get(failure, "failed")].inc()

    def delivered(self, delay: timedelta) -> None:
        """Note how long an event took to be delivered; clocks differ, so never less than nothing."""
        self._delays.observe(max(0.0, delay.total_seconds()))
