"""Chats: begun with a publishable key, gone on with by a token of that one chat, answered by the desk, handed over to mail."""

import asyncio
from datetime import timedelta

import pytest

from opsloop_common import limits
from opsloop_common.contracts.envelope import INTERNAL_STREAM
from services.feedback.tests.chats_visitor import Visitor

SHOP = "https://shop.example"


@pytest.fixture
async def visitor(clockwork):
    return Visitor(clockwork, await clockwork.desk.api.publishable("feedback:submit"))


async def test_a_visitor_and_an_agent_talk(visitor):
    begun = await visitor.begin(locale="zh-CN", name="李雷", page="https://shop.example/pay")

    item = await visitor.desk.get(f"/v1/feedback/{begun['chat_id']}")
    assert (item["number"], item["channel"], item["severity"]) == (begun["number"], "widget", "s1")
    assert item["attributes"] == {"chat": True, "page": "https://shop.example/pay"}
    assert item["author"] == {"user_id": None, "email": None, "name": "李雷", "verified": False}
    assert begun["state"] == {
        "is_open": True, "opens_at": None, "position": 1, "staff_is_typing": False, "has_address": False, "ended_at": None,
    }  # fmt: skip
    await visitor.answer("请问订单号？")
    await visitor.say("A-17")
    await visitor.answer("只给同事看", kind="note")
    await visitor.answer("已退款")

    assert await visitor.heard() == [
        ("author", "支付失败了"),
        ("staff", "请问订单号？"),
        ("author", "A-17"),
        ("staff", "已退款"),
    ]
    listed = (await visitor.desk.get(f"/v1/feedback/{begun['chat_id']}/messages"))["items"]
    assert [one["body"] for one in listed] == ["已退款", "只给同事看", "A-17", "请问订单号？"]
    assert (listed[2]["said_by"], listed[2]["channel"]) == ("author", "widget")
    assert (await visitor.state())["position"] is None
    assert [one["delivery"] for one in listed] == ["readable", "none", "none", "readable"]
    assert (await visitor.desk.types()).count("feedback.replied") == 2


async def test_the_same_key_is_the_same_message(visitor):
    await visitor.begin()

    said = await asyncio.gather(*(visitor.say("A-17", key="same-key-1") for _ in range(3)))
    other = await visitor.say("A-17", key="other-key-1")

    assert len({one["id"] for one in said}) == 1
    assert said[0]["id"] != other["id"]
    [chat] = (await visitor.desk.get("/v1/chats"))["items"]
    assert chat["said"] == 3


async def test_a_request_that_is_sent_again_begins_one_chat(visitor):
    visitor.key["Idempotency-Key"] = "begun-once"
    first = await visitor.begin()
    again = await visitor.begin()

    assert first == again
    assert len((await visitor.desk.get("/v1/chats"))["items"]) == 1


async def test_what_a_visitor_says_wakes_a_post_that_was_finished(visitor):
    begun = await visitor.begin()
    await visitor.answer()
    await visitor.desk.patch(begun["chat_id"], status="resolved")

    await visitor.say("还是不行")

    assert (await visitor.desk.get(f"/v1/feedback/{begun['chat_id']}"))["status"] == "open"
    assert "feedback.reopened" in await visitor.desk.types()


async def test_what_is_said_is_in_no_public_event(visitor):
    await visitor.begin("秘密一号")
    await visitor.say("秘密二号")
    await visitor.answer("秘密三号")

    for event in await visitor.desk.api.events():
        assert event.partitionkey.endswith(INTERNAL_STREAM) or "秘密" not in event.to_bytes().decode()


async def test_a_token_opens_its_own_chat_and_nothing_else(visitor, clockwork):
    await visitor.begin()
    other = Visitor(clockwork, visitor.key)
    await other.begin("another")
    mine, other.token = other.token, visitor.token

    for method, path, json in (
        ("GET", "", None),
        ("GET", "/transcript", None),
        ("GET", "/stream", None),
        ("POST", "/messages", {"body": "x", "key": "12345678"}),
        ("POST", "/presence", {"is_leaving": True}),
        ("POST", "/contact", {"email": "a@example.com"}),
    ):
        await other.ask(method, path, 404, json=json)
        for token in ("", "x", mine[:-1] + ("0" if mine[-1] != "0" else "1"), mine.replace("chat_acme", "chat_other")):
            other.token = token
            answer = await other.ask(method, path, 401, json=json)
            assert answer.headers["access-control-allow-origin"] == SHOP
        other.token = visitor.token
    other.token = mine
    assert await other.heard() == [("author", "another")]
    headers = {"Authorization": f"Bearer {mine}"}
    for path in ("/v1/feedback", "/v1/chats", f"/v1/feedback/{other.begun['chat_id']}"):
        assert (await visitor.desk.client.get(path, headers=headers)).status_code == 401


async def test_a_token_ends_after_an_hour_and_is_renewed_by_being_there(visitor):
    await visitor.begin()
    clock = visitor.desk.api.clock
    old = visitor.token
    clock.advance(timedelta(minutes=50))
    await visitor.be()
    clock.advance(timedelta(minutes=50))
    assert await visitor.heard() == [("author", "支付失败了")]

    visitor.token = old
    await visitor.ask("GET", "", 401)


async def test_no_token_is_good_for_longer_than_the_chat(visitor):
    await visitor.begin()
    for _ in range(7 * 24):
        visitor.desk.api.clock.advance(timedelta(minutes=59))
        await visitor.be()
    visitor.desk.api.clock.advance(timedelta(minutes=59 * 3))

    await visitor.ask("GET", "", 401)


async def test_who_waits_is_told_their_place(visitor, clockwork):
    visitors = [Visitor(clockwork, visitor.key) for _ in range(3)]
    for number, one in enumerate(visitors):
        clockwork.desk.api.clock.advance(1)
        assert (await one.begin(f"nr {number}"))["state"]["position"] == number + 1

    await visitors[0].answer()
    assert [(await one.state())["position"] for one in visitors] == [None, 1, 2]
    await visitors[1].be(is_leaving=True)
    assert (await visitors[2].state())["position"] == 1
    await visitors[1].say("noch da?", 409)


async def test_who_has_gone_without_a_word_holds_nobody_up(visitor, clockwork):
    await visitor.begin()
    clockwork.desk.api.clock.advance(timedelta(minutes=4))
    other = Visitor(clockwork, visitor.key)

    assert (await other.begin())["state"]["position"] == 1
    await visitor.be()
    assert (await other.state())["position"] == 2


async def test_shifts_say_whether_somebody_is_there(visitor, clockwork):
    calendar = await clockwork.calendar()
    team = await clockwork.make(
        "/v1/teams",
        {"name": "客服", "calendar_id": calendar, "members": [{"user_id": "u1"}, {"user_id": "u2", "is_away": True}]},
    )
    clockwork.at("2026-11-20T12:30")  # a Friday at noon
    closed = (await visitor.begin(team_id=team["id"]))["state"]
    assert (closed["is_open"], closed["opens_at"]) == (False, "2026-11-20T05:30:00Z")
    clockwork.at("2026-11-20T14:00")
    await visitor.be(401)  # its token is over
    other = Visitor(clockwork, visitor.key)
    assert (await other.begin(team_id=team["id"]))["state"]["is_open"] is True
    clockwork.at("2026-11-20T18:01")
    weekend = (await Visitor(clockwork, visitor.key).begin(team_id=team["id"]))["state"]
    assert (weekend["is_open"], weekend["opens_at"]) == (False, "2026-11-23T01:00:00Z")


async def test_a_team_that_is_away_is_not_there_and_one_that_is_none_always_is(visitor, clockwork):
    team = await clockwork.make("/v1/teams", {"name": "leer", "members": [{"user_id": "u1", "is_away": True}]})

    away = (await visitor.begin(team_id=team["id"]))["state"]
    assert (away["is_open"], away["opens_at"]) == (False, None)
    nobody = "01a22227-ab84-7ae7-8ce1-a64b76132c3d"
    assert (await visitor.begin(team_id=nobody))["state"]["is_open"] is True


async def test_who_finds_nobody_is_reached_by_mail(visitor):
    begun = await visitor.begin(locale="zh-CN")
    state = (await visitor.ask("POST", "/contact", json={"email": "li@example.com"})).json()

    assert state["has_address"] is True
    item = await visitor.desk.get(f"/v1/feedback/{begun['chat_id']}")
    assert (item["author"]["email"], item["author"]["verified"]) == ("li@example.com", False)
    assert "user.contact_changed" in await visitor.desk.types()
    await visitor.ask("POST", "/contact", json={"email": "han@example.com"})
    assert (await visitor.desk.get(f"/v1/feedback/{begun['chat_id']}"))["author"]["email"] == "han@example.com"
    await visitor.ask("POST", "/contact", 422, json={"email": "no address"})


async def test_nobody_gives_another_address_for_a_person_who_is_known(visitor):
    visitor.key = await visitor.desk.api.user("u1")
    begun = await visitor.begin()

    assert (await visitor.desk.get(f"/v1/feedback/{begun['chat_id']}"))["author"]["user_id"] == "u1"
    await visitor.ask("POST", "/contact", 409, json={"email": "li@example.com"})


async def test_both_see_that_the_other_types_for_some_seconds(visitor):
    begun = await visitor.begin()
    path = f"/v1/feedback/{begun['chat_id']}/typing"

    async def listed():
        return [one["visitor_is_typing"] for one in (await visitor.desk.get("/v1/chats", is_open=True))["items"]]

    assert (await visitor.desk.client.post(path, headers=visitor.desk.agent)).status_code == 204
    await visitor.be(is_typing=True)
    assert ((await visitor.state())["staff_is_typing"], await listed()) == (True, [True])
    await visitor.answer("gesagt")
    assert (await visitor.state())["staff_is_typing"] is False
    visitor.desk.api.clock.advance(1)
    await visitor.desk.client.post(path, headers=visitor.desk.agent)
    assert (await visitor.state())["staff_is_typing"] is True
    visitor.desk.api.clock.advance(7)
    assert ((await visitor.state())["staff_is_typing"], await listed()) == (False, [False])
    await visitor.be(is_typing=True)
    await visitor.say("fertig")
    assert await listed() == [False]


async def test_typing_at_a_post_without_a_chat_says_nothing(visitor):
    item = await visitor.desk.post()

    answer = await visitor.desk.client.post(f"/v1/feedback/{item['id']}/typing", headers=visitor.desk.agent)
    assert answer.status_code == 204


async def test_a_stream_tells_what_was_said_and_how_it_stands(visitor):
    begun = await visitor.begin()
    answered = await visitor.answer("请问订单号？")

    told = await visitor.streamed()
    assert [(kind, data.get("body")) for kind, data in told] == [
        ("message", "支付失败了"), ("message", "请问订单号？"), ("state", None),
    ]  # fmt: skip
    assert told[0][1]["id"] == begun["chat_id"]
    assert [kind for kind, _ in await visitor.streamed(answered["id"])] == ["state"]
    await visitor.say("A-17")
    assert [(kind, data.get("body")) for kind, data in await visitor.streamed(answered["id"])] == [
        ("message", "A-17"),
        ("state", None),
    ]


async def test_a_transcript_holds_what_was_said_and_no_notes(visitor):
    await visitor.begin()
    await visitor.answer("只给同事看", kind="note")
    await visitor.answer("已退款")

    answer = await visitor.ask("GET", "/transcript")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["content-disposition"].startswith("attachment; filename=")
    assert "You · 您\n支付失败了" in answer.text
    assert "Support · 客服\n已退款" in answer.text
    assert "只给同事看" not in answer.text


async def test_who_was_merged_sees_their_own_conversation_and_no_other(visitor, clockwork):
    other = Visitor(clockwork, visitor.key)
    await visitor.begin("支付失败")
    await other.begin("付款失败")
    await visitor.say("mine before")
    merged = await visitor.desk.client.post(
        f"/v1/feedback/{visitor.begun['chat_id']}/merge",
        json={"into": other.begun["chat_id"]},
        headers=visitor.desk.agent,
    )
    assert merged.status_code == 200, merged.text

    await visitor.say("mine after")
    await other.say("theirs")
    await visitor.answer("to the merged one")
    await other.answer("to the other")

    assert [body for _, body in await visitor.heard()] == ["支付失败", "mine before", "mine after", "to the merged one"]
    assert [body for _, body in await other.heard()] == ["付款失败", "theirs", "to the other"]


async def test_a_chat_has_bounds(visitor, monkeypatch):
    monkeypatch.setattr(limits, "CHAT_MESSAGES", 2)
    await visitor.begin()
    await visitor.say("two", key="number-two")
    refused = await visitor.say("three", 409)

    assert refused["type"].endswith("too_many")
    assert (await visitor.say("two", key="number-two"))["body"] == "two"
    for wrong in (
        {"body": "x", "key": "short"},
        {"body": "", "key": "12345678"},
        {"body": "x" * 10_001, "key": "12345678"},
    ):
        await visitor.ask("POST", "/messages", 422, json=wrong)


async def test_browsers_are_told_that_they_may_ask(visitor):
    await visitor.begin()
    for path, method in (
        ("/v1/chats", "POST"),
        (f"{visitor.path}/messages", "POST"),
        (f"{visitor.path}/stream", "GET"),
    ):
        asked = {
            "Origin": SHOP,
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": "authorization",
        }
        answer = await visitor.desk.client.options(path, headers=asked)
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (204, "*")
        assert "Authorization" in answer.headers["access-control-allow-headers"]


async def test_who_may_not_begin_a_chat_does_not(visitor):
    visitor.key = await visitor.desk.api.key("feedback:read")
    await visitor.begin(expect=403)
    visitor.key = {}
    await visitor.begin(expect=401)


async def test_a_chat_goes_with_its_post_and_is_of_its_workspace_alone(visitor):
    await visitor.begin()
    stranger = await visitor.desk.api.key("feedback:read", "feedback:write", workspace="other")

    assert (await visitor.desk.client.get("/v1/chats", headers=stranger)).json()["items"] == []
    path = f"/v1/feedback/{visitor.begun['chat_id']}/typing"
    assert (await visitor.desk.client.post(path, headers=stranger)).status_code == 404
