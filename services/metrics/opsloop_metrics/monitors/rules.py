"""What a monitor watches for, its state machine, and when it has to look again.

ok -> pending -> breached (or no_data) -> recovering -> ok. A null value, or a bad one from too small a sample, is no evidence:
the state stays. With `for` at least two evaluations find the condition true before it fires.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto
from math import floor
from typing import Any, Literal
from uuid import UUID

from opsloop_common.errors import Conflict, Invalid
from opsloop_metrics.events.rules import Reading
from opsloop_metrics.kpi_measures.rules import Measure
from opsloop_metrics.kpis.rules import Definition
from opsloop_metrics.kpis.rules import State as State

EVALUATE = "metrics.evaluate"
"""Kind of the due work that evaluates one monitor; its key is the monitor's id."""

MAX_SPAN = timedelta(days=366)
_WAITS = "is not supported yet"

COALESCE = timedelta(milliseconds=250)
"""A burst of events makes one monitor look four times a second, well inside the promise of one second."""
COSTLY_SECONDS = 0.25
COST_SHARE = 4
MOST_PATIENCE = timedelta(seconds=60)

SETTLE = timedelta(seconds=1)
"""A new monitor looks once more: an event may have been stored by a transaction that did not see the monitor yet."""
NET = timedelta(minutes=5)
"""A monitor looks at least so often; stands behind all computed instants."""

MANY = 1_000
"""Of so many samples one that leaves changes next to nothing: for those the window is looked at every thousandth of its length."""

SLOT = timedelta(seconds=10)
"""History keeps one evaluation per monitor, state and slot of this length: at most 8,640 rows a day and state."""
KEEP_HISTORY = timedelta(days=30)

Severity = Literal["info", "warning", "critical"]
Operator = Literal["lt", "le", "gt", "ge"]
ConditionType = Literal["threshold", "no_data"]


FIRING = frozenset({State.BREACHED, State.NO_DATA, State.RECOVERING})
_WORSE = {state: rank for rank, state in enumerate(State)}


def worst(states: Sequence[State]) -> State:
    """Return the worst of the states; without any, all is well."""
    return max(states, key=_WORSE.__getitem__, default=State.OK)


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
    kpi: Definition
    condition: Condition
    window: timedelta | None
    hold_for: timedelta
    keep_firing_for: timedelta
    min_count: int
    severity: Severity
    standing: Standing
    incident_id: UUID | None
    evaluated_at: datetime | None
    leads: bool
    """Whether this is the KPI's oldest enabled monitor, whose window also decides about the target, and there is a target."""


@dataclass(frozen=True)
class Seen:
    """What one monitor says, and over which window."""

    id: UUID
    state: State
    value: float | None
    since: datetime
    incident_id: UUID | None
    window: timedelta | None
    enabled: bool


def worst_window(seen: Sequence[Seen]) -> timedelta | None:
    """Return the window of the worst enabled monitor (the first of those); None, ever since, without one."""
    enabled = [monitor for monitor in seen if monitor.enabled]
    state = worst([monitor.state for monitor in enabled])
    return next((monitor.window for monitor in enabled if monitor.state is state), None)


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
    if window is None and not measure.is_kept:
        raise Invalid("/window", "a measure of events needs a window")
    if window is None and condition.type == "no_data":
        raise Invalid("/window", "no_data needs a window: how long silence is normal")


def require_kept(window: timedelta | None, kept: timedelta) -> None:
    """Raise Invalid when a window reaches further back than domain events are kept."""
    if window is not None and window > kept:
        raise Invalid("/window", f"events are kept for {kept.days} days, so a window over them is at most that long")


def require_windows_everywhere(measure: Measure, windows: Sequence[timedelta | None]) -> None:
    """Raise Conflict when a KPI is to measure events, and a monitor of it has no window."""
    if not measure.is_kept and None in windows:
        raise Conflict("a measure of events needs a window, and a monitor of this KPI has none; give it one first")


class Evidence(Enum):
    """What one evaluation says about the condition."""

    BAD = auto()
    GOOD = auto()
    NONE = auto()


class Turn(Enum):
    """What a step means for the incident."""

    OPENED = auto()
    ENDED = auto()


@dataclass(frozen=True)
class Step:
    """The standing after an evaluation, what became of the incident, and when the state may change by time alone."""

    standing: Standing
    turn: Turn | None
    deadline: datetime | None


def holds(value: float, operator: Operator, threshold: float) -> bool:
    """Say whether `value` compares so with `threshold`; equality belongs to le and ge."""
    match operator:
        case "lt":
            return value < threshold
        case "le":
            return value <= threshold
        case "gt":
            return value > threshold
        case "ge":
            return value >= threshold


def evidence(condition: Condition, reading: Reading, *, min_count: int) -> Evidence:
    """Return what a reading says. Small samples never alarm, but may calm; a source never seen is only awaited."""
    if condition.type == "no_data":
        if reading.samples > 0:
            return Evidence.GOOD
        return Evidence.NONE if reading.last_seen_at is None else Evidence.BAD
    if reading.value is None or condition.operator is None or condition.value is None:
        return Evidence.NONE
    if not holds(reading.value, condition.operator, condition.value):
        return Evidence.GOOD
    # at the default of 1 no value of none is too small: "fewer than 5 orders an hour" must fire when there are none
    is_small = min_count > 1 and reading.samples < min_count
    return Evidence.NONE if is_small else Evidence.BAD


def step(
    before: Standing, found: Evidence, now: datetime, *, hold_for: timedelta, keep_firing_for: timedelta, firing: State
) -> Step:
    """Return what follows from one evaluation. `firing` is the state of an open incident, breached or no_data."""
    match found:
        case Evidence.NONE:
            return Step(before, None, _deadline(before, now, hold_for, keep_firing_for))
        case Evidence.BAD:
            after = _worse(before, now, hold_for, firing)
        case Evidence.GOOD:
            after = _better(before, now, keep_firing_for)
    was_open, is_open = before.state in FIRING, after.state in FIRING
    turn = None if was_open == is_open else Turn.OPENED if is_open else Turn.ENDED
    return Step(after, turn, _deadline(after, now, hold_for, keep_firing_for))


def _worse(before: Standing, now: datetime, hold_for: timedelta, firing: State) -> Standing:
    match before.state:
        case State.BREACHED | State.NO_DATA:
            return before
        case State.RECOVERING:
            return Standing(firing, now, bad_since=before.bad_since)
    bad_since = before.bad_since if before.state is State.PENDING and before.bad_since else now
    if now - bad_since >= hold_for:
        return Standing(firing, now, bad_since=bad_since)
    if before.state is State.PENDING:
        return before
    return Standing(State.PENDING, now, bad_since=bad_since)


def _better(before: Standing, now: datetime, keep_firing_for: timedelta) -> Standing:
    match before.state:
        case State.OK:
            return before
        case State.PENDING:
            return Standing(State.OK, now)
    good_since = before.good_since if before.state is State.RECOVERING and before.good_since else now
    if now - good_since >= keep_firing_for:
        return Standing(State.OK, now)
    if before.state is State.RECOVERING:
        return before
    return replace(before, state=State.RECOVERING, since=now, good_since=good_since)


def _deadline(standing: Standing, now: datetime, hold_for: timedelta, keep_firing_for: timedelta) -> datetime | None:
    match standing:
        case Standing(state=State.PENDING, bad_since=datetime() as since):
            deadline = since + hold_for
        case Standing(state=State.RECOVERING, good_since=datetime() as since):
            deadline = since + keep_firing_for
        case _:
            return None
    return deadline if deadline > now else None


def firing_state(condition: Condition) -> State:
    """Return the state of an open incident of this condition."""
    return State.NO_DATA if condition.type == "no_data" else State.BREACHED


def look_again_at(
    watch: Watch, reading: Reading, deadline: datetime | None, now: datetime, patience: timedelta
) -> datetime:
    """Return the next instant at which the state may change without a new event, not before `patience` is over.

    The window is `(now - window, now]`: what happened at t leaves it at t + window exactly, and of many samples at most a
    thousandth of the window later. Silence begins at the same instant, when the newest sample leaves.
    """
    instants = [now + (SETTLE if watch.evaluated_at is None else NET), reading.upcoming_at, deadline]
    leaving_at = reading.last_seen_at if watch.condition.type == "no_data" else reading.oldest_at
    if watch.window is not None and leaving_at is not None and leaving_at + watch.window > now:
        is_exact = reading.samples < MANY or watch.condition.type == "no_data"
        leaves_at = leaving_at + watch.window
        instants.append(leaves_at if is_exact else max(leaves_at, now + watch.window / MANY))
    return max(now + patience, min(instant for instant in instants if instant is not None))


def patience_after(cost_seconds: float) -> timedelta:
    """Return how long to wait after an evaluation that took so long: a costly one may take a fifth of a core, not all of it."""
    if cost_seconds <= COSTLY_SECONDS:
        return COALESCE
    return min(timedelta(seconds=COST_SHARE * cost_seconds), MOST_PATIENCE)


def slot_of(now: datetime) -> int:
    """Return the number of the history slot that a moment falls into."""
    return floor(now.timestamp() / SLOT.total_seconds())
