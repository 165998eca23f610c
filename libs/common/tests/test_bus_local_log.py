"""The outbox as a log: from memory while a reader keeps up, from the table where memory has gaps or does not reach back."""

import asyncio
from uuid import uuid4

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import event, text

from opsloop_common import outbox
from opsloop_common.bus import local_log
from opsloop_common.bus.local import LocalBus
from opsloop_common.bus.local_consumer import STRANDS, LocalConsumer, save_cursors
from opsloop_common.bus.local_log import CHUNK, LocalLog
from opsloop_common.bus.metrics import BackboneMetrics, count_parked
from opsloop_common.bus.port import UNKNOWN
from opsloop_common.bus.topics import PRODUCERS, sources_of
from opsloop_common.contracts.campaigns import CampaignPaused
from opsloop_common.db import Context
from opsloop_common.inbox.apply import Applier
from opsloop_common.inbox.delivery import Delivery
from opsloop_common.inbox.subscription import Subscription
from opsloop_common.testing.events import make_event
from opsloop_common.testing.sample.service import SAMPLE


@pytest.fixture
async def database(make_database):
    return await make_database(SAMPLE)


def payload(name="a", *, workspace="acme", stream=None):
    data = CampaignPaused(campaign_id=stream or uuid4(), name=name)
    return make_event(data, workspace=workspace).to_bytes().decode()


async def publish(database, count, *, first=1):
    """Put events into the outbox as a relay leaves them there."""
    async with database.transaction(Context("acme")) as session:
        for number in range(count):
            outbox.append(session, CampaignPaused(campaign_id=uuid4(), name=str(number)))
    async with database.transaction() as session:
        await session.execute(
            text("UPDATE outbox SET position = p.position, published_at = now() FROM (SELECT id, :first - 1 + row_number() "
                 "OVER (ORDER BY id) AS position FROM outbox WHERE published_at IS NULL) AS p WHERE outbox.id = p.id"),
            {"first": first},
        )  # fmt: skip


@pytest.fixture
def statements(database):
    found = []
    event.listen(database.engine.sync_engine, "before_cursor_execute", lambda *given: found.append(given[2]))
    return found


def positions(entries):
    return [position for position, _ in entries]


async def test_a_reader_that_keeps_up_reads_nothing_back(database, statements):
    log, wake = LocalLog(database), asyncio.Event()
    log.subscribe(wake, 0)
    payloads = [payload(str(number)) for number in range(3)]

    log.extend(1, payloads)

    assert wake.is_set()
    entries = await log.after(0, wake)
    assert positions(entries) == [1, 2, 3]
    assert [delivery.event.data["name"] for _, delivery in entries] == ["0", "1", "2"]
    assert (entries[2][1].origin, entries[2][1].source) == ("outbox@3", "sample")
    assert await log.after(3, wake) == []
    assert statements == []


async def test_each_event_is_parsed_once_for_all_readers_and_forgotten_when_all_have_it(database):
    log, quick, slow = LocalLog(database), asyncio.Event(), asyncio.Event()
    log.subscribe(quick, 0)
    log.subscribe(slow, 0)
    log.extend(1, [payload(), payload()])

    (_, first), _ = await log.after(0, quick)
    assert len(log._recent) == 2
    (_, same), _ = await log.after(0, slow)

    assert first is same
    assert (len(log._recent), log._bytes) == (0, 0)


async def test_who_left_holds_nothing_in_memory(database):
    log, stays, leaves = LocalLog(database), asyncio.Event(), asyncio.Event()
    log.subscribe(stays, 0)
    log.subscribe(leaves, 0)
    log.extend(1, [payload()])
    log.unsubscribe(leaves)
    await log.after(0, stays)
    assert len(log._recent) == 0

    log.unsubscribe(stays)
    log.unsubscribe(stays)
    log.extend(2, [payload()])
    assert (log.head, len(log._recent)) == (2, 0)


@pytest.mark.parametrize("after", [0, 1, 4, 9])
async def test_what_memory_does_not_reach_is_read_from_the_table(database, statements, after):
    await publish(database, 10)
    log, wake = LocalLog(database), asyncio.Event()
    log.subscribe(wake, after)
    await log.find_head()
    statements.clear()

    assert positions(await log.after(after, wake)) == list(range(after + 1, 11))
    assert len(statements) == 1


async def test_memory_is_bounded_by_what_it_holds_and_loses_nothing(database, statements, monkeypatch):
    await publish(database, 6)
    async with database.transaction() as session:
        payloads = list(await session.scalars(text("SELECT payload FROM outbox ORDER BY position")))
    monkeypatch.setattr(local_log, "MEMORY_BYTES", len(payloads[0]) * 3)
    log, wake = LocalLog(database), asyncio.Event()
    log.subscribe(wake, 0)
    statements.clear()

    log.extend(1, payloads)
    assert log._bytes <= local_log.MEMORY_BYTES
    assert positions(await log.after(0, wake)) == [1, 2, 3]  # no more at once than memory would hold
    assert positions(await log.after(3, wake)) == [4, 5, 6]

    assert len(statements) == 1


async def test_of_what_is_larger_than_memory_one_is_read_at_a_time(database, monkeypatch):
    await publish(database, 2)
    monkeypatch.setattr(local_log, "MEMORY_BYTES", 1)
    log, wake = LocalLog(database), asyncio.Event()
    log.subscribe(wake, 0)
    await log.find_head()

    assert positions(await log.after(0, wake)) == [1]
    assert positions(await log.after(1, wake)) == [2]


async def test_memory_has_no_gaps(database):
    log, wake = LocalLog(database), asyncio.Event()
    log.subscribe(wake, 0)
    log.extend(1, [payload()])

    log.extend(5, [payload(), payload()])  # another relay had 2 to 4

    assert [recent.position for recent in log._recent] == [5, 6]
    log.reach(9)
    assert (log.head, len(log._recent)) == (9, 0)
    log.reach(3)
    assert log.head == 9


async def test_a_long_log_is_read_in_chunks(database):
    log, wake = LocalLog(database), asyncio.Event()
    log.subscribe(wake, 0)
    log.extend(1, [payload()] * (CHUNK + 1))

    assert positions(await log.after(0, wake)) == list(range(1, CHUNK + 1))
    assert positions(await log.after(CHUNK, wake)) == [CHUNK + 1]


async def test_bytes_that_are_no_event_are_a_delivery_that_says_so(database):
    log, wake = LocalLog(database), asyncio.Event()
    log.subscribe(wake, 0)
    log.extend(1, ["{}", payload()])

    (_, broken), (_, whole) = await log.after(0, wake)

    assert (broken.event, whole.fault) == (None, "")
    assert "Field required" in broken.fault


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        ({"feedback.received"}, ("feedback",)),
        ({"kpi.breached", "campaign.paused"}, ("metrics", "campaigns")),
        ({"*"}, PRODUCERS),
        ({"kpi.breached", "from.the_future"}, PRODUCERS),
        (set(), ()),
    ],
)
def test_a_consumer_listens_to_those_who_say_what_it_wants(types, expected):
    assert sources_of(types) == expected


def test_where_a_producer_is_not_known_all_that_are_there_are_heard():
    assert sources_of({"kpi.breached"}, producers=("sample",)) == ("sample",)


async def hear(session, events):
    return None


def consumer(database, log, *, types=frozenset({"*"})):
    subscription = Subscription("sample.heard", types, batch_handler=hear)
    metrics = BackboneMetrics(CollectorRegistry())
    return LocalConsumer(database, subscription, {"sample": log}, metrics=metrics, backoff=())


async def cursors(database):
    async with database.transaction() as session:
        rows = await session.execute(text("SELECT consumer, source, position FROM delivery_cursor"))
        return [tuple(row) for row in rows]


async def test_a_cursor_stands_before_the_first_event_that_is_not_done_with(database):
    log = LocalLog(database)
    reading = consumer(database, log)
    await reading._begin()
    log.extend(1, [payload() for _ in range(4)])
    await reading._read()
    marks = list(reading._cursors["sample"].open)

    for done, expected in ((1, 0), (3, 0), (0, 2), (2, 4)):
        marks[done].done = True
        reading._cursors["sample"].advance()
        assert reading.low_water("sample") == expected


async def test_cursors_are_saved_when_they_moved_and_read_at_the_next_start(database, statements):
    log = LocalLog(database)
    reading = consumer(database, log, types=frozenset({"kpi.breached"}))
    await reading._begin()
    await save_cursors(database, [reading])
    assert await cursors(database) == []

    log.extend(1, [payload(), payload()])
    await reading._read()  # what nobody wants is behind it at once
    await save_cursors(database, [reading])
    statements.clear()
    await save_cursors(database, [reading])

    assert statements == []
    assert await cursors(database) == [("sample.heard", "sample", 2)]
    again = consumer(database, log)
    await again._begin()
    assert again.low_water("sample") == 2


async def test_a_stream_always_takes_the_same_strand_and_streams_take_both(database):
    log = LocalLog(database)
    reading = consumer(database, log)
    await reading._begin()
    streams = [uuid4() for _ in range(30)]
    log.extend(1, [payload(stream=stream) for stream in streams * 2])
    await reading._read()

    found = [{delivery.event.partitionkey for _, delivery in turns.next_turn()} for turns in reading._strands]
    assert len(found) == STRANDS
    assert all(found)
    assert not set.intersection(*found)


async def test_nothing_is_delivered_before_all_services_consume(database):
    bus = LocalBus({"sample": database})
    assert (bus.delivered("sample"), bus.problem()) == (UNKNOWN, "no relay for sample")

    async with bus.consuming(SAMPLE, database):
        assert bus.delivered("sample") >= 0
    assert bus.delivered("sample") == UNKNOWN


async def test_what_is_parked_is_counted_for_each_consumer(database):
    async def fails(session, event):
        raise ValueError("cannot")

    failing = Subscription("sample.failing", frozenset({"*"}), handler=fails)
    calm = Subscription("sample.calm", frozenset({"*"}), batch_handler=hear)
    metrics, stream = BackboneMetrics(CollectorRegistry()), uuid4()
    applier = Applier(database, failing, backoff=())
    for _ in range(3):
        made = make_event(CampaignPaused(campaign_id=stream, name="a"))
        await applier.apply(Delivery("campaigns", "x", made.to_bytes(), made))

    await count_parked(database, [failing, calm], metrics)

    def shown(name):
        return [metrics.parked.labels(name, status)._value.get() for status in ("failed", "held")]

    assert (shown("sample.failing"), shown("sample.calm")) == ([1, 2], [0, 0])
    async with database.transaction() as session:
        await session.execute(text("DELETE FROM parked_event"))
    await count_parked(database, [failing, calm], metrics)
    assert shown("sample.failing") == [0, 0]
