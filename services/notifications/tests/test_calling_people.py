"""People are reached by SMS and in their browsers; one that hangs, dies or is killed holds up no other."""

import asyncio
import json

import pytest
from aiohttp import web

from services.notifications.tests.reaching import WORDS, dispatch_calls
from services.notifications.tests.test_ways_push import AUTH, P256DH, opened

BROWSER = {"p256dh": P256DH, "auth": AUTH}
SMS = {"body": {"to": "{{ to }}", "text": "{{ text }}", "ref": "{{ id }}"}, "success_statuses": [200, 201]}
PUSH = [{"locale": "en", "push": {"title": "Hello {{ name }}", "body": "It is done.", "url": "/orders/7"}}]
TEXT = [{"locale": "en", "sms": {"body": "Hello {{ name }}"}}]


class Devices:
    """A push service: what each browser's address answers, and what it was sent."""

    def __init__(self, hook):
        self.base, self.answers, self.got = hook.url, {}, []
        hook.answer = self.answer

    def address(self, name):
        return f"{self.base}/{name}"

    async def answer(self, request):
        name = request.path.rpartition("/")[2]
        body = await request.read()
        assert request.headers["Content-Encoding"] == "aes128gcm"
        assert request.headers["Authorization"].startswith("vapid t=")
        self.got.append((name, json.loads(opened(body)), request.headers["Topic"]))
        status = self.answers.get(name, 201)
        return web.Response(status=status, headers={"Retry-After": "86400"} if status == 429 else {})


@pytest.fixture
async def devices(reaching, hook):
    made = Devices(hook)
    reaching.channel = await reaching.add("web_push", subject="mailto:ops@example.test")
    for name in ("phone", "laptop"):
        await reaching.contact(
            "u1", kind="push", channel_id=reaching.channel["id"], address=made.address(name), keys=BROWSER
        )
    return made


async def push(reaching, **fields):
    return await reaching.say("u1", channels=["push"], contents=PUSH, **fields)


async def test_each_browser_of_a_person_is_woken(reaching, devices, work):
    async with work(reaching.service, dispatch_calls):
        message = await push(reaching)
        row = await reaching.ended(message)

    assert (row["status"], row["attempt_count"]) == ("sent", 1)
    assert sorted(name for name, _, _ in devices.got) == ["laptop", "phone"]
    assert devices.got[0][1] == {"id": row["id"], "title": "Hello Ann", "body": "It is done.", "url": "/orders/7"}
    assert len(await reaching.attempts(message)) == 2


async def other_person(reaching, devices, name):
    channel = reaching.channel["id"]
    await reaching.contact("u2", kind="push", channel_id=channel, address=devices.address(name), keys=BROWSER)


async def test_a_browser_that_gets_too_much_is_left_alone_and_no_other(reaching, devices, work):
    await other_person(reaching, devices, "closed")
    devices.answers["closed"] = 429
    async with work(reaching.service, dispatch_calls):
        closed = await reaching.say("u2", channels=["push"], contents=PUSH)
        await reaching.tried(closed)
        row = await reaching.ended(await reaching.say("u1", channels=["push"], contents=PUSH))
        again = await reaching.say("u2", channels=["push"], contents=PUSH)
        reaching.advance(3_600)
        later = await reaching.ended(await reaching.say("u1", channels=["push"], contents=PUSH))

    assert (row["status"], later["status"]) == ("sent", "sent")
    assert [name for name, *_ in devices.got].count("closed") == 1
    assert (await reaching.row(again))["status"] == "pending"


async def test_a_person_with_a_browser_that_is_closed_is_told_by_the_others(reaching, devices, work):
    devices.answers["phone"] = 429
    async with work(reaching.service, dispatch_calls):
        await reaching.tried(await reaching.say("u1", channels=["push"], contents=PUSH))
        message = await reaching.say("u1", channels=["push"], contents=PUSH)
        await reaching.tried(message)
        devices.answers.clear()
        reaching.advance(90_000)
        row = await reaching.ended(message)

    outcomes = [attempt["outcome"] for attempt in await reaching.attempts(message)]
    assert (row["status"], outcomes) == ("sent", ["sent", "sent"]), "the laptop at once, the phone a day later"


async def test_a_push_service_that_fails_holds_up_no_other(reaching, devices, work):
    for number in range(10):
        broken = devices.address(f"broken{number}").replace("127.0.0.1", "localhost")
        channel = reaching.channel["id"]
        await reaching.contact("u2", kind="push", channel_id=channel, address=broken, keys=BROWSER)
        devices.answers[f"broken{number}"] = 503
    async with work(reaching.service, dispatch_calls):
        await reaching.tried(await reaching.say("u2", channels=["push"], contents=PUSH), 10)
        again = await reaching.say("u2", channels=["push"], contents=PUSH)
        row = await reaching.ended(await reaching.say("u1", channels=["push"], contents=PUSH))

    assert row["status"] == "sent"
    assert await reaching.attempts(again) == [], "that one is left alone"


async def test_sms_goes_to_the_number_that_is_known(reaching, hook, work):
    async def provider(request):
        return web.json_response({"code": "0", "data": {"id": "sms-7"}})

    hook.answer = provider
    fields = {"success_field": "code", "success_values": ["0"], "id_field": "data.id"}
    await reaching.add("sms_http", url=hook.url, sms=SMS | fields, headers={"Authorization": "Bearer s3cret"})
    await reaching.contact("u1", kind="phone", address="+8613800138000")
    async with work(reaching.service, dispatch_calls):
        message = await reaching.say("u1", channels=["sms"], contents=TEXT)
        row = await reaching.ended(message)

    ((headers, body),) = hook.calls
    assert json.loads(body) == {"to": "+8613800138000", "text": "Hello Ann", "ref": row["id"]}
    assert headers["authorization"] == "Bearer s3cret"
    (attempt,) = await reaching.attempts(message)
    assert (row["status"], attempt["provider_id"]) == ("sent", "sms-7")
    assert "13800138000" not in str(await reaching.rows(message))


async def test_the_oldest_provider_is_asked_and_the_next_when_that_is_disabled(reaching, hook, work):
    first = await reaching.add("sms_http", url=f"{hook.url}/first", sms=SMS)
    await reaching.add("sms_http", url=f"{hook.url}/second", sms=SMS)
    await reaching.contact("u1", kind="phone", address="+8613800138000")
    asked = []

    async def provider(request):
        asked.append(request.path.rpartition("/")[2])
        return web.Response(status=200)

    hook.answer = provider
    async with work(reaching.service, dispatch_calls):
        await reaching.ended(await reaching.say("u1", channels=["sms"], contents=TEXT))
        await reaching.call("PATCH", f"/v1/channels/{first['id']}", {"status": "disabled"})
        await reaching.ended(await reaching.say("u1", channels=["sms"], contents=TEXT))

    assert asked == ["first", "second"]


async def test_what_waits_for_a_channel_that_is_disabled_fails(reaching, work):
    bot = await reaching.chat("slack")
    message = await reaching.say("u1")
    await reaching.call("PATCH", f"/v1/channels/{reaching.channel['id']}", {"status": "disabled"})
    async with work(reaching.service, dispatch_calls):
        row = await reaching.ended(message)

    assert (row["status"], row["reason"], bot.taken) == ("failed", "channel_not_configured", [])


async def test_a_channel_that_hangs_holds_up_no_other(reaching, hook, work):
    bot = await reaching.chat("slack")
    held = asyncio.Event()
    slow = await reaching.add("teams", url=f"{hook.url}/slow", rate_limit=1_000)
    for number in range(30):
        await reaching.contact(f"p{number}", kind="chat", channel_id=slow["id"])

    async def answer(request):
        if request.path.endswith("/slow"):
            await held.wait()
            return web.Response(status=202)
        return await bot.answer(request)

    hook.answer = answer
    try:
        async with work(reaching.service, dispatch_calls):
            await reaching.say(*(f"p{number}" for number in range(30)))
            assert (await reaching.ended(await reaching.say("u1")))["status"] == "sent"
            held.set()
    finally:
        held.set()


async def test_a_rate_is_kept_to(reaching, work):
    bot = await reaching.chat("wecom", rate_limit=None)
    for number in range(4):
        await reaching.contact(f"p{number}", kind="chat", channel_id=reaching.channel["id"])
    async with work(reaching.service, dispatch_calls):
        message = await reaching.say(*(f"p{number}" for number in range(4)))
        for count in range(1, 5):
            await reaching.until(lambda count=count: len(bot.taken) >= count, f"call {count}")
            assert len(bot.taken) == count
            reaching.advance(3.5)

        async def are_over():
            return all(row["status"] == "sent" for row in (await reaching.rows(message)).values())

        await reaching.until(are_over, "the end")
    assert bot.refused == []


async def test_what_was_answered_and_not_recorded_is_called_once_more_with_the_same_id(
    reaching, devices, work, monkeypatch
):
    monkeypatch.setenv("OPSLOOP_FAILPOINT", "calls.after_send:raise:1")
    async with work(reaching.service, dispatch_calls):
        message = await push(reaching)

        async def is_later():
            return (await reaching.row(message))["attempt_count"] == 1

        await reaching.until(is_later, "a try")
        assert await reaching.attempts(message) == []
        reaching.advance(60)
        assert (await reaching.ended(message))["status"] == "sent"

    assert len(devices.got) == 4
    assert len({(said["id"], topic) for _, said, topic in devices.got}) == 1


async def test_a_fault_of_our_own_is_tried_again(reaching, work, monkeypatch):
    bot = await reaching.chat("slack")
    monkeypatch.setattr("opsloop_notifications.calling.caller.WAYS", {})
    async with work(reaching.service, dispatch_calls):
        message = await reaching.say("u1")

        async def is_later():
            return (await reaching.row(message))["attempt_count"] == 1

        await reaching.until(is_later, "a try")
        assert (await reaching.row(message))["status"] == "pending"
        monkeypatch.undo()
        reaching.advance(60)
        row = await reaching.ended(message)
    assert (row["status"], len(bot.taken)) == ("sent", 1)


async def test_who_is_told_and_what_became_of_it_is_of_the_workspace_alone(reaching, work):
    await reaching.chat("slack")
    async with work(reaching.service, dispatch_calls):
        message = await reaching.say("u1", contents=WORDS)
        row = await reaching.ended(message)
    foreign = await reaching.service.key(workspace="other")
    path = f"/v1/notifications/{row['id']}/attempts"
    assert (await reaching.service.client.get(path, headers=foreign)).status_code == 404
    writer = await reaching.service.key("notifications:report")
    assert (await reaching.service.client.get(path, headers=writer)).status_code == 403
