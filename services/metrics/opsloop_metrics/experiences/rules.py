"""What is good, what is trouble, and how much of it there is (docs/insights.md §16)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class Metric(StrEnum):
    """What a page measures of itself: milliseconds, but for `cls`, which has no unit."""

    LCP = "lcp"
    INP = "inp"
    CLS = "cls"
    FCP = "fcp"
    TTFB = "ttfb"


class Rating(StrEnum):
    """How good a measurement is."""

    GOOD = "good"
    NEEDS_IMPROVEMENT = "needs-improvement"
    POOR = "poor"


THRESHOLDS: Mapping[Metric, tuple[float, float]] = {
    Metric.LCP: (2_500, 4_000),
    Metric.INP: (200, 500),
    Metric.CLS: (0.1, 0.25),
    Metric.FCP: (1_800, 3_000),
    Metric.TTFB: (800, 1_800),
}
"""Up to which value a metric is good, and above which it is poor, as web.dev publishes them."""

VITALS_EVENTS = ("$web_vitals", "[Amplitude] Web Vitals", "Web Vitals")
RAGE_EVENTS = ("$rageclick", "$mp_rage_click", "[Amplitude] Rage Click", "Rage Click")
DEAD_EVENTS = ("$dead_click", "$mp_dead_click", "[Amplitude] Dead Click", "Dead Click")
ERROR_EVENTS = ("$exception", "Application Crashed", "Error")
"""Names by which clients tell it; the last of each is for whoever tells it by hand."""

NONE = "$none"
"""The page or version of what has none."""
ALL = ""
"""Stands for all versions among versions, of which none is empty."""


def rating_of(metric: Metric, value: float | None) -> Rating | None:
    """Return how good a measurement is, None of none."""
    if value is None:
        return None
    good, poor = THRESHOLDS[metric]
    if value <= good:
        return Rating.GOOD
    return Rating.POOR if value > poor else Rating.NEEDS_IMPROVEMENT


class Measured(NamedTuple):
    """Some measurements of one metric: how many, their 75th percentile, how many are good and how many poor."""

    samples: int = 0
    p75: float | None = None
    good: int = 0
    poor: int = 0


NOTHING = Measured()


@dataclass(frozen=True)
class Vital:
    """One metric; the shares of the ratings add up to 1, without a sample all is None. `values`: p75 by interval."""

    metric: Metric
    samples: int
    p75: float | None
    rating: Rating | None
    good: float | None
    needs_improvement: float | None
    poor: float | None
    values: list[float | None] = field(default_factory=list)


def vital(metric: Metric, measured: Measured, values: Sequence[float | None] = ()) -> Vital:
    """Return a metric with its rating and shares."""
    samples, p75, good, poor = measured
    return Vital(
        metric, samples, p75, rating_of(metric, p75), share(good, samples), share(samples - good - poor, samples),
        share(poor, samples), list(values),
    )  # fmt: skip


@dataclass(frozen=True)
class PageVitals:
    """The metrics of one page; `samples` are those of all metrics."""

    page: str
    samples: int
    metrics: list[Vital]


@dataclass(frozen=True)
class Vitals:
    """How fast and steady pages are: all of them, and those with the most samples."""

    metrics: list[Vital]
    pages: list[PageVitals]


def vitals(
    overall: Sequence[Measured],
    by_interval: Mapping[int, Sequence[Measured]],
    by_page: Iterable[tuple[str, Sequence[Measured]]],
    intervals: int,
) -> Vitals:
    """Return the vitals; each sequence has one entry for each metric, in their order."""
    empty = [NOTHING] * len(Metric)
    rows = [by_interval.get(place, empty) for place in range(intervals)]
    return Vitals(
        [
            vital(metric, measured, [row[column].p75 for row in rows])
            for column, (metric, measured) in enumerate(zip(Metric, overall, strict=True))
        ],
        [
            PageVitals(
                page,
                sum(each.samples for each in measured),
                [vital(*each) for each in zip(Metric, measured, strict=True)],
            )
            for page, measured in by_page
        ],
    )


@dataclass(frozen=True)
class ClickTotal:
    """Clicks of one kind. `events` are also those of nobody, the rate counts those of people by all their sessions."""

    events: int
    people: int
    per_1000_sessions: float | None


class ClickedPage(NamedTuple):
    """Rage and dead clicks on a page, and how many people made one."""

    page: str
    rage: int
    dead: int
    people: int


class ClickedElement(NamedTuple):
    """Rage and dead clicks on an element of a page, as far as clients say which."""

    page: str
    text: str | None
    selector: str | None
    rage: int
    dead: int
    people: int


@dataclass(frozen=True)
class Clicks:
    """Clicks in anger and clicks without effect."""

    rage: ClickTotal
    dead: ClickTotal
    pages: list[ClickedPage]
    elements: list[ClickedElement]


class Failed(NamedTuple):
    """Errors of one version (`ALL`: of all), whom they met, and how many people were there."""

    version: str
    events: int
    people: int
    active_people: int


class FailedSessions(NamedTuple):
    """How many sessions there were with a version, and how many of them met an error of it."""

    active: int
    failed: int


@dataclass(frozen=True)
class Errors:
    """Errors of a version, None for all versions; without anybody there the shares are None."""

    version: str | None
    events: int
    people: int
    sessions: int
    active_people: int
    active_sessions: int
    crash_free_people: float | None
    crash_free_sessions: float | None


def errors(failed: Failed, sessions: FailedSessions) -> Errors:
    """Return errors with the shares of those who met none."""
    return Errors(
        version=None if failed.version == ALL else failed.version,
        events=failed.events,
        people=failed.people,
        sessions=sessions.failed,
        active_people=failed.active_people,
        active_sessions=sessions.active,
        crash_free_people=share(failed.active_people - failed.people, failed.active_people),
        crash_free_sessions=share(sessions.active - sessions.failed, sessions.active),
    )


class ErrorKind(NamedTuple):
    """Errors that say the same, but for the numbers in it."""

    type: str | None
    message: str | None
    events: int
    people: int


@dataclass(frozen=True)
class AllErrors:
    """What failed: in all, by version (those with the most people), by what it says."""

    total: Errors
    versions: list[Errors]
    kinds: list[ErrorKind]


class Troubled(NamedTuple):
    """People who were at a page, how many of them met any trouble there, and how many met each kind."""

    page: str
    people: int
    troubled: int
    rage: int
    dead: int
    errors: int
    poor_vitals: int


@dataclass(frozen=True)
class Friction:
    """How much a page hurts. `score` = `share` x `reach`; each count is of people."""

    page: str
    people: int
    troubled: int
    rage: int
    dead: int
    errors: int
    poor_vitals: int
    share: float
    reach: float
    score: float


def friction(troubled: Iterable[Troubled], everybody: int) -> list[Friction]:
    """Return pages by score, the highest first (ties by the page); `everybody` are all who were anywhere.

    A page at which nobody met trouble is left out. The numbers may be of moments between which people came or were erased: no part
    is larger than its whole.
    """
    found = [
        Friction(
            **each._asdict(),
            share=each.troubled / each.people,
            reach=each.people / everybody,
            score=each.troubled / everybody,  # share x reach, in which the people of the page cancel out
        )
        for each in (_within(page, everybody) for page in troubled)
        if each.troubled
    ]
    return sorted(found, key=lambda each: (-each.score, each.page))


def _within(page: Troubled, everybody: int) -> Troubled:
    people = min(page.people, everybody)
    troubled = min(page.troubled, people)
    kinds = (min(count, troubled) for count in (page.rage, page.dead, page.errors, page.poor_vitals))
    return Troubled(page.page, people, troubled, *kinds)


@dataclass(frozen=True)
class Result:
    """How people fare: of how many people and sessions, and what they met."""

    intervals: list[datetime]
    incomplete_from: int | None
    people: int
    sessions: int
    vitals: Vitals
    clicks: Clicks
    errors: AllErrors
    friction: list[Friction]


def share(part: int, whole: int) -> float | None:
    """Return a part of a whole, None of nothing."""
    return part / whole if whole else None


def per_1000(events: int, sessions: int) -> float | None:
    """Return how many there are for a thousand sessions, None without any."""
    return 1_000 * events / sessions if sessions else None


_COLUMNS = ("page", "score", "share", "reach", "people", "troubled", "rage", "dead", "errors", "poor_vitals")


def as_table(result: Result) -> tuple[list[str], list[list[str | int | float | None]]]:
    """Return the friction list as a table, a row a page: names of columns, rows."""
    return list(_COLUMNS), [[getattr(each, name) for name in _COLUMNS] for each in result.friction]
