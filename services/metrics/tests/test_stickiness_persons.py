"""The people behind stickiness, worked by hand."""

from __future__ import annotations

import pytest
import pytest_asyncio

from services.metrics.tests.asked import Insights, did
from services.metrics.tests.behind import behind, refused

QUERY = {"from": "2026-03-01", "to": "2026-03-03", "time_zone": "UTC", "week_start": "monday", "event": "open"}


@pytest_asyncio.fixture
async def insights(world_with_store):
    """Return a world: u1 opened on all three days, u2 on two, 用户 on one (twice); u4 after them."""
    insights = Insights(world_with_store)
    days = {"u1": "123", "u2": "13", "用户": "22", "u4": "4"}
    await insights.happened(*(did(who, "open", f"03-0{day}T12:00") for who, own in days.items() for day in own))
    return insights


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, [{"用户"}, {"u2"}, {"u1"}]),
        ({"event": None}, [{"用户"}, {"u2"}, {"u1"}]),
        ({"event": "nothing"}, [set(), set(), set()]),
        # 1 March is a Sunday, of the week before
        ({"interval": "week"}, [{"用户"}, {"u1", "u2"}]),
        ({"interval": "month"}, [{"u1", "u2", "用户"}]),
        # the month is taken from its start, and only to the 1st
        ({"interval": "month", "to": "2026-03-01"}, [{"u1", "u2"}]),
    ],
)
async def test_in_how_many_intervals_people_were_there(insights, more, expected):
    counts = (await insights.ask("stickiness", **QUERY | more))["people"]
    found = [
        set(await behind(insights.world, "stickiness", QUERY | more, intervals=times))
        for times in range(1, len(expected) + 1)
    ]

    assert found == expected
    assert [len(each) for each in found] == counts


@pytest.mark.parametrize(
    ("query", "number", "expected"),
    [
        (QUERY, {"intervals": 0}, ["/intervals"]),
        (QUERY, {"intervals": 4}, ["/intervals"]),
        (QUERY, {"intervals": 10_000}, ["/intervals"]),
        (QUERY, {}, ["/intervals"]),
        (QUERY | {"from": "2026-03-09"}, {"intervals": 1}, ["/query/to"]),
    ],
)
async def test_what_is_no_number_of_the_answer_is_named(insights, query, number, expected):
    assert await refused(insights.world, "stickiness", query, **number) == expected
