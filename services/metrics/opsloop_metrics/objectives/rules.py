"""How far an objective is, and whether that is far enough for the time that has passed: pure."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from fractions import Fraction

from opsloop_common import limits
from opsloop_common.errors import Conflict, Invalid
from opsloop_metrics.insights.periods import day_after, midnight, share_passed

MOST_SHOWN = 50
"""Objectives below one, in its picture."""
LONGEST = timedelta(days=366)
AT_RISK_BEHIND = 0.15
OFF_TRACK_BEHIND = 0.3
JUDGED_EVERY = timedelta(hours=1)
AWAITED_FOR = timedelta(days=1)
"""Who sets an objective says its values next, or has a KPI measured: until then nobody is told that it is behind."""
PERIOD = r"^(19|20|21)[0-9]{2}(-(H[12]|Q[1-4]|(0[1-9]|1[0-2])))?$"
_MONTHS = {"H": 6, "Q": 3}
_PRECISION = 9
"""Decimals that are compared: 0.5 - 0.35 is 0.15, and not more."""


class GoalState(StrEnum):
    """Where an objective or a key result stands."""

    NOT_STARTED = "not_started"
    ON_TRACK = "on_track"
    AT_RISK = "at_risk"
    OFF_TRACK = "off_track"
    ACHIEVED = "achieved"
    MISSED = "missed"


_RISK = {GoalState.AT_RISK: 1, GoalState.OFF_TRACK: 2}


@dataclass(frozen=True)
class Days:
    """Whole days, both included."""

    first: date
    last: date


@dataclass(frozen=True)
class Span:
    """The same as two instants: `start` inclusive, `end` exclusive."""

    start: datetime
    end: datetime

    def pace(self, now: datetime) -> float:
        """Return the share that has passed, 0 to 1."""
        return share_passed(self.start, self.end, now)


def named_days(name: str) -> Days:
    """Return the days of a year (`2026`), half (`2026-H1`), quarter (`2026-Q4`) or month (`2026-10`)."""
    if re.fullmatch(PERIOD.strip("^$"), name) is None:
        raise Invalid("/period", "must be a year, half, quarter or month, such as 2026, 2026-H1, 2026-Q4 or 2026-10")
    year, _, part = name.partition("-")
    first, months = 1, 12
    if part:
        months = _MONTHS.get(part[0], 1)
        first = int(part) if months == 1 else (int(part[1:]) - 1) * months + 1
    last = first + months - 1
    return Days(date(int(year), first, 1), date(int(year), last, monthrange(int(year), last)[1]))


def chosen_days(period: str | None, first: date | None, last: date | None) -> Days:
    """Return the days that were said: by a name, or by the first and the last one; raises Invalid. Both are fine where they agree."""
    if period is not None:
        days = named_days(period)
        if (first or days.first, last or days.last) != (days.first, days.last):
            raise Invalid("/period", "has other days than from and to; say either")
        return days
    if first is None or last is None:
        raise Invalid(
            "/to" if first else "/from", "say a period such as 2026-Q4, or the first day (from) and the last (to)"
        )
    if last < first:
        raise Invalid("/to", "is before from")
    if last - first >= LONGEST:
        raise Invalid("/to", f"is more than {LONGEST.days} days after from")
    return Days(first, last)


def span_of(days: Days, zone: str) -> Span:
    """Return when days begin and end in a zone."""
    return Span(midnight(days.first, zone), midnight(day_after(days.last), zone))


def require_distance(start: float, target: float) -> None:
    """Raise Invalid for a key result with nothing to be done."""
    if start == target:
        raise Invalid("/target", "is where it starts: there would be nothing to reach")


def progress(start: float, target: float, value: float | None) -> float | None:
    """Return the share of the way from start to target, 0 to 1, whichever of them is larger; null of null."""
    if value is None:
        return None
    # exactly: the distance between two doubles may be no double
    share = (Fraction(value) - Fraction(start)) / (Fraction(target) - Fraction(start))
    return float(min(max(share, Fraction(0)), Fraction(1)))


def mean(parts: Iterable[tuple[float | None, float]]) -> float | None:
    """Return the weighted mean of (progress, weight); what has no value yet counts as 0. Null of nothing."""
    weighed = [(share or 0.0, weight) for share, weight in parts]
    largest = max((weight for _, weight in weighed), default=0.0)
    if not largest:
        return None
    shares = [(share, weight / largest) for share, weight in weighed]  # so that their sum is no infinity
    return sum(share * weight for share, weight in shares) / sum(weight for _, weight in shares)


def state_of(share: float | None, span: Span, now: datetime) -> GoalState:
    """Return where something stands that is `share` of its way (null counts as 0)."""
    if now < span.start:
        return GoalState.NOT_STARTED
    done = round(share or 0.0, _PRECISION)
    if done >= 1:
        return GoalState.ACHIEVED
    if now >= span.end:
        return GoalState.MISSED
    behind = round(span.pace(now) - done, _PRECISION)
    if behind > OFF_TRACK_BEHIND:
        return GoalState.OFF_TRACK
    return GoalState.AT_RISK if behind > AT_RISK_BEHIND else GoalState.ON_TRACK


def is_awaited(value: float | None, made_at: datetime, now: datetime) -> bool:
    """Say whether a key result has no value yet and was made so lately that it counts as nothing, rather than as 0."""
    return value is None and now < made_at + AWAITED_FOR


def is_worse(before: GoalState, after: GoalState) -> bool:
    """Say whether something became at risk, or off track: what gets better on the way back is no news of this kind."""
    return _RISK.get(after, 0) > _RISK.get(before, 0)


def next_look(span: Span, now: datetime) -> datetime | None:
    """Return when time alone may change the state; None when the time is over."""
    if now < span.start:
        return span.start
    return min(now + JUDGED_EVERY, span.end) if now < span.end else None


def require_levels(above: int, below: int) -> None:
    """Raise Conflict where an objective with `above` ones over it and `below` levels under it would stand too deep."""
    if above + 1 + below > limits.OBJECTIVE_LEVELS:
        raise Conflict(f"objectives stand at most {limits.OBJECTIVE_LEVELS} levels deep")


def require_kept(span: Span, now: datetime, *, kept: timedelta, pointer: str) -> None:
    """Raise Invalid where events, kept for so long, are forgotten before the time that they are counted for is over."""
    if max(now, span.end) - span.start > kept:
        raise Invalid(
            pointer, f"events are kept for {kept.days} days, and this time of counting them is longer, or longer ago"
        )


def require_no_unit(is_measured: bool, unit: str | None) -> None:
    """Raise Invalid for a unit of what a KPI measures: that has its own."""
    if is_measured and unit is not None:
        raise Invalid("/unit", "is the KPI's own: leave it out")


def require_no_value(is_measured: bool, value: float | None) -> None:
    """Raise Conflict for a value said by hand of what a KPI measures."""
    if is_measured and value is not None:
        raise Conflict("this key result is measured by its KPI; check in without a value")
