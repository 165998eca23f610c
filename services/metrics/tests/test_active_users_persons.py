"""The people behind active users, worked by hand."""

from __future__ import annotations

import pytest
import pytest_asyncio

from services.metrics.tests.asked import Insights, did, many
from services.metrics.tests.behind import behind, refused

DAYS = {"from": "2026-03-01", "to": "2026-03-02", "time_zone": "UTC", "week_start": "monday"}


@pytest_asyncio.fixture
async def insights(world_with_store):
    """Return a world: u1 has a session over midnight, u2 one of an event on each day, 用户 two in one day, u4 is of before, u5 of after."""
    insights = Insights(world_with_store)
    await insights.happened(
        *many("u1", "A", ["03-01T23:50", "03-02T00:10"]),
        *many("u2", "A", ["03-01T10:00", "03-02T10:00"]),
        *many("用户", "A", ["03-02T08:00", "03-02T08:10", "03-02T12:00"]),
        did("u4", "A", "02-25T12:00"),
        did("u5", "A", "03-03T00:00"),
    )
    return insights


@pytest.mark.parametrize(
    ("interval", "measure", "expected"),
    [
        (0, "dau", {"u1", "u2"}),
        (1, "dau", {"u1", "u2", "用户"}),
        # the seven days up to 2 March begin on 24 February
        (1, "wau", {"u1", "u2", "用户", "u4"}),
        (0, "mau", {"u1", "u2", "u4"}),
    ],
)
async def test_who_was_active(insights, interval, measure, expected):
    counts = (await insights.ask("active-users", **DAYS))[measure]

    found = await behind(insights.world, "active-users", DAYS, interval=interval, measure=measure, limit=2)

    assert set(found) == expected
    assert len(found) == counts[interval]


async def test_active_on_a_day_that_is_cut_and_in_weeks(insights):
    cut = DAYS | {"to": "2026-03-02T09:00:00Z"}
    # 1 March is a Sunday: it ends the first week
    weeks = DAYS | {"interval": "week"}

    assert set(await behind(insights.world, "active-users", cut, interval=1)) == {"u1", "用户"}
    assert set(await behind(insights.world, "active-users", weeks, interval=0)) == {"u1", "u2"}
    assert set(await behind(insights.world, "active-users", weeks, interval=0, measure="wau")) == {"u1", "u2", "u4"}


@pytest.mark.parametrize(
    ("insight", "query", "number", "expected"),
    [
        ("active-users", DAYS, {"interval": 2}, ["/interval"]),
        ("active-users", DAYS, {}, ["/interval"]),
        ("active-users", DAYS, {"interval": 0, "measure": "yau"}, ["/measure"]),
        ("active-users", DAYS | {"from": "2020-01-01", "interval": "month"}, {"interval": 0}, ["/query/from"]),
    ],
)
async def test_what_is_no_number_of_the_answer_is_named(insights, insight, query, number, expected):
    assert await refused(insights.world, insight, query, **number) == expected


async def test_another_workspace_sees_nobody(insights):
    insights.world.headers = await insights.world.api.key("metrics:read", workspace="other")

    assert await behind(insights.world, "active-users", DAYS, interval=0) == []
