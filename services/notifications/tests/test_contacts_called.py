"""Where a call goes is asked when it is made: what came, left, moved or changed meanwhile counts."""

import json

import pytest
from aiohttp import web

from services.notifications.tests.reaching import dispatch_calls, said_to
from services.notifications.tests.test_calling_people import BROWSER, SMS, TEXT, Devices, push


@pytest.fixture
async def devices(reaching, hook):
    made = Devices(hook)
    reaching.channel = await reaching.add("web_push", subject="mailto:ops@example.test")
    for name in ("phone", "laptop"):
        await registered(reaching, made, name)
    return made


async def registered(reaching, devices, name, user="u1"):
    address = devices.address(name)
    return await reaching.contact(user, kind="push", channel_id=reaching.channel["id"], address=address, keys=BROWSER)


@pytest.mark.parametrize("status", [404, 410])
async def test_a_browser_that_takes_nothing_any_more_is_forgotten(reaching, devices, work, status):
    devices.answers["phone"] = status
    async with work(reaching.service, dispatch_calls):
        message = await push(reaching)
        row = await reaching.ended(message)
        left = (await reaching.call("GET", "/v1/recipients/u1/contacts"))["items"]
        devices.answers["laptop"] = status
        last = await reaching.ended(await push(reaching))

    assert row["status"] == "sent"
    assert sorted(each["outcome"] for each in await reaching.attempts(message)) == ["gone", "sent"]
    assert len(left) == 1
    assert (last["status"], last["reason"]) == ("failed", "no_address")
    assert (await reaching.row(await push(reaching)))["reason"] == "no_address"


async def test_only_what_is_not_settled_is_called_again(reaching, devices, work):
    devices.answers["phone"] = 503
    async with work(reaching.service, dispatch_calls):
        message = await push(reaching)
        await reaching.tried(message, 2)
        devices.answers["phone"] = 201
        reaching.advance(60)
        row = await reaching.ended(message)

    assert [name for name, _, _ in devices.got].count("laptop") == 1
    assert [name for name, _, _ in devices.got].count("phone") == 2
    assert len({topic for _, _, topic in devices.got}) == 1
    assert (row["status"], row["attempt_count"]) == ("sent", 2)


async def test_a_browser_that_came_meanwhile_is_woken_too_and_one_that_left_is_not(reaching, devices, work):
    message = await push(reaching)
    contacts = (await reaching.call("GET", "/v1/recipients/u1/contacts"))["items"]
    for contact in contacts:
        await reaching.call("DELETE", f"/v1/recipients/u1/contacts/{contact['id']}", status=204)
    other = devices.address("tablet")
    await reaching.contact("u1", kind="push", channel_id=reaching.channel["id"], address=other, keys=BROWSER)
    async with work(reaching.service, dispatch_calls):
        await reaching.ended(message)

    assert [name for name, _, _ in devices.got] == ["tablet"]


async def test_a_browser_that_somebody_else_uses_now_shows_nothing_of_who_had_it(reaching, devices, work):
    message = await push(reaching)
    await registered(reaching, devices, "phone", "u2")
    async with work(reaching.service, dispatch_calls):
        await reaching.ended(message)
        assert [name for name, _, _ in devices.got] == ["laptop"]
        await reaching.ended(await reaching.say("u2", channels=["push"], contents=PUSH_2))

    assert [name for name, _, _ in devices.got] == ["laptop", "phone"]


PUSH_2 = [{"locale": "en", "push": {"title": "For the second", "body": "b"}}]


async def test_two_workspaces_may_wake_one_browser(reaching, devices):
    foreign = await reaching.service.key(workspace="other")
    client = reaching.service.client
    made = await client.post(
        "/v1/channels", json={"kind": "web_push", "name": "n", "subject": "mailto:a@b.test"}, headers=foreign
    )
    body = {"kind": "push", "channel_id": made.json()["id"], "address": devices.address("phone"), "keys": BROWSER}
    answer = await client.post("/v1/recipients/x1/contacts", json=body, headers=foreign)
    assert answer.status_code == 201, answer.text
    mine = (await reaching.call("GET", "/v1/recipients/u1/contacts"))["items"]
    assert len(mine) == 2


async def test_a_number_that_changed_meanwhile_is_the_one_that_is_called(reaching, hook, work):
    called = []

    async def provider(request):
        called.append(json.loads(await request.read())["to"])
        return web.Response(status=200)

    hook.answer = provider
    await reaching.add("sms_http", url=hook.url, sms=SMS)
    await reaching.contact("u1", kind="phone", address="+8613800138000")
    message = await reaching.say("u1", channels=["sms"], contents=TEXT)
    await reaching.contact("u1", kind="phone", address="+33123456789")
    async with work(reaching.service, dispatch_calls):
        await reaching.ended(message)
    assert called == ["+33123456789"]


async def test_who_is_reached_nowhere_any_more_has_no_address(reaching, work):
    bot = await reaching.chat("slack")
    message = await reaching.say("u1")
    (contact,) = (await reaching.call("GET", "/v1/recipients/u1/contacts"))["items"]
    await reaching.call("DELETE", f"/v1/recipients/u1/contacts/{contact['id']}", status=204)
    async with work(reaching.service, dispatch_calls):
        row = await reaching.ended(message)
    assert (row["reason"], bot.taken) == ("no_address", [])


async def test_who_moved_to_another_chat_is_told_there(reaching, hook, work):
    bot = await reaching.chat("slack")
    message = await reaching.say("u1")
    other = await reaching.add("slack", url=f"{hook.url}?access_token=t0ken", rate_limit=1_000)
    await reaching.contact("u1", kind="chat", channel_id=other["id"], address="UNEW")
    async with work(reaching.service, dispatch_calls):
        await reaching.ended(message)
    (attempt,) = await reaching.attempts(message)
    assert (attempt["channel_id"], "<@UNEW>" in said_to(bot)) == (other["id"], True)


async def test_a_browser_registers_itself_with_a_persons_token_and_is_woken(reaching, devices, work):
    token = await reaching.service.user("u9")
    body = {
        "kind": "push", "channel_id": reaching.channel["id"], "address": devices.address("own"), "keys": BROWSER,
    }  # fmt: skip
    answer = await reaching.service.client.post("/v1/recipients/u9/contacts", json=body, headers=token)
    assert answer.status_code == 201, answer.text
    async with work(reaching.service, dispatch_calls):
        row = await reaching.ended(await reaching.say("u9", channels=["push"], contents=PUSH_2))
    assert (row["status"], [name for name, _, _ in devices.got]) == ("sent", ["own"])


async def test_a_person_with_several_ways_has_a_row_for_each(reaching, devices, hook, work):
    await reaching.add("sms_http", url=devices.address("sms"), sms=SMS)
    words = [PUSH_2[0] | TEXT[0]]
    message = await reaching.say("u1", channels=["push", "sms"], contents=words)
    rows = await reaching.rows(message)
    assert {channel: row["reason"] for (_, channel), row in rows.items()} == {"push": None, "sms": "no_address"}
