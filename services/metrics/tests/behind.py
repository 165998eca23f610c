"""How tests ask for the persons behind a number."""

from __future__ import annotations

from typing import Any


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
