"""Events appended to a transaction: gapless per stream, there exactly when it committed."""

import asyncio
from uuid import uuid4

import pytest
from sqlalchemy import select, text

from opsloop_common import outbox
from opsloop_common.contracts.campaigns import CampaignPaused
from opsloop_common.contracts.envelope import Event
from opsloop_common.db import Context, require_held_by_row_level_security
from opsloop_common.errors import Invalid
from opsloop_common.limits import EVENT_BYTES
from opsloop_common.outbox.tables import outbox as outbox_table
from opsloop_common.testing.pauses import pauses_watched
from opsloop_common.testing.sample.service import SAMPLE
from opsloop_common.testing.sample.tables import Note

ACME = Context(workspace="acme", actor="key:1")


async def test_sequence_is_gapless_and_rollback_leaves_nothing(make_database):
    database = await make_database(SAMPLE)
    campaign_id = uuid4()

    async with database.transaction(ACME) as session:
        outbox.append(session, CampaignPaused(campaign_id=campaign_id, name="a"))
        outbox.append(session, CampaignPaused(campaign_id=campaign_id, name="b"))
    with pytest.raises(RuntimeError):
        async with database.transaction(ACME) as session:
            outbox.append(session, CampaignPaused(campaign_id=campaign_id, name="c"))
            raise RuntimeError
    async with database.transaction(ACME) as session:
        outbox.append(session, CampaignPaused(campaign_id=campaign_id, name="d"))

    async with database.transaction() as session:
        rows = (await session.execute(select(outbox_table).order_by(outbox_table.c.id))).all()
    events = [Event.from_bytes(row.payload) for row in rows]
    assert [(e.sequence, e.data["name"]) for e in events] == [(1, "a"), (2, "b"), (3, "d")]
    assert events[0].partitionkey == f"campaign/{campaign_id}"
    assert events[0].source == "/opsloop/sample"


async def test_the_limit_counts_bytes_so_that_the_bus_never_refuses(make_database):
    database = await make_database(SAMPLE)
    characters = EVENT_BYTES // 3

    with pytest.raises(Invalid):
        async with database.transaction(ACME) as session:
            outbox.append(session, CampaignPaused(campaign_id=uuid4(), name="投" * characters))
    async with database.transaction(ACME) as session:
        outbox.append(session, CampaignPaused(campaign_id=uuid4(), name="t" * characters))


async def test_a_workspace_sees_only_its_own_rows(make_database):
    database = await make_database(SAMPLE)
    await require_held_by_row_level_security(database)

    async with database.transaction(ACME) as session:
        session.add(Note(workspace="acme", text="ours"))
    async with database.transaction(Context(workspace="other")) as session:
        theirs = (await session.execute(text("SELECT * FROM note"))).all()
    async with database.transaction() as session:
        nobodys = (await session.execute(text("SELECT * FROM note"))).all()

    assert theirs == []
    assert nobodys == []


@pytest.mark.measured
async def test_many_events_of_one_transaction_let_the_loop_go_on(make_database):
    database, campaigns = await make_database(SAMPLE), [uuid4() for _ in range(500)]
    values = {f"label {number}": "支付" * 10 for number in range(20)}

    async with pauses_watched() as pauses, database.transaction(ACME) as session:
        for number, campaign_id in enumerate([*campaigns, *campaigns]):
            outbox.append(session, CampaignPaused(campaign_id=campaign_id, name=str(values | {"number": str(number)})))
            if number % 20 == 0:
                await asyncio.sleep(0)

    async with database.transaction() as session:
        events = [Event.from_bytes(row.payload) for row in await session.execute(select(outbox_table))]
    assert pauses.longest < 0.05  # 30 to 40 ms where they were written in one go, beside all else
    assert len(events) == 1_000
    for campaign_id in campaigns:
        own = [event for event in events if event.partitionkey == f"campaign/{campaign_id}"]
        assert sorted(event.sequence for event in own) == [1, 2]


async def test_what_is_read_back_is_what_was_said(make_database):
    database, name = await make_database(SAMPLE), 'a "quote", \\ a backslash, 支付, \n and </script>'
    said = CampaignPaused(campaign_id=uuid4(), name=name)

    async with database.transaction(ACME) as session:
        id = outbox.append(session, said)

    async with database.transaction() as session:
        (row,) = (await session.execute(select(outbox_table))).all()
    event = Event.from_bytes(row.payload)
    assert (event.id, event.parse(CampaignPaused)) == (id, said)
    assert row.payload == event.to_bytes().decode()


@pytest.mark.parametrize(
    ("actor", "named"),
    [
        ("key:1", "key:1"),
        ("user:ann", "user:ann"),
        ("system", "system"),
        ("visitor", "system"),
        ("link:0198", "system"),
    ],
)
async def test_events_name_keys_and_people_and_no_link(make_database, actor, named):
    database = await make_database(SAMPLE)
    async with database.transaction(Context(workspace="acme", actor=actor)) as session:
        outbox.append(session, CampaignPaused(campaign_id=uuid4(), name="a"))
    async with database.transaction() as session:
        rows = (await session.execute(select(outbox_table))).all()

    assert [Event.from_bytes(row.payload).actor for row in rows] == [named]
