"""What the queue engine asks of due rows: each is handled in the transaction that takes it away, failures are recorded.

Each kind has slots of its own, and all that are not long have a share of the service's transactions, of which the last are
left to workspaces and to kinds that held little lately: a slow kind, or a greedy workspace, holds up itself. Long work has few
transactions of its own at once, and waits for each.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import cast
from uuid import UUID

import structlog
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import failpoints, limits
from opsloop_common.db import Database
from opsloop_common.due import recurring, rules
from opsloop_common.due.claims import give_back, plan_by_index
from opsloop_common.due.errors import ClaimLost, GaveWay, LeaseExceeded, NotRecordable
from opsloop_common.due.jobs import JobRun, LongRun
from opsloop_common.due.kinds import DueHandler, DueKind, JobHandler, RoundHandler
from opsloop_common.due.metrics import DueMetrics
from opsloop_common.due.port import Ask, Claimed, Gate, Line
from opsloop_common.due.rows import DueItem, Turns, claim_due, claim_due_in_turn, next_due_at, record_failure
from opsloop_common.due.schedule import POLL_SECONDS, finish_with
from opsloop_common.due.tables import job as job_table
from opsloop_common.faults import cancelled_only_from_outside, is_transient, reason
from opsloop_common.shares import Places
from opsloop_common.telemetry.work import working
from opsloop_common.wakeups import DUE

PREFETCH = 4  # rows claimed per running one, so that claiming costs a fraction of a statement a row
DRAIN_SECONDS = 20.0
HELD_OF_A_KIND = 200  # rows in memory, when workspaces take turns …
KEPT_OF_A_KIND = 40  # … of which those that have some already leave so many to others
GATHER_SECONDS = 0.005  # wake-ups of a busy moment are answered together

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Outcome:
    """How a try ended: `error` None is success, or a claim that was lost."""

    item: DueItem
    error: Exception | None


class DueWork:
    """The due work of one service, for the engine that works under the boot id `owner`."""

    table = DUE
    never_left = limits.QUEUE_HELD  # nobody hands rows over
    gather_seconds = GATHER_SECONDS
    record_seconds = 0.0
    drain_seconds = DRAIN_SECONDS
    ended = "status = 'failed'"

    def __init__(
        self,
        database: Database,
        kinds: Sequence[DueKind],
        *,
        owner: UUID,
        metrics: DueMetrics | None = None,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self.poll_seconds = poll_seconds
        self._database = database
        self._kinds = {kind.name: kind for kind in kinds}
        self.kinds: Collection[str] = self._kinds.keys()
        self._owner = owner
        self._metrics = metrics
        self._behind: set[str] = set()
        self._held: Mapping[Line, int] = Counter()  # the engine's own, as it changes
        self._transactions = Places(limits.DUE_TRANSACTIONS, kept=limits.DUE_KEPT, keys=2)
        self._long = asyncio.Semaphore(limits.LONG_TRANSACTIONS)  # a run asks for one at a time, so they take turns
        self._slots = {kind.name: Places(kind.concurrency, kept=kind.concurrency // 2) for kind in kinds}

    async def claim(self, ask: Ask) -> Claimed[DueItem]:
        """Claim what has been due for longest; of kinds of which more is due than there is room for, workspaces in turn."""
        self._held, held = ask.held, Counter(ask.held)
        async with self._database.transaction() as session:
            claimed = await self._claim_oldest(session, ask, held)
            held.update((item.workspace, item.kind) for item in claimed)
            claimed += await self._claim_in_turn(session, ask, held)
            next_at = await next_due_at(session, list(self._kinds.values()), after=ask.now)
        failpoints.hit("due.after_claim")
        return Claimed(claimed, next_at)

    async def _claim_oldest(self, session: AsyncSession, ask: Ask, held: Mapping[Line, int]) -> list[DueItem]:
        room = {
            kind: _most(kind, held) for kind in self._kinds.values() if not kind.long and kind.name not in self._behind
        }
        claimed = await claim_due(session, list(room.items()), now=ask.now, owner=ask.owner)
        came = Counter(item.kind for item in claimed)
        self._behind |= {k.name for k, most in room.items() if came[k.name] >= most and k.per_group is None}
        return claimed

    async def _claim_in_turn(self, session: AsyncSession, ask: Ask, held: Counter[Line]) -> list[DueItem]:
        behind = [kind for kind in self._kinds.values() if kind.long or kind.name in self._behind]
        turns = [turn for kind in behind if (turn := self._turns(kind, held)) is not None]
        if turns:
            await plan_by_index(session)
        claimed = await claim_due_in_turn(session, turns, now=ask.now, owner=ask.owner)
        came = Counter((item.workspace, item.kind) for item in claimed)
        for turn in turns:
            if turn.kind.long and claimed:
                self._database.wakeups.fire_here(DUE)  # the places that are kept are for those of the next claim
            lines = {line: held[line] + came[line] for line in held.keys() | came.keys() if line[1] == turn.kind.name}
            if max(lines.values(), default=0) < turn.share and sum(lines.values()) < HELD_OF_A_KIND:
                self._behind.discard(turn.kind.name)  # every workspace gave all that was due
        return claimed

    def _turns(self, kind: DueKind, held: Mapping[Line, int]) -> Turns | None:
        """Return what to claim of a kind that is behind, None when what is held is enough."""
        if kind.long:  # it is always asked whose turn it is, since jobs last long, and none waits in memory
            most, slots = kind.concurrency - sum(_lines(kind, held).values()), self._slots[kind.name]
            if most <= slots.kept:
                return Turns(kind, most, most, {str(key): most for key in slots.heavy()}) if most > 0 else None
            return Turns(kind, most - slots.kept, most - slots.kept, {})
        lines = _lines(kind, held)
        most = HELD_OF_A_KIND - sum(lines.values())
        if most < KEPT_OF_A_KIND // 2:
            return None
        if most <= KEPT_OF_A_KIND:  # what is left is for those that have none, a row each
            return Turns(kind, most, 1, dict.fromkeys(lines, 1))
        share = max(1, min(kind.concurrency * PREFETCH, (HELD_OF_A_KIND - KEPT_OF_A_KIND) // max(1, len(lines))))
        # refilled when it runs low, not row by row
        taken = {workspace: share if count > kind.concurrency else count for workspace, count in lines.items()}
        return Turns(kind, most - KEPT_OF_A_KIND, share, taken)

    def places(self, item: DueItem) -> float:
        """Return that a line is held up by its share alone."""
        return inf

    def opens_in(self, item: DueItem) -> float:
        """Return that no time makes room in a line."""
        return 0.0

    def begins(self, item: DueItem) -> None:
        """Do nothing more."""

    def gate(self, item: DueItem) -> Gate:
        """Return the slots of the kind, and the service's transactions unless it opens its own."""
        kind, workspace = item.row.kind, item.row.workspace
        slots = (self._slots[kind], (workspace,))
        if self._kinds[kind].long:
            return Gate((slots,))
        return Gate((slots, (self._transactions, (kind, (kind, workspace)))))

    def goes_on_elsewhere(self, item: DueItem) -> bool:
        """Say whether it divides its work itself: another goes on from where it stopped."""
        return self._kinds[item.row.kind].long

    async def perform(self, item: DueItem) -> Outcome:
        """Handle one claimed row."""
        kind, row = self._kinds[item.row.kind], item.row
        try:
            if rules.has_killed(row.attempts, kind.max_attempts):
                raise LeaseExceeded(f"{row.attempts - 1} workers died or were stopped while handling it")
            failpoints.hit(f"due.{kind.name}")
            with (
                working(self._database.tracer, item.context().traceparent, f"due {kind.name}"),
                cancelled_only_from_outside(),
            ):
                await self._run(kind, item)
        except GaveWay as way:
            async with self._database.transaction() as session:
                await give_back(session, DUE, id=row.id, owner=self._owner, until=way.until)
        except ClaimLost:
            self._count(kind, "lost")
            log.info("due row was taken away", service=self._database.service, kind=row.kind)
        except Exception as error:  # noqa: BLE001 whatever a handler raises is the row's failure, not the engine's
            self._count(kind, "failed")
            return Outcome(item, error)
        else:
            self._count(kind, "done")
        return Outcome(item, None)

    def broken(self, item: DueItem, error: Exception) -> Outcome:
        """Return a fault of our own as the row's failure."""
        return Outcome(item, error)

    def settles(self, result: Outcome) -> bool:
        """Say whether it succeeded: then it took its row away itself."""
        if result.error is not None:
            return False
        kind, line = self._kinds[result.item.kind], (result.item.workspace, result.item.kind)
        # a claim while there is no room, or nothing due, would only keep the next one waiting
        if kind.long or (kind.name in self._behind and self._held[line] - 1 <= kind.concurrency):
            self._database.wakeups.fire_here(DUE)
        return True

    async def record(self, results: Sequence[Outcome], *, owner: UUID) -> None:
        """Record what failed, each by itself."""
        for outcome in results:
            if outcome.error is not None:
                await self._record_failure(outcome.item, outcome.error)
        self._database.wakeups.fire_here(DUE)  # they are due again soon

    def bare(self, result: Outcome) -> Outcome:
        """Return a failure like any other that says nothing but that."""
        return Outcome(result.item, NotRecordable("it failed, and what it said cannot be kept"))

    def _count(self, kind: DueKind, outcome: str) -> None:
        if self._metrics is not None:
            self._metrics.handled.labels(kind.name, outcome).inc()

    async def _run(self, kind: DueKind, item: DueItem) -> None:
        if kind.is_job:
            await self._run_job(kind, item)
        elif kind.long:
            await self._run_round(kind, item)
        else:
            await self._run_handler(kind, item)

    async def _run_handler(self, kind: DueKind, item: DueItem) -> None:
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

    async def _run_round(self, kind: DueKind, item: DueItem) -> None:
        handler = cast(RoundHandler, kind.handler)
        claim = item.row.id, self._owner
        await handler(LongRun(self._database, item.context(), claim, self._long, due_at=item.row.due_at))
        async with self._database.transaction(item.context()) as session:
            finish_with(session, item.row.id, self._owner)
            await recurring.put_to_next_turn(session, kind, item.row)

    async def _run_job(self, kind: DueKind, item: DueItem) -> None:
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
        claim, due_at = (item.row.id, self._owner), item.row.due_at
        run = JobRun(self._database, item.context(), claim, self._long, dict(found), due_at=due_at)
        result = await handler(run)
        async with self._database.transaction(item.context()) as session:
            finish_with(session, item.row.id, self._owner)
            await self._end_job(
                session, job_id, status="succeeded", error=None, result=None if result is None else dict(result)
            )

    async def _end_job(self, session: AsyncSession, job_id: UUID, **values: object) -> None:
        ended = {"finished_at": self._database.clock.now()} | values
        await session.execute(
            update(job_table).where(job_table.c.id == job_id, job_table.c.finished_at.is_(None)).values(ended)
        )

    async def _record_failure(self, item: DueItem, error: Exception) -> None:
        kind, passing = self._kinds[item.row.kind], is_transient(error)
        attempts = rules.counted(item.row.attempts, kind.max_attempts, passing=passing)
        try:
            status = await self._record_once(kind, item, error, attempts)
        except ClaimLost:
            return
        if status is None:  # recorded before, or another's by now
            return
        details = {"service": self._database.service, "kind": kind.name, "attempts": attempts}
        if status == "failed":
            log.error("due row given up", **details, exc_info=error)
        elif passing:
            log.warning("due row waits for the database", **details, error=reason(error))
        else:
            log.warning("due row failed, trying again", **details, exc_info=error)

    async def _record_once(self, kind: DueKind, item: DueItem, error: Exception, attempts: int) -> str | None:
        now = self._database.clock.now()
        retry = rules.retry_at(now, attempts, kind.max_attempts, random.random(), every=kind.every)
        text = reason(error)
        async with self._database.transaction(item.context()) as session:
            if kind.is_job and retry is None:
                finish_with(session, item.row.id, self._owner)
                await self._end_job(session, UUID(item.row.key), status="failed", error=text)
                return "failed"
            status = await record_failure(
                session,
                item.row,
                owner=self._owner,
                error=text,
                attempts=attempts,
                retry_at=retry,
                # a moment without the database is no failure of each row that met it
                failed_at=None if is_transient(error) and attempts < rules.PASSING_ATTEMPTS else now,
            )
            if kind.is_job and status is not None:
                await session.execute(
                    update(job_table)
                    .where(job_table.c.id == UUID(item.row.key), job_table.c.finished_at.is_(None))
                    .values(status="queued", error=text)
                )
            return status


def _most(kind: DueKind, held: Mapping[Line, int]) -> int:
    return min(kind.concurrency * PREFETCH, HELD_OF_A_KIND - sum(_lines(kind, held).values()))


def _lines(kind: DueKind, held: Mapping[Line, int]) -> dict[str, int]:
    return {workspace: count for (workspace, name), count in held.items() if name == kind.name}
