"""Run due work once, here and now, instead of a runner: what is due by the clock, or all that recurs."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import text

from opsloop_common.db import Database
from opsloop_common.due import recurring
from opsloop_common.due.kinds import DueKind
from opsloop_common.due.rows import claim_due
from opsloop_common.due.work import DueWork
from opsloop_common.due.workers import beat, leave
from opsloop_common.ids import uuid7

ROUNDS_LIMIT = 1_000
ROUND_ROWS = 100

_NOW = text(
    f"UPDATE due SET due_at = :now WHERE key = '{recurring.KEY}' AND owner IS NULL "  # noqa: S608 a constant
    "AND kind = ANY(CAST(:kinds AS text[]))"
)


async def make_due(database: Database, kinds: Sequence[DueKind]) -> None:
    """Give every recurring row its turn now."""
    await recurring.repair(database, kinds)
    names = [kind.name for kind in kinds if kind.every is not None]
    async with database.transaction() as session:
        await session.execute(_NOW, {"kinds": names, "now": database.clock.now()})


async def run_due(database: Database, kinds: Sequence[DueKind], *, raising: bool = True) -> int:
    """Handle everything that is due by the database's clock, one row after another, and return how many were done.

    What rows schedule for now runs too. With `raising` the first failure is raised at the end, after
    it was recorded as the runner would.
    """
    owner = uuid7()
    work = DueWork(database, kinds, owner=owner)
    done = 0
    first: Exception | None = None
    await beat(database, owner, instance="run_due")
    try:
        for _ in range(ROUNDS_LIMIT):
            async with database.transaction() as session:
                room = [(kind, ROUND_ROWS) for kind in kinds]
                claimed = await claim_due(session, room, now=database.clock.now(), owner=owner)
            if not claimed:
                break
            for item in claimed:
                outcome = await work.perform(item)
                await work.record([outcome], owner=owner)
                done += outcome.error is None
                first = first or outcome.error
        else:
            raise RuntimeError("due rows keep scheduling themselves for now")
    finally:
        await leave(database, owner)
    if raising and first is not None:
        raise first
    return done


async def run_recurring(database: Database, kinds: Sequence[DueKind], *, raising: bool = True) -> int:
    """Do all that recurs among `kinds` once, whenever its turn would be; returns how many rows were handled."""
    chosen = [kind for kind in kinds if kind.every is not None]
    await make_due(database, chosen)
    return await run_due(database, chosen, raising=raising)
