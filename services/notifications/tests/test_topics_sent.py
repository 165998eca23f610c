"""Topics on their way: what those get who said nothing, what passes, and how many."""

import asyncio

import pytest


async def test_topics_say_what_those_get_who_said_nothing_and_what_passes(post):
    await post.topic("news", is_on=False)
    await post.topic("outage", is_critical=True)
    await post.person("u1")
    await post.person("u2")
    await post.prefer("u1", quiet=("00:00", "23:59"), outage=False)
    await post.prefer("u2", news=True)

    assert await post.became("u1", "u2", topic="news") == {"u1": "unsubscribed", "u2": "pending"}
    assert (await post.send("u1", topic="outage"))["u1"]["deferred_until"] is None
    assert await post.became("u1", topic="never-named") == {"u1": "pending"}


async def test_a_throttle_counts_what_was_sent_or_waits_within_its_time(post):
    await post.topic("news", throttle={"count": 2, "window": "PT1H"})
    await post.person("u1")

    found = [(await post.became("u1", topic="news"))["u1"] for _ in range(3)]
    other = await post.became("u1")
    post.service.clock.advance(3601)

    assert found == ["pending", "pending", "throttled"]
    assert other == {"u1": "pending"}
    assert await post.became("u1", topic="news") == {"u1": "pending"}


async def test_two_requests_at_once_are_counted_one_after_the_other(post):
    await post.topic("news", throttle={"count": 1, "window": "PT1H"})
    for user in ("u1", "u2", "u3"):
        await post.person(user)

    found = await asyncio.gather(*(post.became("u1", "u2", "u3", topic="news") for _ in range(4)))

    for user in ("u1", "u2", "u3"):
        assert sorted(became[user] for became in found) == ["pending", *["throttled"] * 3]


async def test_what_was_not_sent_is_not_counted(post):
    await post.topic("news", throttle={"count": 1, "window": "PT1H"})
    await post.person("u1")
    await post.prefer("u1", news=False)
    assert await post.became("u1", topic="news") == {"u1": "unsubscribed"}

    await post.prefer("u1", news=True)

    assert await post.became("u1", topic="news") == {"u1": "pending"}
    assert await post.became("u1", topic="news") == {"u1": "throttled"}


async def test_each_person_has_a_count_of_their_own_in_each_topic(post):
    for topic in ("news", "tips"):
        await post.topic(topic, throttle={"count": 1, "window": "PT1H"})
    for user in ("u1", "u2"):
        await post.person(user)
    await post.send("u1", topic="news")

    assert await post.became("u1", "u2", topic="news") == {"u1": "throttled", "u2": "pending"}
    assert await post.became("u1", topic="tips") == {"u1": "pending"}


@pytest.mark.parametrize(
    "change", [{"throttle": None}, {"is_critical": True}, {"throttle": {"count": 2, "window": "PT1H"}}]
)
async def test_a_changed_throttle_counts_from_the_next_message_on(post, change):
    made = await post.topic("news", throttle={"count": 1, "window": "PT1H"})
    await post.person("u1")
    await post.send("u1", topic="news")
    assert await post.became("u1", topic="news") == {"u1": "throttled"}

    await post.call("PATCH", f"/v1/notification-topics/{made['id']}", change)

    assert await post.became("u1", topic="news") == {"u1": "pending"}


async def test_a_topic_that_is_switched_off_holds_back_what_waits(post):
    made = await post.topic("news")
    await post.person("u1")
    await post.person("u2")
    await post.prefer("u2", news=True)
    await post.send("u1", "u2", topic="news")

    await post.call("PATCH", f"/v1/notification-topics/{made['id']}", {"is_on": False})

    found = await post.claim()
    assert (found["u1"].reason, found["u2"].may_leave) == ("unsubscribed", True)


async def test_what_becomes_critical_while_it_waits_goes_out_to_all(post):
    made = await post.topic("news")
    await post.person("u1")
    await post.send("u1", topic="news")
    await post.prefer("u1", news=False)

    await post.call("PATCH", f"/v1/notification-topics/{made['id']}", {"is_critical": True})

    assert (await post.claim())["u1"].may_leave is False


async def test_general_is_a_topic_as_any_other_once_it_has_a_row(post):
    await post.person("u1")
    assert await post.became("u1") == {"u1": "pending"}

    await post.topic("general", is_on=False)

    assert await post.became("u1") == {"u1": "unsubscribed"}
    assert await post.became("u1", topic="general") == {"u1": "unsubscribed"}


async def test_the_rows_say_of_which_topic_they_are(post):
    await post.person("u1")

    assert (await post.send("u1", topic="news"))["u1"]["topic"] == "news"
    assert (await post.send("u1"))["u1"]["topic"] == "general"


@pytest.mark.parametrize("user", ["nobody", "u1"])
async def test_a_throttle_says_of_whom_nothing_can_be_sent_to_why(post, user):
    await post.topic("news", throttle={"count": 1, "window": "PT1H"})
    await post.person("u1", email=None)

    assert await post.became(user, topic="news") == {user: "no_address"}
    assert await post.became(user, topic="news") == {user: "no_address"}


async def test_a_message_that_is_asked_for_twice_is_counted_once(post):
    await post.topic("news", throttle={"count": 2, "window": "PT1H"})
    await post.person("u1")
    first = await post.send("u1", "u1", topic="news")

    assert first["u1"]["status"] == "pending"
    assert await post.became("u1", topic="news") == {"u1": "pending"}
    assert await post.became("u1", topic="news") == {"u1": "throttled"}
