"""Segments as those see them who describe and read them."""

from __future__ import annotations

import pytest

from services.metrics.tests.analyst import BOT, did
from services.metrics.tests.segmenting import Marketer


@pytest.fixture
def marketer(world_with_store):
    return Marketer(world_with_store)


async def test_whoever_bought_is_in_and_leaves_when_it_is_long_ago(marketer):
    await marketer.tell(
        did("u1", "buy", "02T10:00"),
        did("u1", "buy", "03T10:00"),
        did("u2", "buy", "03T10:00"),
        did("u3", "open", "03T10:00"),
        did("bot", "buy", "03T10:00", **BOT),
    )
    twice = {"type": "event", "event": "buy", "op": "ge", "count": 2, "within": "P30D"}
    marketer.at("04T00:00")

    segment = await marketer.segment(twice)

    assert await marketer.members(segment) == ["u1"]
    assert await marketer.told() == [("segment.entered", ["u1"])]
    # u1's first of the two was on the 2nd at 10:00: 30 days later it has left the window
    marketer.at("04-01T09:59")
    assert await marketer.members(segment) == ["u1"]
    marketer.at("04-01T10:00")
    assert await marketer.members(segment) == []
    assert await marketer.told() == [("segment.entered", ["u1"]), ("segment.left", ["u1"])]
