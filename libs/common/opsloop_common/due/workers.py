"""Which processes are alive: a heartbeat per boot, by the database's own clock, so that a dead one's claims can be freed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from uuid import UUID

import structlog
from sqlalchemy import MetaData, text
from sqlalchemy.exc import SQLAlchemyError

from opsloop_common.db import Database
from opsloop_common.due.claims import release_dead_claims, release_own_claims
from opsloop_common.supervision import LoopMeter, Pauses, supervised
from opsloop_common.wakeups import DUE

HEARTBEAT_SECONDS = 2.5
LEAVE_SECONDS = 5.0
PAUSES = Pauses(first=0.2, longest=1.0)

log = structlog.get_logger(__name__)

_BEAT = text(
    "INSERT INTO worker (id, instance) VALUES (:id, :instance) "
    "ON CONFLICT (id) DO UPDATE SET heartbeat_at = clock_timestamp()"
)
_FORGET_LONG_DEAD = text("DELETE FROM worker WHERE heartbeat_at < clock_timestamp() - interval '1 hour'")
_LEAVE = text("DELETE FROM worker WHERE id = :id")


def claim_tables(metadata: MetaData) -> list[str]:
    """Return the tables of a service whose rows are claimed as `DueColumns` says."""
    return sorted(t.name for t in metadata.tables.values() if {"due_at", "owner", "claimed_at"} <= set(t.c.keys()))


async def beat(
    database: Database, owner: UUID, *, instance: str, tables: Sequence[str] = (), alone: bool = False
) -> int:
    """Say that `owner` is alive, and free what dead owners hold in `due` and `tables`; returns how many rows.

    `alone`: no other process works on this database, so every other claim is free at once.
    """
    async with database.transaction() as session:
        await session.execute(_BEAT, {"id": owner, "instance": instance})
        await session.execute(_FORGET_LONG_DEAD)
    async with database.transaction() as session:  # apart: nobody's heartbeat waits behind row locks
        freed = await release_dead_claims(session, "due", *tables, all=alone, keep=owner)
    if freed:
        log.info("claims of a dead worker freed", service=database.service, rows=freed)
        for name in (DUE, *tables):
            database.wakeups.fire(name)
    return freed


async def leave(database: Database, owner: UUID, *, tables: Sequence[str] = ()) -> None:
    """Give back every claim of `owner` and forget it."""
    async with database.transaction() as session:
        await release_own_claims(session, DUE, *tables, owner=owner)
        await session.execute(_LEAVE, {"id": owner})


@asynccontextmanager
async def alive(
    database: Database, owner: UUID, *, instance: str, tables: Sequence[str] = (), alone: bool = False
) -> AsyncIterator[None]:
    """Keep `owner`'s heart beating for the length of the block, and give its claims back afterwards."""
    await beat(database, owner, instance=instance, tables=tables, alone=alone)
    heart = partial(_keep_beating, database, owner, instance, tables)
    try:
        # a heart that stops gives its claims away: it tries again long before the others take it for dead
        async with supervised({f"{database.service} heart": heart}, pauses=PAUSES, meter=database.meters.of(LoopMeter)):
            yield
    finally:
        try:
            async with asyncio.timeout(LEAVE_SECONDS):
                await leave(database, owner, tables=tables)
        except (SQLAlchemyError, OSError) as error:  # the heartbeat's end frees them just as well
            log.warning("claims not given back", service=database.service, error=type(error).__name__)


async def _keep_beating(database: Database, owner: UUID, instance: str, tables: Sequence[str]) -> None:
    while True:
        await beat(database, owner, instance=instance, tables=tables)
        await asyncio.sleep(HEARTBEAT_SECONDS)
