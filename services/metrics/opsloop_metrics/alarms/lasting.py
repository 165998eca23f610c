"""How much has to leave a window before a threshold can be crossed."""

from __future__ import annotations

from math import floor

from opsloop_metrics.alarms.rules import Condition, holds
from opsloop_metrics.events.rules import Aggregate, Reading

SHOWN_SHARE = 60
"""What is shown may be behind by such a share of the window, while what it says stays the same."""
_SUMS = frozenset({Aggregate.COUNT, Aggregate.USERS, Aggregate.SUM})
_MEANS = frozenset({Aggregate.SHARE, Aggregate.AVG})
_EACH = {Aggregate.COUNT: (1.0, 1.0), Aggregate.USERS: (0.0, 1.0), Aggregate.SHARE: (0.0, 1.0)}
"""What one sample adds, least and most, where it is no number of its own."""
_NEARLY, _MANY = 1e-6, 1e9
"""Numbers were rounded on their way: what is as near is not told apart."""


def lasting(condition: Condition, aggregate: Aggregate, reading: Reading) -> int | None:
    """Return how many samples have to leave the window before a threshold can be crossed, when none comes in; None: it cannot be.

    Rather too few than too many: who looks early has lost nothing.
    """
    value, threshold = reading.value, condition.value
    low, high = _EACH.get(aggregate, (reading.low, reading.high))
    if value is None or threshold is None or condition.operator is None or low is None or high is None:
        return 1
    nearly = _NEARLY * max(abs(value), abs(threshold))
    gap = abs(threshold - value) - nearly
    if holds(value, condition.operator, threshold) is (condition.operator in {"gt", "ge"}):  # it is crossed downwards
        threshold, low, high = -threshold, -high, -low
    if aggregate in _SUMS:  # who leaves takes at least `low` away
        return None if low >= 0 else _fewest(gap, -low)
    if high < threshold - nearly:
        return None
    # an average rises most when those leave that are least
    return _fewest(gap * reading.samples, threshold - low) if aggregate in _MEANS else 1


def _fewest(way: float, step: float) -> int:
    return max(1, floor(min(way / step * (1 - _NEARLY), _MANY))) if way > 0 and step > 0 else 1
