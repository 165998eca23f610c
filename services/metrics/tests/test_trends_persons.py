"""The people behind a trend, worked by hand."""

from __future__ import annotations

import pytest
import pytest_asyncio

from services.metrics.tests.asked import Insights, did
from services.metrics.tests.behind import behind, refused

RANGE = {"from": "2026-03-01", "to": "2026-03-03", "time_zone": "UTC", "week_start": "monday"}
USERS = RANGE | {"series": [{"event": "open", "aggregate": "users"}, {"event": "buy", "aggregate": "users"}]}
BY_PLAN = USERS | {"breakdown": {"field": "properties.plan", "limit": 2}}


@pytest_asyncio.fixture
async def insights(world_with_store):
    """Return a world: open on the 1st u1 (twice), u2, u3; on the 3rd u1, u4. Buy on the 2nd u2.

    Plans of open: 专业版 of u1 (3 events), free of u2 and u3 (2 events), team of u4 on the 3rd (1 event). Of buy: none.
    """
    insights = Insights(world_with_store)
    await insights.happened(
        did("u1", "open", "03-01T08:00", properties={"plan": "专业版"}),
        did("u1", "open", "03-01T09:00", properties={"plan": "专业版"}),
        did("u1", "open", "03-03T09:00", properties={"plan": "专业版"}),
        did("u2", "open", "03-01T00:00", properties={"plan": "free"}),
        did("u3", "open", "03-01T23:59:59.999", properties={"plan": "free"}),
        did("u4", "open", "03-03T23:59:59.999", properties={"plan": "team"}),
        did("u2", "buy", "03-02T10:00"),
        did("u5", "open", "03-04T00:00", properties={"plan": "free"}),
    )
    return insights


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ({"series": 0}, {"u1", "u2", "u3", "u4"}),
        ({"series": 0, "interval": None}, {"u1", "u2", "u3", "u4"}),
        ({"series": 0, "interval": 0}, {"u1", "u2", "u3"}),
        ({"series": 0, "interval": 1}, set()),
        ({"series": 0, "interval": 2}, {"u1", "u4"}),
        ({"series": 1}, {"u2"}),
        ({"series": 1, "interval": 1}, {"u2"}),
    ],
)
async def test_of_a_series_in_an_interval_or_in_all(insights, number, expected):
    found = await behind(insights.world, "trends", USERS, **number)
    row = (await insights.ask("trends", **USERS))["series"][number["series"]]
    place = number.get("interval")

    assert (set(found), len(found)) == (expected, row["total"] if place is None else row["values"][place])


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ({"series": 0, "breakdown": "专业版"}, {"u1"}),
        ({"series": 0, "breakdown": "free"}, {"u2", "u3"}),
        # 专业版 3, free 2, team 1, $none 1 (the buy): the first two are shown
        ({"series": 0, "breakdown": "$other"}, {"u4"}),
        ({"series": 0, "breakdown": "$other", "interval": 0}, set()),
        ({"series": 1, "breakdown": "$other"}, {"u2"}),
        # not shown, and all the same somebody's
        ({"series": 0, "breakdown": "team"}, {"u4"}),
        ({"series": 1, "breakdown": "$none"}, {"u2"}),
        ({"series": 0, "breakdown": "nobody's '; DROP TABLE event; --"}, set()),
    ],
)
async def test_of_a_breakdown_value(insights, number, expected):
    assert set(await behind(insights.world, "trends", BY_PLAN, **number)) == expected


async def test_whatever_a_series_tells_the_people_are_those_of_its_events(insights):
    series = [{"event": "open"}, {"event": "open", "aggregate": "sum", "property": "properties.amount"}]
    query = RANGE | {"series": series, "formulas": ["A/B"], "moving_average": 2, "compare": "previous"}

    for number in range(2):
        assert set(await behind(insights.world, "trends", query, series=number)) == {"u1", "u2", "u3", "u4"}


async def test_the_first_interval_is_whole_and_the_last_ends_with_the_time(insights):
    # from 1 March 23:00 on: the day is taken whole; until the 3rd 12:00: u4 comes later
    query = USERS | {"from": "2026-03-01T23:00:00Z", "to": "2026-03-03T12:00:00Z"}

    assert set(await behind(insights.world, "trends", query, series=0, interval=0)) == {"u1", "u2", "u3"}
    assert set(await behind(insights.world, "trends", query, series=0, interval=2)) == {"u1"}


async def test_days_are_those_of_the_zone(insights):
    # in Shanghai, 8 h ahead, the 1st ends at 16:00 in UTC: u3 (23:59) and u4 (the 3rd, 23:59) are of the days after
    query = USERS | {"time_zone": "Asia/Shanghai"}

    days = [set(await behind(insights.world, "trends", query, series=0, interval=place)) for place in range(3)]

    assert days == [{"u1", "u2"}, {"u3"}, {"u1"}]


NO_NUMBERS = [
    (USERS, {"series": 2}, ["/series"]),
    (USERS, {"series": -1}, ["/series"]),
    (USERS, {"series": 0, "interval": 3}, ["/interval"]),
    (USERS, {"series": 0, "breakdown": "free"}, ["/breakdown"]),
    (BY_PLAN, {"series": 0}, ["/breakdown"]),
    (BY_PLAN, {"series": 0, "breakdown": ""}, ["/breakdown"]),
    (USERS | {"formulas": ["C"]}, {"series": 0}, ["/query/formulas/0"]),
    (USERS | {"from": "2026-03-09"}, {"series": 0}, ["/query/to"]),
    (USERS | {"series": []}, {"series": 0}, ["/query/series"]),
    (USERS, {}, ["/series"]),
]


async def test_what_is_no_number_of_the_answer_is_named(insights, subtests):
    for query, number, expected in NO_NUMBERS:
        with subtests.test(query=query):
            assert await refused(insights.world, "trends", query, **number) == expected
