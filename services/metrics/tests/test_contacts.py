"""From a trait to what notifications hear: only what servers say, only what is new, and nothing after an erasure."""

from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from opsloop_common.contracts.users import UserErased
from opsloop_common.db import Context
from opsloop_common.testing.events import deliver, make_event
from opsloop_metrics.capture.rules import person_id
from opsloop_metrics.contacts.consumers import ERASURES

TYPE = "user.contact_changed"


class Told:
    """A service that captures, and what it tells of how people are reached."""

    def __init__(self, capture):
        self.world, self.capture = capture.world, capture

    async def identify(self, user="u1", *, key=None, minutes=0, **traits):
        message = {"type": "identify", "userId": user, "messageId": str(uuid4()), "traits": traits}
        message["timestamp"] = (self.world.now + timedelta(minutes=minutes)).isoformat()
        key = key or self.world.headers["Authorization"].removeprefix("Bearer ")
        answer = await self.world.send("POST", "/v1/batch", json={"batch": [message], "writeKey": key}, headers={})
        assert answer.status_code == 200, answer.text

    async def events(self):
        found = [event for event in await self.world.api.events() if event.type == TYPE]
        return [
            (event.data["user_id"], event.data.get("email"), event.data.get("locale"), event.data["is_gone"])
            for event in found
        ]

    async def rows(self, workspace="acme"):
        async with self.world.api.db.transaction(Context(workspace=workspace)) as session:
            return (await session.execute(text("SELECT user_id, means, value FROM contact ORDER BY 1, 2"))).all()


@pytest.fixture
def told(capture):
    return Told(capture)


async def test_an_address_is_told_once_and_again_when_it_is_another(told):
    await told.identify(email="a@example.test", plan="pro")
    await told.identify(email="a@example.test")
    await told.identify(plan="free")
    await told.identify(email="b@example.test", locale="zh_CN")

    assert await told.events() == [
        ("u1", "a@example.test", None, False),
        ("u1", "b@example.test", "zh-CN", False),
    ]
    assert await told.rows() == [("u1", "email", "b@example.test"), ("u1", "locale", "zh-CN")]


async def test_it_is_told_with_the_name_and_when_it_was_said(told):
    await told.identify(email="a@example.test", name="小明", minutes=-5)

    [event] = [event for event in await told.world.api.events() if event.type == TYPE]
    assert (event.data["full_name"], event.data["source"], event.data["claim"]) == ("小明", "traits", None)
    assert datetime.fromisoformat(event.data["said_at"]) == told.world.now - timedelta(minutes=5)


async def test_what_comes_late_tells_nothing_and_what_is_of_one_moment_does(told):
    await told.identify(email="new@example.test")
    await told.identify(email="old@example.test", minutes=-60)
    await told.identify(email="newest@example.test")

    assert [email for _, email, _, _ in await told.events()] == ["new@example.test", "newest@example.test"]


async def test_a_key_that_stands_in_a_page_names_no_address_even_before_a_server_does(told):
    made = await told.world.api.client.post(
        "/v1/api-keys",
        json={"name": "site", "scopes": ["metrics:capture"], "publishable": True, "origins": ["https://shop.example"]},
        headers=await told.world.api.key("metrics:admin", "metrics:capture"),
    )
    assert made.status_code == 201, made.text

    await told.identify(email="a@example.test", key=made.json()["key"])
    assert await told.events() == []

    await told.identify(email="a@example.test")  # the profile says it already, and yet nobody had told
    assert await told.events() == [("u1", "a@example.test", None, False)]


async def test_it_is_internal_in_a_stream_of_each_user(told):
    await told.identify("u1", email="a@example.test")
    await told.identify("用户", email="b@example.test")

    events = [event for event in await told.world.api.events() if event.type == TYPE]
    assert [event.partitionkey for event in events] == [
        f"contact/{person_id('acme', user)}/internal" for user in ("u1", "用户")
    ]


async def test_after_an_erasure_it_is_told_in_the_same_stream_that_nothing_is_left(told):
    await told.identify("u1", email="a@example.test")
    await told.identify("v", email="v@example.test")
    event = make_event(UserErased(erasure_id=uuid4(), user_id="u1", user_ids=["u1", "never met"]))

    for _ in range(2):
        await deliver(told.world.api.db, ERASURES, event)

    assert (await told.events())[2:] == [("u1", None, None, True)]
    assert await told.rows() == [("v", "email", "v@example.test")]
    streams = {event.partitionkey for event in await told.world.api.events() if event.data.get("user_id") == "u1"}
    assert f"contact/{person_id('acme', 'u1')}/internal" in streams


async def test_a_foreign_workspace_has_its_own(told):
    await told.identify("u1", email="a@example.test")
    event = make_event(UserErased(erasure_id=uuid4(), user_id="u1", user_ids=["u1"]), workspace="other")

    await deliver(told.world.api.db, ERASURES, event)

    assert len(await told.rows()) == 1
    assert await told.rows("other") == []


async def test_a_message_sent_again_or_twice_in_a_batch_tells_nothing_again(told):
    key = told.world.headers["Authorization"].removeprefix("Bearer ")
    same = {"type": "identify", "userId": "u1", "messageId": "m1", "traits": {"email": "a@example.test"}}
    other = same | {"messageId": "m2", "traits": {"locale": "en"}}
    for _ in range(3):
        body = {"batch": [same, same, other], "writeKey": key}
        answer = await told.world.send("POST", "/v1/batch", json=body, headers={})
        assert answer.status_code == 200, answer.text

    assert await told.events() == [("u1", "a@example.test", "en", False)]


async def test_who_is_erased_while_an_address_comes_is_not_told_of_again(told):
    await told.identify("u1", email="a@example.test")
    answer = await told.world.send("DELETE", "/v1/users/u1")
    assert answer.status_code == 202, answer.text

    key = told.world.headers["Authorization"].removeprefix("Bearer ")
    again = {"type": "identify", "userId": "u1", "messageId": "late", "traits": {"email": "b@example.test"}}
    await told.world.send("POST", "/v1/batch", json={"batch": [again], "writeKey": key}, headers={})

    assert [email for _, email, _, _ in await told.events()] == [None], "and what was told before is forgotten"


@pytest.mark.parametrize("traits", [{"email": "not an address"}, {"phone": "+49 30 1234567"}, {"locale": "中文"}])
async def test_what_is_no_address_stays_a_trait_and_is_told_to_nobody(told, traits):
    await told.identify("u1", **traits)

    assert await told.events() == []
    profile = await told.world.get("/v1/users/u1")
    assert profile["traits"] == traits
