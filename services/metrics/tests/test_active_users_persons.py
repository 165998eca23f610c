"""The people behind active users, worked by hand."""

from __future__ import annotations

import pytest

from services.metrics.tests.behind import DAYS, behind, insights_of_two_days, refused

insights = insights_of_two_days


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
