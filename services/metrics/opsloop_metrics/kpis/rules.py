"""What a KPI is, and when it is at its target: definitions, checked and pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from opsloop_common.errors import Conflict, FieldError, Invalid
from opsloop_metrics.insights.periods import share_passed
from opsloop_metrics.kpi_measures.rules import Measure
from opsloop_metrics.kpi_periods.rules import Kept, Measured, Period

CLOCK_SKEW = timedelta(minutes=5)
"""How far ahead of our clock a reported value may be dated: partners' clocks differ."""


class Direction(StrEnum):
    """Which way is better."""

    UP = "up"
    DOWN = "down"


class State(StrEnum):
    """What a monitor says, best first: a KPI's state is the worst of its monitors'."""

    OK = "ok"
    PENDING = "pending"
    RECOVERING = "recovering"
    NO_DATA = "no_data"
    BREACHED = "breached"


@dataclass(frozen=True)
class Waiting:
    """A KPI whose turn to be measured has come. `asked` is the measure as it was then: a change makes the answer another question's."""

    kpi_id: UUID
    measure: Measure
    asked: Mapping[str, Any]
    period: Period
    newest: Measured | None


@dataclass(frozen=True)
class Standing:
    """How a KPI stands: the newest of what it came to by period, oldest first, beside today's target."""

    value: float | None
    measured_at: datetime | None
    target_now: float | None
    progress: float | None
    series: Sequence[Kept]


@dataclass(frozen=True)
class Definition:
    """A KPI as other rooms know it."""

    kpi_id: UUID
    key: str
    name: str
    unit: str | None
    target: float | None
    measure: Measure
    tags: Sequence[str] = ()
    period: Period = Period.DAY
    measure_error: str | None = None
    has_targets: bool = False


@dataclass(frozen=True)
class Goal:
    """A target, and the days in which it is to be reached: `start` inclusive, `end` exclusive."""

    value: float
    start: datetime
    end: datetime
    direction: Direction

    def pace(self, now: datetime) -> float:
        """Return the share of its time that has passed, 0 to 1."""
        return share_passed(self.start, self.end, now)


@dataclass(frozen=True)
class Outline:
    """A KPI with what a picture of it shows beside its values."""

    kpi: Definition
    target: float | None
    targets: Sequence[Mapping[str, Any]]

    def target_on(self, day: date) -> float | None:
        """Return the target of a day."""
        return target_on(self.targets, self.target, day)


def require_said(fields: Mapping[str, object]) -> None:
    """Raise Invalid for fields that are left out: only a template says them."""
    if missing := [name for name, value in fields.items() if value is None]:
        raise Invalid.each(
            FieldError(f"/{name}", "is missing; only a template says what is left out") for name in missing
        )


def require_reported(measure: Measure) -> None:
    """Raise Conflict when values are measured rather than posted."""
    if not measure.is_reported:
        raise Conflict("this KPI is measured; post values to a reported one")


def require_not_ahead(at: datetime, now: datetime) -> None:
    """Raise Invalid for a value dated further ahead than clocks differ."""
    if at > now + CLOCK_SKEW:
        raise Invalid("/at", f"more than {CLOCK_SKEW.seconds // 60} minutes ahead of the server's clock")


def meets_target(value: float, target: float, direction: Direction) -> bool:
    """Say whether `value` is at its target or beyond, the better way."""
    return value >= target if direction is Direction.UP else value <= target


def require_targets(targets: Sequence[Mapping[str, Any]]) -> None:
    """Refuse targets of days that end before they begin, or that two of them hold for; raises Invalid with all that is wrong."""
    if errors := list(_faults_of_targets(targets)):
        raise Invalid.each(errors)


def _faults_of_targets(targets: Sequence[Mapping[str, Any]]) -> Iterator[FieldError]:
    days = [(target["from"], target["to"]) for target in targets]  # ISO dates: their order is that of the days
    for place, (first, last) in enumerate(days):
        if last < first:
            yield FieldError(f"/targets/{place}/to", "is before from")
        elif any(first <= end and start <= last for start, end in days[:place]):
            yield FieldError(f"/targets/{place}/from", "shares days with a target before it")


def target_on(targets: Sequence[Mapping[str, Any]], target: float | None, day: date) -> float | None:
    """Return the target of a day: the one of `targets` that holds for it, both ends included, else `target`."""
    entry = entry_on(targets, day)
    return target if entry is None else float(entry["value"])


def entry_on(targets: Sequence[Mapping[str, Any]], day: date) -> Mapping[str, Any] | None:
    """Return the one of `targets` that holds for a day, both ends included."""
    told = day.isoformat()
    return next((each for each in targets if each["from"] <= told <= each["to"]), None)


def progress(value: float | None, target: float | None, direction: Direction) -> float | None:
    """Return how far a value is, 0 to 1: value / target upwards, target / value downwards, and 1 from the target on.

    Null without one of them, and where the quotient says nothing: neither is met, and one of them is not above 0.
    """
    if value is None or target is None:
        return None
    if meets_target(value, target, direction):
        return 1.0
    over, under = (value, target) if direction is Direction.UP else (target, value)
    if under <= 0:
        return None
    return max(0.0, over / under)


def standing(kept: Sequence[Kept], *, target: float | None, direction: Direction) -> Standing:
    """Return how a KPI stands by what was kept of its newest periods, oldest first."""
    value, measured_at = (kept[-1].value, kept[-1].measured_at) if kept else (None, None)
    return Standing(value, measured_at, target, progress(value, target, direction), kept)
