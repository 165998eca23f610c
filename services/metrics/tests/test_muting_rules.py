"""What a monitor does that keeps quiet, and until when it does."""

from datetime import UTC, datetime, timedelta

import pytest

from opsloop_metrics.monitors import rules as monitors
from opsloop_metrics.monitors.rules import Evidence, Standing, State, Turn
from opsloop_metrics.muting.rules import Muted, MutedBy, longest

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
NOTHING = timedelta()


def quiet(hours, by=MutedBy.MUTE):
    return Muted(NOW + hours * HOUR, by, None)


def test_the_longest_silence_counts():
    assert longest([]) is None
    assert longest([quiet(1), quiet(3, MutedBy.MAINTENANCE_WINDOW), quiet(2)]) == quiet(3, MutedBy.MAINTENANCE_WINDOW)


def step(before, found, *, is_muted, hold_for=NOTHING, now=NOW):
    return monitors.step(
        before, found, now, hold_for=hold_for, keep_firing_for=NOTHING, firing=State.BREACHED, is_muted=is_muted
    )


def test_a_muted_monitor_stays_pending_and_opens_when_it_may():
    muted = step(Standing(State.OK, NOW), Evidence.BAD, is_muted=True)
    assert (muted.standing, muted.turn) == (Standing(State.PENDING, NOW, bad_since=NOW), None)

    still = step(muted.standing, Evidence.BAD, is_muted=True, now=NOW + HOUR)
    assert (still.standing, still.turn, still.deadline) == (muted.standing, None, None)

    free = step(still.standing, Evidence.BAD, is_muted=False, now=NOW + 2 * HOUR)
    assert (free.standing, free.turn) == (Standing(State.BREACHED, NOW + 2 * HOUR, bad_since=NOW), Turn.OPENED)


@pytest.mark.parametrize("state", [State.BREACHED, State.RECOVERING])
def test_what_is_open_stays_open_and_recovers(state):
    before = Standing(state, NOW, bad_since=NOW, good_since=NOW if state is State.RECOVERING else None)

    assert step(before, Evidence.BAD, is_muted=True).standing.state is State.BREACHED
    assert step(before, Evidence.GOOD, is_muted=True).turn is Turn.ENDED


def test_for_counts_while_it_is_muted():
    pending = step(Standing(State.OK, NOW), Evidence.BAD, is_muted=True, hold_for=HOUR)
    assert pending.deadline == NOW + HOUR
    assert step(pending.standing, Evidence.BAD, is_muted=False, hold_for=HOUR, now=NOW + HOUR).turn is Turn.OPENED
