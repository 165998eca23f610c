"""Annotations around a time, for whoever shows what happened then."""

from datetime import UTC, datetime, timedelta

import pytest

from opsloop_common.db import Context
from opsloop_metrics.annotations import service
from opsloop_metrics.annotations.rules import AnnotationSource

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


async def around(world, *, most=20, workspace="acme"):
    async with world.api.db.transaction(Context(workspace=workspace)) as session:
        found = await service.around(session, NOON, NOON - 3 * HOUR, NOON + 3 * HOUR, most=most)
    return [(each.text, each.source) for each in found]


@pytest.mark.parametrize(("most", "wanted"), [(20, ["-3", "-1", "0", "2"]), (3, ["-1", "0", "2"]), (1, ["0"])])
async def test_the_nearest_are_told_by_time(world, most, wanted):
    for hours in (2, -4, 0, 3, -1, -3):  # the end is not within, the start is
        await world.post("/v1/annotations", {"at": (NOON + hours * HOUR).isoformat(), "text": f"{hours}"})

    assert await around(world, most=most) == [(text, AnnotationSource.PERSON) for text in wanted]
    assert await around(world, workspace="other") == []


async def test_where_nothing_was_noted_nothing_is_around(world):
    assert await around(world) == []
