"""How clocks run, against a counter of minutes on random calendars with random pauses."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsloop_feedback.calendars import rules as calendars
from opsloop_feedback.calendars.rules import ALWAYS
from opsloop_feedback.sla_clocks import rules
from opsloop_feedback.sla_clocks.rules import Subject, Ticking, Turn
from opsloop_feedback.sla_policies.rules import Target
from opsloop_feedback.states.rules import Status
from services.feedback.tests import test_calendars_rules as minutes

START = datetime(2026, 11, 25, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def ticking(**fields):
    return Ticking(**({"allowed": HOUR, "warns_after": 48 * MINUTE, "spent": timedelta(), "since": START} | fields))


def subject(**fields):
    facts = {
        "id": UUID(int=1),
        "number": 1,
        "status": Status.OPEN,
        "severity": "s3",
        "team": None,
        "assignee": None,
        "created_at": START,
        "first_replied_at": None,
        "finished_at": START + 3 * HOUR,
        "document": {},
    }
    return Subject(**(facts | fields))


def test_a_clock_that_stands_still_is_due_at_no_time():
    paused = ticking().paused(ALWAYS, START + 20 * MINUTE)

    assert (paused.spent, paused.since) == (20 * MINUTE, None)
    assert (paused.due_at(ALWAYS), paused.warns_at(ALWAYS)) == (None, None)
    assert paused.paused(ALWAYS, START + HOUR) == paused


def test_a_clock_goes_on_where_it_stood_still():
    resumed = ticking().paused(ALWAYS, START + 20 * MINUTE).resumed(START + 5 * HOUR)

    assert resumed.due_at(ALWAYS) == START + 5 * HOUR + 40 * MINUTE
    assert resumed.warns_at(ALWAYS) == START + 5 * HOUR + 28 * MINUTE
    assert resumed.resumed(START + 9 * HOUR) == resumed


def test_a_clock_on_which_more_was_spent_than_it_allows_is_due_at_once():
    assert ticking(spent=2 * HOUR).due_at(ALWAYS) == START


@pytest.mark.parametrize(
    ("before", "after", "turn"),
    [
        (Status.PENDING, Status.OPEN, Turn.ASKED),
        (Status.PENDING, Status.SNOOZED, Turn.ASKED),
        (Status.RESOLVED, Status.OPEN, Turn.ASKED),
        (Status.CLOSED, Status.OPEN, Turn.ASKED),
        (Status.SNOOZED, Status.OPEN, Turn.NONE),
        (Status.NEW, Status.OPEN, Turn.NONE),
        (Status.PENDING, Status.RESOLVED, Turn.NONE),
        (Status.RESOLVED, Status.CLOSED, Turn.NONE),
        (Status.OPEN, Status.PENDING, Turn.NONE),
    ],
)
def test_who_asks_again(before, after, turn):
    assert rules.turn_of(before, after) is turn


@pytest.mark.parametrize(
    ("target", "fields", "turn", "at"),
    [
        (Target.FIRST_REPLY, {}, Turn.NONE, None),
        (Target.FIRST_REPLY, {"first_replied_at": START + MINUTE}, Turn.NONE, START + MINUTE),
        (Target.FIRST_REPLY, {"status": Status.RESOLVED}, Turn.NONE, None),
        (Target.NEXT_REPLY, {}, Turn.NONE, None),
        (Target.NEXT_REPLY, {}, Turn.ASKED, None),
        (Target.NEXT_REPLY, {}, Turn.REPLIED, START + HOUR),
        (Target.RESOLUTION, {}, Turn.REPLIED, None),
        (Target.RESOLUTION, {"status": Status.RESOLVED}, Turn.NONE, START + 3 * HOUR),
        (Target.RESOLUTION, {"status": Status.CLOSED}, Turn.NONE, START + 3 * HOUR),
        (Target.RESOLUTION, {"status": Status.MERGED}, Turn.NONE, None),
    ],
)
def test_what_ends_a_clock(target, fields, turn, at):
    assert rules.ends_at(target, subject(**fields), turn, START + HOUR) == at


@pytest.mark.parametrize(
    ("status", "moot"),
    [
        (Status.OPEN, set()),
        (Status.PENDING, set()),
        (Status.RESOLVED, {Target.FIRST_REPLY, Target.NEXT_REPLY}),
        (Status.CLOSED, {Target.FIRST_REPLY, Target.NEXT_REPLY}),
        (Status.MERGED, set(Target)),
    ],
)
def test_what_nobody_waits_for(status, moot):
    assert {target for target in Target if rules.is_moot(target, status)} == moot


def test_what_is_waited_for_first_and_then():
    assert rules.wanted(subject()) == (Target.FIRST_REPLY, Target.RESOLUTION)
    assert rules.wanted(subject(first_replied_at=START)) == (Target.NEXT_REPLY, Target.RESOLUTION)


def test_the_nearest_of_no_moments_is_none():
    assert rules.nearest([None, START + HOUR, START, None]) == START
    assert rules.nearest([None]) is None


@settings(max_examples=60, deadline=None)
@given(
    minutes.calendars(), minutes.STARTS, st.lists(st.integers(1, 900), min_size=1, max_size=8), st.integers(1, 2_000)
)
def test_a_clock_is_due_in_the_minute_that_a_counter_says(entries, start, stretches, allowed):
    """It runs in every other stretch; the counter looks at each minute of those."""
    calendar, counter = calendars.read_calendar(**entries), minutes.Counter(entries)
    clock = Ticking(allowed * MINUTE, timedelta(), timedelta(), start)
    counted, now, due = 0, start, None
    for number, length in enumerate(stretches):
        runs = number % 2 == 0
        for minute in range(length):
            if runs and counter.works(now + minute * MINUTE):
                counted += 1
                if counted == allowed:
                    due = now + (minute + 1) * MINUTE
        if runs and due is not None:
            break
        now += length * MINUTE
        clock = clock.paused(calendar, now) if runs else clock.resumed(now)
        assert clock.spent == counted * MINUTE

    if due is not None:
        assert clock.due_at(calendar) == due
    elif clock.since is not None:
        found = clock.due_at(calendar)
        assert found is None or found > now or not allowed - counted


def test_a_reply_that_is_heard_of_later_came_when_it_went_out():
    now, late = START + HOUR, subject(spoken_at=START)

    assert rules.ends_at(Target.NEXT_REPLY, subject(), Turn.REPLIED, now) == now
    assert rules.ends_at(Target.NEXT_REPLY, late, Turn.REPLIED, now) == START
    assert rules.ends_at(Target.NEXT_REPLY, late, Turn.ASKED, now) is None
    assert rules.ends_at(Target.FIRST_REPLY, late, Turn.REPLIED, now) is None
