"""What was put aside of people who were erased is there still, says nothing of them, and can be played."""

from uuid import uuid4

from sqlalchemy import text

from opsloop_common.contracts.envelope import Event
from opsloop_common.contracts.users import UserContactChanged
from opsloop_common.db import Context
from opsloop_common.inbox import forgetting, holding
from opsloop_common.inbox.delivery import Delivery
from opsloop_common.testing.events import make_event
from opsloop_common.testing.sample.service import SAMPLE


async def park(db, user_id, workspace="acme"):
    told = UserContactChanged(contact_id=uuid4(), user_id=user_id, email="me@example.test")
    event = make_event(told, workspace=workspace)
    delivery = Delivery("metrics", f"here@{event.id}", event.to_bytes(), event)
    await holding.park(db, "broken", delivery, event, error=ValueError("no me@example.test"), attempts=1)
    return event


async def parked(db):
    async with db.transaction() as session:
        rows = await session.execute(text("SELECT event_id, body, reason, status FROM parked_event"))
        return {row.event_id: (row.body, row.reason, row.status) for row in rows}


async def test_only_of_the_workspace_and_only_who_is_named(make_database):
    db = await make_database(SAMPLE)
    gone, like, other, foreign = [await park(db, *who) for who in [("用户",), ("用户2",), ("v",), ("用户", "other")]]
    async with db.transaction() as session:
        await holding.park_unreadable(db, "broken", Delivery("metrics", "here@1", '"用户"'.encode(), None))
        before = await parked(db)

    async with db.transaction(Context("acme")) as session:
        await forgetting.forget(session, ["用户", "nobody"])

    after = await parked(db)
    assert {id: after[id] for id in after if id != gone.id} == {id: before[id] for id in before if id != gone.id}
    assert {like.id, other.id, foreign.id, None} == after.keys() - {gone.id}
    body, reason, status = after[gone.id]
    event = Event.from_bytes(body)
    assert (reason, status, event.sequence) == ("ValueError", "failed", gone.sequence)
    assert event.parse(UserContactChanged).model_dump(exclude={"contact_id", "is_gone"}) == {
        "user_id": f"erased-{gone.id}", "email": None, "locale": None, "full_name": None, "claim": None,
        "said_at": None, "source": "traits",
    }  # fmt: skip
