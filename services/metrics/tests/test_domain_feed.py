"""Other services' events beside the product's: all of them, once, where something is captured or asked."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from opsloop_common import failpoints
from opsloop_common.contracts.feedback import FeedbackReceived
from opsloop_common.db import Context
from opsloop_common.errors import Unavailable
from opsloop_metrics.domain_feed import rules, service
from opsloop_metrics.events.rules import Told
from opsloop_metrics.insights.asking import open_frame
from opsloop_metrics.insights.periods import Interval

STORED = "SELECT event, distinct_id, is_personless, kind, time, properties FROM opsloop.event WHERE kind = 'domain' ORDER BY time, event"


class Feed:
    def __init__(self, world, store):
        self.world, self.store = world, store

    async def begin(self, workspace="acme"):
        async with self.world.api.db.transaction(Context(workspace)) as session:
            await service.begin(session)

    async def stored(self, sql=STORED):
        return (await self.store.query(sql)).rows

    async def unfed(self):
        async with self.world.api.db.transaction(Context("acme")) as session:
            return (await session.execute(text("SELECT count(*) FROM domain_event WHERE NOT is_fed"))).scalar_one()

    async def capture(self, **fields):
        key = self.world.headers["Authorization"].removeprefix("Bearer ")
        message = {"type": "track", "event": "Opened", "messageId": str(uuid4()), "userId": "u1"} | fields
        answer = await self.world.send("POST", "/v1/batch", json={"batch": [message], "writeKey": key})
        assert answer.status_code == 200


@pytest.fixture
def feed(world_with_store, store):
    return Feed(world_with_store, store)


async def test_where_nothing_is_captured_the_store_is_left_alone(feed, monkeypatch):
    async def nobody_asks(*args, **options):
        raise AssertionError("the store was asked")

    await feed.world.hear_now(feed.world.received())
    for name in ("query", "insert", "change"):
        monkeypatch.setattr(feed.store, name, nobody_asks)

    await feed.world.recur()

    assert await feed.unfed() == 1


async def test_from_the_beginning_once_something_is_captured(feed):
    happened = feed.world.now - timedelta(hours=3)
    await feed.world.hear_now(feed.world.received(at=happened, user="u1"))
    await feed.capture()

    for _ in range(2):
        await feed.world.recur()

    [[event, id, personless, kind, time, properties]] = await feed.stored()
    assert (event, id, personless, kind) == (FeedbackReceived.type, "u1", 0, "domain")
    assert time.startswith(happened.strftime("%Y-%m-%d %H:%M:%S"))
    assert json.loads(properties)["severity"] == "s1"
    assert await feed.unfed() == 0


async def test_a_person_of_a_funnel_is_one_whether_a_browser_or_feedback_told(feed):
    await feed.capture()
    await feed.world.hear_now(feed.world.received(user="u1"), feed.world.received(user="u2"))
    await feed.world.recur()

    persons = await feed.stored("SELECT distinct_id, uniqExact(person) FROM opsloop.event GROUP BY 1 ORDER BY 1")
    assert persons == [["u1", "1"], ["u2", "1"]] or persons == [["u1", 1], ["u2", 1]]


async def test_what_is_about_nobody_counts_for_no_person(feed):
    await feed.begin()
    await feed.world.hear_now(feed.world.thing({"n": 1}, at=feed.world.now))
    await feed.world.recur()
    [[event, id, personless, *_]] = await feed.stored()
    assert (event, id, personless) == ("thing.happened", "", 1)


@pytest.mark.parametrize("type", ["message.requested", "workspace.change_requested", "user.erased"])
async def test_what_services_tell_each_other_stays_among_them(feed, type):
    await feed.begin()
    await feed.world.hear_now(feed.world.thing({"user_id": "u1"}, at=feed.world.now, type=type))
    await feed.world.recur()
    assert (await feed.stored(), await feed.unfed()) == ([], 0)


async def test_an_insight_begins_it(feed):
    await feed.world.hear_now(feed.world.received())
    async with feed.world.api.db.transaction(Context("acme")) as session:
        given = {"start": None, "end": None, "zone": None, "week_start": None, "where": (), "include_filtered": False}
        await open_frame(session, interval=Interval.DAY, **given)
    await feed.world.recur()
    assert len(await feed.stored()) == 1


async def test_another_workspace_has_a_feed_of_its_own(feed):
    await feed.begin("other")
    await feed.world.hear_now(feed.world.received(workspace="other"), feed.world.received())
    await feed.world.recur()
    assert await feed.stored("SELECT workspace, count() FROM opsloop.event GROUP BY 1") in (
        [["other", "1"]],
        [["other", 1]],
    )


async def test_what_commits_late_is_brought_the_next_time(feed):
    """A transaction that began before the last round and ends after it is passed over by no position."""
    await feed.begin()
    await feed.world.hear_now(feed.world.received(user="first"))
    async with feed.world.api.db.transaction(Context("acme")) as session:
        await session.execute(
            text(
                "INSERT INTO domain_event (workspace, event_id, type, at, received_at, subject, actor, correlationid, "
                "causationdepth, data, user_id) VALUES ('acme', '00000000-0000-7000-8000-000000000001', 'late.one', :now, :now, "
                "'s', 'a', 'c', 0, '{}', 'late')"
            ),
            {"now": feed.world.now},
        )
        await feed.world.recur()
        assert [row[1] for row in await feed.stored()] == ["first"]
    await feed.world.recur()
    assert {row[1] for row in await feed.stored()} == {"first", "late"}


async def test_many_go_in_blocks(feed, monkeypatch):
    monkeypatch.setattr(service, "BLOCK", 3)
    await feed.begin()
    await feed.world.hear_now(*(feed.world.received(user=f"u{place}") for place in range(10)))
    await feed.world.recur()
    assert len(await feed.stored()) == 10


async def test_a_store_that_is_away_costs_nothing(feed, monkeypatch):
    await feed.begin()
    await feed.world.hear_now(feed.world.received())

    async def away(*args, **options):
        raise Unavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(feed.store, "insert", away)
        with pytest.raises(Unavailable):
            await feed.world.recur()
        assert await feed.world.hear_now(feed.world.received(user="meanwhile")) == 1
    assert await feed.unfed() == 2
    feed.world.api.clock.advance(3600)
    await feed.world.recur()
    assert len(await feed.stored()) == 2


async def test_what_dies_between_storing_and_marking_is_there_once(feed, monkeypatch):
    await feed.begin()
    await feed.world.hear_now(feed.world.received(), feed.world.received(user="u2"))
    monkeypatch.setenv(failpoints.VARIABLE, "metrics.fed:raise:1")
    with pytest.raises(failpoints.Struck):
        await feed.world.recur()
    assert await feed.unfed() == 2

    feed.world.api.clock.advance(3600)
    await feed.world.recur()

    assert (len(await feed.stored()), await feed.unfed()) == (2, 0)


async def test_two_at_once_bring_each_once(feed):
    await feed.begin()
    await feed.world.hear_now(*(feed.world.received(user=f"u{place}") for place in range(20)))
    await asyncio.gather(feed.world.recur(), feed.world.recur())
    assert len(await feed.stored()) == 20


async def test_what_cannot_be_taken_is_told(feed):
    await feed.begin()
    await feed.world.hear_now(feed.world.thing({}, at=feed.world.now + timedelta(days=3)))
    await feed.world.recur()
    [found] = (await feed.world.get("/v1/rejected-messages"))["items"]
    assert (found["vendor"], found["reason"]) == ("opsloop", "bad_time")
    assert (await feed.stored(), await feed.unfed()) == ([], 0)


async def test_who_was_erased_does_not_come_back(feed):
    await feed.capture(userId="gone")
    assert (await feed.world.send("DELETE", "/v1/users/gone")).status_code == 202
    await feed.world.hear_now(feed.world.received(user="gone"))
    await feed.world.recur()
    assert await feed.stored() == []


@pytest.mark.parametrize(
    ("user_id", "distinct_id", "personless"),
    [("u1", "u1", False), (None, "", True), ("x" * 201, "", True), ("x" * 200, "x" * 200, False)],
)
def test_an_event_as_a_message(feed_event, user_id, distinct_id, personless):
    message = rules.message_of(feed_event(user_id))
    assert (message.distinct_id, message.personless, message.is_identified) == (distinct_id, personless, not personless)
    assert (message.kind, message.historical) == ("domain", True)


@pytest.fixture
def feed_event():
    return lambda user_id: Told(uuid4(), "thing.happened", datetime(2026, 1, 1, tzinfo=UTC), user_id, {"a": 1})
