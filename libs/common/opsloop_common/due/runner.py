"""Run due work: claim what is due, handle each row in its own transaction, try again what failed, sleep until the next."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from typing import cast
from uuid import UUID

import structlog
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import failpoints
from opsloop_common.db import Database
from opsloop_common.due import recurring, rules
from opsloop_common.due.errors import ClaimLost
from opsloop_common.due.jobs import JobRun, LongRun
from opsloop_common.due.kinds import DueHandler, DueKind, JobHandler, RoundHandler
from opsloop_common.due.metrics import DueMetrics
from opsloop_common.due.rows import Claimed, claim_due, next_due_at, record_failure
from opsloop_common.due.schedule import finish_with
from opsloop_common.due.tables import job as job_table
from opsloop_common.due.workers import beat, leave
from opsloop_common.faults import is_transient, reason
from opsloop_common.ids import uuid7
from opsloop_common.supervision import LoopMeter, Pauses, patiently, supervise
from opsloop_common.telemetry.work import working
from opsloop_common.wakeups import DUE, wait

POLL_SECONDS = 2.0  # the net below wake-ups
TRANSACTIONS_AT_ONCE = 3  # of the 4 connections for work, which pruning and counting share
PREFETCH = 4  # rows claimed per running one, so that claiming costs a fraction of a statement a row
DRAIN_SECONDS = 20.0
GATHER_SECONDS = 0.005  # wake-ups of a busy moment are answered together
PAUSES = Pauses(first=0.5, longest=5.0)
ROUNDS_LIMIT = 1_000
ROUND_ROWS = 100

log = structlog.get_logger(__name__)


class LeaseExceeded(Exception):
    """The handler took longer than its kind allows."""


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
        self._kinds = {kind.name: kind for kind in kinds}
        self._owner = owner
        self._metrics = metrics
        self._poll_seconds = poll_seconds
        self._slots = {kind.name: asyncio.Semaphore(kind.concurrency) for kind in kinds}
        self._transactions = asyncio.Semaphore(TRANSACTIONS_AT_ONCE)
        self._held: Counter[str] = Counter()
        self._tasks: dict[asyncio.Task[BaseException | None], DueKind] = {}
        self._begun: set[asyncio.Task[BaseException | None]] = set()
        self._wake = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Work for the length of the block; then finish what is running (at most 20 s) and leave the rest unclaimed."""
        self._wake = self._database.wakeups.subscribe(DUE)
        claiming = supervise(
            f"{self._database.service} due", self._run, pauses=PAUSES, meter=self._database.meters.of(LoopMeter)
        )
        loop = asyncio.create_task(claiming, name=f"{self._database.service} due")
        try:
            yield
        finally:
            loop.cancel()
            await asyncio.gather(loop, return_exceptions=True)
            self._database.wakeups.unsubscribe(DUE, self._wake)
            await self._drain()

    async def _drain(self) -> None:
        for task, kind in list(self._tasks.items()):
            # long jobs go on from their state elsewhere; what has not begun, likewise
            if kind.long or task not in self._begun:
                task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=DRAIN_SECONDS)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            next_at = await self.start_due()
            until = self._poll_seconds
            if next_at is not None:
                until = min(until, (next_at - self._database.clock.now()).total_seconds() + 0.001)
            await wait(self._wake, max(until, 0.0))
            await asyncio.sleep(GATHER_SECONDS)

    async def start_due(self) -> datetime | None:
        """Claim what there is room for and start it; returns when the next row becomes due, as far as that is known."""
        room = [(kind, limit) for kind in self._kinds.values() if (limit := self._room(kind)) > 0]
        if not room:
            return None  # a row that ends wakes the loop
        now = self._database.clock.now()
        async with self._database.transaction() as session:
            claimed = await claim_due(session, room, now=now, owner=self._owner)
            next_at = await next_due_at(session, [kind for kind, _ in room], after=now)
        failpoints.hit("due.after_claim")
        for item in claimed:
            kind = self._kinds[item.row.kind]
            self._held[kind.name] += 1
            task = asyncio.create_task(self._take(kind, item), name=f"{self._database.service} due {kind.name}")
            self._tasks[task] = kind
            task.add_done_callback(self._done)
        return next_at

    def _room(self, kind: DueKind) -> int:
        held = self._held[kind.name]
        if kind.long:
            return kind.concurrency - held
        # refilled when what is held runs low, not row by row
        return kind.concurrency * PREFETCH - held if held <= kind.concurrency else 0

    def _done(self, task: asyncio.Task[BaseException | None]) -> None:
        kind = self._tasks.pop(task)
        self._begun.discard(task)
        self._held[kind.name] -= 1
        self._wake.set()

    async def _take(self, kind: DueKind, item: Claimed) -> BaseException | None:
        async with self._slots[kind.name]:
            task = cast("asyncio.Task[BaseException | None]", asyncio.current_task())
            self._begun.add(task)
            with working(self._database.tracer, item.context().traceparent, f"due {kind.name}"):
                return await self.handle(kind, item)

    async def handle(self, kind: DueKind, item: Claimed) -> BaseException | None:
        """Handle one claimed row and record how it ended; returns the error when it failed."""
        row = item.row
        try:
            if rules.has_killed(row.attempts, kind.max_attempts):
                raise LeaseExceeded(f"{row.attempts - 1} workers died or were stopped while handling it")
            failpoints.hit(f"due.{kind.name}")
            if kind.long and not kind.is_job:
                await self._run_round(kind, item)
            elif kind.is_job:
                await self._run_job(kind, item)
            else:
                async with self._transactions:
                    await self._run_handler(kind, item)
        except ClaimLost:
            self._count(kind, "lost")
            log.info("due row was taken away", service=self._database.service, kind=row.kind)
            return None
        except Exception as error:  # noqa: BLE001 whatever a handler raises is the row's failure, not the runner's
            self._count(kind, "failed")
            await self._record(kind, item, error)
            return error
        self._count(kind, "done")
        return None

    def _count(self, kind: DueKind, outcome: str) -> None:
        if self._metrics is not None:
            self._metrics.handled.labels(kind.name, outcome).inc()

    async def _run_handler(self, kind: DueKind, item: Claimed) -> None:
        handler = cast(DueHandler, kind.handler)
        try:
            async with asyncio.timeout(kind.lease_seconds) as lease:
                async with self._database.work(item.context()) as session:
                    finish_with(session, item.row.id, self._owner)
                    await handler(session, item.row)
                    await recurring.put_to_next_turn(session, kind, item.row)
                    failpoints.hit("due.before_commit")
        except TimeoutError as error:
            if lease.expired():
                raise LeaseExceeded(f"not done within {kind.lease_seconds:g} s") from error
            raise
        failpoints.hit("due.after_commit")

    async def _run_round(self, kind: DueKind, item: Claimed) -> None:
        handler = cast(RoundHandler, kind.handler)
        await handler(LongRun(self._database, item.context(), (item.row.id, self._owner)))
        async with self._database.transaction(item.context()) as session:
            finish_with(session, item.row.id, self._owner)
            await recurring.put_to_next_turn(session, kind, item.row)

    async def _run_job(self, kind: DueKind, item: Claimed) -> None:
        handler = cast(JobHandler, kind.handler)
        now = self._database.clock.now()
        job_id = UUID(item.row.key)
        begin = (
            update(job_table)
            .where(job_table.c.id == job_id, job_table.c.finished_at.is_(None))
            .values(status="running", started_at=now)
            .returning(*job_table.c)
        )
        async with self._database.transaction(item.context()) as session:
            found = (await session.execute(begin)).mappings().one_or_none()
            if found is None:
                finish_with(session, item.row.id, self._owner)
                return
        result = await handler(JobRun(self._database, item.context(), (item.row.id, self._owner), dict(found)))
        async with self._database.transaction(item.context()) as session:
            finish_with(session, item.row.id, self._owner)
            await self._end_job(session, job_id, status="succeeded", result=None if result is None else dict(result))

    async def _end_job(self, session: AsyncSession, job_id: UUID, **values: object) -> None:
        ended = {"finished_at": self._database.clock.now()} | values
        await session.execute(
            update(job_table).where(job_table.c.id == job_id, job_table.c.finished_at.is_(None)).values(ended)
        )

    async def _record(self, kind: DueKind, item: Claimed, error: Exception) -> None:
        """Record the failure, for as long as it takes: until then the row is ours, and nobody else's."""
        passing = is_transient(error)
        attempts = rules.counted(item.row.attempts - 1 if passing else item.row.attempts, kind.max_attempts)
        try:
            status = await patiently(
                f"to record a failure of {kind.name}",
                partial(self._record_once, kind, item, error, attempts),
                pauses=PAUSES,
                # whatever it is: an unrecorded failure would keep the row claimed for ever
                passing=lambda fault: not isinstance(fault, ClaimLost),
            )
        except ClaimLost:
            return
        details = {"service": self._database.service, "kind": kind.name, "attempts": attempts}
        if status == "failed":
            log.error("due row given up", **details, exc_info=error)
        elif passing:
            log.warning("due row waits for the database", **details, error=reason(error))
        else:
            log.warning("due row failed, trying again", **details, exc_info=error)

    async def _record_once(self, kind: DueKind, item: Claimed, error: Exception, attempts: int) -> str | None:
        now = self._database.clock.now()
        retry = rules.retry_at(now, attempts, kind.max_attempts, random.random(), every=kind.every)
        text = storable(reason(error))
        async with self._database.transaction(item.context()) as session:
            if kind.is_job and retry is None:
                finish_with(session, item.row.id, self._owner)
                await self._end_job(session, UUID(item.row.key), status="failed", error=text)
                return "failed"
            if kind.is_job:
                values = {"status": "queued", "error": text}
                await session.execute(
                    update(job_table)
                    .where(job_table.c.id == UUID(item.row.key), job_table.c.finished_at.is_(None))
                    .values(values)
                )
            failed_at = None if is_transient(error) else now
            return await record_failure(
                session,
                item.row,
                owner=self._owner,
                error=text,
                attempts=attempts,
                retry_at=retry,
                failed_at=failed_at,
            )


def storable(message: str) -> str:
    """Return `message` without what PostgreSQL's text cannot hold: NUL and lone surrogates."""
    return message.replace("\0", "").encode(errors="replace").decode()


async def run_due(database: Database, kinds: Sequence[DueKind], *, raising: bool = True) -> int:
    """Handle everything that is due by the database's clock, one row after another, and return how many were done.

    For tests and tools: what rows schedule for now runs too. With `raising` the first failure is raised at the end, after
    it was recorded as the runner would.
    """
    owner = uuid7()
    runner = DueRunner(database, kinds, owner=owner)
    by_name = {kind.name: kind for kind in kinds}
    done = 0
    first: BaseException | None = None
    await beat(database, owner, instance="run_due")
    try:
        for _ in range(ROUNDS_LIMIT):
            async with database.transaction() as session:
                room = [(kind, ROUND_ROWS) for kind in kinds]
                claimed = await claim_due(session, room, now=database.clock.now(), owner=owner)
            if not claimed:
                break
            for item in claimed:
                error = await runner.handle(by_name[item.row.kind], item)
                done += error is None
                first = first or error
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
