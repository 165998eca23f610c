"""One table of cases for all chats, against bots that hold callers to signature, size, rate and errors inside a 200."""

import asyncio
from datetime import datetime, timedelta

import pytest
from aiohttp import web

from opsloop_common.outbound.rules import AddressPolicy
from services.notifications.tests.reaching import CHATS, SIGNED, dispatch_calls, said_to

LONG = [{"locale": "en", "chat": {"title": "t" * 400, "body": "好" * 1_999, "url": "https://shop.test/a"}}]


@pytest.mark.parametrize("kind", CHATS)
async def test_a_message_is_shown_in_the_chat_and_is_sent(reaching, work, kind):
    bot = await reaching.chat(kind)
    async with work(reaching.service, dispatch_calls):
        message = await reaching.say("u1")
        row = await reaching.ended(message)

    assert (row["status"], row["reason"], row["attempt_count"]) == ("sent", None, 1)
    assert len(bot.taken) == 1
    assert "Hello Ann" in said_to(bot)
    assert "https://shop.test/a" in said_to(bot)
    (attempt,) = await reaching.attempts(message)
    assert (attempt["outcome"], attempt["channel_id"]) == ("sent", reaching.channel["id"])
    (told,) = [event.data for event in await reaching.service.events() if event.type == "notification.sent"]
    assert (told["user_id"], told["channel"]) == ("u1", "chat")


@pytest.mark.parametrize("kind", CHATS)
async def test_what_is_too_long_is_cut_before_the_call(reaching, work, kind):
    bot = await reaching.chat(kind)
    async with work(reaching.service, dispatch_calls):
        row = await reaching.ended(await reaching.say("u1", contents=LONG))

    assert row["status"] == "sent"
    assert "https://shop.test/a" in said_to(bot)


@pytest.mark.parametrize("kind", SIGNED)
async def test_a_wrong_signature_fails_for_good(reaching, work, kind):
    await reaching.chat(kind, secret="another")
    async with work(reaching.service, dispatch_calls):
        row = await reaching.ended(await reaching.say("u1"))

    assert (row["status"], row["reason"], row["attempt_count"]) == ("failed", "rejected", 1)
    assert "sign" in row["detail"]


@pytest.mark.parametrize("kind", CHATS)
async def test_a_token_that_is_not_valid_fails_for_good(reaching, work, kind):
    bot = await reaching.chat(kind, access="another")
    async with work(reaching.service, dispatch_calls):
        message = await reaching.say("u1")
        row = await reaching.ended(message)

    assert (row["status"], row["reason"]) == ("failed", "rejected")
    assert bot.taken == []
    assert row["detail"]
    assert len(await reaching.attempts(message)) == 1


@pytest.mark.parametrize(
    ("kind", "seconds"), [("slack", 60), ("teams", 60), ("feishu", 60), ("dingtalk", 600), ("wecom", 60)]
)
async def test_who_gets_too_much_is_called_later(reaching, work, kind, seconds):
    bot = await reaching.chat(kind, most=0)
    async with work(reaching.service, dispatch_calls):
        message = await reaching.say("u1")
        (attempt,) = await reaching.tried(message)
        assert attempt["outcome"] == "later"
        bot.most = 1_000
        reaching.advance(seconds - 1)
        assert (await reaching.row(message))["status"] == "pending"
        reaching.advance(seconds + 60)
        row = await reaching.ended(message)

    assert (row["status"], row["attempt_count"], len(bot.taken)) == ("sent", 2, 1)


@pytest.mark.parametrize("kind", CHATS)
@pytest.mark.parametrize("status", [500, 503, 408])
async def test_a_fault_of_theirs_is_tried_again(reaching, hook, work, kind, status):
    bot = await reaching.chat(kind)
    hook.answer = status
    async with work(reaching.service, dispatch_calls):
        message = await reaching.say("u1")
        await reaching.tried(message)
        hook.answer = bot.answer
        reaching.advance(90)
        row = await reaching.ended(message)

    outcomes = [(attempt["outcome"], attempt["status_code"]) for attempt in await reaching.attempts(message)]
    assert (row["status"], outcomes) == ("sent", [("later", status), ("sent", 202 if kind == "teams" else 200)])


@pytest.mark.parametrize("kind", CHATS)
async def test_a_redirect_is_not_followed(reaching, hook, work, kind):
    await reaching.chat(kind)

    async def elsewhere(request):
        return web.Response(status=302, headers={"Location": hook.url})

    hook.answer = elsewhere
    async with work(reaching.service, dispatch_calls):
        row = await reaching.ended(await reaching.say("u1"))

    assert (row["status"], row["reason"], len(hook.calls)) == ("failed", "rejected", 1)


@pytest.mark.parametrize("kind", CHATS)
@pytest.mark.parametrize(
    "answer", [b"", b"\xff\xfe\x00" * 2_000, b'{"code": true, "errcode": "0"}', b"[" * 5_000, b"nul \\u0000"]
)
async def test_a_hostile_answer_is_a_refusal_that_can_be_kept(reaching, hook, work, kind, answer):
    await reaching.chat(kind)

    async def hostile(request):
        return web.Response(status=200, body=answer)

    hook.answer = hostile
    async with work(reaching.service, dispatch_calls):
        row = await reaching.ended(await reaching.say("u1"))

    is_taken = kind == "teams" and answer == b""
    assert row["status"] == ("sent" if is_taken else "failed")
    assert is_taken or len(row["detail"]) <= 400


async def test_an_address_that_may_not_be_called_is_blocked(reaching, service, work):
    await reaching.chat("slack")
    service.runtime.ports.outbound.policy = AddressPolicy()
    service.runtime.ports.outbound._targets.clear()
    async with work(reaching.service, dispatch_calls):
        message = await reaching.say("u1")
        row = await reaching.ended(message)

    (attempt,) = await reaching.attempts(message)
    assert (row["status"], attempt["failure"]) == ("failed", "blocked_target")


async def test_who_does_not_answer_in_time_is_called_later(reaching, hook, service, work):
    bot = await reaching.chat("slack")
    service.runtime.ports.outbound._timeout_seconds = 0.2
    held = asyncio.Event()

    async def silent(request):
        await held.wait()
        return web.Response(status=200)

    hook.answer = silent
    async with work(reaching.service, dispatch_calls):
        message = await reaching.say("u1")
        (attempt,) = await reaching.tried(message)
        held.set()
        hook.answer = bot.answer
        reaching.advance(90)
        row = await reaching.ended(message)

    assert (attempt["outcome"], attempt["failure"], row["status"]) == ("later", "timeout", "sent")


async def test_tries_are_used_up_at_last(reaching, hook, work):
    await reaching.chat("slack")
    hook.answer = 500
    async with work(reaching.service, dispatch_calls):
        message = await reaching.say("u1")
        for count in range(1, 8):
            await reaching.tried(message, count)
            reaching.advance(timedelta(hours=8))
        row = await reaching.ended(message)

    assert (row["status"], row["reason"], row["attempt_count"]) == ("failed", "undeliverable", 7)
    times = [datetime.fromisoformat(attempt["attempted_at"]) for attempt in await reaching.attempts(message)]
    assert times == sorted(times)
