"""How much has to leave a window before a threshold can be crossed: against trying it."""

from __future__ import annotations

from fractions import Fraction
from math import isfinite
from statistics import median
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from opsloop_metrics.alarms import rules
from opsloop_metrics.alarms.lasting import lasting
from opsloop_metrics.alarms.rules import Condition
from opsloop_metrics.events.rules import Aggregate, Reading


def over(value: float, operator: Any = "gt") -> Condition:
    return Condition("threshold", operator, value)


@pytest.mark.parametrize(
    ("condition", "aggregate", "reading", "leaving"),
    [
        (over(9), Aggregate.COUNT, Reading(5.0, 5), None),  # it only falls
        (over(2), Aggregate.COUNT, Reading(5.0, 5), 2),
        (over(5, "ge"), Aggregate.COUNT, Reading(5.0, 5), 1),
        (over(2, "lt"), Aggregate.COUNT, Reading(1002.0, 1002), 999),
        (over(2, "lt"), Aggregate.COUNT, Reading(1.0, 1), None),
        (over(9), Aggregate.USERS, Reading(5.0, 50), None),
        (over(3, "lt"), Aggregate.USERS, Reading(5.0, 50), 1),
        (over(0.5), Aggregate.SHARE, Reading(0.25, 1000), 499),  # those leave first of which it is no share
        (over(0.5, "lt"), Aggregate.SHARE, Reading(0.75, 1000), 499),
        (over(1.5), Aggregate.SHARE, Reading(0.25, 1000), None),
        (over(1, "ge"), Aggregate.SHARE, Reading(1.0, 1000), 1),
        (over(50), Aggregate.AVG, Reading(20.0, 300, low=0.0, high=40.0), None),  # none is so large
        (over(30), Aggregate.AVG, Reading(20.0, 300, low=0.0, high=40.0), 99),
        (over(30), Aggregate.AVG, Reading(20.0, 300, low=20.0, high=40.0), 299),
        (over(10, "lt"), Aggregate.AVG, Reading(20.0, 300, low=0.0, high=40.0), 99),
        (over(-10, "lt"), Aggregate.AVG, Reading(20.0, 300, low=0.0, high=40.0), None),
        (over(50), Aggregate.SUM, Reading(20.0, 9, low=1.0, high=4.0), None),
        (over(50), Aggregate.SUM, Reading(20.0, 9, low=-10.0, high=40.0), 2),
        (over(10), Aggregate.SUM, Reading(20.0, 9, low=-10.0, high=2.0), 4),
        (over(10), Aggregate.SUM, Reading(20.0, 9, low=None, high=None), 1),  # beyond what JSON carries
        (over(50), Aggregate.MEDIAN, Reading(20.0, 9, low=1.0, high=40.0), None),
        (over(30), Aggregate.MEDIAN, Reading(20.0, 9, low=1.0, high=40.0), 1),
        (over(30), Aggregate.P95, Reading(20.0, 9, low=1.0, high=40.0), 1),
        (over(5, "lt"), Aggregate.P95, Reading(20.0, 9, low=6.0, high=40.0), None),
        (over(1), Aggregate.AVG, Reading(None, 0), 1),
        (Condition("no_data"), Aggregate.COUNT, Reading(5.0, 5), 1),
    ],
)
def test_so_many_leave_before_a_threshold_is_crossed(
    condition: Condition, aggregate: Aggregate, reading: Reading, leaving: int | None
):
    assert lasting(condition, aggregate, reading) == leaving


Sample = tuple[float, int]
"""What an event says, and who."""


def value_of(aggregate: Aggregate, samples: list[Sample]) -> float | None:
    numbers = [Fraction(number) for number, _ in samples]
    match aggregate:
        case Aggregate.COUNT:
            return float(len(samples))
        case Aggregate.USERS:
            return float(len({who for _, who in samples}))
        case Aggregate.SUM:
            return float(sum(numbers))
    if not samples:
        return None
    match aggregate:
        case Aggregate.SHARE:
            return sum(number > 0 for number in numbers) / len(numbers)
        case Aggregate.MEDIAN:
            return float(median(numbers))
        case Aggregate.P95:
            at = Fraction(95, 100) * (len(numbers) - 1)
            low, high = sorted(numbers)[int(at)], sorted(numbers)[min(int(at) + 1, len(numbers) - 1)]
            return float(low + (high - low) * (at - int(at)))
    return float(sum(numbers) / len(numbers))


NUMBERS = st.one_of(
    st.integers(-5, 5).map(float), st.floats(-1e6, 1e6), st.floats(allow_nan=False, allow_infinity=False, width=32)
)


@given(
    aggregate=st.sampled_from(Aggregate),
    operator=st.sampled_from(["lt", "le", "gt", "ge"]),
    samples=st.lists(st.tuples(NUMBERS, st.integers(0, 3)), max_size=12),
    threshold=NUMBERS,
    is_near=st.booleans(),
)
@example(Aggregate.SUM, "gt", [(1e16, 0), (-1.0, 0), (1.0, 0)], 0.0, True)
@example(Aggregate.AVG, "ge", [(0.1, 0), (0.1, 0), (0.1, 0)], 0.1, False)
def test_nothing_is_crossed_before(
    aggregate: Aggregate, operator: Any, samples: list[Sample], threshold: float, is_near: bool
):
    value = value_of(aggregate, samples)
    if value is not None and is_near:
        threshold = value + threshold / 1e3
    if not isfinite(threshold):
        return
    numbers = [number for number, _ in samples] or [None]
    is_numeric = aggregate not in {Aggregate.COUNT, Aggregate.USERS, Aggregate.SHARE}
    reading = Reading(
        value, len(samples), low=min(numbers) if is_numeric else None, high=max(numbers) if is_numeric else None
    )
    condition = Condition("threshold", operator, threshold)

    leaving = lasting(condition, aggregate, reading)

    seen = rules.evidence(condition, reading, min_count=1)
    for gone in range(1, len(samples) + 1 if leaving is None else min(leaving, len(samples) + 1)):
        left = value_of(aggregate, samples[gone:])
        if left is not None:
            assert rules.evidence(condition, Reading(left, len(samples) - gone), min_count=1) is seen, gone
