"""What a saved insight comes to at a time: where its question says when itself, that stays."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from opsloop_common.db import Context
from opsloop_metrics.saved_insights import service
from services.metrics.tests.analyst import Analyst, did

NOON_OF_THE_SECOND = datetime(2026, 4, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "days", "count"),
    [
        ({}, None, 3),  # 30 days that end then: not the 1st of March, nor the 3rd of April
        ({}, 2, 2),  # from noon of the 31st of March on
        ({"from": "2026-04-01"}, 30, 1),
        ({"to": "2026-04-03"}, 2, 4),
        ({"from": "2026-03-01", "to": "2026-03-01"}, 2, 1),
    ],
)
async def test_a_question_is_asked_as_of_a_time(world_with_store, said, days, count):
    """Opened at noon of 1, 20 and (at 13:00) 31 March, at 10:00 of 2 April, and a day after the time that is meant."""
    world = world_with_store
    await Analyst(world, "").tell(
        did("a", "opened", "01"), did("a", "opened", "20"), did("a", "opened", "31T13:00"),
        did("a", "opened", "04-02T10:00"), did("a", "opened", "04-03"),
    )  # fmt: skip
    query = {"series": [{"event": "opened"}]} | said
    insight = await world.post("/v1/insights", {"name": "Opened", "kind": "trends", "query": query})

    async with world.api.db.session(Context(workspace="acme")) as session:
        kind, body = await service.answer_as_of(session, insight["id"], NOON_OF_THE_SECOND, days=days)

    assert (kind, body["series"][0]["total"]) == ("trends", count)
