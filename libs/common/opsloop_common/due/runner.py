"""Run due work: the queue engine at the table `due`, for as long as a process works."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

from opsloop_common.db import Database
from opsloop_common.due.engine import Engine
from opsloop_common.due.kinds import DueKind
from opsloop_common.due.metrics import DueMetrics
from opsloop_common.due.rows import DueItem
from opsloop_common.due.schedule import POLL_SECONDS
from opsloop_common.due.work import DRAIN_SECONDS, DueWork, Outcome
from opsloop_common.due.workers import LEAVE_SECONDS
from opsloop_common.supervision import LoopMeter, Pauses, supervised

PAUSES = Pauses(first=0.5, longest=5.0)


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
