"""Where a session ends: after more than 30 minutes without an event, whatever the clock on the wall says."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_metrics.sessions.rules import IDLE, Session, cut

START = datetime(2026, 3, 1, 23, 50, tzinfo=UTC)


def at(*minutes):
    return [START + timedelta(minutes=minute) for minute in minutes]


@pytest.mark.parametrize(
    ("minutes", "sessions"),
    [
        ((), []),
        ((0,), [(0, 0, 1)]),
        ((0, 0, 0), [(0, 0, 3)]),
        ((0, 29.999), [(0, 29.999, 2)]),
        ((0, 30.001), [(0, 0, 1), (30.001, 30.001, 1)]),
        ((0, 30), [(0, 30, 2)]),
        ((0, 20, 40, 60), [(0, 60, 4)]),  # midnight lies between the first two
        ((0, 10, 50, 55, 200), [(0, 10, 2), (50, 55, 2), (200, 200, 1)]),
    ],
)
def test_more_than_half_an_hour_without_an_event_ends_a_session(minutes, sessions):
    expected = [Session(*at(first, last), events) for first, last, events in sessions]

    assert list(cut(at(*minutes))) == expected


def test_a_change_of_the_clocks_ends_none():
    berlin = ZoneInfo("Europe/Berlin")
    before, after = (datetime(2026, 3, 29, hour, 50, tzinfo=UTC) for hour in (0, 1))  # 01:50 and 03:50 on the wall

    assert len(list(cut([before, before + timedelta(minutes=20)]))) == 1
    assert [each.began_at.astimezone(berlin).hour for each in cut([before, after])] == [1, 3]


def test_another_idle_time_can_be_asked_for():
    assert len(list(cut(at(0, 6, 12), timedelta(minutes=5)))) == 3


def test_times_have_an_order():
    with pytest.raises(ValueError, match="sorted"):
        list(cut(at(5, 0)))


def test_a_bounce_is_a_session_of_one_event():
    sessions = list(cut(at(0, 10, 100, 200)))

    assert [(each.length, each.is_bounce) for each in sessions] == [
        (timedelta(minutes=10), False),
        (timedelta(), True),
        (timedelta(), True),
    ]


@given(st.lists(st.integers(0, 10_000), max_size=60))
def test_each_event_is_in_one_session_and_sessions_keep_apart(minutes):
    times = at(*sorted(minutes))
    sessions = list(cut(times))

    assert sum(each.events for each in sessions) == len(times)
    assert all(before.ended_at + IDLE < after.began_at for before, after in pairwise(sessions))
    assert {each.began_at for each in sessions} | {each.ended_at for each in sessions} <= set(times)
