"""What waits to be called: in which queue, until when, and what takes it back."""

from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from opsloop_common.contracts.users import UserErased
from opsloop_common.db import Context
from opsloop_common.due.port import Ask
from opsloop_common.entry import enter_every_workspace
from opsloop_common.testing.events import deliver, make_event
from opsloop_notifications.calls import service as calls
from opsloop_notifications.calls.service import Attempt, Tried
from opsloop_notifications.messages.consumers import ERASURES
from opsloop_notifications.posting.timers import dispatch_mails
from services.notifications.tests.reaching import WORDS, dispatch_calls

BOTH = [
    {
        "locale": "en",
        "chat": {"body": "Hello"},
        "email": {"subject": "s", "body": "b"},
        "inbox": {"title": "t", "body": "b"},
    }
]
NEWS = {"key": "news", "name": "News"}


async def queued(reaching):
    async with reaching.service.db.transaction(Context(workspace="acme")) as session:
        return (await session.execute(text("SELECT * FROM call_queue ORDER BY id"))).all()


async def claim(reaching, owner=None, *, per_channel=64, **fields):
    given = {
        "now": reaching.service.clock.now(),
        "owner": owner or uuid4(),
        "limit": 100,
        "share": 100,
        "full": [],
        "held": {},
    }
    async with reaching.service.db.transaction() as session:
        return await calls.claim(session, Ask(**given | fields), per_channel=per_channel)


async def record(reaching, tried, owner):
    async with reaching.service.db.transaction() as session:
        return await calls.record(session, tried, owner=owner)


async def test_each_channel_has_a_queue_of_its_own_and_mail_another(reaching):
    await reaching.chat("slack")
    await reaching.call("PUT", "/v1/recipients/u1", {"email": "u1@example.test"})
    message = await reaching.say("u1", channels=["chat", "email", "inbox"], contents=BOTH)

    (waiting,) = await queued(reaching)
    rows = await reaching.rows(message)
    assert (str(waiting.id), waiting.group_key) == (rows["u1", "chat"]["id"], reaching.channel["id"])
    assert {channel: row["status"] for (_, channel), row in rows.items()} == {
        "chat": "pending",
        "email": "pending",
        "inbox": "sent",
    }
    async with reaching.service.db.transaction(Context(workspace="acme")) as session:
        assert await session.scalar(text("SELECT count(*) FROM notification_queue")) == 1


async def test_a_repeated_request_calls_nobody_twice(reaching, work):
    bot = await reaching.chat("slack")
    body = {"user_ids": ["u1", "u1"], "channels": ["chat"], "contents": WORDS, "data": {"name": "Ann"}}
    headers = reaching.key | {"Idempotency-Key": "once"}
    for _ in range(2):
        answer = await reaching.service.client.post("/v1/messages", json=body, headers=headers)
        assert answer.status_code == 201, answer.text
    async with work(reaching.service, dispatch_calls):
        await reaching.ended(answer.json()["id"])

    assert len(bot.taken) == 1


@pytest.mark.parametrize("channel", ["chat", "sms", "push"])
async def test_without_such_a_channel_each_row_says_so(reaching, channel):
    words = {"chat": {"body": "b"}, "sms": {"body": "b"}, "push": {"title": "t", "body": "b"}}
    message = await reaching.say("u1", channels=[channel], contents=[{"locale": "en", channel: words[channel]}])
    row = await reaching.row(message)
    assert (row["status"], row["reason"]) == ("failed", "channel_not_configured")
    (told,) = [event.data for event in await reaching.service.events() if event.type == "notification.failed"]
    assert told["reason"] == "channel_not_configured"


async def test_who_has_no_such_contact_has_no_address(reaching):
    await reaching.chat("slack")
    row = await reaching.row(await reaching.say("somebody"))
    assert (row["status"], row["reason"]) == ("failed", "no_address")
    assert await queued(reaching) == []


async def test_words_that_are_lacking_are_refused(reaching):
    await reaching.chat("slack")
    body = {"user_ids": ["u1"], "channels": ["sms"], "contents": WORDS, "data": {"name": "x"}}
    problem = await reaching.call("POST", "/v1/messages", body, 422)
    assert problem["errors"][0]["pointer"] == "/channels/0"


async def test_what_waits_is_paused_resumed_and_taken_back(reaching, work):
    bot = await reaching.chat("slack")
    message = await reaching.say("u1")
    await reaching.call("POST", f"/v1/messages/{message}/pause")
    (waiting,) = await queued(reaching)
    assert (waiting.is_paused, waiting.due_at) == (True, None)
    async with work(reaching.service, dispatch_calls):
        other = await reaching.say("u1")
        await reaching.ended(other)
        assert len(bot.taken) == 1
        await reaching.call("POST", f"/v1/messages/{message}/resume")
        assert (await reaching.ended(message))["status"] == "sent"

    third = await reaching.say("u1")
    assert (await reaching.call("POST", f"/v1/messages/{third}/cancel"))["cancelled"] == 1
    assert (await reaching.row(third))["status"] == "cancelled"
    assert await queued(reaching) == []
    assert (await reaching.call("POST", f"/v1/messages/{third}/cancel"))["cancelled"] == 0


async def test_in_quiet_hours_it_waits_until_they_end(reaching, work):
    bot = await reaching.chat("slack")
    await reaching.call("PUT", "/v1/recipients/u1", {"time_zone": "UTC"})
    now = reaching.service.clock.now()
    quiet = {"start": f"{now - timedelta(hours=1):%H:%M}", "end": f"{now + timedelta(hours=2):%H:%M}"}
    await reaching.call("PUT", "/v1/recipients/u1/preferences", {"topics": [], "quiet_hours": quiet})
    async with work(reaching.service, dispatch_calls):
        message = await reaching.say("u1")
        row = await reaching.row(message)
        until = datetime.fromisoformat(row["deferred_until"])
        assert (row["status"], until - now > timedelta(hours=1)) == ("pending", True)
        paused = await reaching.call("POST", f"/v1/messages/{message}/pause")
        assert paused["paused_at"] is not None
        await reaching.call("POST", f"/v1/messages/{message}/resume")
        (waiting,) = await queued(reaching)
        assert waiting.due_at == until
        reaching.advance(timedelta(hours=2, minutes=1))
        assert (await reaching.ended(message))["status"] == "sent"

    assert len(bot.taken) == 1


async def test_what_a_person_does_not_want_is_not_called(reaching, work):
    bot = await reaching.chat("slack")
    await reaching.call("POST", "/v1/notification-topics", NEWS)
    await reaching.call("PUT", "/v1/recipients/u1", {})
    waiting = await reaching.say("u1", topic="news")
    wish = {"topic": "news", "channel": "chat", "is_on": False}
    await reaching.call("PUT", "/v1/recipients/u1/preferences", {"topics": [wish], "quiet_hours": None})
    later = await reaching.say("u1", topic="news")
    async with work(reaching.service, dispatch_calls):
        row = await reaching.ended(waiting)

    assert (row["reason"], (await reaching.row(later))["reason"]) == ("unsubscribed", "unsubscribed")
    assert (row["attempt_count"], bot.taken) == (0, [])


async def test_a_claim_that_no_longer_holds_records_nothing(reaching):
    await reaching.chat("slack")
    message = await reaching.say("u1")
    mine, other = uuid4(), uuid4()
    (row,) = await claim(reaching, mine)
    assert await claim(reaching, other) == []
    attempt = Attempt(row.id, "acme", uuid4(), None, reaching.service.clock.now(), 5, "sent", 200, None, None, None)

    assert await record(reaching, [Tried(row.id, None, True, None, [attempt])], other) == set()
    assert await reaching.attempts(message) == []
    assert await record(reaching, [Tried(row.id, None, True, None, [attempt])], mine) == {row.id}
    assert await record(reaching, [Tried(row.id, None, True, None, [attempt])], mine) == set()
    assert len(await reaching.attempts(message)) == 1
    assert await queued(reaching) == []


async def test_workspaces_take_turns_and_so_do_channels(reaching):
    await reaching.chat("slack")
    busy = reaching.channel["id"]
    for number in range(80):
        await reaching.contact(f"p{number}", kind="chat", channel_id=busy)
    quiet = await reaching.add("teams", url="https://example.com/hook")
    await reaching.contact("q1", kind="chat", channel_id=quiet["id"])
    await reaching.say(*(f"p{number}" for number in range(80)))
    await reaching.say("q1")

    claimed = await claim(reaching)
    assert {row.group_key for row in claimed} == {busy, quiet["id"]}
    assert sum(row.group_key == busy for row in claimed) == 64
    assert await claim(reaching, full=["acme"]) == []


async def test_gauges_tell_what_waits(reaching):
    await reaching.chat("slack")
    await reaching.say("u1")
    async with reaching.service.db.transaction() as session:
        await enter_every_workspace(session)
        assert (await calls.waiting(session, reaching.service.clock.now()))[:2] == (1, 0)


async def test_who_is_erased_is_called_no_more(reaching, work):
    bot = await reaching.chat("slack")
    await reaching.contact("u2", kind="chat", channel_id=reaching.channel["id"])
    async with work(reaching.service, dispatch_calls):
        done = await reaching.say("u1", contents=[{"locale": "en", "chat": {"body": "private words"}}])
        await reaching.ended(done)
    waiting = await reaching.say("u1", "u2")
    await deliver(
        reaching.service.db, ERASURES, make_event(UserErased(erasure_id=uuid4(), user_id="u1", user_ids=["u1"]))
    )

    assert {user for user, _ in await reaching.rows(waiting)} == {"u2"}
    (left,) = await queued(reaching)
    assert str(left.id) == (await reaching.rows(waiting))["u2", "chat"]["id"]
    async with reaching.service.db.transaction(Context(workspace="acme")) as session:
        assert await session.scalar(text("SELECT count(*) FROM call_attempt")) == 0
        kept = str((await session.execute(text("SELECT m::text FROM message AS m"))).all())
    assert "private words" not in kept
    assert len(bot.taken) == 1


async def test_mail_goes_on_while_a_chat_waits(reaching, work):
    await reaching.chat("slack", most=0)
    await reaching.call("PUT", "/v1/recipients/u1", {"email": "u1@example.test"})
    async with work(reaching.service, dispatch_calls, dispatch_mails):
        message = await reaching.say("u1", channels=["chat", "email"], contents=BOTH)

        async def mailed():
            row = (await reaching.rows(message))["u1", "email"]
            return row if row["status"] != "pending" else None

        row = await reaching.until(mailed, "the mail's end")
    assert row["reason"] == "smtp_not_configured"
    assert (await reaching.rows(message))["u1", "chat"]["status"] == "pending"
    assert "u1@example.test" not in str(await reaching.rows(message))
