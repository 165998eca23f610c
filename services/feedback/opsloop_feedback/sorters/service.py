"""What each workspace sorts by, kept in the memory of the process: to ask the database before each post would cost as much as the post.

What somebody changes holds at once in the process that took it, and everywhere within 5 s.
"""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import Context, Database
from opsloop_feedback.learning import service as learning
from opsloop_feedback.sorter_memory.service import KEPT, Memory
from opsloop_feedback.sorting.rules import Sorter
from opsloop_feedback.taxonomy import service as taxonomy
from opsloop_feedback.triage_rules import service as triage_rules


def find_sorter(database: Database, workspace: str) -> Sorter | None:
    """Return what a workspace sorts by, None when `read_sorter` has to be asked, which needs a connection."""
    found: Sorter | None = database.meters.of(Memory).find(workspace, database.clock.now())
    return found


async def read_sorter(database: Database, context: Context) -> Sorter:
    """Return what the context's workspace sorts by, as it is in the database; whoever asks meanwhile waits for the same reading."""
    memory = database.meters.of(Memory)
    kept = memory.place(context.workspace)
    async with kept.reading:
        now = database.clock.now()
        if not kept.holds(now):
            memory.reads.inc()
            async with database.transaction(context) as session:
                stamp = await _stamp(session)
                if stamp != kept.stamp:
                    kept.sorter, kept.stamp = await _sorter(session), stamp
            kept.until = now + KEPT
    sorter: Sorter = kept.sorter
    return sorter


async def read_within(session: AsyncSession) -> Sorter:
    """Return what the session's workspace sorts by, as it is in the database: for long work, which asks seldom."""
    return await _sorter(session)


async def _stamp(session: AsyncSession) -> str:
    return " ".join([await learning.stamp(session), await triage_rules.stamp(session), await taxonomy.stamp(session)])


async def _sorter(session: AsyncSession) -> Sorter:
    return Sorter(
        models=await learning.active_models(session),
        rules=await triage_rules.team_rules(session),
        areas=await taxonomy.areas(session),
    )
