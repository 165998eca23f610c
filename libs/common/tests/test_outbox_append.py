"""Events appended to a transaction: gapless per stream, there exactly when it committed."""

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
