"""The people behind sessions, worked by hand."""

from __future__ import annotations

import pytest

from services.metrics.tests.behind import DAYS, behind, insights_of_two_days, refused

insights = insights_of_two_days


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ({"interval": 0}, {"u1", "u2"}),
        ({"interval": 1}, {"u2", "用户"}),
        ({}, {"u1", "u2", "用户"}),
        ({"interval": 0, "bounced": True}, {"u2"}),
        ({"interval": 1, "bounced": True}, {"u2", "用户"}),
        ({"bounced": True}, {"u2", "用户"}),
    ],
)
async def test_whose_sessions_began(insights, number, expected):
    assert set(await behind(insights.world, "sessions", DAYS, **number)) == expected


async def test_sessions_have_as_many_people_as_their_list(insights):
    for interval in ("hour", "day", "week", "month"):
        counts = (await insights.ask("sessions", **DAYS | {"interval": interval}))["people"]
        for place in (0, len(counts) - 1):
            found = await behind(insights.world, "sessions", DAYS | {"interval": interval}, interval=place, limit=1)
            assert len(found) == counts[place]


@pytest.mark.parametrize(
    ("insight", "query", "number", "expected"),
    [
        ("sessions", DAYS, {"interval": 2}, ["/interval"]),
        ("sessions", DAYS, {"bounced": "some"}, ["/bounced"]),
        ("sessions", DAYS | {"from": "2026-03-09"}, {}, ["/query/to"]),
    ],
)
async def test_what_is_no_number_of_the_answer_is_named(insights, insight, query, number, expected):
    assert await refused(insights.world, insight, query, **number) == expected


async def test_another_workspace_sees_nobody(insights):
    insights.world.headers = await insights.world.api.key("metrics:read", workspace="other")

    assert await behind(insights.world, "sessions", DAYS) == []
