"""What a KPI measures and what a monitor watches for: definitions, checked and pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Literal
from uuid import UUID

from opsloop_common.conditions import read_conditions
from opsloop_common.errors import Conflict, Invalid
from opsloop_metrics.events.rules import NUMERIC, Aggregate, Reading, Selection

EVALUATE = "metrics.evaluate"
"""Kind of the due work that evaluates one monitor; its key is the monitor's id."""

MAX_SPAN = timedelta(days=366)
CLOCK_SKEW = timedelta(minutes=5)
"""How far ahead of our clock a reported value may be dated: partners' clocks differ."""

_WAITS = "is not supported yet"

Severity = Literal["info", "warning", "critical"]
Operator = Literal["lt", "le", "gt", "ge"]
ConditionType = Literal["threshold", "no_data"]


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


FIRING = frozenset({State.BREACHED, State.NO_DATA, State.RECOVERING})
_WORSE = {state: rank for rank, state in enumerate(State)}


def worst(states: Sequence[State]) -> State:
    """Return the worst of the states; without any, all is well."""
    return max(states, key=_WORSE.__getitem__, default=State.OK)


@dataclass(frozen=True)
class Measure:
    """Where a KPI's number comes from: nothing of ours (`reported`), one selection of events, or one divided by another."""

    parts: tuple[Selection, ...] = ()

    @property
    def is_reported(self) -> bool:
        """Say whether values are posted rather than measured."""
        return not self.parts

    @property
    def event_types(self) -> list[str]:
        """Return the event types that can change the value."""
        return sorted({part.event for part in self.parts})


@dataclass(frozen=True)
class Condition:
    """When a monitor is unhappy: the value compares so with the threshold, or nothing comes in."""

    type: ConditionType
    operator: Operator | None = None
    value: float | None = None


@dataclass(frozen=True)
class Standing:
    """Where a monitor's state machine is. `bad_since` and `good_since` are when the condition began to hold, or not to."""

    state: State
    since: datetime
    bad_since: datetime | None = None
    good_since: datetime | None = None


@dataclass(frozen=True)
class Watch:
    """A monitor and its KPI, as an evaluation needs them."""

    monitor_id: UUID
    kpi_id: UUID
    kpi: str
    unit: str | None
    measure: Measure
    condition: Condition
    window: timedelta | None
    hold_for: timedelta
    keep_firing_for: timedelta
    min_count: int
    severity: Severity
    standing: Standing
    value: float | None
    incident_id: UUID | None
    evaluated_at: datetime | None
    leads: bool
    """Whether this is the KPI's oldest enabled monitor, whose window also decides about the target."""


@dataclass(frozen=True)
class Concerned:
    """A monitor that an event concerns, and before when it should not be evaluated again."""

    monitor_id: UUID
    not_before: datetime | None


def read_measure(raw: Mapping[str, Any], pointer: str = "/measure") -> Measure:
    """Return the measure that `raw` says; raises Invalid for what is wrong with it or not supported yet."""
    match raw["type"]:
        case "reported":
            return Measure()
        case "events":
            return Measure((read_selection(raw, pointer),))
        case "ratio":
            sides = ("numerator", "denominator")
            return Measure(tuple(_read_side(raw[side], f"{pointer}/{side}") for side in sides))
    raise Invalid(f"{pointer}/type", f"a measure of type {raw['type']} {_WAITS}")


def _read_side(raw: Mapping[str, Any], pointer: str) -> Selection:
    if raw["type"] != "events":
        raise Invalid(f"{pointer}/type", "both sides of a ratio are measures of type events")
    return read_selection(raw, pointer)


def read_selection(raw: Mapping[str, Any], pointer: str) -> Selection:
    """Return the selection of events that `raw` says; raises Invalid."""
    if raw["aggregate"] == "p95":
        raise Invalid(f"{pointer}/aggregate", f"the aggregate p95 {_WAITS}")
    aggregate = Aggregate(raw["aggregate"])
    where = read_conditions(raw.get("where") or ())
    property = raw.get("property")
    if aggregate in NUMERIC and property is None:
        raise Invalid(f"{pointer}/property", f"{aggregate} needs the property to take the numbers from")
    if aggregate is Aggregate.SHARE and not where:
        raise Invalid(f"{pointer}/where", "share needs conditions: it is those that fulfil them over all")
    return Selection(raw["event"], aggregate, property if aggregate in NUMERIC else None, where)


def read_monitor_condition(raw: Mapping[str, Any]) -> Condition:
    """Return the condition that `raw` says; raises Invalid."""
    if raw["type"] in ("change", "anomaly"):
        raise Invalid("/condition/type", f"a condition of type {raw['type']} {_WAITS}")
    operator, value = raw.get("operator"), raw.get("value")
    if raw["type"] == "no_data":
        if operator is not None or value is not None:
            raise Invalid("/condition/operator", "no_data compares with nothing: leave operator and value out")
        return Condition("no_data")
    if operator is None:
        raise Invalid("/condition/operator", "a threshold needs an operator")
    if value is None:
        raise Invalid("/condition/value", "a threshold needs a value")
    return Condition("threshold", operator, float(value))


def read_window(raw: timedelta | str | None) -> timedelta | None:
    """Return the sliding window; raises Invalid for a calendar period (not supported yet) or a bad length."""
    if isinstance(raw, str):
        raise Invalid("/window", f"the calendar window {raw} {_WAITS}; give a duration")
    if raw is not None and not timedelta() < raw <= MAX_SPAN:
        raise Invalid("/window", f"a window is longer than nothing and at most {MAX_SPAN.days} days")
    return raw


def read_delay(raw: timedelta | None, pointer: str) -> timedelta:
    """Return how long to wait, nothing when it is not given; raises Invalid."""
    if raw is not None and not timedelta() <= raw <= MAX_SPAN:
        raise Invalid(pointer, f"from nothing to {MAX_SPAN.days} days")
    return raw or timedelta()


MEANING = frozenset({"condition_type", "operator", "threshold", "window", "min_count"})
"""A monitor's settings that decide what its state says; another value of one makes the old state void."""


def read_monitor(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the given fields of a monitor as they are kept; raises Invalid. What is not given is not in the answer."""
    kept: dict[str, Any] = {name: fields[name] for name in ("min_count", "severity", "enabled") if name in fields}
    if "condition" in fields:
        condition = read_monitor_condition(fields["condition"])
        kept |= {"condition_type": condition.type, "operator": condition.operator, "threshold": condition.value}
    if "window" in fields:
        kept["window"] = read_window(fields["window"])
    if "for" in fields:
        kept["hold_for"] = read_delay(fields["for"], "/for")
    if "keep_firing_for" in fields:
        kept["keep_firing_for"] = read_delay(fields["keep_firing_for"], "/keep_firing_for")
    return kept


def condition_of(kept: Mapping[str, Any]) -> Condition:
    """Return the condition from what `read_monitor` kept."""
    return Condition(kept["condition_type"], kept["operator"], kept["threshold"])


def require_window(measure: Measure, condition: Condition, window: timedelta | None) -> None:
    """Raise Invalid when a window is missing: measures of events and silence always need one."""
    if window is None and not measure.is_reported:
        raise Invalid("/window", "a measure of events needs a window")
    if window is None and condition.type == "no_data":
        raise Invalid("/window", "no_data needs a window: how long silence is normal")


def require_windows_everywhere(measure: Measure, windows: Sequence[timedelta | None]) -> None:
    """Raise Conflict when a KPI is to measure events, and a monitor of it has no window."""
    if not measure.is_reported and None in windows:
        raise Conflict("a measure of events needs a window, and a monitor of this KPI has none")


def require_reported(measure: Measure) -> None:
    """Raise Conflict when values are measured rather than posted."""
    if not measure.is_reported:
        raise Conflict("this KPI is measured from events; only a reported one takes values")


def require_not_ahead(at: datetime, now: datetime) -> None:
    """Raise Invalid for a value dated further ahead than clocks differ."""
    if at > now + CLOCK_SKEW:
        raise Invalid("/at", f"more than {CLOCK_SKEW.seconds // 60} minutes ahead of the server's clock")


def combine(readings: Sequence[Reading]) -> Reading:
    """Return a measure's reading from those of its parts. A ratio over null or zero is null; its samples are the denominator's."""
    if len(readings) == 1:
        return readings[0]
    over, under = readings
    value = None if over.value is None or not under.value else over.value / under.value
    causes = [reading.cause for reading in readings if reading.cause]
    return Reading(
        value=value if value is None or abs(value) != float("inf") else None,
        samples=under.samples,
        oldest_at=_earliest(over.oldest_at, under.oldest_at),
        upcoming_at=_earliest(over.upcoming_at, under.upcoming_at),
        last_seen_at=under.last_seen_at,
        cause=max(causes, key=lambda cause: cause.event_id, default=None),
    )


def _earliest(*moments: datetime | None) -> datetime | None:
    return min((moment for moment in moments if moment is not None), default=None)


def meets_target(value: float, target: float, direction: Direction) -> bool:
    """Say whether `value` is at its target or beyond, the better way."""
    return value >= target if direction is Direction.UP else value <= target


MAX_POINTS = 1_000


def edges(start: datetime, end: datetime, step: timedelta) -> list[datetime]:
    """Return the edges of consecutive intervals from `start` to `end`, the last one cut off there; raises Invalid."""
    if end <= start:
        raise Invalid("/query/to", "is not after from")
    if step < timedelta(seconds=1):
        raise Invalid("/query/step", "is at least one second")
    count = -((start - end) // step)
    if count > MAX_POINTS:
        raise Invalid("/query/step", f"makes {count} intervals of this time; {MAX_POINTS} fit one answer")
    return [start + place * step for place in range(count)] + [end]
