"""How tests ask for the persons behind a number."""

from __future__ import annotations

from typing import Any

import pytest_asyncio

from services.metrics.tests.asked import Insights, did, many

DAYS = {"from": "2026-03-01", "to": "2026-03-02", "time_zone": "UTC", "week_start": "monday"}


@pytest_asyncio.fixture
async def insights_of_two_days(world_with_store):
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


async def behind(world: Any, insight: str, query: dict[str, Any], *, limit: int = 200, **number: Any) -> list[str]:
    """Return the ids by which a product knows the persons behind a number, page by page, in order of the persons' own ids."""
    found, cursor = [], ""
    while cursor is not None:
        path = f"/v1/insights/{insight}/persons?limit={limit}{cursor and '&cursor=' + cursor}"
        page = await world.post(path, {"query": query, **number}, expect=200)
        assert len(page["items"]) == limit or page["next_cursor"] is None
        found += page["items"]
        cursor = page["next_cursor"]
    persons = [each["person"] for each in found]
    assert persons == sorted(set(persons))
    return [each["distinct_id"] for each in found]


async def refused(world: Any, insight: str, query: dict[str, Any], **number: Any) -> list[str]:
    """Return which fields are said to be wrong."""
    problem = await world.post(f"/v1/insights/{insight}/persons", {"query": query, **number}, expect=422)
    assert all(each["detail"] for each in problem["errors"])
    return [each["pointer"] for each in problem["errors"]]
