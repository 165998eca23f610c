"""What is kept of KPIs by period: in another zone or week, of events that are forgotten, and how little is read to know it."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, text

from opsloop_common import limits
from opsloop_common.db import Context
from opsloop_common.testing.http import settings_for_tests
from opsloop_metrics.events.rules import Reading
from opsloop_metrics.insights.periods import WeekStart
from opsloop_metrics.kpi_periods import service as periods
from opsloop_metrics.kpi_periods.rules import LONGEST, SERIES_POINTS, Measured, Period, period_of, periods_to
from opsloop_metrics.settings import MetricsSettings

COUNT = {"type": "events", "event": "feedback.received", "aggregate": "count"}
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)  # a Wednesday; 20:00 in Shanghai
MIDNIGHT = datetime(2026, 11, 25, tzinfo=UTC)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
IN_SHANGHAI = "2026-11-24T16:00:00Z"
"""When that day begins there."""


@pytest_asyncio.fixture
async def world(world):
    world.api.clock.set(NOON)
    return world


async def change_workspace(world, **settings):
    admin = await world.api.key("metrics:admin")
    assert (await world.send("PATCH", "/v1/workspace", json=settings, headers=admin)).status_code == 200


async def series(world, key="k"):
    return [(point["starts_at"], point["value"]) for point in (await world.get(f"/v1/kpis/{key}"))["series"]]


async def spans_kept(world):
    async with world.api.db.transaction(Context("acme")) as session:
        found = await session.execute(text("SELECT starts_at, ends_at FROM kpi_measurement ORDER BY starts_at"))
        return [tuple(row) for row in found]


@contextmanager
def statements_of(world):
    """Yield the statements that are executed meanwhile."""
    noted = []

    def note(connection, cursor, statement, *rest):
        noted.append(statement)

    engines = [engine.sync_engine for engine in world.api.db.engines]
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    yield noted
    for engine in engines:
        event.remove(engine, "before_cursor_execute", note)


async def test_of_events_days_are_counted_anew_where_they_begin_elsewhere(world):
    """17:00 UTC on the 24th is the 25th in Shanghai, as 11:00 on the 25th is; 10:00 on the 24th is the 24th in both."""
    happened = [MIDNIGHT - 14 * HOUR, MIDNIGHT - 7 * HOUR, NOON - HOUR]
    await world.hear(*(world.received(at=at) for at in happened))
    await world.kpi(COUNT)
    await world.recur()
    assert (await series(world))[-2:] == [("2026-11-24T00:00:00Z", 2), ("2026-11-25T00:00:00Z", 1)]

    await change_workspace(world, time_zone="Asia/Shanghai")
    world.api.clock.advance(MINUTE)
    await world.recur()

    found = await series(world)
    assert found[-3:] == [("2026-11-22T16:00:00Z", 0), ("2026-11-23T16:00:00Z", 1), (IN_SHANGHAI, 2)]
    assert len(found) == SERIES_POINTS
    assert (await world.get("/v1/kpis/k"))["value"] == 2
    kept = await spans_kept(world)
    assert all(end <= start for (_, end), (start, _) in pairwise(kept))


async def test_back_again_it_is_as_it_was(world):
    await world.hear(world.received(at=MIDNIGHT - 7 * HOUR), world.received(at=NOON - HOUR))
    await world.kpi(COUNT)
    await world.recur()
    before = await series(world)

    for zone in ("America/New_York", "UTC"):
        await change_workspace(world, time_zone=zone)
        world.api.clock.advance(MINUTE)
        await world.recur()

    assert await series(world) == before


async def test_weeks_that_begin_on_another_day_are_counted_anew(world):
    """Sunday the 22nd ends a week that begins on Monday, and begins one that begins on Sunday."""
    await world.hear(world.received(at=NOON - 3 * DAY), world.received(at=NOON - DAY))
    await world.kpi(COUNT, period="week")
    await world.recur()
    assert (await series(world))[-2:] == [("2026-11-16T00:00:00Z", 1), ("2026-11-23T00:00:00Z", 1)]

    await change_workspace(world, week_start="sunday")
    world.api.clock.advance(MINUTE)
    await world.recur()

    assert (await series(world))[-2:] == [("2026-11-15T00:00:00Z", 0), ("2026-11-22T00:00:00Z", 2)]


async def test_what_is_reported_is_of_the_days_of_the_zone_with_its_next_value(world):
    """1 at 17:00 UTC on the 23rd is of the 24th in Shanghai, whose latest is 2, of the 24th at noon."""
    await world.kpi()
    for at, value in ((MIDNIGHT - 31 * HOUR, 1), (NOON - DAY, 2), (NOON - HOUR, 3)):
        await world.report(value, at=at)
    assert [value for _, value in await series(world)] == [1, 2, 3]

    await change_workspace(world, time_zone="Asia/Shanghai")
    await world.report(4)
    world.api.clock.advance(MINUTE)
    await world.recur()

    assert await series(world) == [("2026-11-23T16:00:00Z", 2), (IN_SHANGHAI, 4)]


async def test_of_a_formula_what_lies_across_goes_and_older_days_stay(world):
    """It is not known what it came to in the days of Shanghai: those before stay as they were, the day that runs is one of Shanghai."""
    world.api.clock.set(NOON - 2 * DAY)
    await world.kpi(key="a")
    await world.kpi({"type": "formula", "formula": "a * 2", "of": {"a": "a"}})
    for day in (2, 1, 0):
        world.api.clock.set(NOON - day * DAY)
        await world.report(day, key="a")
        await world.recur()
    assert [start[:10] for start, _ in await series(world)] == ["2026-11-23", "2026-11-24", "2026-11-25"]

    await change_workspace(world, time_zone="Asia/Shanghai")
    world.api.clock.advance(MINUTE)
    await world.recur()

    assert await series(world) == [("2026-11-23T00:00:00Z", 4), (IN_SHANGHAI, 0)]
    assert (await world.get("/v1/kpis/k"))["value"] == 0


async def test_months_from_before_events_are_kept_are_unknown_and_not_0(world):
    """400 days before 25 November 2026 is 21 October 2025: the first whole month is November 2025."""
    await world.hear(world.received(at=NOON - 300 * DAY))
    await world.kpi(COUNT, period="month")
    await world.recur()

    found = await series(world)
    assert (found[0], len(found)) == (("2025-11-01T00:00:00Z", 0), 13)
    assert sum(value for _, value in found) == 1


async def test_a_period_that_outlasts_its_events_keeps_what_it_came_to(make_world):
    """Events are kept for 7 days: the month is counted until the 8th, of which its first day is forgotten."""
    world = await make_world(settings_for_tests(MetricsSettings, domain_event_retention_days=7))
    world.api.clock.set(datetime(2026, 11, 7, 23, tzinfo=UTC))
    await world.hear(world.received(at=datetime(2026, 11, 1, 1, tzinfo=UTC)), world.received())
    await world.kpi(COUNT, period="month")
    await world.recur()
    assert (await series(world))[-1] == ("2026-11-01T00:00:00Z", 2)

    for _ in range(2):
        world.api.clock.advance(3 * DAY)
        await world.recur()

    assert await series(world) == [("2026-11-01T00:00:00Z", 2)]


async def test_a_workspace_has_a_bounded_number_of_kpis(world, monkeypatch):
    assert limits.KPIS_PER_WORKSPACE == 1_000
    monkeypatch.setattr(limits, "KPIS_PER_WORKSPACE", 2)
    for key in ("a", "b"):
        await world.kpi(key=key)

    for body in ({"key": "c", "name": "C", "measure": {"type": "reported"}}, {"template": "dau"}):
        refused = await world.send("POST", "/v1/kpis", json=body)
        assert (refused.status_code, "at most 2 KPIs" in refused.json()["detail"]) == (409, True)
    assert (await world.get("/v1/insights"))["items"] == []  # none is left of the template's

    other = await world.api.key("metrics:write", workspace="other")
    made = await world.send(
        "POST", "/v1/kpis", json={"key": "c", "name": "C", "measure": {"type": "reported"}}, headers=other
    )
    assert made.status_code == 201
    assert (await world.send("DELETE", "/v1/kpis/a")).status_code == 204
    await world.kpi(key="c")


async def test_a_value_that_was_dated_ahead_takes_a_few_statements(world):
    await world.kpi()
    for day in range(40):
        await world.report(day, at=NOON - day * DAY)
    await world.report(99, at=NOON + 2 * MINUTE)
    await world.recur()

    world.api.clock.set(NOON + 2 * MINUTE)
    with statements_of(world) as noted:
        await world.recur()

    assert (await series(world))[-1] == ("2026-11-25T00:00:00Z", 99)
    asked = [each for each in noted if "kpi_value" in each or "kpi_measurement" in each]
    assert 2 <= len(asked) <= 6


async def test_a_chart_of_two_days_reads_two_days(world):
    """What was reported since then is no part of it: the plan has both ends."""
    await world.kpi()
    for day in (10, 9, 8, 0):
        await world.report(day, at=NOON - day * DAY)
    asked = {"from": (NOON - 10 * DAY).isoformat(), "to": (NOON - 8 * DAY).isoformat(), "interval": "P1D"}

    with statements_of(world) as noted:
        points = (await world.get("/v1/kpis/k/series", **asked))["points"]

    assert [(point["value"], point["samples"]) for point in points] == [(10, 1), (9, 1)]
    [statement] = [each for each in noted if "width_bucket" in each]
    assert ("at >= $" in statement, "at < $" in statement) == (True, True)


async def test_in_a_chart_what_is_forgotten_is_null_and_not_0(world):
    """400 days ago was 21 October 2025 at noon: of the days from the 20th the 22nd is the first of which all is kept."""
    await world.hear(world.received(at=datetime(2025, 10, 23, 12, tzinfo=UTC)))
    await world.kpi(COUNT)
    asked = {"from": "2025-10-20T00:00:00Z", "to": "2025-10-24T00:00:00Z", "interval": "P1D"}

    points = (await world.get("/v1/kpis/k/series", **asked))["points"]

    assert [point["value"] for point in points] == [None, None, 0, 1]


def reference(kept, start, now):
    """Return what a plain walk through all that is kept comes to."""
    known = sorted(((each.at, each.value) for each in kept if each.at <= now), key=lambda pair: pair[0])
    inside = [(at, value) for at, value in known if start is None or at > start]
    return Reading(
        inside[-1][1] if inside else None,
        len(inside),
        inside[0][0] if inside and start is not None else None,
        None,
        known[-1][0] if known else None,
    )


DAYS = st.dictionaries(st.integers(-70, 2), st.tuples(st.integers(1, 24), st.none() | st.integers(0, 9)), max_size=20)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(days=DAYS, hours=st.none() | st.integers(1, 80 * 24), ahead=st.integers(-30 * 24, 3 * 24))
async def test_a_look_is_what_a_plain_walk_through_all_comes_to(world, days, hours, ahead):
    await world.send("DELETE", "/v1/kpis/k")
    kpi = await world.kpi()
    kept = [
        Measured(start, start + DAY, start + hour * HOUR, value)
        for start, hour, value in ((MIDNIGHT + day * DAY, *rest) for day, rest in days.items())
    ]
    now = MIDNIGHT + ahead * HOUR
    start = None if hours is None else now - hours * HOUR

    async with world.api.db.transaction(Context(workspace="acme")) as session:
        await periods.put(session, UUID(kpi["id"]), kept)
        assert await periods.reading(session, UUID(kpi["id"]), start=start, now=now) == reference(kept, start, now)


@given(
    st.integers(0, 50 * 366 * 24).map(lambda hours: datetime(2000, 1, 1, tzinfo=UTC) + hours * HOUR),
    st.sampled_from(Period),
    st.sampled_from(["UTC", "Asia/Shanghai", "America/Sao_Paulo", "Australia/Lord_Howe"]),
    st.integers(0, 1_000),
)
def test_periods_back_to_a_time_are_one_after_the_other(moment, period, zone, days):
    since = moment - days * DAY

    found = periods_to(moment, period, zone, WeekStart.MONDAY, since=since)

    assert found[-1] == period_of(moment, period, zone, WeekStart.MONDAY)
    assert all(end == start for (_, end), (start, _) in pairwise(found))
    assert all(end - start < LONGEST for start, end in found)
    assert len(found) == SERIES_POINTS or found[0][0] <= since
    assert all(start > since for start, _ in found[1:])
