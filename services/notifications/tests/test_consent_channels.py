"""One question for every channel: what is composed for mail and inbox at once, and what alerts say."""

import pytest
from sqlalchemy import text

from opsloop_common.db import Context
from opsloop_common.ids import uuid7
from opsloop_notifications.consent.rules import ALERT, Send, Skip
from opsloop_notifications.messages.rules import EMAIL
from opsloop_notifications.messages.service import keep_message, tell

WORDS = [{"locale": "en", "email": {"subject": "S", "body": "B"}, "inbox": {"title": "T", "body": "B"}}]


@pytest.fixture
def compose(post):
    async def send(*users, topic="news", channels=("email", "inbox")):
        body = {"user_ids": list(users), "channels": list(channels), "contents": WORDS, "topic": topic}
        message = await post.call("POST", "/v1/messages", body)
        found = await post.call("GET", f"/v1/messages/{message['id']}/notifications")
        return {(row["user_id"], row["channel"]): row["reason"] or row["status"] for row in found["items"]}

    return send


async def entries(post, user):
    return [one["title"] for one in (await post.call("GET", f"/v1/recipients/{user}/inbox"))["items"]]


async def test_each_channel_of_a_message_has_its_own_reason(post, compose):
    for user in ("mail", "both"):
        await post.person(user)
    await post.person("listed")
    await post.call("POST", "/v1/suppressions", {"address": "listed@example.test"})
    wanted = [{"topic": "news", "channel": "inbox", "is_on": False}]
    await post.call("PUT", "/v1/recipients/mail/preferences", {"topics": wanted, "quiet_hours": None})

    assert await compose("mail", "both", "listed", "nobody") == {
        ("mail", "email"): "pending",
        ("mail", "inbox"): "unsubscribed",
        ("both", "email"): "pending",
        ("both", "inbox"): "sent",
        ("listed", "email"): "suppressed",
        ("listed", "inbox"): "sent",
        ("nobody", "email"): "no_address",
        ("nobody", "inbox"): "sent",
    }
    assert [await entries(post, user) for user in ("mail", "both", "listed")] == [[], ["T"], ["T"]]


async def test_a_message_by_two_channels_counts_once_in_a_throttle(post, compose):
    await post.topic("news", throttle={"count": 2, "window": "PT1H"})
    await post.person("u1")

    found = [await compose("u1") for _ in range(3)]

    assert [set(each.values()) for each in found] == [{"pending", "sent"}, {"pending", "sent"}, {"throttled"}]
    assert await entries(post, "u1") == ["T", "T"]


async def test_at_night_the_mail_waits_and_the_inbox_does_not(post, compose):
    await post.person("u1")
    await post.prefer("u1", quiet=("00:00", "23:59"))

    await compose("u1")

    assert await post.claim() == {}
    assert await entries(post, "u1") == ["T"]


async def test_alerts_pass_what_people_want_and_no_suppressed_address(post):
    for user in ("night", "left", "bounced"):
        await post.person(user)
    await post.prefer("night", quiet=("00:00", "23:59"))
    for user, reason in (("left", "unsubscribe"), ("bounced", "hard_bounce")):
        body = {"address": f"{user}@example.test", "reason": reason}
        await post.call("POST", "/v1/suppressions", body)
    message_id = uuid7()
    async with post.service.db.transaction(Context(workspace="acme")) as session:
        await keep_message(session, message_id, [{"locale": "en", "subject": "Down", "body": "B"}], topic=ALERT)
        await tell(session, message_id, EMAIL, ["night", "left", "bounced"])

    assert await post.claim() == {"night": Send(may_leave=False), "left": Send(may_leave=False)}
    async with post.service.db.transaction(Context(workspace="acme")) as session:
        rows = await session.execute(text("SELECT user_id, reason FROM notification WHERE reason IS NOT NULL"))
        assert [tuple(row) for row in rows] == [("bounced", Skip("suppressed").reason)]
