"""The state machine of a monitor, and when it has to look again.

ok -> pending -> breached (or no_data) -> recovering -> ok. A null value, or a bad one from too small a sample, is no evidence:
the state stays. With `for` at least two evaluations find the condition true before it fires.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto
from math import floor

from opsloop_metrics.events.rules import Reading
from opsloop_metrics.kpis.rules import FIRING, Condition, Operator, Standing, State, Watch

COALESCE = timedelta(milliseconds=250)
"""A burst of events makes one monitor look four times a second, well inside the promise of one second."""
COSTLY_SECONDS = 0.25
COST_SHARE = 4
MOST_PATIENCE = timedelta(seconds=60)

SETTLE = timedelta(seconds=1)
"""A new monitor looks once more: an event may have been stored by a transaction that did not see the monitor yet."""
NET = timedelta(minutes=5)
"""A monitor looks at least so often; stands behind all computed instants."""

SLOT = timedelta(seconds=10)
"""History keeps one evaluation per monitor, state and slot of this length: at most 8,640 rows a day and state."""
KEEP_HISTORY = timedelta(days=30)


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

    The window is `(now - window, now]`: what happened at t leaves it at t + window exactly. Silence begins at the same
    instant, when the newest sample leaves.
    """
    instants = [now + (SETTLE if watch.evaluated_at is None else NET), reading.upcoming_at, deadline]
    leaving_at = reading.last_seen_at if watch.condition.type == "no_data" else reading.oldest_at
    if watch.window is not None and leaving_at is not None and leaving_at + watch.window > now:
        instants.append(leaving_at + watch.window)
    return max(now + patience, min(instant for instant in instants if instant is not None))


def patience_after(cost_seconds: float) -> timedelta:
    """Return how long to wait after an evaluation that took so long: a costly one may take a fifth of a core, not all of it."""
    if cost_seconds <= COSTLY_SECONDS:
        return COALESCE
    return min(timedelta(seconds=COST_SHARE * cost_seconds), MOST_PATIENCE)


def slot_of(now: datetime) -> int:
    """Return the number of the history slot that a moment falls into."""
    return floor(now.timestamp() / SLOT.total_seconds())
