"""Consent on its way: what a request and a claim do with what people want."""

from datetime import timedelta

from opsloop_common.contracts.campaigns import MessageContent
from opsloop_notifications.consent.rules import Defer, Send, Skip

HELLO = MessageContent(locale="en", subject="Hello", body="hello")


async def test_each_gets_the_reason_why_nothing_is_sent_and_it_is_told(post):
    for user in ("sent", "left", "listed"):
        await post.person(user)
    await post.person("asked", state="unconfirmed")
    await post.prefer("left", general=False)
    await post.call("POST", "/v1/suppressions", {"address": "Listed@example.test"})

    found = await post.became("sent", "left", "listed", "asked", "nobody")

    assert found == {
        "sent": "pending",
        "left": "unsubscribed",
        "listed": "suppressed",
        "asked": "not_confirmed",
        "nobody": "no_address",
    }
    told = {
        event.data["user_id"]: event.data["reason"] for event in await post.service.events() if "reason" in event.data
    }
    assert told == {"left": "unsubscribed", "listed": "suppressed", "asked": "not_confirmed", "nobody": "no_address"}


async def test_quiet_hours_defer_in_the_persons_zone_else_the_workspaces(post):
    now = post.service.clock.now()
    quiet = [f"{now + timedelta(hours=each):%H}:00" for each in (-1, 2)]
    for user, zone in (("u1", "UTC"), ("u2", None), ("u3", "Asia/Kathmandu")):
        await post.person(user, time_zone=zone)
        await post.prefer(user, quiet=quiet)

    rows = await post.send("u1", "u2", "u3")

    until = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=2)
    assert {user: row["status"] for user, row in rows.items()} == dict.fromkeys(("u1", "u2", "u3"), "pending")
    assert rows["u1"]["deferred_until"] == rows["u2"]["deferred_until"] == f"{until:%Y-%m-%dT%H:%M:%SZ}"
    assert rows["u3"]["deferred_until"] is None
    assert await post.claim() == {"u3": Send()}
    post.service.clock.advance((until - now).total_seconds())
    assert await post.claim() == {"u1": Send(), "u2": Send()}


async def test_what_changed_while_it_waited_counts(post):
    for user in ("stays", "leaves", "bounces", "sleeps"):
        await post.person(user)
    await post.send("stays", "leaves", "bounces", "sleeps")

    await post.prefer("leaves", general=False)
    await post.call("POST", "/v1/suppressions", {"address": "bounces@example.test", "reason": "hard_bounce"})
    now = post.service.clock.now()
    hours = f"{now + timedelta(hours=-1):%H}:00", f"{now + timedelta(hours=2):%H}:00"
    await post.prefer("sleeps", quiet=hours)
    found = await post.claim()

    assert isinstance(found.pop("sleeps"), Defer)
    assert found == {"stays": Send(), "leaves": Skip("unsubscribed"), "bounces": Skip("suppressed")}


async def test_another_workspaces_topics_and_suppressions_count_for_nobody_here(post):
    theirs = type(post)(post.service, await post.service.key(workspace="other"))
    await post.person("u1")
    await theirs.topic("general", is_on=False)
    await theirs.call("POST", "/v1/suppressions", {"address": "u1@example.test"})

    assert await post.became("u1") == {"u1": "pending"}


async def test_what_people_may_not_miss_goes_before_a_campaign(post):
    people = [f"u{number}" for number in range(120)]
    for user in (*people, "oncall"):
        await post.person(user)
    await post.call("POST", "/v1/notification-topics", {"key": "outage", "name": "Outages", "is_critical": True})
    await post.send(*people)
    post.service.clock.advance(1)
    await post.send("oncall", topic="outage")

    first, rest = await post.claim(), await post.claim()

    assert len(first) == 100
    assert next(iter(first.items())) == ("oncall", Send(may_leave=False))
    assert rest == {}, "those that are claimed already count for their workspace"
