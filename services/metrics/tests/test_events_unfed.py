"""Which stored events have not been brought to others: said row by row, each workspace its own."""

from uuid import uuid4

from opsloop_common.db import Context
from opsloop_metrics.events import service


async def unfed(world, workspace="acme", limit=100):
    async with world.api.db.transaction(Context(workspace)) as session:
        return await service.some_unfed(session, limit=limit)


async def mark(world, ids, workspace="acme"):
    async with world.api.db.transaction(Context(workspace)) as session:
        await service.mark_fed(session, ids)


async def test_all_are_until_they_are_marked(world):
    await world.hear_now(*(world.received(user=f"u{place}") for place in range(5)))
    found = await unfed(world)
    assert {each.user_id for each in found} == {f"u{place}" for place in range(5)}
    assert (found[0].type, found[0].at, found[0].data["severity"]) == ("feedback.received", world.now, "s1")

    await mark(world, [each.event_id for each in found[:2]])

    assert await unfed(world) == found[2:]
    assert await unfed(world, limit=1) == found[2:3]


async def test_marking_another_workspaces_event_or_none_marks_nothing(world):
    await world.hear_now(world.received(), world.received(workspace="other"))
    [ours], [theirs] = await unfed(world), await unfed(world, "other")
    await mark(world, [theirs.event_id, uuid4()])
    await mark(world, [])
    assert (await unfed(world), await unfed(world, "other")) == ([ours], [theirs])


async def test_an_event_that_is_heard_again_stays_marked(world):
    event = world.received()
    await world.hear_now(event)
    [found] = await unfed(world)
    await mark(world, [found.event_id])
    async with world.api.db.transaction(Context("acme")) as session:
        await service.record(session, [event])
    assert await unfed(world) == []
