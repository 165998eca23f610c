"""Work off a queue of calls to the outside: claim in batches, many in flight, results recorded many at once.

Nothing here knows what is sent. A slow group fills its own places only; claims end with this process's heartbeat, so what was
in flight at a crash is tried again within seconds.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict, deque
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

import structlog
from sqlalchemy import text

from opsloop_common.entry import enter_worker
from opsloop_common.service import Runtime
from opsloop_common.supervision import Pauses, patiently
from opsloop_common.wakeups import wait

POLL_SECONDS = 0.5
PAUSES = Pauses(first=1.0, longest=1.0)
BACKLOG_SECONDS = 0.05
REFILL = 128  # results recorded before the next claim of a backlog
DRAIN_SECONDS = 8.0
SWEEP_SECONDS = 10.0  # between looks for claims of which nobody knows here: their commit got no answer
HELD_LIMIT = 10_000  # claimed rows in memory, sent or waiting for a place in their group

_log = structlog.get_logger(__name__)


class Job(Protocol):
    """One claimed piece of work."""

    @property
    def id(self) -> UUID:
        """Return the queue row's id."""
        ...

    @property
    def group(self) -> str:
        """Return the group whose places it needs."""
        ...


JobT = TypeVar("JobT", bound=Job)
ResultT = TypeVar("ResultT")


class Work(Protocol[JobT, ResultT]):
    """What a dispatcher asks of the room whose queue it works off."""

    table: str
    """The queue's table; wake-ups for it have its name."""
    never_left: int
    """A claim takes all that is due of a group unless this process then holds at least so many of it."""

    async def claim(self, *, now: datetime, owner: UUID, limit: int, held: Mapping[str, int]) -> Sequence[JobT]:
        """Claim due rows, committed, and load what sending them needs.

        `held` says how many of each group this process has already.
        """
        ...

    def places(self, group: str) -> int:
        """Return how many of a group may be in flight just now."""
        ...

    async def perform(self, job: JobT) -> ResultT:
        """Do the work, outside any transaction. Every foreseeable failure is a result."""
        ...

    def broken(self, job: JobT, error: Exception) -> ResultT:
        """Return the result of a `perform` that raised."""
        ...

    async def record(self, results: Sequence[ResultT], *, owner: UUID) -> None:
        """Write the results down, many rows a statement, and commit them."""
        ...


class Taker(Protocol):
    """What a dispatcher is to those who make new work in its process; found in `wakeups.takers` under the queue's name."""

    @property
    def owner(self) -> UUID:
        """Return whose claims the rows are that it works on."""
        ...

    def room(self, group: str) -> int:
        """Return how many new rows of a group may be claimed for `owner` as they are made, and handed to `take`."""
        ...

    def take(self, jobs: Sequence[Any]) -> None:
        """Work on rows that are committed and claimed for `owner`; one that is never taken is free again within seconds."""
        ...


class Dispatcher(Generic[JobT, ResultT]):
    """One dispatcher of one queue in one process, and a Taker."""

    def __init__(self, runtime: Runtime, work: Work[JobT, ResultT], *, batch: int = 500) -> None:
        self._runtime = runtime
        self._work = work
        self._batch = batch
        self._waiting: defaultdict[str, deque[JobT]] = defaultdict(deque)
        self._running: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._held: Counter[str] = Counter()
        self._ids: set[UUID] = set()
        self._swept_at = time.monotonic()
        self._results: list[tuple[JobT, ResultT]] = []
        self._recorded = 0
        self._backlog = False
        self._finished = asyncio.Event()
        self._more = asyncio.Event()

    @property
    def owner(self) -> UUID:
        """Return whose claims the rows are that this dispatcher works on."""
        return self._runtime.boot_id

    def room(self, group: str) -> int:
        """Return how many new rows of a group may be claimed for `owner` as they are made, and handed to `take`."""
        if self._backlog:
            return 0
        return max(0, min(self._work.never_left - self._held[group], HELD_LIMIT - self._held.total()))

    def take(self, jobs: Sequence[JobT]) -> None:
        """Work on rows that are committed and claimed for `owner`; one that is never taken is free again within seconds."""
        for job in jobs:
            self._ids.add(job.id)
            self._held[job.group] += 1
            self._waiting[job.group].append(job)
        for group in {job.group for job in jobs}:
            self._fill(group)

    async def run(self) -> None:
        """Work until cancelled; then let what is in flight end for a few seconds, and give back the rest."""
        wakeups = self._runtime.db.wakeups
        self._more = wakeups.subscribe(self._work.table)
        await self._give_back()
        wakeups.takers[self._work.table] = self
        try:
            async with asyncio.TaskGroup() as loops:
                loops.create_task(self._claim_loop())
                loops.create_task(self._record_loop())
        finally:
            del wakeups.takers[self._work.table]
            wakeups.unsubscribe(self._work.table, self._more)
            await self._drain()

    async def _claim_loop(self) -> None:
        while True:
            # what is in flight goes on meanwhile; its claims are ours for as long as our heart beats
            await patiently(self._work.table, self._claim_once, pauses=PAUSES)

    async def _claim_once(self) -> None:
        self._more.clear()
        self._recorded = 0
        limit = min(self._batch, HELD_LIMIT - self._held.total())
        jobs = await self._claim(limit) if limit > 0 else ()
        self.take(jobs)
        fullest = max(self._held.values(), default=0)
        self._backlog = len(jobs) >= limit or fullest >= self._work.never_left
        if time.monotonic() - self._swept_at > SWEEP_SECONDS:
            self._swept_at = time.monotonic()
            await self._give_back(before=self._runtime.clock.now() - timedelta(seconds=SWEEP_SECONDS))
        # while there is a backlog, room in its groups comes back all the time: gather some before the next claim
        await wait(self._more, BACKLOG_SECONDS if jobs and self._backlog else POLL_SECONDS)

    async def _claim(self, limit: int) -> Sequence[JobT]:
        now = self._runtime.clock.now()
        return await self._work.claim(now=now, owner=self._runtime.boot_id, limit=limit, held=self._held)

    def _fill(self, group: str) -> None:
        waiting = self._waiting[group]
        while waiting and self._running[group] < self._work.places(group):
            self._running[group] += 1
            task = asyncio.create_task(self._perform(waiting.popleft()))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if not waiting:
            del self._waiting[group]

    async def _perform(self, job: JobT) -> None:
        try:
            result = await self._work.perform(job)
        except Exception as error:  # noqa: BLE001 one broken job must not stop the others
            _log.exception("dispatch.broken", table=self._work.table, job=str(job.id))
            result = self._work.broken(job, error)
        finally:
            self._running[job.group] -= 1
            if not self._running[job.group]:
                del self._running[job.group]
        self._results.append((job, result))
        self._finished.set()
        self._fill(job.group)

    async def _record_loop(self) -> None:
        while True:
            await self._finished.wait()
            self._finished.clear()
            self._recorded += await patiently(self._work.table, self._record, pauses=PAUSES)
            if self._backlog and (self._recorded >= REFILL or not self._held):
                self._more.set()

    async def _record(self) -> int:
        results, self._results = self._results[: self._batch], self._results[self._batch :]
        if not results:
            return 0
        if self._results:
            self._finished.set()
        with ExitStack() as unless_recorded:  # also when cancelled in the middle: it is recorded while draining
            unless_recorded.callback(self._put_back, results)
            await self._work.record([result for _, result in results], owner=self._runtime.boot_id)
            unless_recorded.pop_all()
        self._held -= Counter(job.group for job, _ in results)
        self._ids.difference_update(job.id for job, _ in results)
        return len(results)

    def _put_back(self, results: list[tuple[JobT, ResultT]]) -> None:
        self._results = results + self._results

    async def _drain(self) -> None:
        self._waiting.clear()
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=DRAIN_SECONDS)
        for task in list(self._tasks):
            task.cancel()
        while await self._record():
            pass
        self._ids.clear()
        await self._give_back()

    async def _give_back(self, *, before: datetime | None = None) -> None:
        """Free what is claimed for this process and not held here; with `before`, only what was claimed before then.

        At the start that is what a failed run of this loop left behind.
        """
        async with self._runtime.db.transaction() as session:
            await enter_worker(session)
            await session.execute(
                text(
                    f'UPDATE "{self._work.table}" SET owner = NULL, claimed_at = NULL WHERE owner = :owner '  # noqa: S608 a table's name
                    "AND (CAST(:before AS timestamptz) IS NULL OR claimed_at <= :before) AND NOT id = ANY(CAST(:held AS uuid[]))"
                ),
                {"owner": self.owner, "before": before, "held": list(self._ids)},
            )
