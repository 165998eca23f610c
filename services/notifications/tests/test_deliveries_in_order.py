"""The queue's rows of what is delivered again in order, put off, or tried again."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from opsloop_common.contracts.campaigns import CampaignPaused
from opsloop_common.db import Context
from opsloop_common.testing.events import make_event
from opsloop_notifications.deliveries import service as deliveries
from opsloop_notifications.deliveries.service import Missed

WORKER = uuid4()


def pause():
    return make_event(CampaignPaused(campaign_id=uuid4(), name="n"))


@pytest.fixture
def acting(acme):
    return lambda: acme.service.db.transaction(Context(workspace="acme"))


@pytest.fixture
async def queue(acting):
    """Return the rows of the queue in the order of their times."""

    async def read():
        async with acting() as session:
            rows = await session.execute(
                text(
                    "SELECT q.*, d.event_id, d.next_attempt_at, d.attempt_count FROM delivery_queue AS q "
                    "JOIN delivery AS d USING (id) ORDER BY q.due_at, q.id"
                )
            )
            return rows.all()

    return read


async def lost(acme, count):
    """Make events that were cancelled before they were tried."""
    events = [pause() for _ in range(count)]
    await acme.happen(*events)
    await acme.change(acme.hook, status="disabled")
    await acme.change(acme.hook, status="enabled")
    return [Missed(event.id, event.type, is_covered=True) for event in events]


async def in_order(acme, acting, events, **how):
    async with acting() as session:
        given = {"limit": 10, "untried_only": False} | how
        return await deliveries.deliver_in_order(session, UUID(acme.hook["id"]), events, **given)


async def test_they_stand_in_a_line_of_their_own_in_the_order_given_and_are_due(acme, acting, queue):
    events = await lost(acme, 5)
    unknown = Missed(uuid4(), "campaign.paused", is_covered=True)
    assert await in_order(acme, acting, [*events[::-1], unknown]) == (6, 6)
    new = pause()
    await acme.happen(new)

    rows = await queue()
    line = f"{acme.hook['id']} in order"
    assert [row.event_id for row in rows if row.group_key == line] == [
        *(event.id for event in events[::-1]),
        unknown.id,
    ]
    assert [row.event_id for row in rows if row.group_key == acme.hook["id"]] == [new.id]
    assert all(row.due_at <= acme.service.clock.now() for row in rows)


async def test_so_many_and_where_to_go_on(acme, acting):
    events = await lost(acme, 4)
    passed = [Missed(uuid4(), "campaign.paused", is_covered=False) for _ in range(3)]

    assert await in_order(acme, acting, [passed[0], events[0], passed[1], *events[1:]], limit=2) == (2, 4)
    assert await in_order(acme, acting, [*events[2:], passed[2]], limit=5) == (2, 3)
    assert await in_order(acme, acting, events, limit=5) == (0, 4), "each once"
    assert await in_order(acme, acting, [], limit=5) == (0, 0)


async def test_what_is_sent_again_by_hand_stands_with_first_attempts_again(acme, acting, queue):
    (event,) = await lost(acme, 1)
    await in_order(acme, acting, [event])
    (row,) = await queue()
    assert row.group_key != acme.hook["id"]

    await acme.post(f"/v1/deliveries/{row.id}/resend")

    assert [again.group_key for again in await queue()] == [acme.hook["id"]]


async def test_what_waits_in_any_line_ends_with_its_endpoint(acme, acting, queue):
    await in_order(acme, acting, await lost(acme, 2), limit=1)
    await acme.happen(pause(), pause())
    tried = next(row for row in await queue() if row.group_key == acme.hook["id"])
    async with acting() as session:
        await session.execute(
            text("UPDATE delivery_queue SET group_key = group_key || ' again' WHERE id = :id"), {"id": tried.id}
        )
    assert len({row.group_key for row in await queue()}) == 3

    await acme.change(acme.hook, status="disabled")

    assert await queue() == []


async def test_what_is_put_off_keeps_its_tries_and_only_its_owner_does_it(acme, acting, queue):
    await acme.happen(pause(), pause())
    mine, others = await queue()
    async with acting() as session:
        await session.execute(
            text("UPDATE delivery_queue SET owner = :owner, attempts = 1 WHERE id = :id"),
            {"owner": WORKER, "id": mine.id},
        )
    until = acme.service.clock.now() + timedelta(seconds=30)
    async with acme.service.db.transaction() as session:
        await deliveries.hold_back(session, {mine.id: until, others.id: until}, owner=WORKER)

    first, second = await queue()
    assert (first.id, first.due_at) == (others.id, others.due_at)
    assert (second.owner, second.attempts, second.tries, second.attempt_count) == (None, 0, 0, 0)
    assert second.due_at == second.next_attempt_at == until
