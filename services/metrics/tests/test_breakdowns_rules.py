"""What a table of values makes of counts, and which time lies before."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from opsloop_common.errors import Invalid
from opsloop_metrics.breakdowns.rules import Breakdown, Count, Counted, Of, Seen, answered, as_table, start_before
from opsloop_metrics.insights.periods import EventFilter, Frame, Interval, WeekStart

pytestmark = pytest.mark.quick
ASKED = Breakdown(("path", "browser"), limit=2)
ALL = Counted(0, ["any", "any"], 10, 4, 7, 3)
ONE = Counted(1, ["/", "Firefox"], 6, 3, 5, 2)
TWO = Counted(2, ["/a", "$none"], 3, 1, 0, 0)
REST = Counted(3, ["one of", "them"], 1, 1, 2, 1)


def test_rows_stand_by_rank_and_the_rest_is_other():
    found = answered(ASKED, [REST, TWO, ALL, ONE])

    assert [(row.values, row.events, row.people, row.share, row.previous) for row in found.rows] == [
        (["/", "Firefox"], 6, 3, 0.75, None),
        (["/a", "$none"], 3, 1, 0.25, None),
    ]
    assert (found.other, found.total) == (Seen(1, 1, None, None), Seen(10, 4, None, None))


def test_the_time_before_stands_beside_each_row():
    found = answered(replace(ASKED, compare=True), [ALL, ONE, TWO])

    assert [row.previous for row in found.rows] == [Count(5, 2), Count(0, 0)]
    assert found.other is None


def test_nothing_happened():
    found = answered(ASKED, [])

    assert (found.rows, found.other, found.total) == ([], None, Seen(0, 0, None, None))


def test_as_a_table():
    names, rows = as_table(answered(replace(ASKED, compare=True), [ALL, ONE, REST]))

    assert names == [
        "path",
        "browser",
        "events",
        "people",
        "share",
        "previous_events",
        "previous_people",
        "sessions",
        "bounce_rate",
    ]
    assert rows == [
        ["/", "Firefox", 6, 3, 0.75, 5, 2, None, None],
        ["$other", "$other", 1, 1, 0.25, None, None, None, None],
    ]


def test_sessions_are_told_where_they_are_asked_for():
    """4 sessions of which 1 bounced are 25 %, of no session there is no share."""
    all_, one, two = ALL._replace(sessions=5, bounces=1), ONE._replace(sessions=4, bounces=1), TWO._replace(sessions=0)

    asked, plain = (answered(replace(ASKED, sessions=wanted), [all_, one, two]) for wanted in (True, False))

    assert [(row.sessions, row.bounce_rate) for row in asked.rows] == [(4, 0.25), (0, None)]
    assert asked.total == Seen(10, 4, 5, 0.2)
    assert [(row.sessions, row.bounce_rate) for row in plain.rows] == [(None, None)] * 2


def at(*parts):
    return datetime(*parts, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "start", "end", "expected"),
    [
        ("UTC", at(2026, 3, 8), at(2026, 3, 15), at(2026, 3, 1)),
        ("Asia/Shanghai", at(2026, 3, 1, 16), at(2026, 3, 2, 16), at(2026, 2, 28, 16)),
        ("Europe/Berlin", at(2026, 3, 28, 23), at(2026, 3, 29, 22), at(2026, 3, 27, 23)),  # a day of 23 hours
        ("Europe/Berlin", at(2026, 3, 29, 22), at(2026, 3, 30, 22), at(2026, 3, 28, 23)),  # and the one after it
        ("Europe/Berlin", at(2026, 3, 29, 10), at(2026, 3, 30, 10), at(2026, 3, 28, 10)),  # elapsed time
        ("Africa/Cairo", at(2026, 4, 23, 22), at(2026, 4, 24, 21), at(2026, 4, 22, 22)),  # a day that begins at 01:00
        ("Africa/Cairo", at(2026, 4, 24, 21), at(2026, 4, 25, 21), at(2026, 4, 23, 22)),  # and the one after it
        ("UTC", at(2026, 3, 1), at(2026, 3, 1, 6), at(2026, 2, 28, 18)),
        ("UTC", at(2026, 3, 1, 6), at(2026, 3, 2), at(2026, 2, 28, 12)),
    ],
)
def test_when_the_time_before_begins(zone, start, end, expected):
    assert start_before(frame(zone, start, end)) == expected


@pytest.mark.parametrize("hour", [0, 1])
def test_before_the_calendar_nothing_can_be_counted(hour):
    with pytest.raises(Invalid):
        start_before(frame("UTC", at(1, 1, 1, hour), at(1, 1, 3)))


def frame(zone, start, end):
    return Frame(
        workspace="acme", zone=zone, week_start=WeekStart.MONDAY, interval=Interval.DAY, start=start, end=end, now=end
    )  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [
        {"by": ("path", "path")},
        {"of": Of.ENTRIES, "counted": EventFilter("A")},
        {"of": Of.EXITS, "counted": EventFilter("A")},
    ],
)
def test_what_cannot_be_meant(wrong):
    with pytest.raises(Invalid):
        replace(ASKED, **wrong).require_sound()


@pytest.mark.parametrize("sound", [{}, {"counted": EventFilter("A")}, {"of": Of.EXITS}])
def test_what_can(sound):
    replace(ASKED, **sound).require_sound()
