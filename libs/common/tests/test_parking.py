"""What fails is parked with its followers; it comes back in order, once, however often it is played."""

import asyncio
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from opsloop_common import direct, failpoints
from opsloop_common.contracts.campaigns import CampaignPaused
from opsloop_common.db import Context
from opsloop_common.errors import NotFound
from opsloop_common.inbox import parking
from opsloop_common.inbox.apply import Applier, Outcome
from opsloop_common.inbox.delivery import Delivery, read
from opsloop_common.inbox.subscription import Subscription
from opsloop_common.runner import commands
from opsloop_common.service import Service, Slice
from opsloop_common.testing.events import make_event
from opsloop_common.testing.sample.service import SAMPLE

BY = Context("acme", actor="key:admin")


class Consumer:
    """A consumer that fails for the names in `bad`, and the service that it belongs to."""

    def __init__(self, database):
        self.database = database
        self.bad = set()
        self.applied = []
        self.subscription = Subscription("sample.consumer", frozenset({"campaign.paused"}), handler=self.handle)
        self.service = Service(
            name="sample",
            title="",
            metadata=SAMPLE.metadata,
            migrations="",
            scopes=(),
            slices=(Slice("heard", subscriptions=[self.subscription]),),
        )
        self.applier = Applier(database, self.subscription, backoff=(0.0,))

    async def handle(self, session, event):
        if event.data["name"] in self.bad:
            raise RuntimeError(f"cannot {event.data['name']}")
        self.applied.append(event.data["name"])

    async def take(self, *events):
        return [await self.applier.apply(Delivery("campaigns", "here", e.to_bytes(), e)) for e in events]

    async def redrive(self, **which):
        return await parking.redrive(self.database, self.service, by=BY, **which)

    async def discard(self, **which):
        return await parking.discard(self.database, self.service, by=BY, **which)

    async def cause(self):
        (group,) = await parking.list_groups(self.database)
        return group.fingerprint

    async def audited(self):
        async with self.database.transaction() as session:
            return (
                await session.execute(text("SELECT action, subject, actor, workspace FROM audit ORDER BY id"))
            ).all()

    async def parked(self):
        rows = await parking.list_parked(self.database)
        return [(row.seq, row.status) for row in rows]


@pytest.fixture
async def consumer(make_database):
    return Consumer(await make_database(SAMPLE))


def stream_of(*names, campaign_id=None):
    campaign_id = campaign_id or uuid4()
    return [make_event(CampaignPaused(campaign_id=campaign_id, name=n), sequence=i) for i, n in enumerate(names, 1)]


async def test_followers_are_held_and_other_streams_go_on(consumer):
    consumer.bad = {"b"}
    first, second = stream_of("a", "b", "c", "d"), stream_of("x", "y")

    outcomes = await consumer.take(*first, *second, first[1], first[2])

    assert (
        outcomes
        == [Outcome.APPLIED, Outcome.PARKED, Outcome.HELD, Outcome.HELD] + [Outcome.APPLIED] * 2 + [Outcome.HELD] * 2
    )
    assert consumer.applied == ["a", "x", "y"]
    assert await consumer.parked() == [(2, "failed"), (3, "held"), (4, "held")]
    (group,) = await parking.list_groups(consumer.database)
    assert (group.failed, group.held, group.reason) == (1, 2, "RuntimeError: cannot b")
    assert group.fingerprint.endswith(".handle")


async def test_redrive_plays_the_stream_in_order_and_stops_where_it_fails(consumer):
    consumer.bad = {"b", "d"}
    events = stream_of("a", "b", "c", "d", "e")
    await consumer.take(*events)
    consumer.bad = {"d"}
    row = (await parking.list_parked(consumer.database))[0]

    assert await consumer.redrive(id=row.id) == parking.Redriven(applied=2, failed=1, remaining=2)
    assert await consumer.parked() == [(4, "failed"), (5, "held")]

    consumer.bad = set()
    (group,) = await parking.list_groups(consumer.database)
    assert await consumer.redrive(fingerprint=group.fingerprint) == parking.Redriven(applied=2, failed=0, remaining=0)
    assert consumer.applied == ["a", "b", "c", "d", "e"]
    assert await consumer.take(*events) == [Outcome.REPEATED] * 5


async def test_redriving_ten_times_at_once_while_events_arrive_applies_each_once_in_order(consumer):
    consumer.bad = {"0"}
    names = [str(n) for n in range(40)]
    events = stream_of(*names)
    await consumer.take(*events[:20])
    consumer.bad = set()

    await asyncio.gather(*[consumer.redrive() for _ in range(10)], consumer.take(*events[20:]))
    await consumer.redrive()

    assert consumer.applied == names
    assert await consumer.parked() == []


async def test_discard_lets_the_followers_through_and_the_event_never_comes_back(consumer):
    consumer.bad = {"b"}
    events = stream_of("a", "b", "c", "d")
    await consumer.take(*events)
    failed, held, _ = await parking.list_parked(consumer.database)

    with pytest.raises(NotFound):
        await consumer.discard(id=held.id)
    assert await consumer.discard(id=failed.id) == 1

    consumer.bad = set()
    assert consumer.applied == ["a", "c", "d"]
    assert await consumer.take(*events) == [Outcome.REPEATED] * 4
    assert consumer.applied == ["a", "c", "d"]


async def test_bytes_that_are_no_event_are_parked_raw_and_can_be_discarded(consumer):
    delivery = read(b"\xff\x00 not json", source="campaigns", origin="opsloop.campaigns[3]@17")

    assert await consumer.applier.apply(delivery) is Outcome.PARKED
    assert await consumer.applier.apply(delivery) is Outcome.PARKED
    (row,) = await parking.list_parked(consumer.database)

    assert (row.stream, row.origin, row.fingerprint) == (None, "opsloop.campaigns[3]@17", "unreadable")
    assert await consumer.redrive(id=row.id) == parking.Redriven(applied=0, failed=1, remaining=1)
    assert await consumer.discard(id=row.id) == 1
    assert await consumer.parked() == []


@pytest.mark.parametrize("wrong", [{"partitionkey": "a\0b"}, {"sequence": 2**63}, {"workspace": "\0"}, {"type": "\0"}])
async def test_an_event_that_the_database_cannot_name_is_parked_raw(consumer, wrong):
    (event,) = stream_of("a")
    delivery = read(event.model_copy(update=wrong).to_bytes(), source="campaigns", origin="opsloop.campaigns[0]@1")

    assert await consumer.applier.apply(delivery) is Outcome.PARKED
    assert [row.fingerprint for row in await parking.list_parked(consumer.database)] == ["unreadable"]


async def test_an_event_of_another_workspace_is_not_there(consumer):
    consumer.bad = {"a"}
    await consumer.take(*stream_of("a"))
    (row,) = await parking.list_parked(consumer.database, workspace="acme")

    with pytest.raises(NotFound):
        await consumer.redrive(id=row.id, workspace="other")
    assert await parking.list_parked(consumer.database, workspace="other") == []


REDRIVEN = ("parked_event.redriven", "parked_group/*", "key:admin", "acme")


async def test_what_was_asked_for_is_written_down_with_the_first_thing_that_happens(consumer, monkeypatch):
    consumer.bad = {"a", "x"}
    await consumer.take(*stream_of("a", "b"), *stream_of("x", "y"))
    consumer.bad = set()
    monkeypatch.setenv(failpoints.VARIABLE, "parking.after_step:raise:1")

    with pytest.raises(failpoints.Struck):
        await consumer.redrive()

    assert (consumer.applied, await consumer.audited()) == (["a"], [REDRIVEN])
    await consumer.redrive()
    assert (sorted(consumer.applied), await consumer.audited()) == (["a", "b", "x", "y"], [REDRIVEN, REDRIVEN])
    await consumer.redrive()
    assert len(await consumer.audited()) == 2, "nothing was there, nothing happened"


@pytest.mark.parametrize("order", ["redrive", "discard"])
async def test_without_its_entry_in_the_log_nothing_happens(consumer, order):
    consumer.bad = {"a"}
    await consumer.take(*stream_of("a", "b"))
    consumer.bad = set()
    connection = await direct.connect(consumer.database, purpose="test")
    try:
        await connection.execute(
            "ALTER TABLE audit ADD CONSTRAINT nothing_goes CHECK (action NOT LIKE 'parked_event.%')"
        )
        with pytest.raises(IntegrityError):
            await (consumer.redrive() if order == "redrive" else consumer.discard(fingerprint=await consumer.cause()))
        assert (await consumer.parked(), await consumer.audited()) == ([(1, "failed"), (2, "held")], [])
        async with consumer.database.transaction() as session:
            assert await session.scalar(text("SELECT count(*) FROM inbox")) == 0
    finally:
        await connection.close()


async def test_giving_up_and_what_follows_is_one_entry(consumer):
    consumer.bad = {"a"}
    await consumer.take(*stream_of("a", "b", "c"))

    cause = await consumer.cause()

    await consumer.discard(fingerprint=cause)

    assert consumer.applied == ["b", "c"]
    assert await consumer.audited() == [("parked_event.discarded", f"parked_group/{cause}", "key:admin", "acme")]


async def test_a_try_that_failed_again_was_asked_for_by_somebody_too(consumer):
    consumer.bad = {"a"}
    await consumer.take(*stream_of("a"))

    await consumer.redrive()

    assert await consumer.audited() == [REDRIVEN]


async def test_the_command_line_is_in_the_log_too(consumer):
    consumer.bad = {"a"}
    await consumer.take(*stream_of("a"))
    runtime = type("Runtime", (), {"db": consumer.database, "service": consumer.service})()

    cause = await consumer.cause()

    await commands.discard_events(runtime, fingerprint=cause)

    assert await consumer.audited() == [("parked_event.discarded", f"parked_group/{cause}", "system", "default")]
