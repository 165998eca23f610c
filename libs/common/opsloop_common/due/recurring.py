"""Work that recurs: one due row for the service, or one for each workspace that it knows, made and repaired here.

A worker calls `keep` from its start on. What is missing is made, what stood still is set going, what belongs to a kind or a
workspace that is gone is taken away; so nobody who writes anything has to think of the work that must come after it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import Context, Database, acting_for, clock_of
from opsloop_common.due import rules
from opsloop_common.due.kinds import DueKind, DueRow
from opsloop_common.due.schedule import schedule
from opsloop_common.wakeups import DUE

KEY = "@every"  # in the statements as they are, so that the planner knows its partial index
REPAIR_SECONDS = 60.0

log = structlog.get_logger(__name__)

_WANTED = (
    "wanted AS (SELECT '' AS workspace, kind, period FROM unnest(CAST(:kinds AS text[]), CAST(:per_workspace AS boolean[]), "
    "CAST(:periods AS interval[])) AS k(kind, per_workspace, period) WHERE NOT per_workspace UNION ALL "
    "SELECT w.name, k.kind, k.period FROM known_workspace AS w CROSS JOIN unnest(CAST(:kinds AS text[]), "
    "CAST(:per_workspace AS boolean[]), CAST(:periods AS interval[])) AS k(kind, per_workspace, period) WHERE per_workspace)"
)
# a row that waits for longer than its period is from before the period was made shorter, or from a clock that went wrong
_MISSING = text(
    f"WITH {_WANTED} SELECT w.workspace, w.kind FROM wanted AS w WHERE NOT EXISTS (SELECT FROM due AS d "  # noqa: S608 constants
    f"WHERE d.workspace = w.workspace AND d.kind = w.kind AND d.key = '{KEY}' "
    "AND (d.owner IS NOT NULL OR d.due_at <= CAST(:now AS timestamptz) + w.period))"
)
_MAKE = text(
    "INSERT INTO due AS d (workspace, kind, key, due_at) "
    "SELECT m.workspace, m.kind, :key, m.due_at FROM unnest(CAST(:workspaces AS text[]), CAST(:kinds AS text[]), "
    "CAST(:times AS timestamptz[])) AS m(workspace, kind, due_at) ORDER BY m.workspace, m.kind "
    "ON CONFLICT (workspace, kind, key) DO UPDATE SET due_at = excluded.due_at "
    "WHERE d.owner IS NULL AND d.due_at > excluded.due_at"
)
_CLEAR = text(
    f"DELETE FROM due AS d WHERE key = '{KEY}' AND owner IS NULL AND NOT EXISTS (SELECT FROM unnest(CAST(:kinds AS text[]), "  # noqa: S608 a constant
    "CAST(:per_workspace AS boolean[])) AS k(kind, per_workspace) WHERE k.kind = d.kind AND CASE WHEN k.per_workspace "
    "THEN EXISTS (SELECT FROM known_workspace AS w WHERE w.name = d.workspace) ELSE d.workspace = '' END)"
)
_REVIVE = text(
    "UPDATE due SET status = 'waiting', attempts = 0, due_at = :now WHERE status = 'failed' AND owner IS NULL "
    "AND kind = ANY(CAST(:kinds AS text[]))"
)


async def keep(database: Database, kinds: Sequence[DueKind]) -> None:
    """Repair once a minute, until cancelled."""
    while True:
        await repair(database, kinds)
        await asyncio.sleep(REPAIR_SECONDS)


async def repair(database: Database, kinds: Sequence[DueKind]) -> int:
    """Make the rows of recurring kinds as they should be; returns how many were missing.

    Kinds that are never given up get back what an earlier release gave up.
    """
    recurring = {kind.name: kind for kind in kinds if kind.every is not None}
    asked = {
        "kinds": list(recurring),
        "per_workspace": [kind.per == "workspace" for kind in recurring.values()],
    }
    now = database.clock.now()
    async with database.work() as session:
        await session.execute(_CLEAR, asked)
        await session.execute(_REVIVE, {"kinds": [kind.name for kind in kinds if kind.is_endless], "now": now})
        periods = [kind.every for kind in recurring.values()]
        missing = (await session.execute(_MISSING, asked | {"periods": periods, "now": now})).all()
        if missing:
            await session.execute(
                _MAKE,
                {
                    "workspaces": [row.workspace for row in missing],
                    "kinds": [row.kind for row in missing],
                    "times": [_turn_of(recurring[row.kind], row.workspace, now) for row in missing],
                    "key": KEY,
                },
            )
    if missing:
        log.info("recurring work made", service=database.service, rows=len(missing))
        database.wakeups.fire(DUE)
    return len(missing)


def _turn_of(kind: DueKind, workspace: str, now: datetime) -> datetime:
    assert kind.every is not None  # noqa: S101 only such kinds recur
    return rules.next_turn(now, kind.every, workspace, kind.name)


async def go_on(session: AsyncSession, row: DueRow) -> None:
    """Have a recurring row handled again at once, in a transaction of its own: there is more to do."""
    with acting_for(session, Context(workspace=row.workspace)):
        await schedule(session, row.kind, row.key, clock_of(session).now())


async def bring_forward(session: AsyncSession, kind: str, at: datetime) -> None:
    """Have recurring work of the session's workspace done by a time, also where its row is not made yet."""
    await schedule(session, kind, KEY, at)


async def put_to_next_turn(session: AsyncSession, kind: DueKind, row: DueRow) -> None:
    """Put a recurring row to its next turn, with the transaction in which it was done; other rows are left alone."""
    if kind.every is None:
        return
    turn = _turn_of(kind, row.workspace, clock_of(session).now())
    # each turn is a cause of its own: what it says has nothing to do with what the last one said
    with acting_for(session, Context(workspace=row.workspace)):
        await schedule(session, row.kind, row.key, turn)
