"""What a monitor watches for, its state machine, and when it has to look again.

ok -> pending -> breached (or no_data) -> recovering -> ok. A null value, or a bad one from too small a sample, is no evidence:
the state stays. With `for` at least two evaluations find the condition true before it fires.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto
from math import floor
from typing import Any, Literal
from uuid import UUID

from opsloop_common.errors import Invalid
from opsloop_metrics.alarms.rules import NET as NET
from opsloop_metrics.alarms.rules import Condition, ConditionType, Evidence, Unusual, Watched, read_condition
from opsloop_metrics.kpi_periods.rules import Period
from opsloop_metrics.kpis.rules import State as State
from opsloop_metrics.windows.rules import MAX_SPAN, Window, read_window

EVALUATE = "metrics.evaluate"
"""Kind of the due work that evaluates one monitor; its key is the monitor's id."""

COALESCE = timedelta(milliseconds=250)
"""A burst of events makes one monitor look four times a second, well inside the promise of one second."""
COSTLY_SECONDS = 0.25
COST_SHARE = 4
MOST_PATIENCE = timedelta(seconds=60)

SETTLE = timedelta(seconds=1)
"""A new monitor looks once more: an event may have been stored by a transaction that did not see the monitor yet."""
URGENT = 1
"""Priority of a look that may find another state. The others, which show what is counted now, wait behind those."""

SLOT = timedelta(seconds=10)
"""History keeps one evaluation per monitor, state and slot of this length: at most 8,640 rows a day and state."""
KEEP_HISTORY = timedelta(days=30)

Severity = Literal["info", "warning", "critical"]

FIRING = frozenset({State.BREACHED, State.NO_DATA, State.RECOVERING})
_WORSE = {state: rank for rank, state in enumerate(State)}


def worst(states: Sequence[State]) -> State:
    """Return the worst of the states; without any, all is well."""
    return max(states, key=_WORSE.__getitem__, default=State.OK)


@dataclass(frozen=True)
class Standing:
    """Where a monitor's state machine is. `bad_since` and `good_since` are when the condition began to hold, or not to."""

    state: State
    since: datetime
    bad_since: datetime | None = None
    good_since: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Watch(Watched):
    """A monitor and its KPI, as an evaluation needs them."""

    monitor_id: UUID
    keep_firing_for: timedelta
    severity: Severity
    standing: Standing
    incident_id: UUID | None
    evaluated_at: datetime | None


@dataclass(frozen=True)
class Seen:
    """What one monitor says, and over which window."""

    id: UUID
    state: State
    value: float | None
    since: datetime
    incident_id: UUID | None
    window: Window | None
    enabled: bool
    type: ConditionType
    expected: float | None
    low: float | None
    high: float | None
    words: Mapping[str, str] | None


def worst_window(seen: Sequence[Seen]) -> Window | None:
    """Return the window of the worst enabled monitor (the first of those); None without one, and of an anomaly."""
    enabled = [monitor for monitor in seen if monitor.enabled]
    state = worst([monitor.state for monitor in enabled])
    return next((monitor.window for monitor in enabled if monitor.state is state), None)


def read_delay(raw: timedelta | None, pointer: str) -> timedelta:
    """Return how long to wait, nothing when it is not given; raises Invalid."""
    if raw is not None and not timedelta() <= raw <= MAX_SPAN:
        raise Invalid(pointer, f"from nothing to {MAX_SPAN.days} days")
    return raw or timedelta()


CONDITION = ("condition_type", "operator", "threshold", "unusual")
"""The settings that are the condition."""
MEANING = frozenset({*CONDITION, "window", "calendar", "min_count"})
"""A monitor's settings that decide what its state says; another value of one makes the old state void."""


def read_monitor(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the given fields of a monitor as they are kept; raises Invalid. What is not given is not in the answer."""
    kept: dict[str, Any] = {name: fields[name] for name in ("min_count", "severity", "enabled") if name in fields}
    if "condition" in fields:
        condition = read_condition(fields["condition"])
        kept |= {"condition_type": condition.type, "operator": condition.operator, "threshold": condition.value}
        kept["unusual"] = None if condition.unusual is None else condition.unusual.as_json()
    if "window" in fields:
        window = read_window(fields["window"])
        period = window.value if isinstance(window, Period) else None
        kept |= {"window": window if period is None else None, "calendar": period}
    if "for" in fields:
        kept["hold_for"] = read_delay(fields["for"], "/for")
    if "keep_firing_for" in fields:
        kept["keep_firing_for"] = read_delay(fields["keep_firing_for"], "/keep_firing_for")
    return kept


def condition_of(kept: Mapping[str, Any]) -> Condition:
    """Return the condition from what `read_monitor` kept."""
    unusual = None if kept["unusual"] is None else Unusual.of(kept["unusual"])
    return Condition(kept["condition_type"], kept["operator"], kept["threshold"], unusual)


def window_of(window: timedelta | None, calendar: str | None) -> Window | None:
    """Return the window from what `read_monitor` kept."""
    return window if calendar is None else Period(calendar)


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


def step(
    before: Standing,
    found: Evidence,
    now: datetime,
    *,
    hold_for: timedelta,
    keep_firing_for: timedelta,
    firing: State,
    is_muted: bool = False,
) -> Step:
    """Return what follows; `firing` is the state of an open incident. `is_muted`: what would open one stays pending."""
    match found:
        case Evidence.NONE:
            return Step(before, None, _deadline(before, now, hold_for, keep_firing_for))
        case Evidence.BAD:
            after = _worse(before, now, hold_for, firing, is_muted)
        case Evidence.GOOD:
            after = _better(before, now, keep_firing_for)
    was_open, is_open = before.state in FIRING, after.state in FIRING
    turn = None if was_open == is_open else Turn.OPENED if is_open else Turn.ENDED
    return Step(after, turn, _deadline(after, now, hold_for, keep_firing_for))


def may_open(before: Standing, found: Evidence) -> bool:
    """Say whether an incident may be opened, by this look or by one after it without other evidence."""
    return before.state is State.PENDING or (found is Evidence.BAD and before.state not in FIRING)


def _worse(before: Standing, now: datetime, hold_for: timedelta, firing: State, is_muted: bool) -> Standing:
    match before.state:
        case State.BREACHED | State.NO_DATA:
            return before
        case State.RECOVERING:
            return Standing(firing, now, bad_since=before.bad_since)
    bad_since = before.bad_since if before.state is State.PENDING and before.bad_since else now
    if now - bad_since >= hold_for and not is_muted:
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


def look_again(
    watch: Watch,
    instants: Iterable[datetime | None],
    now: datetime,
    patience: timedelta,
    *,
    shown_until: datetime | None = None,
) -> tuple[datetime, int]:
    """Return when to look again without a new event, not before `patience` is over, and with which priority.

    `instants`: when the state may become another by time alone; what is past says nothing any more.
    """
    net = now + (SETTLE if watch.evaluated_at is None else NET)
    known = [at for at in instants if at is not None and at > now]
    # also on the way to one of them: who waits behind others does not see when it comes
    is_urgent = watch.evaluated_at is None or any(at <= net for at in known)
    again_at = min([net, *known] if shown_until is None else [net, *known, shown_until])
    return max(now + patience, again_at), URGENT if is_urgent else 0


def patience_after(cost_seconds: float) -> timedelta:
    """Return how long to wait after an evaluation that took so long: a costly one may take a fifth of a core, not all of it."""
    if cost_seconds <= COSTLY_SECONDS:
        return COALESCE
    return min(timedelta(seconds=COST_SHARE * cost_seconds), MOST_PATIENCE)


def slot_of(now: datetime) -> int:
    """Return the number of the history slot that a moment falls into."""
    return floor(now.timestamp() / SLOT.total_seconds())
