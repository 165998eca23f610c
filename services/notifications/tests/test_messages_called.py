"""Messages that are said by calls: gathered, throttled, counted and listed as those by mail are."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from opsloop_common.db import Context
from opsloop_common.testing.due import run_due
from opsloop_notifications.app import SERVICE
from services.notifications.tests.reaching import WORDS, dispatch_calls, said_to
from services.notifications.tests.test_calls import NEWS, claim, queued


async def test_what_is_gathered_is_said_as_one(reaching, work):
    bot = await reaching.chat("slack")
    await reaching.call("POST", "/v1/notification-topics", NEWS)
    await reaching.call("PUT", "/v1/recipients/u1", {"locale": "en"})
    wish = {"topic": "news", "channel": "chat", "is_on": True, "digest": {"every": "hour"}}
    await reaching.call("PUT", "/v1/recipients/u1/preferences", {"topics": [wish], "quiet_hours": None})
    held = [await reaching.say("u1", topic="news", data={"name": name}) for name in ("Ann", "Ben")]
    assert await queued(reaching) == []
    reaching.service.clock.advance(3_700)
    await run_due(reaching.service.db, SERVICE.due)
    (waiting,) = await queued(reaching)
    async with work(reaching.service, dispatch_calls):
        assert (await reaching.ended(str(waiting.message_id)))["status"] == "sent"

    assert {(await reaching.row(message))["status"] for message in held} == {"gathered"}
    assert "Hello Ann" in said_to(bot)
    assert "Hello Ben" in said_to(bot)
    assert len(bot.taken) == 1


async def test_what_is_paused_when_its_digest_goes_out_is_called_by_itself_later(reaching, work):
    bot = await reaching.chat("slack")
    await reaching.call("POST", "/v1/notification-topics", NEWS | {"digest": {"every": "hour"}})
    message = await reaching.say("u1", topic="news")
    await reaching.call("POST", f"/v1/messages/{message}/pause")
    reaching.service.clock.advance(3_700)
    await run_due(reaching.service.db, SERVICE.due)
    (waiting,) = await queued(reaching)
    assert (waiting.is_paused, waiting.group_key) == (True, "acme")
    async with work(reaching.service, dispatch_calls):
        await reaching.call("POST", f"/v1/messages/{message}/resume")
        assert (await reaching.ended(message))["status"] == "sent"

    assert len(bot.taken) == 1


async def test_a_message_counts_what_became_of_each_row(reaching, hook, work):
    await reaching.chat("slack")
    for user in ("u2", "u3"):
        await reaching.contact(user, kind="chat", channel_id=reaching.channel["id"])
    async with work(reaching.service, dispatch_calls):
        message = await reaching.say("u1", "u2", "u3", "nobody")

        async def is_over():
            shown = await reaching.call("GET", f"/v1/messages/{message}")
            return shown["counts"] if not shown["counts"]["pending"] else None

        counts = await reaching.until(is_over, "the end")
    assert counts == {"pending": 0, "sent": 3, "gathered": 0, "failed": 1, "cancelled": 0}
    failed = await reaching.call("GET", f"/v1/messages/{message}/notifications?status=failed")
    assert [(row["user_id"], row["reason"]) for row in failed["items"]] == [("nobody", "no_address")]


async def test_a_throttle_counts_a_message_once_whatever_its_channels(reaching):
    await reaching.chat("slack")
    await reaching.call("PUT", "/v1/recipients/u1", {"email": "u1@example.test"})
    await reaching.call("POST", "/v1/notification-topics", NEWS | {"throttle": {"count": 1, "window": "PT1H"}})
    words = [WORDS[0] | {"email": {"subject": "s", "body": "b"}}]
    first = await reaching.rows(await reaching.say("u1", channels=["chat", "email"], contents=words, topic="news"))
    second = await reaching.rows(await reaching.say("u1", channels=["chat", "email"], contents=words, topic="news"))

    assert {row["reason"] for row in first.values()} == {None}
    assert {row["reason"] for row in second.values()} == {"throttled"}


async def test_who_is_told_in_their_language(reaching, work):
    bot = await reaching.chat("slack")
    await reaching.call("PUT", "/v1/recipients/u1", {"locale": "zh-CN"})
    words = [*WORDS, {"locale": "zh", "chat": {"title": "您好 {{ name }}", "body": "好了"}}]
    async with work(reaching.service, dispatch_calls):
        row = await reaching.ended(await reaching.say("u1", contents=words))
    assert (row["locale"], "您好 Ann" in said_to(bot)) == ("zh", True)


async def test_a_template_says_it_by_each_channel_and_a_test_is_marked(reaching, work):
    bot = await reaching.chat("slack")
    template = {"key": "done", "name": "Done", "contents": WORDS, "sample": {"name": "Sam"}}
    shown = await reaching.call("POST", "/v1/templates", template)
    assert (shown["contents"][0]["chat"]["title"], shown["contents"][0]["email"]) == ("Hello {{ name }}", None)
    preview = await reaching.call("POST", "/v1/templates/done/preview", {})
    assert [(each["channel"], each["subject"]) for each in preview["previews"]] == [("chat", "Hello Sam")]
    await reaching.call("PUT", "/v1/recipients/u1", {})
    async with work(reaching.service, dispatch_calls):
        tested = await reaching.call("POST", "/v1/templates/done/test", {"user_id": "u1", "channels": ["chat"]})
        await reaching.ended(tested["id"])
    assert "[Test] Hello Sam" in said_to(bot)


@pytest.mark.parametrize("days", [29, 31])
async def test_what_is_old_is_forgotten_with_its_attempts(reaching, work, days):
    await reaching.chat("slack")
    async with work(reaching.service, dispatch_calls):
        message = await reaching.say("u1")
        await reaching.ended(message)
    reaching.service.clock.advance(timedelta(days=days).total_seconds())
    await run_due(reaching.service.db, SERVICE.due)
    async with reaching.service.db.transaction(Context(workspace="acme")) as session:
        kept = await session.scalar(text("SELECT count(*) FROM notification"))
        attempts = await session.scalar(text("SELECT count(*) FROM call_attempt"))
    assert kept == attempts


async def test_what_people_may_not_miss_is_called_before_a_campaign(reaching):
    await reaching.chat("slack")
    await reaching.call("POST", "/v1/notification-topics", NEWS | {"key": "outage", "is_critical": True})
    for _ in range(3):
        await reaching.say("u1")
    reaching.service.clock.advance(1)
    outage = await reaching.say("u1", topic="outage")

    (first,) = await claim(reaching, per_channel=1)

    assert str(first.message_id) == outage
