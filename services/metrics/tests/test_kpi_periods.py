"""What KPIs came to by period: where periods lie, and what is kept of what is reported and measured."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opsloop_common.db import Context
from opsloop_metrics.insights.periods import WeekStart
from opsloop_metrics.kpi_periods import service as periods
from opsloop_metrics.kpi_periods.rules import SERIES_POINTS, Measured, Period, by_interval, period_of

COUNT = {"type": "events", "event": "feedback.received", "aggregate": "count"}
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)  # a Wednesday
DAY, HOUR, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(seconds=1)


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "period", "zone", "week_start", "start", "end"),
    [
        ("2026-11-25T12:00", "day", "UTC", "monday", "2026-11-25T00:00", "2026-11-26T00:00"),
        ("2026-11-25T00:00", "day", "UTC", "monday", "2026-11-25T00:00", "2026-11-26T00:00"),
        # 17:00 in UTC is the next day in Shanghai
        ("2026-11-25T17:00", "day", "Asia/Shanghai", "monday", "2026-11-25T16:00", "2026-11-26T16:00"),
        # clocks go back: a day of 25 hours
        ("2026-10-25T12:00", "day", "Europe/Berlin", "monday", "2026-10-24T22:00", "2026-10-25T23:00"),
        # clocks go forward: a day of 23
        ("2026-03-29T12:00", "day", "Europe/Berlin", "monday", "2026-03-28T23:00", "2026-03-29T22:00"),
        ("2026-11-25T12:00", "week", "UTC", "monday", "2026-11-23T00:00", "2026-11-30T00:00"),
        ("2026-11-25T12:00", "week", "UTC", "sunday", "2026-11-22T00:00", "2026-11-29T00:00"),
        ("2026-11-25T12:00", "week", "UTC", "saturday", "2026-11-21T00:00", "2026-11-28T00:00"),
        ("2026-02-25T12:00", "month", "UTC", "monday", "2026-02-01T00:00", "2026-03-01T00:00"),
        ("2026-12-31T23:59", "month", "Asia/Shanghai", "monday", "2026-12-31T16:00", "2027-01-31T16:00"),
    ],
)
def test_periods_are_those_of_the_workspace(moment, period, zone, week_start, start, end):
    assert period_of(at(moment), Period(period), zone, WeekStart(week_start)) == (at(start), at(end))


@given(
    st.integers(0, 100 * 366 * 24 * 60).map(lambda minutes: at("2000-01-01") + timedelta(minutes=minutes)),
    st.sampled_from(Period),
    st.sampled_from(["UTC", "Asia/Shanghai", "America/Sao_Paulo", "Australia/Lord_Howe"]),
)
def test_every_moment_is_in_one_period(moment, period, zone):
    start, end = period_of(moment, period, zone, WeekStart.MONDAY)

    assert start <= moment < end
    assert period_of(start, period, zone, WeekStart.MONDAY) == (start, end)
    assert period_of(end, period, zone, WeekStart.MONDAY)[0] == end


def test_a_period_is_open_when_it_is_over_and_nobody_has_looked_since():
    kept = Measured(NOON, NOON + DAY, NOON + HOUR, 1.0)

    assert not kept.is_open(NOON + 2 * HOUR)
    assert kept.is_open(NOON + DAY)
    assert not Measured(NOON, NOON + DAY, NOON + DAY, 1.0).is_open(NOON + 2 * DAY)


@given(st.lists(st.integers(0, 40), unique=True), st.lists(st.integers(0, 40), min_size=2, unique=True))
def test_values_fall_into_intervals_as_a_plain_count_has_it(moments, bounds):
    values = [(NOON + moment * HOUR, float(moment)) for moment in sorted(moments)]
    edges = [NOON + bound * HOUR for bound in sorted(bounds)]

    expected = []
    for start, end in pairwise(edges):
        inside = [value for moment, value in values if start < moment <= end]
        expected.append((inside[-1] if inside else None, len(inside)))

    assert by_interval(values, edges) == expected


def test_nothing_is_in_no_interval():
    assert by_interval([], [NOON, NOON + DAY]) == [(None, 0)]
    assert by_interval([(NOON, 1.0), (NOON + 2 * DAY, 2.0)], [NOON, NOON + DAY]) == [(None, 0)]


async def series(world, key="k"):
    return [(point["starts_at"][:10], point["value"]) for point in (await world.get(f"/v1/kpis/{key}"))["series"]]


async def test_of_a_day_the_latest_reported_value_is_kept(world):
    world.api.clock.set(NOON)
    await world.kpi()
    await world.report(1, at=NOON - DAY)
    await world.report(3, at=NOON - HOUR)
    await world.report(2, at=NOON - 2 * HOUR)  # came later, is of before

    assert await series(world) == [("2026-11-24", 1), ("2026-11-25", 3)]
    shown = await world.get("/v1/kpis/k")
    assert (shown["value"], shown["series"][-1]["at"]) == (3, (NOON - HOUR).isoformat().replace("+00:00", "Z"))

    await world.report(4, at=NOON - HOUR)  # corrected
    assert (await world.get("/v1/kpis/k"))["value"] == 4


async def test_a_value_at_midnight_is_of_the_day_that_begins(world):
    world.api.clock.set(NOON)
    await world.kpi()
    await world.report(7, at=datetime(2026, 11, 25, tzinfo=UTC))

    assert await series(world) == [("2026-11-25", 7)]


async def test_a_value_that_is_ahead_counts_when_its_time_comes(world):
    world.api.clock.set(NOON)
    await world.kpi()
    await world.report(1, at=NOON)
    await world.report(2, at=NOON + 4 * timedelta(minutes=1))
    assert (await world.get("/v1/kpis/k"))["value"] == 1
    await world.recur()
    assert (await world.get("/v1/kpis/k"))["value"] == 1

    world.api.clock.advance(4 * timedelta(minutes=1))
    await world.recur()

    assert (await world.get("/v1/kpis/k"))["value"] == 2


async def test_a_board_has_the_newest_thirty_periods(world):
    world.api.clock.set(NOON)
    await world.kpi()
    for day in range(SERIES_POINTS + 3):
        await world.report(day, at=NOON - day * DAY)

    found = await series(world)

    assert len(found) == SERIES_POINTS == 30
    assert (found[0], found[-1]) == (("2026-10-27", 29), ("2026-11-25", 0))


async def test_another_period_is_measured_from_what_is_there(world):
    """Monday 23 to Wednesday 25 November have 1, 2 and 3; the week before had 9 last: by week 9 and 3."""
    world.api.clock.set(NOON)
    await world.kpi()
    for day, value in ((-5, 8), (-3, 9), (-2, 1), (-1, 2), (0, 3)):
        await world.report(value, at=NOON + day * DAY)

    await world.send("PATCH", "/v1/kpis/k", json={"period": "week"})
    assert await series(world) == []
    await world.recur()

    assert await series(world) == [("2026-11-16", 9), ("2026-11-23", 3)]


async def test_days_of_events_are_counted_back_when_a_kpi_is_made(world):
    """Two on Monday, none on Tuesday, one so far on Wednesday; the days before had none, which is 0 for a count."""
    world.api.clock.set(NOON)
    await world.hear(
        world.received(at=NOON - 2 * DAY), world.received(at=NOON - 2 * DAY + HOUR), world.received(at=NOON - HOUR)
    )
    await world.kpi(COUNT)
    assert await series(world) == []

    await world.recur()

    found = await series(world)
    assert len(found) == SERIES_POINTS
    assert found[-3:] == [("2026-11-23", 2), ("2026-11-24", 0), ("2026-11-25", 1)]


async def test_a_day_that_is_over_is_counted_once_more_and_then_stays(world):
    world.api.clock.set(NOON)
    await world.kpi(COUNT)
    await world.recur()
    await world.hear(world.received(at=NOON + HOUR))
    world.api.clock.set(NOON + DAY)
    await world.recur()
    assert (await series(world))[-2:] == [("2026-11-25", 1), ("2026-11-26", 0)]

    world.api.clock.set(NOON + DAY + HOUR)
    await world.hear(world.received(at=NOON + 2 * HOUR))  # late, of the day before
    await world.recur()

    assert (await series(world))[-2:] == [("2026-11-25", 1), ("2026-11-26", 0)]


async def test_of_what_runs_still_nothing_is_settled(world):
    kpi = await world.kpi()
    start = NOON - 12 * HOUR
    kept = [
        Measured(start - DAY, start, start, 1.0),
        Measured(start, start + DAY, start + DAY - SECOND, 2.0),
        Measured(start + DAY, start + 2 * DAY, start + 2 * DAY, None),
    ]

    async with world.api.db.transaction(Context(workspace="acme")) as session:
        await periods.put(session, UUID(kpi["id"]), kept)
        edges = [start + day * DAY for day in range(-2, 3)]
        found = await periods.settled(session, UUID(kpi["id"]), edges)
        shown = await periods.series(session, UUID(kpi["id"]), edges)

    assert found == [(None, 0), (1.0, 1), (None, 0), (None, 1)]
    assert shown == [(None, 0), (1.0, 1), (2.0, 1), (None, 1)]


REPORTS = st.lists(st.tuples(st.integers(-40 * 24, 0), st.integers(0, 9)), min_size=1, max_size=25)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(reports=REPORTS, zone=st.sampled_from(["UTC", "Asia/Shanghai", "America/New_York"]))
async def test_random_reports_are_kept_as_a_plain_dictionary_has_them(world, reports, zone):
    """Of each day of the zone the value of the latest hour; one for an hour that has a value corrects it."""
    world.api.clock.set(NOON)
    admin = await world.api.key("metrics:admin")
    assert (await world.send("PATCH", "/v1/workspace", json={"time_zone": zone}, headers=admin)).status_code == 200
    await world.send("DELETE", "/v1/kpis/k")
    await world.kpi()
    by_hour = {}
    for hours, value in reports:
        await world.report(value, at=NOON + hours * HOUR)
        by_hour[NOON + hours * HOUR] = value

    by_day = {moment.astimezone(ZoneInfo(zone)).date(): value for moment, value in sorted(by_hour.items())}

    shown = await world.get("/v1/kpis/k")
    days = [datetime.fromisoformat(point["starts_at"]).astimezone(ZoneInfo(zone)).date() for point in shown["series"]]
    assert dict(zip(days, [point["value"] for point in shown["series"]], strict=True)) == dict(
        list(by_day.items())[-SERIES_POINTS:]
    )
    assert shown["value"] == list(by_day.values())[-1]
