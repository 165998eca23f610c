"""The time an insight looks at: whole intervals of a zone, whatever its clocks do, the same in Python and in the store."""

from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsloop_common.errors import Invalid
from opsloop_metrics.insights import periods
from opsloop_metrics.insights.events import Binding
from opsloop_metrics.insights.periods import EventFilter, Interval, WeekStart, frame_of

NOW = datetime(2026, 3, 11, 12, tzinfo=UTC)
ZONES = (
    "UTC",
    "Asia/Shanghai",
    "US/Pacific",
    "Europe/Berlin",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "America/St_Johns",
)


def frame(**given):
    asked = {
        "workspace": "acme",
        "now": NOW,
        "zone": "UTC",
        "week_start": WeekStart.MONDAY,
        "interval": Interval.DAY,
        "start": date(2026, 3, 1),
        "end": date(2026, 3, 10),
    }
    return frame_of(**asked | given)


@pytest.mark.parametrize(
    ("given", "count", "first", "last"),
    [
        ({}, 10, "2026-03-01T00:00:00Z", "2026-03-10T00:00:00Z"),
        ({"zone": "Asia/Shanghai"}, 10, "2026-02-28T16:00:00Z", "2026-03-09T16:00:00Z"),
        # clocks went forward on 8 March: the offset changes, the days do not
        ({"zone": "US/Pacific"}, 10, "2026-03-01T08:00:00Z", "2026-03-10T07:00:00Z"),
        # 1 March 2026 was a Sunday
        ({"interval": Interval.WEEK}, 3, "2026-02-23T00:00:00Z", "2026-03-09T00:00:00Z"),
        ({"interval": Interval.WEEK, "week_start": WeekStart.SUNDAY}, 2, "2026-03-01T00:00:00Z", "2026-03-08T00:00:00Z"),
        ({"interval": Interval.WEEK, "week_start": WeekStart.SATURDAY}, 2, "2026-02-28T00:00:00Z", "2026-03-07T00:00:00Z"),
        ({"interval": Interval.MONTH, "start": date(2025, 11, 30)}, 5, "2025-11-01T00:00:00Z", "2026-03-01T00:00:00Z"),
        ({"interval": Interval.HOUR, "start": date(2026, 3, 10)}, 24, "2026-03-10T00:00:00Z", "2026-03-10T23:00:00Z"),
        # a day of 23 hours, and one of 25
        (
            {"interval": Interval.HOUR, "zone": "US/Pacific", "start": date(2026, 3, 8), "end": date(2026, 3, 8)},
            23, "2026-03-08T08:00:00Z", "2026-03-09T06:00:00Z",
        ),
        (
            {"interval": Interval.HOUR, "zone": "US/Pacific", "start": date(2025, 11, 2), "end": date(2025, 11, 2)},
            25, "2025-11-02T07:00:00Z", "2025-11-03T07:00:00Z",
        ),
        # instants: the interval in which the first lies counts, the end does not
        (
            {"start": datetime(2026, 3, 1, 13, tzinfo=UTC), "end": datetime(2026, 3, 3, tzinfo=UTC)},
            2, "2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z",
        ),
        ({"start": None, "end": None}, 30, "2026-02-10T00:00:00Z", "2026-03-11T00:00:00Z"),
    ],
)  # fmt: skip
def test_intervals_are_the_zones(given, count, first, last):
    labels = frame(**given).labels

    assert (len(labels), labels[0], labels[-1]) == (count, first, last)


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({"start": date(2026, 3, 11)}, "/to"),
        ({"start": NOW, "end": NOW}, "/to"),
        ({"interval": Interval.HOUR, "start": date(2025, 1, 1)}, "/interval"),
        ({"start": date(2000, 1, 1)}, "/interval"),
        ({"start": date(2000, 1, 1), "by_day": True}, "/from"),
        ({"end": date.max}, "/to"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(given, pointer):
    with pytest.raises(Invalid) as refused:
        frame(**given)

    assert refused.value.errors[0].pointer == pointer


@pytest.mark.parametrize(
    ("interval", "start", "advice"),
    [
        (Interval.DAY, date(2000, 1, 1), "take a longer interval or a later from"),
        (Interval.MONTH, date(1900, 1, 1), "take a later from"),  # 1,515 months, and there is nothing longer
    ],
)
def test_advice_works(interval, start, advice):
    with pytest.raises(Invalid) as refused:
        frame(start=start, interval=interval)

    assert refused.value.errors[0].detail == f"from and to may be at most 1,000 intervals apart; {advice}"


def test_what_has_no_intervals_may_be_as_long_as_the_calendar():
    assert frame(start=date(1900, 1, 1), interval=None).start.year == 1900


@pytest.mark.parametrize(
    ("end", "place"), [(date(2026, 3, 10), None), (date(2026, 3, 11), 10), (date(2026, 3, 20), 10)]
)
def test_what_is_not_over_is_marked(end, place):
    assert frame(end=end).incomplete_from == place


@pytest.mark.parametrize("interval", list(Interval))
@pytest.mark.parametrize("zone", ZONES)
def test_intervals_follow_each_other_and_one_before_the_first_is_found(zone, interval):
    looked = frame(zone=zone, interval=interval, start=date(2026, 3, 5))
    edges = looked.edges

    assert all(before < after for before, after in pairwise(edges))
    assert edges[0] <= looked.start < edges[1]
    assert edges[-2] < looked.end <= edges[-1]
    before = looked.before(1)
    assert before < edges[0]
    assert periods.steps(before, 1, interval, zone) == edges[0]


@given(
    zone=st.sampled_from(ZONES),
    interval=st.sampled_from(list(Interval)),
    week_start=st.sampled_from(list(WeekStart)),
    at=st.integers(0, 212 * 24 * 3600).map(
        lambda seconds: datetime(2025, 10, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    ),
)
@settings(max_examples=200, deadline=None)
def test_a_time_lies_in_the_interval_that_it_is_floored_to(zone, interval, week_start, at):
    begun = periods.floor(at, interval, zone, week_start)

    assert begun <= at < periods.steps(begun, 1, interval, zone)
    assert periods.floor(begun, interval, zone, week_start) == begun


@pytest.mark.parametrize("interval", list(Interval))
@pytest.mark.parametrize("zone", ZONES)
async def test_the_store_finds_the_same_interval(store, zone, interval):
    start, end = (
        (date(2026, 3, 6), date(2026, 3, 31)) if interval is Interval.HOUR else (date(2025, 10, 20), date(2026, 4, 2))
    )
    looked = frame(zone=zone, interval=interval, start=start, end=end, week_start=WeekStart.SUNDAY)
    edges = looked.edges
    around = [edge + timedelta(milliseconds=ms) for edge in edges for ms in (-1, 0, 1)] + [
        looked.start + timedelta(minutes=997 * n) for n in range(36)
    ]
    times = [at for at in around if looked.start <= at < looked.end]
    bind = Binding()
    listed = ", ".join(bind.time(at) for at in times)

    found = await store.query(
        f"SELECT {periods.interval_sql(looked, 't')} FROM (SELECT arrayJoin([{listed}]) AS t)", bind.values
    )

    assert [row[0] for row in found.rows] == [bisect_right(edges, at) - 1 for at in times]


def test_values_find_their_places():
    looked = frame(end=date(2026, 3, 4))

    assert periods.filled(looked, [(0, 2), (2, 3.5), (-1, 9), (4, 9)]) == [2, 0, 3.5, 0]
    assert periods.filled(looked, [], empty=-1) == [-1, -1, -1, -1]


@pytest.mark.parametrize(
    ("filter", "name"),
    [(EventFilter(), "*"), (EventFilter("Paid"), "Paid"), (EventFilter("Paid", label="付款"), "付款")],
)
def test_a_filter_has_a_name(filter, name):
    assert filter.name == name


@pytest.mark.parametrize(
    ("at", "by", "expected"),
    [
        (datetime(2026, 3, 1, tzinfo=UTC), timedelta(hours=24), datetime(2026, 3, 2, tzinfo=UTC)),
        (datetime(2026, 3, 1, tzinfo=UTC), -timedelta(hours=24), datetime(2026, 2, 28, tzinfo=UTC)),
        (datetime(1, 1, 1, 12, tzinfo=UTC), -timedelta(hours=24), datetime.min.replace(tzinfo=UTC)),
        (datetime(9999, 12, 31, tzinfo=UTC), timedelta(hours=24), datetime.max.replace(tzinfo=UTC)),
    ],
)
def test_no_time_is_moved_beyond_the_calendar(at, by, expected):
    assert periods.moved(at, by) == expected


LAST = {  # of 1,000 intervals, counted by the calendar
    ("UTC", Interval.DAY): (date(2023, 6, 1), date(2026, 2, 24)),
    ("US/Pacific", Interval.DAY): (date(2023, 6, 1), date(2026, 2, 24)),  # from summer into winter: an hour more
    ("Africa/Cairo", Interval.DAY): (date(2023, 7, 30), date(2026, 4, 24)),  # the last begins at 01:00
    ("Europe/Berlin", Interval.WEEK): (date(2007, 7, 2), date(2026, 8, 30)),
    ("UTC", Interval.MONTH): (date(1943, 1, 1), date(2026, 4, 30)),
    ("US/Pacific", Interval.MONTH): (date(1943, 1, 1), date(2026, 4, 30)),
}


@pytest.mark.parametrize(("asked", "days"), LAST.items(), ids=str)
def test_a_thousand_intervals_are_not_too_many(asked, days):
    (zone, interval), (start, end) = asked, days

    assert len(frame(zone=zone, interval=interval, start=start, end=end).labels) == 1_000
    with pytest.raises(Invalid) as refused:
        frame(zone=zone, interval=interval, start=start, end=end + timedelta(days=1))
    assert refused.value.errors[0].pointer == "/interval"


@pytest.mark.parametrize(
    ("interval", "length"),
    [
        (Interval.HOUR, timedelta(hours=1_000)),
        (Interval.DAY, timedelta(days=1_000)),
        (Interval.WEEK, timedelta(days=7_000)),
    ],
)
def test_a_thousand_intervals_may_begin_anywhere(interval, length):
    start = datetime(2003, 3, 5, 12, 30, tzinfo=UTC)

    assert frame(interval=interval, start=start, end=start + length).start == start
    with pytest.raises(Invalid):
        frame(interval=interval, start=start, end=start + length + timedelta(seconds=1))


@pytest.mark.parametrize(
    ("zone", "at", "expected"),
    [
        ("UTC", datetime(2026, 4, 24, tzinfo=UTC), True),
        ("Africa/Cairo", datetime(2026, 4, 23, 22, tzinfo=UTC), True),  # 01:00 there, and no clock was before it
        ("Africa/Cairo", datetime(2026, 4, 24, 21, tzinfo=UTC), True),
        ("Africa/Cairo", datetime(2026, 4, 24, 22, tzinfo=UTC), False),
        ("Asia/Shanghai", datetime(2026, 4, 24, tzinfo=UTC), False),
    ],
)
def test_when_a_day_begins(zone, at, expected):
    assert periods.is_midnight(at, zone) is expected


def test_a_time_that_a_zones_calendar_does_not_have_is_refused():
    with pytest.raises(Invalid) as refused:
        frame(zone="US/Pacific", start=datetime(1, 1, 1, tzinfo=UTC))
    assert refused.value.errors[0].pointer == "/from"


LEFT_OUT = [
    ("Pacific/Apia", date(2011, 12, 30)),
    ("Pacific/Fakaofo", date(2011, 12, 30)),
    ("Pacific/Kwajalein", date(1993, 8, 21)),
    ("Pacific/Kiritimati", date(1994, 12, 31)),
    ("Asia/Manila", date(1844, 12, 31)),
]


@pytest.mark.parametrize(("zone", "day"), LEFT_OUT)
def test_a_day_that_a_zone_left_out_has_no_length_and_has_passed(zone, day):
    start, end = periods.midnight(day, zone), periods.midnight(periods.day_after(day), zone)

    assert start == end
    assert periods.share_passed(start, end, start - timedelta(seconds=1)) == 0
    assert periods.share_passed(start, end, start) == 1


@pytest.mark.parametrize(("hours", "share"), [(-1, 0), (0, 0), (6, 0.25), (24, 1), (25, 1)])
def test_how_much_of_a_time_has_passed(hours, share):
    start = datetime(2026, 4, 24, tzinfo=UTC)

    assert periods.share_passed(start, start + timedelta(days=1), start + timedelta(hours=hours)) == share


@pytest.mark.parametrize("zone", ["UTC", "Asia/Shanghai", "America/New_York", "Pacific/Kiritimati"])
def test_days_at_the_ends_of_the_calendar_begin_and_end_within_it(zone):
    first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)

    assert first <= periods.midnight(date.min, zone) <= first + timedelta(days=1)
    assert last - timedelta(days=2) <= periods.midnight(periods.day_after(date.max), zone) <= last
