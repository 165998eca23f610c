"""Active users: distinct people of a day, of 7 and of 30 trailing days."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_metrics.active_users.rules import ActiveUsers, active_users_of, as_table, last_days, trailing
from opsloop_metrics.insights.periods import Interval, WeekStart, frame_of
from services.metrics.tests.analyst import BOT, Analyst, did, is_known


@pytest.fixture
def analyst(world_with_store):
    return Analyst(world_with_store, "active-users")


def frame(start, end, interval=Interval.DAY, zone="UTC"):
    now = datetime(2026, 6, 1, tzinfo=UTC)
    return frame_of(
        workspace="acme", now=now, zone=zone, week_start=WeekStart.MONDAY, interval=interval, start=start, end=end
    ).aligned()


def gaps(days, most):
    """Return what the store would find of one person."""
    later = [*sorted(days)[1:], 10_000]
    return [(day, min(after - day, most), 1) for day, after in zip(sorted(days), later, strict=False)]


@given(st.lists(st.sets(st.integers(0, 50)), max_size=8), st.sampled_from([1, 7, 30]))
def test_trailing_days_are_counted_as_sets_are(people, width):
    found = [row for days in people for row in gaps(days, 30)]

    expected = [sum(any(day - width < each <= day for each in days) for days in people) for day in range(51)]

    assert trailing(found, 51, width) == expected


@pytest.mark.parametrize(
    ("start", "end", "interval", "days"),
    [
        (date(2026, 3, 1), date(2026, 3, 3), Interval.DAY, ["03-01", "03-02", "03-03"]),
        (date(2026, 3, 4), date(2026, 3, 10), Interval.WEEK, ["03-08", "03-10"]),
        (date(2026, 2, 4), date(2026, 3, 10), Interval.MONTH, ["02-28", "03-10"]),
        (date(2026, 3, 1), datetime(2026, 3, 3, tzinfo=UTC), Interval.DAY, ["03-01", "03-02"]),
        (date(2026, 3, 1), datetime(2026, 3, 3, 0, 0, 1, tzinfo=UTC), Interval.MONTH, ["03-03"]),
    ],
)
def test_a_point_stands_for_the_last_day_of_its_interval(start, end, interval, days):
    assert [day.isoformat()[5:] for day in last_days(frame(start, end, interval))] == days


async def test_more_days_than_are_counted_are_refused(analyst):
    """A longer interval would not help, so that none is asked for."""
    said = "has to be at most 1,000 days before to: this is counted day by day, whatever the interval"
    for interval in ("day", "month"):
        assert await analyst.refused(**{"from": "2020-01-01", "interval": interval}) == [("/from", said)]


def test_nobody_over_nobody_is_null():
    answer = active_users_of(frame(date(2026, 3, 1), date(2026, 3, 2)), date(2026, 1, 31), [(30, 30, 1)])

    assert (answer.dau, answer.mau, answer.stickiness) == ([0, 1], [0, 1], [None, 1.0])
    assert as_table(answer)[1][0] == ["2026-03-01T00:00:00Z", 0, 0, 0, None]
    assert isinstance(answer, ActiveUsers)


async def test_a_world_worked_by_hand(analyst):
    # u1 is there on 1 February and 2 March, u2 on 24 February and 2 March, u3 on 3 March
    await analyst.tell(
        did("u1", "open", "02-01"), did("u1", "open", "02"), did("u1", "open", "02T13:00"),
        did("u2", "open", "02-24"), did("u2", "open", "02"), did("u3", "open", "03"),
    )  # fmt: skip

    answer = await analyst.ask("01", "04")

    assert answer["dau"] == [0, 2, 1, 0]
    # the 7 days that end with 2 March begin with 24 February
    assert answer["wau"] == [1, 2, 3, 3]
    # the 30 days that end with 2 March begin with 1 February
    assert answer["mau"] == [2, 2, 3, 3]
    assert answer["stickiness"] == [0, 1, 1 / 3, 0]
    weeks = await analyst.ask("01", "04", interval="week")
    assert (weeks["dau"], weeks["wau"]) == ([0, 0], [1, 3])
    assert weeks["intervals"] == ["2026-02-23T00:00:00Z", "2026-03-02T00:00:00Z"]


async def test_the_seventh_day_counts_and_the_eighth_does_not(analyst):
    await analyst.tell(did("u1", "open", "01T00:00"), did("u1", "open", "31T23:59:59.999"))

    answer = await analyst.ask("01", "31")

    assert answer["wau"] == [1] * 7 + [0] * 23 + [1]
    assert answer["mau"] == [1] * 31
    assert answer["dau"] == [1] + [0] * 29 + [1]


@pytest.mark.parametrize(("zone", "dau"), [("UTC", [1, 0]), ("Asia/Shanghai", [0, 1]), ("US/Pacific", [1, 0])])
async def test_days_are_those_of_the_zone(analyst, zone, dau):
    await analyst.tell(did("u1", "open", "01T16:00"))

    assert (await analyst.ask("01", "02", time_zone=zone))["dau"] == dau


async def test_over_a_change_of_the_clock_days_stay_days(analyst):
    # in California 8 March has 23 hours: 07:30 in UTC is the 7th before, and 00:30 of the 9th after
    await analyst.tell(did("u1", "open", "08T07:30"), did("u2", "open", "09T07:30"))

    answer = await analyst.ask("07", "15", time_zone="US/Pacific")

    assert answer["dau"] == [1, 0, 1, 0, 0, 0, 0, 0, 0]
    assert answer["wau"] == [1, 1, 2, 2, 2, 2, 2, 1, 1]


async def test_who_counts(analyst):
    await analyst.tell(
        did("", "open", "01", userId=None, anonymousId="a1"), did("u1", "open", "01"), is_known("u2", "01"),
        did("robot", "open", "01", **BOT), did("tester", "open", "01", {"is_test": True}),
    )  # fmt: skip
    await analyst.tell_of_nobody("open", "01")
    assert (await analyst.ask("01", "01"))["dau"] == [2]
    assert (await analyst.ask("01", "01", include_filtered=True))["dau"] == [4]

    await analyst.tell(is_known("u1", "02", anonymous="a1"))

    assert (await analyst.ask("01", "01"))["mau"] == [1]
    theirs = await analyst.world.api.key("metrics:read", workspace="other")
    assert (await analyst.answer("01", "01", headers=theirs)).json()["mau"] == [0]


async def test_as_csv(analyst):
    await analyst.tell(did("u1", "open", "01"))

    answer = await analyst.answer("01", "02", headers={"Accept": "text/csv"})

    assert answer.text.splitlines() == [
        "interval,dau,wau,mau,stickiness",
        "2026-03-01T00:00:00Z,1,1,1,1.0",
        "2026-03-02T00:00:00Z,0,1,1,0.0",
    ]


async def test_hours_and_too_many_days_are_refused(analyst):
    assert [pointer for pointer, _ in await analyst.refused(interval="hour")] == ["/interval"]
    assert [pointer for pointer, _ in await analyst.refused(**{"from": "2020-01-01", "interval": "month"})] == ["/from"]


async def test_a_range_that_ends_before_it_begins_is_refused(analyst):
    assert [pointer for pointer, _ in await analyst.refused(**{"from": "2026-03-02", "to": "2026-03-01"})] == ["/to"]


async def test_nearly_three_years_are_counted(analyst):
    begin = datetime(2025, 1, 5, tzinfo=UTC)
    await analyst.tell(
        *(did("u1", "open", "01", timestamp=(begin + timedelta(days=70 * turn)).isoformat()) for turn in range(4))
    )

    answer = await analyst.ask(**{"from": "2023-07-01", "to": "2026-01-31", "interval": "month"})

    # 5 January, 16 March, 25 May and 3 August of 2025
    assert [place for place, people in enumerate(answer["mau"]) if people] == [18, 20, 22, 25]


@pytest.mark.parametrize(
    ("week_start", "intervals", "dau"),
    [
        # u1 is there on Sunday the 1st, the last day of a week from Monday, u2 on Saturday the 7th, the last of one from Sunday
        ("monday", ["2026-02-23T00:00:00Z", "2026-03-02T00:00:00Z"], [1, 0]),
        ("sunday", ["2026-03-01T00:00:00Z", "2026-03-08T00:00:00Z"], [1, 0]),
        ("saturday", ["2026-02-28T00:00:00Z", "2026-03-07T00:00:00Z"], [0, 0]),
    ],
)
async def test_a_week_is_told_by_its_last_day(analyst, week_start, intervals, dau):
    await analyst.tell(did("u1", "open", "01"), did("u2", "open", "07"))

    answer = await analyst.ask("01", "08", interval="week", week_start=week_start)

    assert answer["intervals"] == intervals
    assert answer["dau"] == dau


async def test_conditions_narrow_what_counts(analyst):
    await analyst.tell(did("u1", "open", "01", {"plan": "专业版"}), did("u2", "open", "01"))
    where = [{"field": "properties.plan", "op": "ne", "value": "专业版"}]

    assert (await analyst.ask("01", "01", where=where))["dau"] == [1]


ENDS = [
    ({"to": "0001-01-15"}, "/to"),
    ({"from": "0001-01-01", "to": "2026-01-01"}, "/from"),
    ({"from": "9999-12-30T00:00:00Z", "to": "9999-12-31T23:59:59Z"}, "/from"),
    ({"from": "2026-01-01", "to": "9999-12-31"}, "/to"),
]


async def test_the_calendars_ends_cannot_be_asked_for(analyst, subtests):
    for interval in ["day", "week", "month"]:
        for asked, pointer in ENDS:
            with subtests.test(interval=interval, asked=asked):
                assert [
                    found for found, _ in await analyst.refused(interval=interval, **{"from": None, "to": None} | asked)
                ] == [pointer]
