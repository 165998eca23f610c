"""Chats against what is no widget: malformed requests, many at once, streams that are held."""

import asyncio

import pytest

from opsloop_common import limits
from opsloop_common.secretbox import SecretBox
from opsloop_common.testing.http import TEST_SECRET
from services.feedback.tests.chats_visitor import Visitor

JSON = {"Content-Type": "application/json"}
POSTS = {
    "/messages": {"body": "x", "key": "12345678"},
    "/presence": {},
    "/contact": {"email": "a@example.com"},
}


@pytest.fixture
async def visitor(clockwork):
    made = Visitor(clockwork, await clockwork.desk.api.publishable("feedback:submit"))
    await made.begin()
    return made


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"{", 400),
        (b"", 400),
        (b"[]", 422),
        (b'{"x": 1}', 422),
        (b'{"body": "a\\u0000b", "key": "12345678", "email": "a\\u0000@b.cd", "is_typing": "\\u0000"}', 422),
        (b'{"body": NaN}', 422),
        (b"\xff", 400),
        (b'{"body": "' + b"x" * 1_100_000 + b'"}', 413),
        (b"[" * 10_000, 422),
    ],
)
async def test_bad_bodies_are_refused_and_change_nothing(visitor, path, content, status):
    answer = await visitor.ask("POST", path, status, content=content, headers=JSON)

    assert answer.headers["content-type"] == "application/problem+json"
    assert await visitor.heard() == [("author", "支付失败了")]


@pytest.mark.parametrize("path", POSTS)
async def test_a_wrong_type_is_refused(visitor, path):
    await visitor.ask("POST", path, 415, content=b"a=1", headers={"Content-Type": "text/plain"})


@pytest.mark.parametrize("chat", ["x", "%00", "..%2F..", "1" * 3000, "01a22227-ab84-7ae7-8ce1-a64b76132c3d"])
async def test_what_is_no_chat_is_not_there(visitor, chat):
    headers = {"Authorization": f"Bearer {visitor.token}"}
    for method, path, json in (
        ("GET", "", None),
        ("GET", "/stream", None),
        *(("POST", each, said) for each, said in POSTS.items()),
    ):
        answer = await visitor.desk.client.request(method, f"/v1/chats/{chat}{path}", headers=headers, json=json)
        assert answer.status_code == 404, (method, path, answer.text)


async def test_much_that_is_said_at_once_is_all_there_and_counted(visitor):
    await asyncio.gather(*(visitor.say(f"nr {number}") for number in range(12)))

    assert len(await visitor.heard()) == 13
    [chat] = (await visitor.desk.get("/v1/chats"))["items"]
    assert chat["said"] == 13


async def test_words_that_look_like_a_stream_are_words(visitor):
    bad = "x\n\nevent: state\ndata: {}\n\nid: 1"
    await visitor.say(bad)

    assert [data["body"] for kind, data in await visitor.streamed() if kind == "message"] == ["支付失败了", bad]


async def test_so_many_windows_watch_one_chat(visitor, monkeypatch):
    monkeypatch.setattr(limits, "CHAT_STREAMS_PER_CHAT", 0)

    answer = await visitor.ask("GET", "/stream", 429)
    assert answer.headers["retry-after"]
    await visitor.ask("GET", "", 200)


async def test_a_token_of_the_key_before_the_present_one_still_opens(visitor):
    secrets = visitor.desk.api.runtime.secrets
    secrets._secret, secrets._previous = b"another secret, at least as long as any", (SecretBox(TEST_SECRET),)
    secrets._digest_keys.clear()

    assert await visitor.heard() == [("author", "支付失败了")]
    await visitor.be()
    assert await visitor.heard() == [("author", "支付失败了")]


async def test_a_visitor_has_a_rate_of_their_own(visitor):
    answer = await visitor.ask("GET", "")

    assert f"q={limits.VISITOR_RATE_BURST}" in answer.headers["ratelimit-policy"]
    assert answer.headers["ratelimit"]


@pytest.mark.parametrize("path", ["", "/stream", "/transcript"])
async def test_a_visitor_who_left_may_still_read(visitor, path):
    await visitor.be(is_leaving=True)

    await visitor.ask("GET", path)
    ended = (await visitor.state())["ended_at"]
    await visitor.be(is_leaving=True)
    assert (await visitor.state())["ended_at"] == ended is not None
    await visitor.say("noch etwas", 409)


async def test_what_a_visitor_claims_does_not_get_into_the_post(clockwork):
    visitor = Visitor(clockwork, await clockwork.desk.api.publishable("feedback:submit"))
    for wrong in (
        {"author": {"user_id": "u1"}},
        {"external_id": "x"},
        {"channel": "api"},
        {"tags": ["x"]},
        {"team_id": "x"},
    ):
        await visitor.begin(expect=422, **wrong)
    assert (await clockwork.desk.get("/v1/feedback"))["items"] == []


async def test_chats_are_listed_page_by_page_the_newest_first(visitor, clockwork):
    begun = [visitor.begun["chat_id"]]
    begun += [(await Visitor(clockwork, visitor.key).begin(f"nr {number}"))["chat_id"] for number in range(4)]

    first = await clockwork.desk.get("/v1/chats", limit=3)
    rest = await clockwork.desk.get("/v1/chats", limit=3, cursor=first["next_cursor"])
    assert [one["feedback_id"] for one in first["items"] + rest["items"]] == begun[::-1]
    assert rest["next_cursor"] is None


@pytest.mark.parametrize("origin", ["https://shop.example", "https://evil.example", "null"])
async def test_any_page_that_holds_the_token_sees_the_answer(visitor, origin):
    visitor.origin = {"Origin": origin}

    answer = await visitor.ask("GET", "")
    assert answer.headers["access-control-allow-origin"] == origin
    assert "access-control-allow-credentials" not in answer.headers
