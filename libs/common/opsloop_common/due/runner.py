"""Run due work: the queue engine at the table `due`, for as long as a process works, or once for tests and tools."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

from opsloop_common.db import Database
from opsloop_common.due import recurring
from opsloop_common.due.engine import Engine
from opsloop_common.due.kinds import DueKind
from opsloop_common.due.metrics import DueMetrics
from opsloop_common.due.rows import DueItem, claim_due
from opsloop_common.due.schedule import POLL_SECONDS
from opsloop_common.due.work import DRAIN_SECONDS, DueWork, Outcome
from opsloop_common.due.workers import LEAVE_SECONDS, beat, leave
from opsloop_common.ids import uuid7
from opsloop_common.supervision import LoopMeter, Pauses, supervised

PAUSES = Pauses(first=0.5, longest=5.0)
ROUNDS_LIMIT = 1_000
ROUND_ROWS = 100


class DueRunner:
    """Runs the due work of one service in one process, under the boot id `owner`."""

    def __init__(
        self,
        database: Database,
        kinds: Sequence[DueKind],
        *,
        owner: UUID,
        metrics: DueMetrics | None = None,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._database = database
        self._owner = owner
        self._work = DueWork(database, kinds, owner=owner, metrics=metrics, poll_seconds=poll_seconds)

    def engine(self) -> Engine[DueItem, Outcome]:
        """Return a new engine at this service's due rows."""
        return Engine(self._database, self._work, owner=self._owner)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Work for the length of the block; then finish what is running (at most 20 s) and leave the rest unclaimed."""
        loops = {f"{self._database.service} due": self._run}
        meter = self._database.meters.of(LoopMeter)
        # the engine has its own time first, then what it records and gives back
        async with supervised(loops, pauses=PAUSES, meter=meter, drain_seconds=DRAIN_SECONDS + LEAVE_SECONDS):
            yield

    async def _run(self) -> None:
        await self.engine().run()


async def run_due(database: Database, kinds: Sequence[DueKind], *, raising: bool = True) -> int:
    """Handle everything that is due by the database's clock, one row after another, and return how many were done.

    For tests and tools: what rows schedule for now runs too. With `raising` the first failure is raised at the end, after
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
    """Do all that recurs among `kinds` once, whenever its turn would be; returns how many rows were handled. For tests and tools."""
    chosen = [kind for kind in kinds if kind.every is not None]
    await recurring.make_due(database, chosen)
    return await run_due(database, chosen, raising=raising)
