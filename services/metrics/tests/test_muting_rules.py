"""What a monitor does that keeps quiet, and until when it does."""

from datetime import UTC, datetime, timedelta

import pytest

from opsloop_metrics.monitors import rules as monitors
from opsloop_metrics.monitors.rules import Evidence, Standing, State, Turn
from opsloop_metrics.muting.rules import Maintained, Muted, MutedBy, left_out, longest

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


EDGES = [NOW + place * HOUR for place in range(5)]


def once(start, end):
    return Maintained(NOW + start * HOUR, NOW + end * HOUR)


def again(start, end):
    return Maintained(NOW + start * HOUR, NOW + end * HOUR, recurs=True)


@pytest.mark.parametrize(
    ("times", "places"),
    [
        ([], set()),
        ([once(1, 2)], {1}),
        ([once(1.9, 2.1)], {1, 2}),
        ([once(1, 1.01)], {1}),
        ([once(-3, 0)], set()),
        ([once(4, 7)], set()),
        ([once(-3, 7)], {0, 1, 2, 3}),
        ([once(-3, 0.1), once(3.9, 7)], {0, 3}),
        ([again(1, 1.5)], {1}),
        ([again(1, 1.49)], set()),
        ([again(1.6, 2.4)], set()),
        ([again(1, 1.3), again(1.7, 2)], {1}),
        ([again(1, 1.3), again(1.1, 1.4)], set()),
        ([again(1, 1.4), again(1.1, 1.2), again(1.3, 1.5)], {1}),
        ([again(-1, 0.4), again(3.5, 5)], {3}),
        ([again(2, 2.2), once(0, 1)], {0}),
    ],
)
def test_what_maintenance_leaves_out(times, places):
    """Once is unusual, however short; what recurs is usual until it takes half of an interval, nothing of it counted twice."""
    assert left_out(EDGES, times) == left_out(EDGES, times[::-1]) == places
