"""What each workspace sorts by, kept in the memory of the process: to ask the database before each post would cost as much as the post.

What somebody changes holds at once in the process that took it, and everywhere within `KEPT_SECONDS`.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import Context, Database, ports_of
from opsloop_feedback.learning import service as learning
from opsloop_feedback.ports import FeedbackPorts
from opsloop_feedback.sorting.rules import UNTAUGHT, Sorter
from opsloop_feedback.triage_rules import service as triage_rules

KEPT_SECONDS = 5
KEPT = timedelta(seconds=KEPT_SECONDS)
WORKSPACES = 256


@dataclass
class _Kept:
    """What a workspace sorts by, what it was read from, and until when nobody asks again."""

    sorter: Sorter = UNTAUGHT
    stamp: str | None = None
    until: datetime | None = None
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    def holds(self, now: datetime) -> bool:
        return self.until is not None and now < self.until <= now + KEPT


class Sorters:
    """What the workspaces sort by that posted last."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    def find(self, workspace: str, now: datetime) -> Sorter | None:
        """Return what a workspace sorts by, None when that has to be read."""
        kept = self._kept.get(workspace)
        return kept.sorter if kept is not None and kept.holds(now) else None

    def forget(self, workspace: str) -> None:
        """Have what a workspace sorts by read again: it has just been changed."""
        if workspace in self._kept:
            self._kept[workspace].until = None

    async def read(self, database: Database, context: Context) -> Sorter:
        """Read what a workspace sorts by, unless somebody else has meanwhile."""
        kept = self._kept.setdefault(context.workspace, _Kept())
        self._kept.move_to_end(context.workspace)
        while len(self._kept) > WORKSPACES:
            self._kept.popitem(last=False)
        async with kept.reading:
            now = database.clock.now()
            if not kept.holds(now):
                async with database.transaction(context) as session:
                    stamp = f"{await learning.stamp(session)} {await triage_rules.stamp(session)}"
                    if stamp != kept.stamp:
                        kept.sorter, kept.stamp = await _sorter(session), stamp
                kept.until = now + KEPT
        return kept.sorter


async def _sorter(session: AsyncSession) -> Sorter:
    return Sorter(models=await learning.active_models(session), rules=await triage_rules.team_rules(session))


def find_sorter(database: Database, workspace: str) -> Sorter | None:
    """Return what a workspace sorts by, None when `read_sorter` has to be asked, which needs a connection."""
    return _sorters(database).find(workspace, database.clock.now())


async def read_sorter(database: Database, context: Context) -> Sorter:
    """Return what the context's workspace sorts by, as it is in the database."""
    return await _sorters(database).read(database, context)


def _sorters(database: Database) -> Sorters:
    memory = ports_of(database, FeedbackPorts).sorters
    if not isinstance(memory, Sorters):
        raise LookupError("the service was opened with another memory")
    return memory
