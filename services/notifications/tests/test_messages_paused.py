"""A message is paused and goes on: what waits, what is still asked for, and what is on its way."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from opsloop_common.contracts.campaigns import MessageContent, MessageRequested
from opsloop_common.db import Context
from opsloop_common.testing.events import deliver, make_event
from opsloop_common.testing.http import settings_for_tests
from opsloop_notifications.app import SERVICE
from opsloop_notifications.messages.consumers import MESSAGES
from opsloop_notifications.messages.service import QUEUE_TABLE
from opsloop_notifications.posting.timers import dispatch_mails
from opsloop_notifications.settings import NotificationsSettings
from services.notifications.tests.conftest import Post

HELLO = MessageContent(locale="en", subject="Hello", body="hello")


class Telling:
    """A message that is told to more and more people."""

    def __init__(self, service, key, script):
        self.service, self.post, self.script, self.id = service, Post(service, key), script, uuid4()

    async def tell(self, *users):
        for user in users:
            await self.post.person(user)
        data = MessageRequested(
            campaign_id=uuid4(), message_id=self.id, channel="email", user_ids=list(users), contents=[HELLO]
        )
        await deliver(self.service.db, MESSAGES, make_event(data))

    async def say(self, what, status=200):
        return await self.post.call("POST", f"/v1/messages/{self.id}/{what}", status=(status,))

    async def counts(self):
        return (await self.post.call("GET", f"/v1/messages/{self.id}"))["counts"]

    async def are_sent(self, count):
        return (await self.counts())["sent"] == count

    async def due(self):
        async with self.service.db.transaction(Context(workspace="acme")) as session:
            return list(await session.scalars(text("SELECT due_at FROM notification_queue")))

    def advance(self, seconds):
        self.service.clock.advance(seconds)
        self.service.db.wakeups.fire(QUEUE_TABLE)


@pytest.fixture
async def telling(api, script):
    service = await api(SERVICE, settings_for_tests(NotificationsSettings, smtp_url=script.url))
    return Telling(service, await service.key(), script)


async def test_what_waits_and_what_is_asked_for_later_waits_until_it_goes_on(telling, work, until):
    await telling.tell("u1", "u2")
    paused = await telling.say("pause")
    await telling.tell("u3")
    assert paused["paused_at"] is not None
    assert await telling.due() == [None] * 3

    async with work(telling.service, dispatch_mails):
        other = await telling.post.send("u1")  # another message goes on
        await until(lambda: telling.script.taken, "the other is sent")
        telling.advance(3_600)
        assert await telling.counts() == {"pending": 3, "sent": 0, "gathered": 0, "failed": 0, "cancelled": 0}

        resumed = await telling.say("resume")
        await until(lambda: telling.are_sent(3), "it goes on")

    assert resumed["paused_at"] is None
    assert len(telling.script.taken) == 3 + len(other)


async def test_again_changes_nothing_and_is_told_once(telling):
    await telling.tell("u1")

    first, second = await telling.say("pause"), await telling.say("pause")
    for _ in range(2):
        await telling.say("resume")

    assert first == second
    assert await telling.due() == [telling.service.clock.now()]
    log = await telling.post.call("GET", f"/v1/audit?subject=message/{telling.id}")
    assert [entry["action"] for entry in log["items"]] == ["message.resumed", "message.paused"]


async def test_a_try_that_fails_while_it_is_paused_waits_with_the_others(telling, work, until):
    await telling.tell("u1")
    telling.script.answers["u1@example.test"] = b"451 4.2.1 try later"
    async with work(telling.service, dispatch_mails):
        async with telling.service.db.transaction(Context(workspace="acme")) as session:
            await session.execute(text("UPDATE notification_queue SET is_paused = true"))  # as while it is on its way

        async def is_tried():
            (row,) = (await telling.post.call("GET", "/v1/notifications"))["items"]
            return row["attempt_count"]

        await until(is_tried, "tried")

    assert await telling.due() == [None]


async def test_each_goes_on_at_their_time(telling):
    await telling.post.person("u1")
    now = telling.service.clock.now()
    start, end = (now - timedelta(hours=1)).strftime("%H:%M"), (now + timedelta(hours=2)).strftime("%H:%M")
    await telling.post.prefer("u1", quiet=(start, end))
    await telling.tell("u1")
    (due,) = await telling.due()
    assert due > now

    await telling.say("pause")
    await telling.say("resume")

    assert await telling.due() == [due]


async def test_what_is_paused_can_be_taken_back(telling):
    await telling.tell("u1", "u2")
    await telling.say("pause")

    assert (await telling.say("cancel"))["cancelled"] == 2
    assert await telling.due() == []


async def test_one_that_is_not_there(telling):
    for what in ("pause", "resume"):
        await telling.say(what, 404)
