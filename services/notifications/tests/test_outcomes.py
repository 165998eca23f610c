"""What became of messages: one that is taken back stays so, whatever is asked for or comes back later."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from opsloop_common.contracts.campaigns import MessageChanged
from opsloop_common.db import Context
from opsloop_common.due.port import Ask
from opsloop_common.testing.events import deliver, make_event
from opsloop_notifications.messages.consumers import MESSAGES
from opsloop_notifications.messages.service import MailResult, claim_mails, record_mails
from services.notifications.tests.test_messages_paused import Telling, telling

__all__ = ["telling"]
NONE = {"pending": 0, "sent": 0, "gathered": 0, "failed": 0, "cancelled": 0}


class Server:
    """A mail server that takes its time: what it claimed is on its way until it says what came of it."""

    def __init__(self, telling: Telling) -> None:
        self.telling, self.db, self.owner = telling, telling.service.db, uuid4()

    async def claim(self):
        ask = Ask(now=self.telling.service.clock.now(), owner=self.owner, limit=100, share=100, full=[], held={})
        async with self.db.transaction() as session:
            return await claim_mails(session, ask, per_workspace=100)

    async def answers(self, mails, *, later=False):
        again = self.telling.service.clock.now() + timedelta(minutes=10) if later else None
        detail = "451 later" if later else None
        async with self.db.transaction() as session:
            results = [MailResult(mail, None, detail, again) for mail in mails]
            await record_mails(session, results, owner=self.owner)


@pytest.fixture
def server(telling):
    return Server(telling)


async def test_what_is_asked_for_after_it_was_taken_back_is_taken_back(telling):
    await telling.tell("u1")
    assert await telling.say("cancel") == {"cancelled": 1}

    for _ in range(2):
        await telling.tell("u1", "u2")

    assert await telling.counts() == NONE | {"cancelled": 2}
    assert await telling.due() == []


async def test_taken_back_twice_is_told_once(telling):
    await telling.tell("u1")

    first, second = await telling.say("cancel"), await telling.say("cancel")

    assert (first, second) == ({"cancelled": 1}, {"cancelled": 0})
    log = await telling.post.call("GET", f"/v1/audit?subject=message/{telling.id}")
    assert [entry["action"] for entry in log["items"]] == ["message.cancelled"]
    shown = await telling.post.call("GET", f"/v1/messages/{telling.id}")
    assert shown["cancelled_at"] is not None


async def test_what_is_on_its_way_and_does_not_get_out_is_not_tried_again(telling, server):
    await telling.tell("u1")
    mails = await server.claim()
    assert await telling.say("cancel") == {"cancelled": 0}

    await server.answers(mails, later=True)

    assert await telling.counts() == NONE | {"cancelled": 1}
    assert await telling.due() == []
    assert [event.type for event in await telling.service.events() if event.type.startswith("notification.")] == []


async def test_what_is_on_its_way_and_gets_out_was_sent(telling, server):
    await telling.tell("u1")
    mails = await server.claim()
    await telling.say("cancel")

    await server.answers(mails)

    assert await telling.counts() == NONE | {"sent": 1}


async def test_what_was_on_its_way_at_a_crash_is_not_sent(telling, server):
    await telling.tell("u1")
    await server.claim()
    await telling.say("cancel")
    async with telling.service.db.transaction(Context(workspace="acme")) as session:
        await session.execute(
            text("UPDATE notification_queue SET owner = NULL, claimed_at = NULL")
        )  # its process ended

    (mail,) = await server.claim()
    assert mail.decision.until == telling.service.clock.now()  # it is not handed over
    await server.answers([mail], later=True)

    assert await telling.counts() == NONE | {"cancelled": 1}
    assert await telling.due() == []


async def test_what_was_paused_and_taken_back_does_not_go_on(telling):
    await telling.tell("u1")
    await telling.say("pause")
    await telling.say("cancel")

    await telling.say("resume")
    await telling.tell("u2")

    assert await telling.counts() == NONE | {"cancelled": 2}
    assert await telling.due() == []


async def test_each_status_and_reason_channel_and_topic_is_asked_for(post):
    await post.person("u1")
    await post.send("u1", "nobody")

    async def users(**query):
        answer = await post.service.client.get("/v1/notifications", params=query, headers=post.key)
        assert answer.status_code == 200, answer.text
        return [item["user_id"] for item in answer.json()["items"]]

    for status in NONE:
        expected = {"pending": ["u1"], "failed": ["nobody"]}.get(status, [])
        assert await users(status=status) == expected
    assert await users(reason="no_address") == ["nobody"]
    assert await users(reason="rejected") == []
    assert sorted(await users(channel="email", topic="general")) == ["nobody", "u1"]
    assert await users(channel="sms") == await users(topic="news") == []


async def test_what_is_no_status_reason_or_channel_is_said_so(post):
    for query in ({"status": "gone"}, {"reason": "gone"}, {"channel": "pigeon"}, {"topic": "No Topic"}):
        answer = await post.service.client.get("/v1/notifications", params=query, headers=post.key)
        assert answer.status_code == 422, query


async def test_progress_is_counted_in_an_index(telling):
    await telling.tell("u1")
    statement = (
        "EXPLAIN SELECT message_id, status, count(*) FROM notification WHERE workspace = 'acme' AND message_id = ANY(:ids) "
        "GROUP BY message_id, status"
    )
    async with telling.service.db.transaction(Context(workspace="acme")) as session:
        await session.execute(text("SET LOCAL enable_seqscan = off"))
        await session.execute(text("SET LOCAL enable_bitmapscan = off"))
        plan = "\n".join(await session.scalars(text(statement), {"ids": [telling.id]}))

    assert "Index Only Scan using ix_notification_message" in plan


async def test_nobody_takes_back_what_is_not_theirs(telling):
    await telling.tell("u1")
    other = await telling.service.key(workspace="other")

    for id, key in ((uuid4(), telling.post.key), (telling.id, other)):
        answer = await telling.service.client.post(f"/v1/messages/{id}/cancel", headers=key)
        assert answer.status_code == 404

    assert await telling.counts() == NONE | {"pending": 1}


async def says(telling, *said):
    """Deliver what a campaign says of the message, in this order; returns how many were new."""
    for state, sequence in said:
        changed = MessageChanged(campaign_id=uuid4(), message_id=telling.id, state=state)
        event = make_event(changed).model_copy(update={"sequence": sequence})
        for _ in range(2):  # and a second time
            await deliver(telling.service.db, MESSAGES, event)


async def test_a_campaign_that_is_paused_and_goes_on_takes_what_it_asked_for_along(telling):
    await telling.tell("u1")

    await says(telling, ("paused", 2))
    await telling.tell("u2")
    assert await telling.due() == [None, None]

    await says(telling, ("going", 3))
    assert await telling.due() == [telling.service.clock.now()] * 2


async def test_a_campaign_that_is_cancelled_takes_back_what_it_asked_for(telling):
    await telling.tell("u1", "u2")

    await says(telling, ("paused", 2), ("cancelled", 3))

    assert await telling.counts() == NONE | {"cancelled": 2}
    assert await telling.due() == []


async def test_the_last_word_of_a_campaign_counts_in_whatever_order_it_is_heard(telling):
    await telling.tell("u1")

    await says(telling, ("going", 5), ("paused", 4))

    assert await telling.due() == [telling.service.clock.now()]


@pytest.mark.parametrize(("state", "counted"), [("paused", "pending"), ("cancelled", "cancelled")])
async def test_what_a_campaign_says_before_anything_was_asked_for_counts(telling, state, counted):
    await says(telling, (state, 1))

    await telling.tell("u1")
    assert await telling.counts() == NONE | {counted: 1}

    await says(telling, ("going", 2))
    expected = [telling.service.clock.now()] if state == "paused" else []
    assert await telling.due() == expected
