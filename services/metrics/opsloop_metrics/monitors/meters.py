"""What the service counts of its evaluations."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

from opsloop_metrics.monitors.rules import State

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0)


class EvaluationMeter:
    """Evaluations that were committed."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._done = Counter(
            "opsloop_evaluations", "Evaluations of monitors, by the state after it", ["state"], registry=registry
        )
        self._seconds = Histogram(
            "opsloop_evaluation_seconds", "How long an evaluation took", registry=registry, buckets=BUCKETS
        )
        for state in State:
            self._done.labels(state.value)

    def count(self, state: State, seconds: float) -> None:
        """Count one evaluation, that took so long and left its monitor in `state`."""
        self._done.labels(state.value).inc()
        self._seconds.observe(seconds)
