"""Series for the tests of anomalies."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from opsloop_metrics.anomalies.rules import Judgement, Options, Point, judge

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
EXACT = Options(is_count=False)


def days(*values: float | None, start: datetime = MONDAY) -> list[Point]:
    return [Point(start + place * DAY, value) for place, value in enumerate(values)]


def hours(*values: float | None, start: datetime = MONDAY) -> list[Point]:
    return [Point(start + place * HOUR, value) for place, value in enumerate(values)]


def next_of(points: list[Point], value: float, options: Options = EXACT) -> Judgement:
    step = DAY if options.interval == "day" else HOUR
    return judge(points, value, points[-1].at + step, options)


def noisy(length: int, seed: int = 7, share: float = 0.03, mean: float = 1000) -> list[float]:
    random = np.random.default_rng(seed)
    return [float(value) for value in np.round(mean * np.exp(random.normal(0, share, length)))]
