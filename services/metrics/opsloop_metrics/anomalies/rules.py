"""Which value of a series is an anomaly, and what was to be expected instead: docs/anomalies.md, to the letter.

All is medians on a scale of ratios. They hold against what is unusual, so nothing that was flagged is taken out of the history: a shift
that lasts is learnt, and values that were replaced would keep it alarming. Loads numpy (25 MB): import it where something is judged.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Literal, NamedTuple

import numpy as np
from babel.dates import get_day_names
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from opsloop_common.numbers import for_people
from opsloop_metrics.canvas.words import language_of

Interval = Literal["hour", "day"]
Direction = Literal["up", "down", "both"]
Sensitivity = Literal["low", "medium", "high"]
Method = Literal["weekly", "naive", "none", "excluded"]
Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]

THRESHOLDS: dict[Interval, dict[Sensitivity, float]] = {
    "day": {"low": 6.0, "medium": 4.6, "high": 3.8},
    "hour": {"low": 8.0, "medium": 6.2, "high": 5.4},
}
"""From how many usual distances on a value is outside. Hours are looked at 24 times as often, and may not alarm as often."""
LEAST_DISTANCE = 0.015
"""However calm a series was, its usual distance counts as 1.5 %."""
MOST_BUCKETS = 10_000
"""So many, gaps counted, `judge_all` takes: 27 years of days, 13 months of hours."""
_USUAL_IN_DEVIATIONS = 0.6745
"""The median distance of what is normally distributed, in standard deviations."""
_ANSCOMBE = 3 / 8
_MOST = 1e100
_MOST_LOG = 700.0
"""What is larger no float can tell: bounds end here."""


class Point(NamedTuple):
    """A bucket's value (None: unknown). `at` is its start, aware, in the zone whose days and hours count."""

    at: datetime
    value: float | None


@dataclass(frozen=True)
class Options:
    """How to judge. `is_count`: values are numbers of things that happen, so that chance alone scatters them.

    An anomaly differs from what was expected by more than `min_absolute`, and by more than the share `min_relative` of it. Values of
    `excluded` days are neither judged nor learnt from.
    """

    interval: Interval = "day"
    direction: Direction = "both"
    sensitivity: Sensitivity = "medium"
    is_count: bool = True
    min_absolute: float = 0.0
    min_relative: float = 0.0
    excluded: frozenset[date] = frozenset()


@dataclass(frozen=True)
class Judgement:
    """What is to be said of a value. Nothing is expected without enough history (`none`) and on days that are left out (`excluded`).

    `score`: how many usual distances it is off, negative below. Beyond `low` or `high`, in the value's own unit, it `is_outside`, if that
    is a direction that was asked for. It `is_anomaly` if none of the 7 days (24 hours) before was outside already.
    """

    at: datetime
    value: float
    interval: Interval
    expected: float | None = None
    low: float | None = None
    high: float | None = None
    score: float | None = None
    is_outside: bool = False
    is_anomaly: bool = False
    method: Method = "none"


class _Recipe(NamedTuple):
    """How to expect, in buckets: the season's `period`, the median of how many of it, of which `level` (0: of none), and how long back
    distances are looked at. Values as old as `needed` there must be, and a quarter as many distances."""

    method: Method
    period: int
    seasons: int
    level: int
    spread: int
    needed: int

    @property
    def memory(self) -> int:
        """Return how old a value can be at most that matters."""
        return self.spread + (self.period * self.seasons + self.level) * (2 if self.level else 1)


_RECIPES = {  # the best first
    "day": (_Recipe("weekly", 7, 8, 14, 56, 56), _Recipe("naive", 7, 6, 0, 56, 21)),
    "hour": (_Recipe("weekly", 168, 4, 168, 672, 336), _Recipe("naive", 24, 6, 0, 336, 168)),
}
_QUIET = {"day": 7, "hour": 24}


def judge(history: Iterable[Point], value: float, at: datetime, options: Options) -> Judgement:
    """Judge a bucket's value by those before it, in any order and with gaps; of two of one bucket the later counts.

    Points at or after `at`, and those too old to matter, are not looked at. ValueError: a time without a zone, a value that is not finite
    or is beyond ±1e100.
    """
    memory = max(recipe.memory for recipe in _RECIPES[options.interval]) + _QUIET[options.interval]
    here = _slot(at, options.interval)
    kept = [point for point in history if here - memory <= _slot(point.at, options.interval) < here]
    return _judgements([*kept, Point(at, value)], options, newest=1)[-1]


def judge_all(points: Iterable[Point], options: Options) -> list[Judgement]:
    """Judge every known value of a series by those before it alone, oldest first. ValueError as `judge`, and above MOST_BUCKETS.

    Of what is no count, the scale is chosen once, by all values: see `_Scale`.
    """
    return _judgements(points, options, newest=MOST_BUCKETS)


def words(judgement: Judgement, locale: str) -> str:
    """Say it in the language of a BCP 47 tag, Chinese or else English: "412, expected 655 ± 60 for a Tuesday"."""
    language = language_of(locale)
    is_chinese = language == "zh"
    value = for_people(judgement.value, language)
    if judgement.expected is None or judgement.low is None or judgement.high is None:
        unjudged = {
            "excluded": ("{value} on a day that is left out", "{value}，该日不参与判断"),
            "none": ("{value}, too little history to expect anything", "{value}，历史数据不足，无法预期"),
        }
        return unjudged["excluded" if judgement.method == "excluded" else "none"][is_chinese].format(value=value)
    expected, margin = _rounded(judgement.expected, (judgement.high - judgement.low) / 2)
    day = get_day_names("wide", "stand-alone", locale=language)[judgement.at.weekday()]
    hour = f"{judgement.at.hour}时" if is_chinese else f"{judgement.at:%H}:00"
    if judgement.interval == "day":
        when = day if is_chinese else f"a {day}"
    elif judgement.method == "naive":
        when = hour
    else:
        when = f"{day}{hour}" if is_chinese else f"a {day}, {hour}"
    sentence = (
        "{value}，{when}预期为{expected} ± {margin}"
        if is_chinese
        else "{value}, expected {expected} ± {margin} for {when}"
    )
    return sentence.format(
        value=value, when=when, expected=for_people(expected, language), margin=for_people(margin, language)
    )


def _judgements(points: Iterable[Point], options: Options, newest: int) -> list[Judgement]:
    """Judge what is known of so many of the newest buckets."""
    by_slot = {
        _slot(point.at, options.interval): Point(point.at, _number(point.value))
        for point in sorted(points, key=lambda point: _moment(point.at))
        if point.value is not None
    }
    if not by_slot:
        return []
    slots = np.array(list(by_slot)) - min(by_slot)
    slots_taken = int(slots.max()) + 1
    if slots_taken > MOST_BUCKETS:
        raise ValueError(f"points: from the first to the last are {slots_taken} buckets, {MOST_BUCKETS} are allowed")
    values = np.full(slots_taken, np.nan)
    values[slots] = [point.value for point in by_slot.values()]
    is_left_out = np.zeros(slots_taken, dtype=bool)
    is_left_out[slots] = [point.at.date() in options.excluded for point in by_slot.values()]
    found = _judged(np.where(is_left_out, np.nan, values), options, newest + _QUIET[options.interval])
    return [
        Judgement(point.at, float(point.value or 0), options.interval, method="excluded")
        if is_left_out[slot]
        else found.of(point, slot, options.interval)
        for slot, point in zip(slots, by_slot.values(), strict=True)
        if slot >= slots_taken - newest
    ]


def _rounded(expected: float, margin: float) -> tuple[float, float]:
    """Return both to the second digit of the margin: what is below says nothing."""
    if not 0 < margin < math.inf:
        return expected, margin
    places = 1 - math.floor(math.log10(margin))
    return round(expected, places), round(margin, places)


@dataclass(frozen=True)
class _Scale:
    """How values are compared. Counts: log (1 + value). Others: log (value + 1 % of their median), so that 0 is very little, not
    nothing; where some are negative there are no ratios, and they are compared as they are, in units of their median size."""

    forth: Callable[[Numbers], Numbers]
    back: Callable[[Numbers], Numbers]
    scatters: bool

    @classmethod
    def of(cls, values: Numbers, *, is_count: bool) -> _Scale:
        known = np.abs(values[np.isfinite(values) & (values != 0)])
        size = max(float(np.median(known)), 1 / _MOST) if len(known) else 1.0
        if (values < 0).any():
            return cls(lambda x: x / size, lambda x: x * size, scatters=False)
        least = 1.0 if is_count else size / 100
        return cls(
            lambda x: np.log(x + least),
            lambda x: np.maximum(np.exp(np.minimum(x, _MOST_LOG)) - least, 0),
            scatters=is_count,
        )


@dataclass(frozen=True)
class _Found:
    """By bucket: what was expected, and what came of it."""

    expected: Numbers
    low: Numbers
    high: Numbers
    score: Numbers
    is_outside: Flags
    is_anomaly: Flags
    methods: list[Method]

    def of(self, point: Point, slot: int, interval: Interval) -> Judgement:
        value = float(point.value or 0)
        if np.isnan(self.expected[slot]):
            return Judgement(point.at, value, interval)
        return Judgement(
            at=point.at,
            value=value,
            interval=interval,
            expected=float(self.expected[slot]),
            low=float(self.low[slot]),
            high=float(self.high[slot]),
            score=float(self.score[slot]),
            is_outside=bool(self.is_outside[slot]),
            is_anomaly=bool(self.is_anomaly[slot]),
            method=self.methods[slot],
        )


def _judged(values: Numbers, options: Options, newest: int) -> _Found:
    scale = _Scale.of(values, is_count=options.is_count)
    compared = scale.forth(values)
    centre, distance = np.full_like(compared, np.nan), np.full_like(compared, np.nan)
    methods: list[Method] = ["none"] * len(values)
    for recipe in _RECIPES[options.interval]:
        by_it = _expect(compared, recipe, newest)
        for slot in np.flatnonzero(np.isnan(centre) & ~np.isnan(by_it[1])):
            centre[slot], distance[slot], methods[slot] = by_it[0][slot], by_it[1][slot], recipe.method
    threshold = THRESHOLDS[options.interval][options.sensitivity]
    expected = scale.back(centre)
    low, high = scale.back(centre - threshold * distance), scale.back(centre + threshold * distance)
    score = (compared - centre) / distance
    if scale.scatters:
        # no count is stranger than chance alone would have it: by Anscombe, 2 √(n + 3/8) of a Poisson count deviates by 1
        root = np.sqrt(expected + _ANSCOMBE)
        by_chance = 2 * (np.sqrt(values + _ANSCOMBE) - root) / _USUAL_IN_DEVIATIONS
        score = np.sign(score) * np.minimum(np.abs(score), np.abs(by_chance))
        reach = threshold * _USUAL_IN_DEVIATIONS / 2
        low = np.minimum(low, np.maximum(root - reach, 0) ** 2 - _ANSCOMBE).clip(min=0)
        high = np.maximum(high, (root + reach) ** 2 - _ANSCOMBE)
    least = np.maximum(options.min_absolute, options.min_relative * np.abs(expected))
    low, high = np.minimum(low, expected - least), np.maximum(high, expected + least)
    is_outside = ((values < low) & (options.direction != "up")) | ((values > high) & (options.direction != "down"))
    is_quiet = _was(is_outside, 1, _QUIET[options.interval])
    return _Found(expected, low, high, score, is_outside, is_outside & ~is_quiet, methods)


def _expect(compared: Numbers, recipe: _Recipe, newest: int) -> tuple[Numbers, Numbers]:
    """Return what each bucket was expected to be by those before it, and of the newest the usual distance, which takes longest.

    NaN where the history is too short.
    """
    level, season = np.zeros_like(compared), np.zeros_like(compared)
    for _ in range(
        2 if recipe.level else 1
    ):  # the second level is one without its season: three odd days do not move it
        if recipe.level:
            level = _median(_before(compared - np.nan_to_num(season), recipe.level), recipe.level // 2)
        season = _median(_before(compared - level, recipe.period * recipe.seasons)[:, :: recipe.period], 1)
    centre = level + season
    usual = np.full_like(compared, np.nan)
    usual[-newest:] = _median(_before(np.abs(compared - centre), recipe.spread)[-newest:], recipe.needed // 4)
    usual[~_was(np.isfinite(compared), recipe.needed, recipe.memory)] = np.nan
    return centre, np.maximum(usual, LEAST_DISTANCE)


def _before(values: Numbers, count: int) -> Numbers:
    """Return for each bucket the `count` before it, oldest first, NaN for those before the first."""
    return sliding_window_view(np.concatenate([np.full(count, np.nan), values[:-1]]), count)


def _median(rows: Numbers, least: int) -> Numbers:
    """Return the median of what is known in each row; NaN of rows where that is less than `least`, one or more."""
    ordered = np.sort(rows, axis=1)  # NaN goes last
    known = np.count_nonzero(~np.isnan(ordered), axis=1)
    every = np.arange(len(rows))
    middle = (
        ordered[every, np.maximum(known - 1, 0) // 2] + ordered[every, np.minimum(known // 2, rows.shape[1] - 1)]
    ) / 2
    return np.where(known >= least, middle, np.nan)


def _was(flags: Flags, nearest: int, farthest: int) -> Flags:
    """Return whether any flag was set from `nearest` to `farthest` buckets before each."""
    counted = np.concatenate([[0], np.cumsum(flags)])
    here = np.arange(len(flags))
    found: Flags = counted[np.maximum(here - nearest + 1, 0)] > counted[np.maximum(here - farthest, 0)]
    return found


def _moment(at: datetime) -> datetime:
    """Return the time in UTC: in their zone, Python compares the clocks on the wall."""
    if at.utcoffset() is None:
        raise ValueError(f"at: {at.isoformat()} has no zone")
    return at.astimezone(UTC)


def _slot(at: datetime, interval: Interval) -> int:
    """Return the number of a bucket by the clock on the wall, so that a season is a season when clocks change; a double hour is one."""
    return at.toordinal() if interval == "day" else at.toordinal() * 24 + at.hour


def _number(value: float) -> float:
    if not abs(value) <= _MOST:  # NaN is not, either
        raise ValueError(f"value: {value} is no number that can be judged")
    return float(value)
