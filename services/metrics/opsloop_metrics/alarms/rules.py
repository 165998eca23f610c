"""What a monitor watches for, and what a look at its KPI says of that: pure.

A null value, a bad one from too small a sample, and a comparison with nothing are no evidence.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, timedelta
from enum import Enum, auto
from fractions import Fraction
from math import isclose, isfinite
from typing import Any, Literal, NamedTuple

from opsloop_common.errors import Conflict, Invalid
from opsloop_metrics.events.rules import Aggregate, Reading
from opsloop_metrics.kpi_measures.rules import Measure
from opsloop_metrics.kpi_periods.rules import Period
from opsloop_metrics.kpis.rules import Definition, Goal, meets_target
from opsloop_metrics.kpis.rules import progress as of_target
from opsloop_metrics.windows.rules import Span, Window, longest

Operator = Literal["lt", "le", "gt", "ge"]
ConditionType = Literal["threshold", "change", "anomaly", "off_track", "no_data"]
Interval = Literal["hour", "day"]

COMPARING = frozenset({"threshold", "change"})
"""Conditions that compare a number with theirs."""
SETTLED = timedelta(minutes=1)
"""A bucket is judged so long after its end: what happened in its last moments is on its way then."""
BUCKETS: dict[Interval, int] = {"day": 211, "hour": 2_424}
"""Of so many the newest is judged: more than anomalies.rules remembers (203, 2,376), and as many as one may be late."""
NET = timedelta(minutes=5)
"""A monitor looks at least so often; stands behind all computed instants, which need not be known further ahead."""
LATE: dict[Interval, int] = {"day": 7, "hour": 24}
"""A bucket whose value is known so much later is judged all the same, if none after it was."""
_LENGTHS: dict[Interval, timedelta] = {"day": timedelta(hours=25), "hour": timedelta(hours=1)}
"""How long a bucket is at most."""
MOST_JUDGED = 1e100
_BY_DAY = "what an insight or a formula comes to is kept by day: take day, or watch a KPI of events or reported values by hour"
USUAL_WEEKS = 8
"""So many weeks before are looked through for a bucket that an unusual one is compared with."""
MOST_NOTED = 3
"""So many annotations the words of an anomaly name."""
_LOST = 1e-14  # what calculating in doubles loses, as a part of a number: 29 / 100 * 100 is 29
_COUNTS = frozenset({Aggregate.COUNT, Aggregate.USERS})
_NEVER_NEGATIVE = _COUNTS | {Aggregate.SHARE}


@dataclass(frozen=True)
class Unusual:
    """Which values of days or hours are anomalies: docs/anomalies.md."""

    interval: Interval = "day"
    direction: Literal["up", "down", "both"] = "both"
    sensitivity: Literal["low", "medium", "high"] = "medium"
    min_absolute: float = 0.0
    min_relative: float = 0.0
    excluded: tuple[date, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return it as it is kept."""
        return vars(self) | {"excluded": [day.isoformat() for day in self.excluded]}

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Unusual:
        """Return what `as_json` kept."""
        return cls(**(dict(kept) | {"excluded": tuple(date.fromisoformat(day) for day in kept["excluded"])}))


_UNUSUAL = [field.name for field in fields(Unusual)]


@dataclass(frozen=True)
class Condition:
    """When a monitor is unhappy: a number compares so with `value`, something is unusual, a target out of reach, or nothing comes in."""

    type: ConditionType
    operator: Operator | None = None
    value: float | None = None
    unusual: Unusual | None = None


class Evidence(Enum):
    """What one look says about the condition."""

    BAD = auto()
    GOOD = auto()
    NONE = auto()


@dataclass(frozen=True)
class Expected:
    """What a value was expected to be; of anomalies between which bounds, and in which words (by language)."""

    value: float
    low: float | None = None
    high: float | None = None
    words: dict[str, str] | None = None


class Bucket(NamedTuple):
    """The day or hour that was judged; `at` is its start, `end` the start of the next."""

    at: datetime
    end: datetime
    interval: Interval


@dataclass(frozen=True, kw_only=True)
class Watched:
    """What to look at. `is_alarmed`: whether the condition held at the last look; `judged_at`: the start of the last bucket judged.

    `hold_for`: how long it has to hold before that is told.
    """

    kpi: Definition
    condition: Condition
    window: Window | None
    min_count: int = 1
    hold_for: timedelta = timedelta()
    is_alarmed: bool = False
    judged_at: datetime | None = None


@dataclass(frozen=True)
class Found:
    """What a look came to. `over` is the time whose value it is, `beside` the one to compare it with; of what is kept the ends count.

    `instants`: when the next may come to something else without an event; until `rests_until` none of them makes a difference.
    `shown_until`: how long the value may be shown that says the same until the first of them.
    Without `is_news` there was nothing to look at that had not been looked at before.
    """

    evidence: Evidence
    reading: Reading
    expected: Expected | None = None
    instants: tuple[datetime | None, ...] = ()
    over: Span | None = None
    beside: Span | None = None
    bucket: Bucket | None = None
    rests_until: datetime | None = None
    is_news: bool = True
    shown_until: datetime | None = None


def length_of(watched: Watched, found: Found) -> timedelta | None:
    """Return how long the time was that was looked at, of a calendar's period how long that is at most; None ever since."""
    if found.bucket is not None:
        return found.bucket.end - found.bucket.at
    return None if watched.window is None else longest(watched.window)


def read_condition(raw: Mapping[str, Any]) -> Condition:
    """Return the condition that `raw` says; raises Invalid."""
    kind, operator, value = raw["type"], raw.get("operator"), raw.get("value")
    given = {name: raw[name] for name in _UNUSUAL if raw.get(name) is not None}
    if given and kind != "anomaly":
        raise Invalid(f"/condition/{next(iter(given))}", f"only an anomaly has it, {kind} does not")
    if kind in COMPARING:
        if operator is None:
            raise Invalid("/condition/operator", f"a {kind} needs an operator")
        if value is None:
            raise Invalid("/condition/value", f"a {kind} needs a value")
        return Condition(kind, operator, float(value))
    if operator is not None:
        raise Invalid("/condition/operator", f"{kind} compares with nothing: leave operator out")
    if kind == "off_track":
        if value is None or not 0 <= value < 1:
            raise Invalid(
                "/condition/value", "off_track needs a value from 0 to below 1: how far behind its time is too far"
            )
        return Condition(kind, value=float(value))
    if value is not None:
        raise Invalid("/condition/value", f"{kind} compares with nothing: leave value out")
    if kind == "no_data":
        return Condition(kind)
    return Condition(kind, unusual=Unusual(**(given | {"excluded": tuple(given.get("excluded", ()))})))


def require_fitting(kpi: Definition, condition: Condition, window: Window | None, min_count: int) -> None:
    """Raise Invalid for a window that is missing, or that goes with no such condition or KPI, and for what no look could find."""
    if kpi.measure.is_asked:
        _require_kept_often(kpi.period, condition, window, min_count)
    if condition.unusual is not None:
        if window is not None:
            raise Invalid("/window", "an anomaly is a day or an hour (interval): leave window out, or null")
        return
    if condition.type == "no_data" and not isinstance(window, timedelta):
        raise Invalid("/window", "no_data needs a window that is a duration: how long silence is normal")
    if window is not None:
        return
    if condition.type == "change":
        raise Invalid("/window", "a change needs a window: it is compared with the one before")
    if not kpi.measure.is_kept:
        raise Invalid("/window", "a measure of events needs a window")


def require_possible(kpi: Definition, condition: Condition) -> None:
    """Raise Invalid for a condition that no value of the KPI can ever fulfil."""
    if condition.type == "off_track" and not kpi.has_targets:
        raise Invalid("/condition/type", "off_track needs days to be on track in: give the KPI targets first")
    if condition.type != "change" or condition.value is None or condition.operator not in ("lt", "le"):
        return
    is_never_less = bool(kpi.measure.parts) and all(part.aggregate in _NEVER_NEGATIVE for part in kpi.measure.parts)
    if is_never_less and (condition.value < -1 or (condition.value == -1 and condition.operator == "lt")):
        raise Invalid(
            "/condition/value", "a change is a share, -0.2 is a fifth less: of what is never below 0 it is at least -1"
        )


def _require_kept_often(period: Period, condition: Condition, window: Window | None, min_count: int) -> None:
    """Refuse what would have to know more of an insight or a formula than one number a period."""
    if condition.unusual is not None and condition.unusual.interval == "hour":
        raise Invalid("/condition/interval", _BY_DAY)
    if condition.unusual is not None and period is not Period.DAY:
        raise Invalid("/condition", f"an anomaly is a day, and of this KPI one value is kept for each {period}")
    if condition.type == "change" and window is not None and longest(window) < longest(period):
        raise Invalid("/window", f"of this KPI one value is kept for each {period}: a change needs that, or longer")
    if min_count > 1:
        raise Invalid("/min_count", "what an insight or a formula comes to is not of samples that count: leave it out")


def require_watchable(kpi: Definition, watched: Sequence[tuple[Condition, Window | None, int]]) -> None:
    """Raise Conflict when a KPI is to be measured in a way that a monitor of it (condition, window, min_count) cannot watch."""
    for condition, window, min_count in watched:
        try:
            require_fitting(kpi, condition, window, min_count)
        except Invalid as error:
            [fault] = error.errors
            raise Conflict(f"a monitor of this KPI cannot watch that: {fault.detail}; change it first") from error


def reach(condition: Condition, window: Window | None) -> timedelta | None:
    """Return how far back a look goes; None: as far as there is anything."""
    if condition.unusual is not None:
        interval = condition.unusual.interval
        return timedelta(days=BUCKETS["day"] + 1) if interval == "day" else timedelta(hours=BUCKETS["hour"] + 1)
    if window is None:
        return None
    return longest(window) * (2 if condition.type == "change" else 1)


def require_kept(condition: Condition, window: Window | None, kept: timedelta) -> None:
    """Raise Invalid when a look over events goes further back than they are kept."""
    back = reach(condition, window)
    if back is None or back <= kept:
        return
    if condition.unusual is not None:
        raise Invalid("/condition/interval", f"looks {back.days} days back, and events are kept for {kept.days} days")
    half = "half that, as a change looks at two" if condition.type == "change" else "that long"
    raise Invalid("/window", f"events are kept for {kept.days} days, so a window over them is at most {half}")


def holds(value: float, operator: Operator, threshold: float) -> bool:
    """Say whether `value` compares so with `threshold`; equality, but for what doubles lose, belongs to le and ge."""
    if isclose(value, threshold, rel_tol=_LOST, abs_tol=0):
        return operator in ("le", "ge")
    return value < threshold if operator in ("lt", "le") else value > threshold


def evidence(condition: Condition, reading: Reading, *, min_count: int) -> Evidence:
    """Return what a reading says. Small samples never alarm, but may calm; a source never seen is only awaited."""
    if condition.type == "no_data":
        if reading.samples > 0:
            return Evidence.GOOD
        return Evidence.NONE if reading.last_seen_at is None else Evidence.BAD
    if reading.value is None or condition.operator is None or condition.value is None:
        return Evidence.NONE
    is_bad = holds(reading.value, condition.operator, condition.value)
    return _weighed(is_bad, reading.samples, min_count)


def _weighed(is_bad: bool, samples: int, min_count: int) -> Evidence:
    if not is_bad:
        return Evidence.GOOD
    # at the default of 1 no value of none is too small: "fewer than 5 orders an hour" must fire when there are none
    return Evidence.NONE if min_count > 1 and samples < min_count else Evidence.BAD


def evidence_of_change(condition: Condition, now: Reading, before: Reading, *, min_count: int) -> Evidence:
    """Return what a reading beside the one before says: by how much of that it is more (less: negative). Of null or 0 there is no share."""
    if now.value is None or not before.value:
        return Evidence.NONE
    # to nine decimals, as competitors' are: from 1.0 to 1.2 it is 0.2, and not less
    change = round((now.value - before.value) / abs(before.value), 9)
    return evidence(
        condition, replace(now, value=change, samples=min(now.samples, before.samples)), min_count=min_count
    )


def evidence_of_bucket(
    is_outside: bool | None, *, is_anomaly: bool, is_alarmed: bool, samples: int, min_count: int
) -> Evidence:
    """Return what a judged bucket says; `is_outside` None: nothing was expected of it.

    An anomaly raises the alarm, and whatever else is outside keeps it up; without an alarm it is the rest of one that is over.
    """
    if is_outside and not is_anomaly and not is_alarmed:
        return Evidence.NONE
    return Evidence.NONE if is_outside is None else _weighed(is_outside, samples, min_count)


def evidence_of_pace(
    condition: Condition, reading: Reading, start: float | None, goal: Goal, now: datetime, *, min_count: int
) -> Evidence:
    """Return what a reading says of its way to a target: whether it is further behind the time than the condition allows."""
    share = progress(reading.value, start, goal)
    if share is None or condition.value is None:
        return Evidence.NONE
    # to nine decimals, as objectives have it: 0.5 - 0.4 is 0.1, and not more
    return _weighed(round(goal.pace(now) - share, 9) > condition.value, reading.samples, min_count)


def progress(value: float | None, start: float | None, goal: Goal) -> float | None:
    """Return the share of the way from `start` to the target, 0 to 1. Where there is no such way, value / target (or turned round)."""
    share = of_target(value, goal.value, goal.direction)
    if value is None or share == 1 or start is None or meets_target(start, goal.value, goal.direction):
        return share
    # exactly: the distance between two doubles may be no double
    way = (Fraction(value) - Fraction(start)) / (Fraction(goal.value) - Fraction(start))
    return float(min(max(way, Fraction(0)), Fraction(1)))


def on_pace(start: float | None, goal: Goal, now: datetime) -> float | None:
    """Return the value that is as far on its way as its time; None where nothing can be that far."""
    pace = goal.pace(now)
    if start is not None and not meets_target(start, goal.value, goal.direction):
        return start * (1 - pace) + goal.value * pace
    if goal.direction == "up":
        return goal.value * pace
    return goal.value / pace if pace and isfinite(goal.value / pace) else None


def is_held_back(watched: Watched, bad_since: datetime | None) -> bool:
    """Say whether buckets were bad for long enough, since then, so that only a silence can have kept that from being told."""
    if watched.condition.unusual is None or watched.judged_at is None or bad_since is None:
        return False
    return watched.judged_at + _LENGTHS[watched.condition.unusual.interval] - bad_since >= watched.hold_for


def is_count(measure: Measure, values: Sequence[float | None]) -> bool:
    """Say whether values are numbers of things that happen; those that others count are whole, and none is negative."""
    if measure.parts:
        return len(measure.parts) == 1 and measure.parts[0].aggregate in _COUNTS
    return all(value is None or (value >= 0 and float(value).is_integer()) for value in values)


def newest_known(values: Sequence[float | None], interval: Interval) -> int | None:
    """Return the place of the newest value that is known and can be judged, of the last so many that may be late."""
    known = (
        place
        for place in range(len(values) - 1, max(len(values) - LATE[interval], 0) - 1, -1)
        if values[place] is not None
    )
    return next(known, None)


def usual_place(
    points: Sequence[tuple[datetime, float | None]], expected: Expected | None, unusual: Unusual
) -> int | None:
    """Return the place of the bucket that the last of some is compared with, by (start in the zone, value); None without any.

    It is the latest of the same weekday (and hour) that came to what was expected of this one, else that of a week before.
    """
    hours = 1 if unusual.interval == "hour" else 24
    places = {(at.toordinal(), at.hour // hours): place for place, (at, _) in enumerate(points)}
    here = points[-1][0]
    before = (places.get((here.toordinal() - 7 * weeks, here.hour // hours)) for weeks in range(1, USUAL_WEEKS + 1))
    alike = [place for place in before if place is not None]
    usual = (place for place in alike if _is_usual(*points[place], expected, unusual))
    return next(usual, alike[0] if alike else None)


def _is_usual(at: datetime, value: float | None, expected: Expected | None, unusual: Unusual) -> bool:
    if value is None or expected is None or at.date() in unusual.excluded:
        return False
    return (expected.low is None or value >= expected.low) and (expected.high is None or value <= expected.high)


def with_notes(expected: Expected, texts: Sequence[str]) -> Expected:
    """Return what was expected, with what was noted then beside its words."""
    if not texts or expected.words is None:
        return expected
    quoted = [f"“{text}”" for text in texts]
    notes = {"en": f"; noted then: {', '.join(quoted)}", "zh": f"；同期记录：{'、'.join(quoted)}"}
    return replace(expected, words={language: said + notes[language] for language, said in expected.words.items()})


def known(found: Sequence[tuple[float | None, int]], *, without: Container[int] = frozenset()) -> list[float | None]:
    """Return the values, of (value, samples), that can be judged: before the first sample nothing was counted yet, rather than none.

    `without`: places that are unknown whatever was counted there, for it was counted under maintenance.
    """
    first = next((place for place, (_, samples) in enumerate(found) if samples), len(found))
    return [
        value if place >= first and value is not None and abs(value) <= MOST_JUDGED and place not in without else None
        for place, (value, _) in enumerate(found)
    ]
