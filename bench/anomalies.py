"""How well anomalies are told, on series where they are known, beside what people do by hand; NAB's files too where they are at hand."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from bench import nab
from bench.report import Line
from bench.simulation import DAILY, HOURLY, Numbers, Series, World, simulate
from opsloop_metrics.anomalies.rules import Options, Point, judge_all

QUIET = {"day": 7, "hour": 24}
"""For every detector: after an alarm, what is outside within so many buckets of the last that was is no alarm of its own."""
SHIFT_DAYS = 3
LEAST_PRECISION, LEAST_RECALL = 0.85, 0.65
MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
Score = Callable[[Numbers, World], Numbers]


@dataclass(frozen=True)
class Found:
    """What came of a detector: windows that were found of all there are, and alarms where nothing was, over so many months of series."""

    found: int
    windows: int
    false: int
    months: float

    @property
    def precision(self) -> float:
        """Return which share of the alarms was right."""
        return self.found / max(self.found + self.false, 1)

    @property
    def recall(self) -> float:
        """Return which share of the anomalies was found."""
        return self.found / max(self.windows, 1)

    @property
    def f1(self) -> float:
        """Return the harmonic mean of both."""
        return 2 * self.found / max(self.found + self.false + self.windows, 1)

    @property
    def false_a_month(self) -> float:
        """Return the false alarms of one series in 30 days."""
        return self.false / self.months

    def __str__(self) -> str:
        return f"F1 {self.f1:.2f}, P {self.precision:.2f}, R {self.recall:.2f}, {self.false_a_month:.2f} false a series-month"


def compare(series: Sequence[Series], alarms: Sequence[Sequence[int]], world: World) -> Found:
    """Hold alarms against what is known. An anomaly is found by one alarm inside it; more alarms inside it are neither right nor wrong.

    So are those of the first 3 days of a level shift, which did happen; every later one is false. Before `quiet_until` nothing counts.
    """
    found = false = 0
    for each, alarmed in zip(series, alarms, strict=True):
        counted = [alarm for alarm in alarmed if alarm >= world.quiet_until]
        found += sum(any(first <= alarm <= last for alarm in counted) for first, last in each.windows)
        happened = [*each.windows, *((shift, shift + SHIFT_DAYS * world.a_day - 1) for shift in each.shifts)]
        false += sum(not any(first <= alarm <= last for first, last in happened) for alarm in counted)
    months = len(series) * (world.length - world.quiet_until) / world.a_day / 30
    return Found(found, sum(len(each.windows) for each in series), false, months)


def alarms(is_outside: Sequence[bool] | np.ndarray, quiet: int) -> list[int]:
    """Return the places that alarm: those outside, unless one of the `quiet` places before was."""
    outside = np.flatnonzero(is_outside)
    return [int(place) for place, gap in zip(outside, np.diff(outside, prepend=-quiet - 1), strict=True) if gap > quiet]


def ours(series: Series, world: World, options: Options | None = None) -> list[int]:
    """Return where our rules alarm, as they stand."""
    step = timedelta(days=1) if world.interval == "day" else timedelta(hours=1)
    points = [Point(MONDAY + place * step, float(value)) for place, value in enumerate(series.values)]
    judged = judge_all(points, options or Options(interval=world.interval))
    return [place for place, judgement in enumerate(judged) if judgement.is_anomaly]


def z_score(values: Numbers, world: World) -> Numbers:
    """Return how many standard deviations of the last 28 days each is off their mean."""
    before = _before(values, 28 * world.a_day)
    return (values - before.mean(axis=1)) / np.maximum(before.std(axis=1), 1e-9)


def week_over_week(values: Numbers, world: World) -> Numbers:
    """Return by which share each is off the value a week before."""
    week_ago = _before(values, 7 * world.a_day)[:, 0]
    return (values - week_ago) / np.maximum(week_ago, 1)


def seasonal_naive(values: Numbers, world: World) -> Numbers:
    """Return how far each is off the median of the same weekday (hour) of up to 6 weeks, in their median distances, 1 % at least."""
    week = 7 * world.a_day
    same = _before(values, 6 * week)[week:, ::week]
    middle = np.nanmedian(same, axis=1)
    usual = np.nanmedian(np.abs(same - middle[:, None]), axis=1)
    found = (values[week:] - middle) / np.maximum(usual, np.maximum(0.01 * middle, 1))
    return np.concatenate([np.full(week, np.nan), found])


BY_HAND: dict[str, tuple[Score, Numbers]] = {
    "z-score 28 d": (z_score, np.arange(1.5, 8, 0.25)),
    "week over week": (week_over_week, np.arange(0.1, 1.5, 0.05)),
    "seasonal naive": (seasonal_naive, np.arange(2, 20, 0.5)),
}
"""Their thresholds are the best of these, found on the very series they are measured on: ours is the default."""


def best(score: Score, thresholds: Numbers, series: Sequence[Series], world: World) -> Found:
    """Return what came of a detector at the threshold of the best F1."""
    scores = [np.nan_to_num(np.abs(score(each.values, world))) for each in series]
    tried = [
        compare(series, [alarms(one > threshold, QUIET[world.interval]) for one in scores], world)
        for threshold in thresholds
    ]
    return max(tried, key=lambda found: found.f1)


def measure() -> list[Line]:
    """Compare on days and on hours, and on NAB's files where OPSLOOP_NAB names their folder."""
    lines = [line for world in (DAILY, HOURLY) for line in _lines(world)]
    if folder := os.environ.get("OPSLOOP_NAB"):
        lines += [Line("anomalies", "NAB, standard profile, by hours", str(nab.measure(Path(folder))), "")]
    return lines


def _lines(world: World) -> list[Line]:
    series = simulate(world)
    began = time.process_time()
    found = compare(series, [ours(each, world) for each in series], world)
    seconds = time.process_time() - began
    what = f"by {world.interval}: {world.series} series of {world.length // world.a_day} days"
    goal = f"P ≥ {LEAST_PRECISION}, R ≥ {LEAST_RECALL}"
    is_met = found.precision >= LEAST_PRECISION and found.recall >= LEAST_RECALL
    lines = [Line("anomalies", what, str(found), "", goal=goal, met=is_met)]
    for name, (score, thresholds) in BY_HAND.items():
        other = best(score, thresholds, series, world)
        lines.append(Line("anomalies", f"by {world.interval}", str(found), f"{name}: {other}", found.f1 / other.f1))
    values = world.series * world.length
    lines.append(Line("anomalies", f"{values:,} {world.interval}s judged", f"{seconds:.1f} s CPU", ""))
    return lines


def _before(values: Numbers, count: int) -> Numbers:
    return sliding_window_view(np.concatenate([np.full(count, np.nan), values[:-1]]), count)
