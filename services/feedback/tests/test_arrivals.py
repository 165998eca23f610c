"""New posts are seen to once, in whatever order and however often they are heard of, and one bad event leaves nothing behind."""

import asyncio
from uuid import uuid4

import pytest
from pydantic import ValidationError

from opsloop_common.testing.events import deliver
from opsloop_feedback.arrivals.consumers import ARRIVALS

BODY = "Payment fails ever since version 5"


async def states(desk, ids):
    return [(await desk.get(f"/v1/feedback/{id}"))["status"] for id in ids]


async def test_repeats_join_the_first_whatever_order_they_are_heard_of(desk):
    ids = [(await desk.post(body=BODY))["id"] for _ in range(4)]
    events = await desk.api.events()

    for event in reversed(events):
        await deliver(desk.api.db, ARRIVALS, event)
    for event in events:
        await deliver(desk.api.db, ARRIVALS, event.model_copy(update={"id": uuid4()}))

    assert sorted(await states(desk, ids)) == ["merged", "merged", "merged", "new"]
    assert {(await desk.get(f"/v1/feedback/{id}"))["affected_users"] for id in ids} == {1, 4}
    assert (await desk.types()).count("feedback.merged") == 3


async def test_batches_at_once_join_each_post_once(desk):
    first = await desk.post(body=BODY)
    await deliver(desk.api.db, ARRIVALS, *await desk.api.events())
    ids = [(await desk.post(body=BODY, author={"user_id": f"u{at}"}))["id"] for at in range(6)]
    events = (await desk.api.events())[-6:]

    await asyncio.gather(*(deliver(desk.api.db, ARRIVALS, *events[at : at + 2]) for at in (0, 2, 4)))

    assert set(await states(desk, ids)) == {"merged"}
    assert (await desk.get(f"/v1/feedback/{first['id']}"))["affected_users"] == 7
    assert (await desk.types()).count("feedback.merged") == 6


async def test_a_burst_in_batches_at_once_is_one_however_they_meet(desk):
    for round in range(3):
        ids = [(await desk.post(body=f"{BODY}.{round}", author={"user_id": f"u{at}"}))["id"] for at in range(8)]
        events = (await desk.api.events())[-8:]
        received = [event for event in await desk.api.events() if event.data["feedback_id"] in ids]
        assert len(received) == len(events) == 8

        await asyncio.gather(*(deliver(desk.api.db, ARRIVALS, *received[at::4]) for at in (3, 1, 0, 2)))

        assert sorted(await states(desk, ids)) == ["merged"] * 7 + ["new"]


async def test_poison_leaves_nothing_and_strangers_events_touch_nobody(desk):
    ids = [(await desk.post(body=BODY))["id"] for _ in range(2)]
    one, two = await desk.api.events()
    poison = two.model_copy(update={"data": {"feedback_id": None}, "id": uuid4()})
    foreign = [each.model_copy(update={"workspace": "other", "id": uuid4()}) for each in (one, two)]

    with pytest.raises(ValidationError):
        await deliver(desk.api.db, ARRIVALS, one, two, poison)
    await deliver(desk.api.db, ARRIVALS, *foreign)

    assert await states(desk, ids) == ["new", "new"]
    assert not ARRIVALS.wants("feedback.classified")
