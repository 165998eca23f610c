"""The people behind retention, worked by hand."""

from __future__ import annotations

import pytest
import pytest_asyncio

from services.metrics.tests.asked import Insights, did
from services.metrics.tests.behind import behind, refused

QUERY = {
    "from": "2026-03-01",
    "to": "2026-03-02",
    "time_zone": "UTC",
    "start": {"event": "A"},
    "return": {"event": "B"},
    "periods": 4,
}
BY_PLAN = QUERY | {"breakdown": {"field": "properties.plan", "limit": 1}}
FIRST, SECOND = "2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z"


@pytest_asyncio.fixture
async def insights(world_with_store):
    """Return a world of As (with a plan) and Bs.

    day    28 01 02 03 04
    u1      .  A  B  .  B    专业版
    u2      .  A  .  B  .    专业版
    u3      .  A  .  .  .    free
    u4      A  A  AB B  .    free on the 1st, team on the 2nd
    """
    insights = Insights(world_with_store)
    plans = {"u1": "专业版", "u2": "专业版", "u3": "free", "u4": "free"}
    await insights.happened(
        *(did(who, "A", "03-01T10:00", properties={"plan": plan}) for who, plan in plans.items()),
        did("u4", "A", "02-28T10:00", properties={"plan": "free"}),
        did("u4", "A", "03-02T10:00", properties={"plan": "team"}),
        *(did("u1", "B", f"03-0{day}T11:00") for day in (2, 4)),
        *(did("u4", "B", f"03-0{day}T09:00") for day in (2, 3, 3)),
        did("u2", "B", "03-03T00:00"),
    )
    return insights


async def counted(insights, query, number):
    """Return how many the answer has of these."""
    answer = await insights.ask("retention", **query)
    [row] = [
        each
        for each in answer["cohorts"]
        if (each["start"], each["breakdown"]) == (number["cohort"], number.get("breakdown"))
    ]
    count = row["values"][number["column"]]["count"]
    return count if number.get("retained", True) else row["size"] - count


CAME_BACK = [
    ({}, FIRST, 0, True, {"u1", "u2", "u3", "u4"}),
    ({}, FIRST, 0, False, set()),
    ({}, FIRST, 1, True, {"u1", "u4"}),
    ({}, FIRST, 1, False, {"u2", "u3"}),
    ({}, FIRST, 2, True, {"u2", "u4"}),
    ({}, FIRST, 3, True, {"u1"}),
    ({}, SECOND, 0, True, {"u4"}),
    ({}, SECOND, 1, True, {"u4"}),
    ({}, SECOND, 3, True, set()),
    # in the column or later
    ({"rolling": True}, FIRST, 1, True, {"u1", "u2", "u4"}),
    ({"rolling": True}, FIRST, 2, True, {"u1", "u2", "u4"}),
    ({"rolling": True}, FIRST, 3, True, {"u1"}),
    ({"rolling": True}, FIRST, 3, False, {"u2", "u3", "u4"}),
    # u4 came twice on the 3rd
    ({"min_occurrences": 2}, FIRST, 2, True, {"u4"}),
    # 24 hours from 10:00: u1's B on the 2nd at 11:00 is in the first window after, u4's at 9:00 before it, the one on the 3rd in it
    ({"windows_24h": True}, FIRST, 1, True, {"u1", "u2", "u4"}),
    ({"windows_24h": True}, FIRST, 2, True, set()),
    ({"windows_24h": True}, FIRST, 3, True, {"u1"}),
    # u4 began on 28 February
    ({"mode": "first_time"}, FIRST, 0, True, {"u1", "u2", "u3"}),
    ({"mode": "first_ever"}, FIRST, 1, False, {"u2", "u3"}),
    ({"mode": "first_time"}, SECOND, 0, True, set()),
]


async def test_who_came_back_and_who_did_not(insights, subtests):
    for more, cohort, column, retained, expected in CAME_BACK:
        with subtests.test(more=more):
            number = {"cohort": cohort, "column": column, "retained": retained}

            found = await behind(insights.world, "retention", QUERY | more, **number)

            assert set(found) == expected
            assert len(found) == await counted(insights, QUERY | more, number)


@pytest.mark.parametrize(
    ("cohort", "column", "value", "expected"),
    [
        # sizes: 专业版 2, free 1 and 1 (u3, u4), team 1; of two values of 2 people the first by its text is free
        (FIRST, 0, "free", {"u3", "u4"}),
        (FIRST, 1, "free", {"u4"}),
        (FIRST, 0, "$other", {"u1", "u2"}),
        (SECOND, 0, "$other", {"u4"}),
        (SECOND, 0, "free", set()),
    ],
)
async def test_of_a_breakdown_value(insights, cohort, column, value, expected):
    number = {"cohort": cohort, "column": column, "breakdown": value}

    found = await behind(insights.world, "retention", BY_PLAN, **number)

    assert set(found) == expected
    assert len(found) == await counted(insights, BY_PLAN, number)


async def test_a_value_that_is_not_shown_has_people_too(insights):
    number = {"cohort": FIRST, "column": 2, "breakdown": "专业版"}

    assert await behind(insights.world, "retention", BY_PLAN, **number) == ["u2"]
    assert await behind(insights.world, "retention", BY_PLAN, **number, retained=False) == ["u1"]


@pytest.mark.parametrize("cohort", ["2026-03-01T08:00:00+08:00", "2026-03-01"])
async def test_a_cohort_may_be_told_in_any_zone_or_by_its_day(insights, cohort):
    assert await behind(insights.world, "retention", QUERY, cohort=cohort, column=3) == ["u1"]


NO_NUMBERS = [
    (QUERY, {"cohort": "2026-03-03T00:00:00Z", "column": 0}, ["/cohort"]),
    (QUERY, {"cohort": "2026-03-01T00:00:01Z", "column": 0}, ["/cohort"]),
    (QUERY, {"cohort": "yesterday", "column": 0}, ["/cohort"]),
    (QUERY, {"cohort": "2026-03-03", "column": 0}, ["/cohort"]),
    (QUERY, {"cohort": "0001-01-01", "column": 0}, ["/cohort"]),
    (QUERY, {"cohort": "9999-12-31", "column": 0}, ["/cohort"]),
    (QUERY, {"cohort": FIRST, "column": 4}, ["/column"]),
    (QUERY, {"cohort": FIRST, "column": 0, "breakdown": "free"}, ["/breakdown"]),
    (BY_PLAN, {"cohort": FIRST, "column": 0}, ["/breakdown"]),
    (QUERY | {"interval": "week", "windows_24h": True}, {"cohort": FIRST, "column": 0}, ["/query/windows_24h"]),
    (QUERY | {"from": "2026-03-09"}, {"cohort": FIRST, "column": 0}, ["/query/to"]),
    (QUERY, {"column": 0}, ["/cohort"]),
]


async def test_what_is_no_number_of_the_answer_is_named(insights, subtests):
    for query, number, expected in NO_NUMBERS:
        with subtests.test(query=query):
            assert await refused(insights.world, "retention", query, **number) == expected
