"""Suppressions on their way: who gets nothing, what waits, and what passes the person's own wish."""

import asyncio
from uuid import uuid4

import pytest

from opsloop_common.contracts.users import UserErased
from opsloop_common.testing.events import deliver, make_event
from opsloop_notifications.messages.consumers import ERASURES

PATH = "/v1/suppressions"


async def suppress(post, user="u1", **fields):
    return await post.call("POST", PATH, {"address": f"{user}@example.test"} | fields)


@pytest.mark.parametrize(
    ("reason", "critical"),
    [("hard_bounce", "suppressed"), ("complaint", "suppressed"), ("manual", "suppressed"), ("unsubscribe", "pending")],
)
async def test_only_the_persons_own_wish_gives_way_to_what_is_critical(post, reason, critical):
    await post.topic("outage", is_critical=True)
    await post.person("u1")
    await suppress(post, reason=reason)

    assert await post.became("u1") == {"u1": "suppressed"}
    assert await post.became("u1", topic="outage") == {"u1": critical}


async def test_what_is_lifted_gets_mail_again(post):
    await post.person("u1")
    made = await suppress(post, reason="hard_bounce")
    assert await post.became("u1") == {"u1": "suppressed"}

    await post.call("DELETE", f"{PATH}/{made['id']}")

    assert await post.became("u1") == {"u1": "pending"}


async def test_it_holds_for_the_address_whoever_has_it(post):
    await suppress(post, "shared")
    await post.person("u1", email="Shared@example.test")
    await post.person("u2", email="shared@example.test")
    await post.person("u3")

    assert await post.became("u1", "u2", "u3") == {"u1": "suppressed", "u2": "suppressed", "u3": "pending"}
    await post.person("u1")
    assert await post.became("u1") == {"u1": "pending"}


async def test_what_waits_for_the_address_is_held_back(post):
    await post.person("u1")
    await post.person("u2")
    await post.send("u1", "u2")

    await suppress(post)

    found = await post.claim()
    assert (found["u1"].reason, found["u2"].may_leave) == ("suppressed", True)


async def test_who_was_erased_and_comes_back_gets_nothing_still(post):
    await post.person("u1")
    await suppress(post, reason="complaint")
    erased = make_event(UserErased(erasure_id=uuid4(), user_id="u1", user_ids=["u1"]))
    await deliver(post.service.db, ERASURES, erased)

    await post.person("u1")

    assert await post.became("u1") == {"u1": "suppressed"}


async def test_of_many_who_suppress_one_address_at_once_one_does(post):
    await post.person("u1")
    body = {"address": "u1@example.test"}
    answers = await asyncio.gather(*(post.service.client.post(PATH, json=body, headers=post.key) for _ in range(10)))

    assert sorted(answer.status_code for answer in answers) == [200] * 9 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    told = [event for event in await post.service.events() if event.type == "recipient.suppressed"]
    assert len(told) == 1


async def test_one_that_is_asked_for_while_it_is_lifted_fails_for_nobody(post):
    made = await suppress(post)
    body = {"address": "u1@example.test"}

    lifted, again = await asyncio.gather(
        post.service.client.delete(f"{PATH}/{made['id']}", headers=post.key),
        post.service.client.post(PATH, json=body, headers=post.key),
    )

    assert lifted.status_code == 204
    assert again.status_code in (200, 201)
    assert (await post.call("POST", PATH, body))["address"] == "u1@example.test"


async def test_nobody_has_to_be_known_at_an_address(post):
    made = await suppress(post, "stranger")

    assert made["address"] == "stranger@example.test"
    assert [event.type for event in await post.service.events()] == []
    await post.person("stranger")
    assert await post.became("stranger") == {"stranger": "suppressed"}


async def test_the_reason_is_told_with_the_row_and_the_address_is_not(post):
    await post.person("u1")
    await suppress(post)

    await post.send("u1")

    (failed,) = (event for event in await post.service.events() if event.type == "notification.failed")
    assert (failed.data["user_id"], failed.data["reason"]) == ("u1", "suppressed")
    assert "example.test" not in str(failed.document())
