"""Counters of streams: kept for as long as their things exist, forgotten when nobody can ask for them any more."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from opsloop_common import outbox, resources
from opsloop_common.contracts.campaigns import CampaignPaused
from opsloop_common.db import Context
from opsloop_common.runner import housekeeping
from opsloop_common.testing.due import run_recurring
from opsloop_common.testing.sample.service import SAMPLE
from opsloop_common.testing.sample.tables import Note

ACME = Context(workspace="acme")
KEPT = timedelta(days=15)


@pytest.fixture
async def database(make_database):
    return await make_database(SAMPLE)


async def happen(database, campaign_id, *, ends=False):
    """Let something happen to a campaign, its end perhaps; returns the event's place in its stream."""
    async with database.transaction(ACME) as session:
        if ends:
            outbox.end_streams(session, "campaign", [campaign_id])
        outbox.append(session, CampaignPaused(campaign_id=campaign_id, name="x"))
    async with database.transaction() as session:
        of = {"stream": f"campaign/{campaign_id}"}
        return await session.scalar(text("SELECT last_seq FROM outbox_stream WHERE stream = :stream"), of)


async def publish_and_prune(database):
    async with database.transaction() as session:
        await session.execute(text("DELETE FROM outbox"))


async def streams(database):
    await run_recurring(database, housekeeping.kinds(SAMPLE))
    async with database.transaction() as session:
        return set(await session.scalars(text("SELECT stream FROM outbox_stream")))


async def test_a_thing_that_exists_is_numbered_on_however_long_it_was_quiet(database, clock):
    quiet = uuid4()
    assert [await happen(database, quiet) for _ in range(2)] == [1, 2]
    await publish_and_prune(database)
    clock.advance(timedelta(days=1000))

    assert await streams(database) == {f"campaign/{quiet}"}

    assert await happen(database, quiet) == 3


async def test_the_counter_of_what_is_gone_goes_when_its_events_have_gone(database, clock):
    gone = uuid4()
    assert await happen(database, gone) == 1
    assert await happen(database, gone, ends=True) == 2, "the end itself is told in its place"

    await publish_and_prune(database)
    clock.advance(KEPT)
    assert await streams(database) == {f"campaign/{gone}"}, "what the topic still holds can be read again until then"
    clock.advance(1)

    assert await streams(database) == set()


async def test_a_counter_is_kept_while_an_event_of_it_waits(database, clock):
    waiting = uuid4()
    await happen(database, waiting, ends=True)
    clock.advance(10 * KEPT)

    assert await streams(database) == {f"campaign/{waiting}"}


async def test_a_resource_that_is_deleted_ends_its_stream(database, clock):
    async with database.transaction(ACME) as session:
        note = resources.create(session, Note, text="x")
    async with database.transaction() as session:
        await session.execute(text("INSERT INTO outbox_stream VALUES (:stream, 7)"), {"stream": f"note/{note.id}"})

    async with database.transaction(ACME) as session:
        await resources.delete(session, await resources.get(session, Note, Note.id == note.id))
    clock.advance(KEPT + timedelta(seconds=1))

    assert await streams(database) == set()


async def test_the_end_of_what_never_said_anything_is_nothing(database):
    async with database.transaction(ACME) as session:
        outbox.end_streams(session, "campaign", [uuid4()])
        outbox.end_streams(session, "campaign", [])

    assert await streams(database) == set()
